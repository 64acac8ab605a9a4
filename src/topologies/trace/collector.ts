/** Watches walks and makes steps of them: see model.ts. It changes nothing; without it a run is as it is. */
import { addressText, formatAddress } from '../../engine/address-text.js';
import type { Device } from '../../engine/device.js';
import { DROPPED, FATE_NAMES, TRANSMITTED } from '../../engine/fate.js';
import { FIB_DESTINATION, FIB_FAMILY, FIB_IFINDEX } from '../../engine/fib.js';
import type { StackHook } from '../../engine/hooks/netfilter.js';
import { HOOK_NAMES } from '../../engine/hooks/order.js';
import { NF_ACCEPT } from '../../engine/hooks/verdict.js';
import type { BpfMap } from '../../engine/maps/map.js';
import type { Namespace } from '../../engine/namespace.js';
import { BY_ENCAPSULATION, BY_ROUTE, STEP_NAMES, type WalkObserver } from '../../engine/observer.js';
import type { HelperRecorder, PacketContext } from '../../engine/packet.js';
import { GENEVE } from '../../engine/stack/tunnel.js';
import * as tunnelKey from '../../engine/tunnel-key.js';
import { i32le } from '../../engine/wire/bytes.js';
import type { BuiltNode, BuiltTopology } from '../built.js';
import { FIB_TEXTS } from './fib-text.js';
import { changesOf } from './frame-changes.js';
import { layersOf, packetText, type TunnelPorts } from './frame-layers.js';
import { markChange } from './mark-text.js';
import type { Action, Change, Layer, Outcome, PacketText, Place, Step, Walk } from './model.js';
import { ProgramRun } from './program-run.js';
import { type ChainJournal, recordChains } from './recorded-chains.js';
import { type MapJournal, recordMap } from './recorded-map.js';
import { routeTo } from './route-text.js';
import { endText, moveText, placeName } from './step-text.js';
import type { TraceNames } from './trace-names.js';
import { netfilterVerdict, verdictOf } from './verdict-text.js';

/** A frame that is under way. */
interface Track {
  readonly number: number;
  /** Its headers when it was last looked at, and what its stack has changed since the last step. */
  layers: readonly Layer[];
  byStack: Change[];
  /** A program has made an answer of it. */
  answered: boolean;
}

/** `Step` before it has its number. */
type Draft = Step extends infer S ? (S extends Step ? Omit<S, 'number'> : never) : never;

const IPV4_FAMILY = 2;
const FIRST_FRAME = 1;

export class TraceCollector implements WalkObserver, HelperRecorder, MapJournal, ChainJournal {
  readonly #built: BuiltTopology;
  readonly #names: TraceNames;
  readonly #tunnels: TunnelPorts;
  readonly #frames = new Map<PacketContext, Track>();
  /** Programs that run, innermost last: a copy walks in the middle of the run that made it. */
  readonly #running: ProgramRun[] = [];
  #start = '';
  #steps: Draft[] = [];
  #lastFrame = 0;
  #outcome: Outcome | null = null;
  #packet: PacketText | null = null;
  #chain: { readonly namespace: Namespace; readonly mark: number } | null = null;
  #carried: { readonly from: Device; readonly to: Device } | null = null;

  /** Records the maps and the FIB of the topology's nodes from here on. */
  constructor(built: BuiltTopology, names: TraceNames) {
    this.#built = built;
    this.#names = names;
    this.#tunnels = tunnelPorts(built);
    for (const node of built.nodes) this.#record(node);
  }

  /** Runs a program that sees a call of a process instead of a packet, and answers what it did. */
  watchCall(node: BuiltNode, call: () => void): Action[] {
    const run = new ProgramRun(null, node, this.#names, this.#tunnels);
    this.#running.push(run);
    try {
      call();
      run.settle(false);
    } finally {
      this.#running.pop();
    }
    return run.actions;
  }

  /** Runs something that walks a frame, and answers what was seen. `start` says how the frame comes to where it begins. */
  watch(start: string, walk: () => void): Walk {
    const { walker } = this.#built;
    this.#start = start;
    this.#steps = [];
    this.#lastFrame = 0;
    this.#outcome = null;
    this.#packet = null;
    const before = walker.observer;
    walker.observer = this;
    try {
      walk();
    } finally {
      walker.observer = before;
    }
    const steps = this.#steps.map((draft, i) => ({ ...draft, number: i + 1 }) as Step);
    const packet = this.#packet!;
    return { packet, steps, outcome: this.#outcome ?? waiting(steps[0].place) };
  }

  /** The next walk goes on with the frame that left at `from`: a network that the topology does not have brings it to `to`. */
  carry(from: Device, to: Device): void {
    this.#carried = { from, to };
  }

  #record({ node, datapath, netfilter, pods, hostPolicyMap }: BuiltNode): void {
    const { events, signals } = datapath;
    recordChains(node.host, netfilter, this);
    events.mode = 'queue';
    const maps = [...datapath.maps.values()] as unknown[];
    for (const map of maps) {
      if (map !== events && map !== signals) recordMap(map as BpfMap, this);
    }
    for (const map of [hostPolicyMap, ...pods.map(({ policyMap }) => policyMap)]) recordMap(map, this);
    const { fib } = datapath;
    const lookup = fib.lookup.bind(fib);
    fib.lookup = (packet, params, flags) => {
      const destination = fibAddress(params);
      const result = lookup(packet, params, flags);
      this.#fibAnswered(packet, params, destination, result);
      return result;
    };
  }

  looked(map: BpfMap, key: Uint8Array, at: number): void {
    this.#running.at(-1)?.looked(map, key, at);
  }

  inserted(map: BpfMap, key: Uint8Array, at: number, isNew: boolean): void {
    this.#running.at(-1)?.inserted(map, key, at, isNew);
  }

  deleted(map: BpfMap, key: Uint8Array, value: Uint8Array | null): void {
    this.#running.at(-1)?.deleted(map, key, value);
  }

  tailCall(map: string, index: number): void {
    this.#running.at(-1)?.tailCall(map, index);
  }

  setTunnelKey(key: Uint8Array, _size: number, flags: number): void {
    const isV6 = (flags & tunnelKey.FLAG_IPV6) !== 0;
    const address = isV6
      ? key.slice(tunnelKey.REMOTE, tunnelKey.REMOTE + 16)
      : key.slice(tunnelKey.REMOTE, tunnelKey.REMOTE + 4).reverse();
    const id = i32le(key, tunnelKey.ID) >>> 0;
    this.#running.at(-1)?.add({
      kind: 'tunnel-key',
      remote: addressText(address),
      id,
      text: `VNI ${id}: ${this.#names.identity(id)}`,
    });
  }

  // What these say stands in the verdict, and in the FIB's own answer.
  redirect(): void {}
  fibLookup(): void {}
  setTunnelOption(): void {}
  changeType(): void {}

  #fibAnswered(packet: PacketContext, params: Uint8Array, destination: string, result: number): void {
    const run = this.#running.at(-1);
    if (run === undefined) return;
    const device = this.#built.walker.device;
    const { namespace } = device;
    const out = namespace.device(i32le(params, FIB_IFINDEX));
    run.add({
      kind: 'fib',
      destination,
      result,
      text: result < 0 ? `error ${-result}` : (FIB_TEXTS[result] ?? String(result)),
      route: out === null || packet !== run.packet ? '' : routeTo(namespace, destination),
    });
  }

  chainEntered(packet: PacketContext, namespace: Namespace): void {
    const track = this.#track(packet);
    const layers = this.#layers(packet);
    track.byStack.push(...changesOf(track.layers, layers));
    track.layers = layers;
    this.#chain = { namespace, mark: packet.mark };
  }

  /** A chain that neither decides nor changes anything is left out. */
  chainLeft(
    packet: PacketContext,
    hook: StackHook,
    chain: string,
    verdict: number,
    rules: readonly string[],
  ): void {
    const track = this.#track(packet);
    const { namespace, mark } = this.#chain!;
    const layers = this.#layers(packet);
    const changes = [...changesOf(track.layers, layers), ...markChange(mark, packet.mark)];
    track.layers = layers;
    if (changes.length === 0 && rules.length === 0 && verdict === NF_ACCEPT) return;
    const actions: Action[] = rules.map((text) => ({ kind: 'rule', text }));
    if (changes.length > 0) actions.push({ kind: 'rewrite', changes });
    this.#add({
      kind: 'hook',
      frame: track.number,
      place: this.stackPlace(namespace.index),
      hook: `netfilter ${hook}`,
      program: chain,
      actions,
      verdict: netfilterVerdict(verdict),
    });
  }

  started(packet: PacketContext, deviceIndex: number, namespaceIndex: number): void {
    if (this.#carried !== null) {
      this.#goOnOutside(packet, this.#carried.from, this.#carried.to);
      return;
    }
    const track = this.#follow(packet);
    const text = this.#text(packet);
    if (track.number === FIRST_FRAME) this.#packet = text;
    const place = deviceIndex >= 0 ? this.#devicePlace(deviceIndex) : this.stackPlace(namespaceIndex);
    this.#add({
      kind: 'start',
      frame: track.number,
      place,
      packet: text,
      text: track.number === FIRST_FRAME ? this.#start : `sent by the stack of ${placeName(place)}`,
    });
  }

  /** The frame that left is lost outside, for a drop reason. */
  lose(reason: number): void {
    const at = this.#steps.findLastIndex((step) => step.kind === 'end' && step.frame === FIRST_FRAME);
    const end = this.#steps[at];
    const text = `dropped outside: ${this.#names.reason(reason)}`;
    this.#steps[at] = { ...end, fate: FATE_NAMES[DROPPED], reason, text } as Draft;
    this.#outcome = { ...this.#outcome!, fate: FATE_NAMES[DROPPED], reason, text };
  }

  #goOnOutside(packet: PacketContext, from: Device, to: Device): void {
    this.#carried = null;
    // It left, as far as the network knows: that was not the end.
    const at = this.#steps.findLastIndex((step) => step.kind === 'end' && step.frame === FIRST_FRAME);
    const [end] = this.#steps.splice(at, 1);
    const before = end?.kind === 'end' ? end.packet.layers : [];
    const layers = this.#layers(packet);
    this.#frames.set(packet, { number: FIRST_FRAME, layers, byStack: [], answered: false });
    this.#add({
      kind: 'move',
      frame: FIRST_FRAME,
      place: this.#devicePlace(to.index),
      how: 'outside',
      from: this.#devicePlace(from.index),
      route: '',
      changes: changesOf(before, layers),
      text: `the network outside, which the topology does not have, routes it to ${to.namespace.name}`,
    });
  }

  hookEntered(packet: PacketContext, deviceIndex: number, _hook: number, _program: number): void {
    const node = this.#built.findNode(this.#device(deviceIndex).namespace);
    packet.recorder = this;
    this.#running.push(new ProgramRun(packet, node, this.#names, this.#tunnels));
  }

  hookLeft(packet: PacketContext, deviceIndex: number, hook: number, program: number, verdict: number): void {
    const run = this.#running.pop()!;
    run.settle(false);
    packet.recorder = null;
    const device = this.#device(deviceIndex);
    const track = this.#track(packet);
    track.layers = run.layers;
    if (run.answered) track.answered = true;
    this.#add({
      kind: 'hook',
      frame: track.number,
      place: this.#devicePlace(deviceIndex),
      hook: HOOK_NAMES[hook],
      program: device.hooks.nameAt(hook, program),
      actions: run.actions,
      verdict: verdictOf(this.#names, packet, device, hook, verdict),
    });
  }

  forwarded(packet: PacketContext, fromIndex: number, toIndex: number, how: number): void {
    const to = this.#device(toIndex);
    const track = this.#track(packet);
    const layers = this.#layers(packet);
    const network = layers.find(({ protocol }) => protocol === 'IPv4' || protocol === 'IPv6');
    const byStack = how === BY_ROUTE || how === BY_ENCAPSULATION;
    const changes = [...track.byStack, ...changesOf(track.layers, layers)];
    track.byStack = [];
    track.layers = layers;
    this.#add({
      kind: 'move',
      frame: track.number,
      place: this.#devicePlace(toIndex),
      how: STEP_NAMES[how],
      from: fromIndex >= 0 ? this.#devicePlace(fromIndex) : this.stackPlace(to.namespace.index),
      route:
        byStack && network !== undefined ? routeTo(to.namespace, String(network.fields.destination)) : '',
      changes,
      text: moveText(fromIndex < 0 ? '' : this.#device(fromIndex).name, to, how),
    });
  }

  copied(_packet: PacketContext, copy: PacketContext, deviceIndex: number): void {
    const original = this.#track(_packet);
    const track = this.#follow(copy);
    this.#add({
      kind: 'copy',
      frame: original.number,
      place: this.#devicePlace(deviceIndex),
      copy: track.number,
      packet: this.#text(copy),
    });
  }

  ended(packet: PacketContext, fate: number, deviceIndex: number, reason: number): void {
    const track = this.#track(packet);
    const layers = this.#layers(packet);
    const place =
      fate === TRANSMITTED || fate === DROPPED
        ? this.#devicePlace(deviceIndex)
        : this.stackPlace(this.#device(deviceIndex).namespace.index);
    const text = endText(this.#names, fate, place, reason);
    this.#add({
      kind: 'end',
      frame: track.number,
      place,
      fate: FATE_NAMES[fate],
      reason,
      text,
      changes: [...track.byStack, ...changesOf(track.layers, layers)],
      packet: this.#text(packet),
    });
    this.#frames.delete(packet);
    if (track.number !== FIRST_FRAME) return;
    const { answered } = track;
    const shown = answered ? `answered by a program; the answer is ${text}` : text;
    this.#outcome = { fate: FATE_NAMES[fate], reason, answered, place, text: shown };
  }

  #add(draft: Draft): void {
    this.#steps.push(draft);
  }

  #follow(packet: PacketContext): Track {
    const track = { number: ++this.#lastFrame, layers: this.#layers(packet), byStack: [], answered: false };
    this.#frames.set(packet, track);
    return track;
  }

  #track(packet: PacketContext): Track {
    return this.#frames.get(packet) ?? this.#follow(packet);
  }

  #layers(packet: PacketContext): readonly Layer[] {
    return layersOf(packet.bytes.slice(packet.start, packet.end), this.#tunnels, packet.layer3Device !== 0);
  }

  #text(packet: PacketContext): PacketText {
    return packetText(packet.bytes.slice(packet.start, packet.end), this.#tunnels, packet.layer3Device !== 0);
  }

  #device(index: number): Device {
    return this.#built.network.devices[index];
  }

  #devicePlace(index: number): Place {
    const device = this.#device(index);
    return { ...this.stackPlace(device.namespace.index), device: device.name };
  }

  /** A namespace's stack. */
  stackPlace(index: number): Place {
    const { name, node, isHost } = this.#built.network.namespaces[index];
    return { machine: node.name, pod: isHost ? null : name, device: null };
  }
}

/** A packet whose walk did not end: it is held until its neighbour is known, or until later. */
function waiting(place: Place): Outcome {
  return { fate: 'waiting', reason: 0, answered: false, place, text: 'held back' };
}

function fibAddress(params: Uint8Array): string {
  const length = params[FIB_FAMILY] === IPV4_FAMILY ? 4 : 16;
  return formatAddress(params, FIB_DESTINATION, length);
}

function tunnelPorts({ nodes }: BuiltTopology): TunnelPorts {
  return new Map(
    nodes.flatMap(({ node, datapath: { features } }) =>
      node.host.tunnels.map(({ kind, tunnel }) => {
        if (kind === 'wireguard') return [tunnel!.port, 'WireGuard'] as const;
        return [tunnel!.port, features.tunnelProtocol === GENEVE ? 'Geneve' : 'VXLAN'] as const;
      }),
    ),
  );
}
