/** What is different in a frame after somebody had it: per header, with encapsulation told as such. */
import { summaryOf, withPort } from './frame-layers.js';
import type { Change, Layer } from './model.js';

const NETWORK = ['IPv4', 'IPv6'];
const TUNNELS = ['VXLAN', 'Geneve', 'WireGuard'];
/** Fields that follow from others, or that nobody wants to see change. */
const DERIVED = ['length', 'options length', 'source', 'destination', 'source port', 'destination port'];

const NO_MACS = '00:00:00:00:00:00 → 00:00:00:00:00:00';

export function changesOf(before: readonly Layer[], after: readonly Layer[]): readonly Change[] {
  if (isSame(before, after)) return [];
  const names = (layers: readonly Layer[]): string => layers.map(({ protocol }) => protocol).join('/');
  if (before.length === after.length && names(before) === names(after)) return pairwise(before, after);
  const around = added(before, after);
  if (around !== null) {
    const change = { field: 'encapsulation', before: '', after: tunnelText(around.layers) };
    return [change, ...pairwise(before, around.rest)];
  }
  const off = added(after, before);
  if (off !== null) {
    const change = { field: 'decapsulation', before: tunnelText(off.layers), after: '' };
    return [change, ...pairwise(off.rest, after)];
  }
  return [{ field: 'packet', before: summaryOf(before), after: summaryOf(after) }];
}

function isSame(a: readonly Layer[], b: readonly Layer[]): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function namesText(layers: readonly Layer[]): string {
  return layers.map(({ protocol }) => protocol).join(' / ');
}

/** The headers that `long` has more than `short`: before it all, or behind its link header and tags. */
function added(
  short: readonly Layer[],
  long: readonly Layer[],
): { layers: readonly Layer[]; rest: readonly Layer[] } | null {
  const more = long.length - short.length;
  if (more <= 0) return null;
  for (let at = 0; at < short.length; at++) {
    const rest = [...long.slice(0, at), ...long.slice(at + more)];
    const layers = long.slice(at, at + more);
    const fits = rest.every(({ protocol }, i) => protocol === short[i].protocol);
    if (fits && isTunnel(layers)) return { layers, rest };
  }
  return null;
}

/** A whole packet around another, or a tag. */
function isTunnel(layers: readonly Layer[]): boolean {
  return layers.some(
    ({ protocol }) => NETWORK.includes(protocol) || protocol === 'VLAN' || protocol === 'Ethernet',
  );
}

/** `VXLAN VNI 256, 172.16.0.1:45000 → 172.16.0.2:8472`. */
function tunnelText(layers: readonly Layer[]): string {
  const tunnel = layers.find(({ protocol }) => TUNNELS.includes(protocol));
  const tag = layers.find(({ protocol }) => protocol === 'VLAN');
  const network = layers.find(({ protocol }) => NETWORK.includes(protocol));
  if (network === undefined) return tag === undefined ? namesText(layers) : `VLAN ${tag.fields.id}`;
  const id = tunnel?.fields.VNI === undefined ? '' : ` VNI ${tunnel.fields.VNI}`;
  const name = tunnel === undefined ? network.protocol : tunnel.protocol + id;
  const transport = layers[layers.indexOf(network) + 1];
  return `${name}, ${end(network, transport, 'source')} → ${end(network, transport, 'destination')}`;
}

function end(network: Layer, transport: Layer | undefined, which: 'source' | 'destination'): string {
  const port = transport?.fields[`${which} port`];
  const address = String(network.fields[which]);
  return port === undefined ? address : withPort(address, port);
}

/** Headers of the same kinds, one by one; of a tunnelled packet, the outer ones are named so. */
function pairwise(before: readonly Layer[], after: readonly Layer[]): readonly Change[] {
  const changes: Change[] = [];
  let inner = 0;
  before.forEach((layer, i) => {
    const other = after[i];
    if (i > 0 && layer.protocol === 'Ethernet') inner++;
    const prefix = inner === 0 ? '' : 'inner ';
    if (layer.protocol === 'Ethernet') changes.push(...macs(layer, other, prefix));
    else if (NETWORK.includes(layer.protocol)) {
      changes.push(...ends(layer, other, before[i + 1], after[i + 1], prefix));
    }
    for (const field of new Set([...Object.keys(layer.fields), ...Object.keys(other.fields)])) {
      if (DERIVED.includes(field) && !isShown(layer, field)) continue;
      const [from, to] = [layer.fields[field], other.fields[field]];
      if (from === to) continue;
      const name =
        layer.protocol === 'VXLAN' || layer.protocol === 'Geneve' ? `${layer.protocol} ${field}` : field;
      changes.push({ field: prefix + name, before: String(from ?? ''), after: String(to ?? '') });
    }
  });
  return changes;
}

/** Addresses of ARP, which `ends` does not tell. */
function isShown(layer: Layer, field: string): boolean {
  return layer.protocol === 'ARP' && (field === 'source' || field === 'destination');
}

function macs(before: Layer, after: Layer, prefix: string): readonly Change[] {
  const text = ({ fields }: Layer): string => `${fields.source} → ${fields.destination}`;
  if (text(before) === text(after)) return [];
  // A stack's own packet has none before it is routed.
  const isEmpty = text(before) === NO_MACS;
  return [{ field: `${prefix}MACs`, before: isEmpty ? '' : text(before), after: text(after) }];
}

function ends(
  before: Layer,
  after: Layer,
  transportBefore: Layer | undefined,
  transportAfter: Layer | undefined,
  prefix: string,
): readonly Change[] {
  return (['source', 'destination'] as const).flatMap((which) => {
    const [from, to] = [end(before, transportBefore, which), end(after, transportAfter, which)];
    return from === to ? [] : [{ field: prefix + which, before: from, after: to }];
  });
}

/** Whether the packet has become an answer to what it was: another message, to whoever sent it. */
export function isAnswer(
  before: readonly Layer[],
  after: readonly Layer[],
  changes: readonly Change[],
): boolean {
  if (
    !changes.some(
      ({ field }) => field === 'packet' || field === 'operation' || field === 'message' || field === 'flags',
    )
  )
    return false;
  const from = innermost(before)?.fields.source;
  return from !== undefined && from === innermost(after)?.fields.destination;
}

function innermost(layers: readonly Layer[]): Layer | undefined {
  return layers.findLast(({ protocol }) => NETWORK.includes(protocol) || protocol === 'ARP');
}
