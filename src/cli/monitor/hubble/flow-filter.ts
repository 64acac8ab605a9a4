/**
 * Filters of `hubble observe`: a flow has to pass one value of each kind that is given; behind `--not`, none of it.
 */
import { contains, type Prefix, parseAddress, parsePrefix } from '../../../engine/address-text.js';
import * as events from '../../../programs/tables/events.js';
import type { FlowEndpoint, FlowService } from './address-book.js';
import type { Flow } from './flow.js';
import { DROP_REASON_NAMES } from './flow-names.js';

export type FlowTest = (flow: Flow) => boolean;
/** Makes a test of a value; throws RangeError with what the value should be. */
export type FilterReader = (value: string) => FlowTest;

type Side = 'source' | 'destination';
const BOTH: readonly Side[] = ['source', 'destination'];

const endpointAt = (flow: Flow, side: Side): FlowEndpoint => flow[side] ?? {};
const serviceAt = (flow: Flow, side: Side): FlowService | undefined =>
  side === 'source' ? flow.source_service : flow.destination_service;

function onSides(sides: readonly Side[], test: (flow: Flow, side: Side) => boolean): FlowTest {
  return (flow) => sides.some((side) => test(flow, side));
}

/** `NAMESPACE/NAME`; a name alone is in the namespace default. Names are prefixes, as Hubble has them. */
function namespaced(value: string): readonly [namespace: string, name: string] {
  const slash = value.indexOf('/');
  return slash < 0 ? ['default', value] : [value.slice(0, slash), value.slice(slash + 1)];
}

function pod(sides: readonly Side[]): FilterReader {
  return (value) => {
    const [namespace, name] = namespaced(value);
    return onSides(sides, (flow, side) => {
      const endpoint = endpointAt(flow, side);
      if (endpoint.pod_name === undefined) return false;
      return (namespace === '' || endpoint.namespace === namespace) && endpoint.pod_name.startsWith(name);
    });
  };
}

function service(sides: readonly Side[]): FilterReader {
  return (value) => {
    const [namespace, name] = namespaced(value);
    return onSides(sides, (flow, side) => {
      const known = serviceAt(flow, side);
      return known !== undefined && known.namespace === namespace && known.name.startsWith(name);
    });
  };
}

function ip(sides: readonly Side[]): FilterReader {
  return (value) => {
    const prefix = readPrefix(value);
    return onSides(sides, (flow, side) => {
      const address = parseAddress(flow.IP?.[side] ?? '');
      return address !== null && address.length === prefix.address.length && contains(prefix, address);
    });
  };
}

function readPrefix(value: string): Prefix {
  const prefix = parsePrefix(value);
  if (prefix === null) throw new RangeError('not an address or a prefix such as 10.0.0.0/8');
  return prefix;
}

const LAST_PORT = 65535;

function port(sides: readonly Side[]): FilterReader {
  return (value) => {
    const number = readNumber(value, LAST_PORT);
    return onSides(sides, ({ l4 }, side) => {
      const ports = l4?.TCP ?? l4?.UDP ?? l4?.SCTP;
      return ports?.[`${side}_port`] === number;
    });
  };
}

const RESERVED_IDENTITIES: Readonly<Record<string, number>> = {
  host: 1,
  world: 2,
  unmanaged: 3,
  health: 4,
  init: 5,
  'remote-node': 6,
  'kube-apiserver': 7,
  ingress: 8,
  'world-ipv4': 9,
  'world-ipv6': 10,
};
const LAST_IDENTITY = 0xffffffff;

function identity(sides: readonly Side[]): FilterReader {
  return (value) => {
    const number = RESERVED_IDENTITIES[value] ?? readNumber(value, LAST_IDENTITY);
    return onSides(sides, (flow, side) => (endpointAt(flow, side).identity ?? 0) === number);
  };
}

function namespace(sides: readonly Side[]): FilterReader {
  return (value) =>
    onSides(
      sides,
      (flow, side) =>
        endpointAt(flow, side).namespace === value || serviceAt(flow, side)?.namespace === value,
    );
}

/** `KEY=VALUE[,KEY=VALUE]`, `KEY`, `reserved:world`; the source of a label may be left out. */
function label(sides: readonly Side[]): FilterReader {
  return (value) => {
    const wanted = value.split(',').map((part) => part.trim());
    if (wanted.some((part) => part === '')) throw new RangeError('not labels such as app=client');
    return onSides(sides, (flow, side) => {
      const labels = endpointAt(flow, side).labels ?? [];
      return wanted.every((part) => labels.some((one) => hasLabel(one, part)));
    });
  };
}

function hasLabel(text: string, wanted: string): boolean {
  const bare = text.slice(text.indexOf(':') + 1);
  return [text, bare].some((one) => one === wanted || one.startsWith(`${wanted}=`));
}

function readNumber(value: string, most: number): number {
  const number = Number(value);
  if (/^\d+$/.test(value) && number <= most) return number;
  throw new RangeError(`not a number up to ${most}`);
}

function choice(value: string, known: readonly string[]): string {
  const found = known.find((one) => one.toLowerCase() === value.toLowerCase());
  if (found !== undefined) return found;
  throw new RangeError(`none of ${known.join(', ')}`);
}

const VERDICTS = ['FORWARDED', 'DROPPED', 'AUDIT', 'REDIRECTED', 'ERROR', 'TRACED', 'TRANSLATED'];

const EVENT_NUMBERS: Readonly<Record<string, number>> = {
  drop: events.MESSAGE_DROP,
  capture: events.MESSAGE_CAPTURE,
  trace: events.MESSAGE_TRACE,
  l7: 129,
  'policy-verdict': events.MESSAGE_POLICY_VERDICT,
  'trace-sock': events.MESSAGE_TRACE_SOCKET,
};
const POINTS = Array.from({ length: events.TRACE_POINTS }, (_, point) => events.tracePointText(point));

/** `drop`, `drop:133`, `trace:to-endpoint`; the tool's words for points are those of the output. */
function type(value: string): FlowTest {
  const [name, sub] = value.split(':');
  const known = Object.keys(EVENT_NUMBERS);
  const number = EVENT_NUMBERS[choice(name, [...known, ...POINTS])];
  if (number === undefined) return traceAt(POINTS.indexOf(name));
  if (sub === undefined) return (flow) => flow.event_type.type === number;
  if (name === 'trace' && !/^\d+$/.test(sub)) return traceAt(POINTS.indexOf(choice(sub, POINTS)));
  const wanted = readNumber(sub, 255);
  return ({ event_type }) => event_type.type === number && (event_type.sub_type ?? 0) === wanted;
}

function traceAt(point: number): FlowTest {
  return ({ event_type }) => event_type.type === events.MESSAGE_TRACE && (event_type.sub_type ?? 0) === point;
}

const PROTOCOLS = ['tcp', 'udp', 'sctp', 'icmp', 'icmpv4', 'icmpv6'];

function protocol(value: string): FlowTest {
  const wanted = choice(value, PROTOCOLS);
  return ({ l4 = {} }) =>
    Object.keys(l4).some((key) => {
      const name = key.toLowerCase();
      return name === wanted || (wanted === 'icmp' && name.startsWith('icmp'));
    });
}

const TCP_FLAGS = ['SYN', 'ACK', 'FIN', 'RST', 'PSH', 'URG', 'ECE', 'CWR', 'NS'];

/** All flags of the value: `syn,ack`. */
function tcpFlags(value: string): FlowTest {
  const wanted = value.split(',').map((flag) => choice(flag.trim(), TCP_FLAGS));
  return ({ l4 }) => wanted.every((flag) => l4?.TCP?.flags?.[flag] === true);
}

function ipVersion(value: string): FlowTest {
  const wanted = { 4: 'IPv4', v4: 'IPv4', ipv4: 'IPv4', 6: 'IPv6', v6: 'IPv6', ipv6: 'IPv6' }[
    value.toLowerCase()
  ];
  if (wanted === undefined) throw new RangeError('none of 4, 6');
  return ({ IP }) => IP?.ipVersion === wanted;
}

function verdict(value: string): FlowTest {
  const wanted = choice(value, VERDICTS);
  return (flow) => flow.verdict === wanted;
}

function dropReason(value: string): FlowTest {
  const wanted = choice(value, DROP_REASON_NAMES);
  return ({ drop_reason_desc }) => drop_reason_desc === wanted;
}

function direction(value: string): FlowTest {
  const wanted = choice(value, ['ingress', 'egress']).toUpperCase();
  return ({ traffic_direction }) => traffic_direction === wanted;
}

function nodeName(value: string): FlowTest {
  const pattern = new RegExp(`^${value.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`);
  return ({ node_name }) => pattern.test(node_name);
}

/** A filter of each side, and of either. */
function sided(name: string, make: (sides: readonly Side[]) => FilterReader): [string, FilterReader][] {
  return [
    [`--${name}`, make(BOTH)],
    [`--from-${name}`, make(['source'])],
    [`--to-${name}`, make(['destination'])],
  ];
}

/** By the flag's name. */
export const FILTERS: ReadonlyMap<string, FilterReader> = new Map<string, FilterReader>([
  ...sided('pod', pod),
  ...sided('service', service),
  ...sided('ip', ip),
  ...sided('port', port),
  ...sided('identity', identity),
  ...sided('namespace', namespace),
  ...sided('label', label),
  ['--type', type],
  ['--protocol', protocol],
  ['--tcp-flags', tcpFlags],
  ['--ip-version', ipVersion],
  ['--verdict', verdict],
  ['--drop-reason-desc', dropReason],
  ['--traffic-direction', direction],
  ['--node-name', nodeName],
]);

/** Filters whose value may be a list by commas; those of the others are one. */
export const LIST_FILTERS: readonly string[] = [
  '--type',
  '--protocol',
  '--verdict',
  '--ip',
  '--from-ip',
  '--to-ip',
  '--port',
  '--from-port',
  '--to-port',
  '--identity',
  '--from-identity',
  '--to-identity',
];
