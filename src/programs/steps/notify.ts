/**
 * What programs tell the outside: drops, trace points, policy verdicts, debug messages and captures as perf
 * events, and signals to the agent. Records are Cilium's structures followed by the start of the frame.
 */
import type { SocketContext } from '../../engine/hooks/socket.js';
import type { PerfRing } from '../../engine/maps/perf-ring.js';
import type { PacketContext } from '../../engine/packet.js';
import { copy, put16le, put32le, swap16 } from '../../engine/wire/bytes.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import type { Family } from '../family.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as events from '../tables/events.js';
import { takeEventToken } from './rate-limit.js';

/** What callers name trace points and their reasons by. */
export {
  FROM_CRYPTO,
  FROM_HOST,
  FROM_LXC,
  FROM_NETWORK,
  FROM_OVERLAY,
  FROM_PROXY,
  FROM_STACK,
  REASON_ENCRYPTED,
  REASON_SRV6_DECAP,
  REASON_SRV6_ENCAP,
  REASON_UNKNOWN,
  TO_CRYPTO,
  TO_HOST,
  TO_LXC,
  TO_NETWORK,
  TO_OVERLAY,
  TO_PROXY,
  TO_STACK,
} from '../tables/events.js';

/** Monitor length that asks for an event whatever conntrack says. */
export const MONITOR_ALWAYS = 128;

/** Metric (reason << 2 | direction) that each trace point counts, 0 for none (reason 0 has its own direction bit). */
const POINT_METRIC = new Int32Array(events.TRACE_POINTS);
POINT_METRIC[events.TO_LXC] = (0 << 2) | 1;
POINT_METRIC[events.TO_HOST] = (0 << 2) | 2;
POINT_METRIC[events.TO_STACK] = (0 << 2) | 2;
POINT_METRIC[events.TO_OVERLAY] = (0 << 2) | 2;
POINT_METRIC[events.TO_NETWORK] = (0 << 2) | 2;
POINT_METRIC[events.FROM_HOST] = (3 << 2) | 1;
POINT_METRIC[events.FROM_STACK] = (3 << 2) | 1;
POINT_METRIC[events.FROM_OVERLAY] = (3 << 2) | 1;
POINT_METRIC[events.FROM_NETWORK] = (3 << 2) | 1;
POINT_METRIC[events.FROM_CRYPTO] = (12 << 2) | 1;
POINT_METRIC[events.TO_CRYPTO] = (13 << 2) | 2;
/** Metric reasons of packets that arrive: as they were sent, and decrypted. */
export const METRIC_PLAINTEXT = 3;
const METRIC_DECRYPTED = 4;

/** Points that aggregation hides from level 1 on. */
const IS_FROM_POINT = new Uint8Array(events.TRACE_POINTS);
for (const point of [
  events.FROM_LXC,
  events.FROM_PROXY,
  events.FROM_HOST,
  events.FROM_STACK,
  events.FROM_OVERLAY,
  events.FROM_NETWORK,
  events.FROM_CRYPTO,
]) {
  IS_FROM_POINT[point] = 1;
}

const AGGREGATE_RECEIVED = 1;
const AGGREGATE_ACTIVE = 3;

const AUTHENTICATION_KEY_WORDS = 3;

/** Common and capture header: type, subtype, source, hash, lengths, version. */
function writeHeader(
  ring: PerfRing,
  at: number,
  type: number,
  subtype: number,
  program: ProgramInstance,
  packet: PacketContext,
  captured: number,
  version: number,
): void {
  const bytes = ring.bytes;
  bytes[at + events.TYPE] = type;
  bytes[at + events.SUBTYPE] = subtype;
  put16le(bytes, at + events.SOURCE, program.eventSource);
  put32le(bytes, at + events.HASH, packet.hash);
  put32le(bytes, at + events.ORIGINAL_LENGTH, packet.end - packet.start);
  put16le(bytes, at + events.CAPTURED_LENGTH, captured);
  put16le(bytes, at + events.VERSION, version);
}

function capturedLength(program: ProgramInstance, packet: PacketContext, wanted: number): number {
  const limit = wanted === 0 ? program.datapath.constants.captureLength : wanted;
  const length = packet.end - packet.start;
  return length < limit ? length : limit;
}

/**
 * Drops the packet: metric, then event with the frame as it is now. `reason` is the negative drop reason. Answers
 * the hook's drop code.
 */
export function drop(
  program: ProgramInstance,
  packet: PacketContext,
  reason: number,
  direction: number,
  sourceLabel: number,
  destinationLabel: number,
  destinationId: number,
  extendedError: number,
): number {
  report(program, packet, reason, direction, sourceLabel, destinationLabel, destinationId, extendedError);
  return program.dropVerdict;
}

/** Counts and reports a drop without deciding the verdict. */
function report(
  program: ProgramInstance,
  packet: PacketContext,
  reason: number,
  direction: number,
  sourceLabel: number,
  destinationLabel: number,
  destinationId: number,
  extendedError: number,
): void {
  const positive = -reason;
  packet.cb0 = sourceLabel;
  packet.cb1 = destinationLabel;
  packet.cb2 = positive | ((extendedError & 0xff) << 8);
  packet.cb3 = destinationId;
  packet.cb4 = program.dropVerdict;
  packet.dropReason = positive;
  program.datapath.metrics.count(positive, direction, packet.end - packet.start);
  if (!program.features.dropEvents) return;
  if (program.features.eventsRateLimit > 0 && !takeEventToken(program)) return;
  const captured = capturedLength(program, packet, 0);
  const ring = program.datapath.events;
  const at = ring.reserve(events.DROP_SIZE + captured);
  if (at < 0) return;
  writeHeader(ring, at, events.MESSAGE_DROP, positive, program, packet, captured, events.DROP_VERSION);
  const bytes = ring.bytes;
  put32le(bytes, at + events.DROP_SOURCE_LABEL, sourceLabel);
  put32le(bytes, at + events.DROP_DESTINATION_LABEL, destinationLabel);
  put32le(bytes, at + events.DROP_DESTINATION_ID, destinationId);
  // Source line and file are 0: Cilium's are not ours.
  put32le(bytes, at + events.DROP_LINE, 0);
  bytes[at + events.DROP_EXTENDED_ERROR] = extendedError;
  put32le(bytes, at + events.DROP_IFINDEX, packet.ifindex);
  put32le(bytes, at + events.DROP_FLAGS, program.isLayer3 ? layer3Flags(packet) : 0);
  copy(bytes, at + events.DROP_SIZE, packet.bytes, packet.start, captured);
}

function layer3Flags(packet: PacketContext): number {
  return packet.protocol === 0x86dd ? events.FLAG_L3_DEVICE | events.FLAG_IPV6 : events.FLAG_L3_DEVICE;
}

/**
 * A trace point: counts its metric, then sends the event unless aggregation hides it. `monitor` is conntrack's
 * word on the flow (0 hides from level 3 on). With `flow` the event carries `flow.originalSource`.
 */
export function trace(
  program: ProgramInstance,
  packet: PacketContext,
  point: number,
  sourceLabel: number,
  destinationLabel: number,
  destinationId: number,
  ifindex: number,
  reason: number,
  monitor: number,
  flow: Flow | null,
): void {
  const metric = POINT_METRIC[point];
  if (metric !== 0) {
    let metricReason = metric >> 2;
    if (metricReason === METRIC_PLAINTEXT && (reason & events.REASON_ENCRYPTED) !== 0)
      metricReason = METRIC_DECRYPTED;
    program.datapath.metrics.count(metricReason, metric & 3, packet.end - packet.start);
  }
  const features = program.features;
  if (!features.traceEvents) return;
  if (features.monitorAggregation >= AGGREGATE_RECEIVED && IS_FROM_POINT[point] !== 0) return;
  if (features.monitorAggregation >= AGGREGATE_ACTIVE && monitor === 0) return;
  if (features.eventsRateLimit > 0 && !takeEventToken(program)) return;
  sendTrace(
    program,
    packet,
    point,
    sourceLabel,
    destinationLabel,
    destinationId,
    ifindex,
    reason,
    monitor,
    flow,
  );
}

function sendTrace(
  program: ProgramInstance,
  packet: PacketContext,
  point: number,
  sourceLabel: number,
  destinationLabel: number,
  destinationId: number,
  ifindex: number,
  reason: number,
  monitor: number,
  flow: Flow | null,
): void {
  const captured = capturedLength(program, packet, monitor);
  const ring = program.datapath.events;
  const at = ring.reserve(events.TRACE_SIZE + captured);
  if (at < 0) return;
  writeHeader(ring, at, events.MESSAGE_TRACE, point, program, packet, captured, events.VERSION_1);
  const bytes = ring.bytes;
  let flags = program.isLayer3 ? layer3Flags(packet) : 0;
  if (flow?.family.isV6) flags |= events.FLAG_IPV6;
  put32le(bytes, at + events.TRACE_SOURCE_LABEL, sourceLabel);
  put32le(bytes, at + events.TRACE_DESTINATION_LABEL, destinationLabel);
  put16le(bytes, at + events.TRACE_DESTINATION_ID, destinationId);
  bytes[at + events.TRACE_REASON] = reason;
  bytes[at + events.TRACE_FLAGS] = flags;
  put32le(bytes, at + events.TRACE_IFINDEX, ifindex);
  const words = flow === null ? 0 : flow.family.addressWords;
  const addressAt = at + events.TRACE_ORIGINAL_ADDRESS;
  for (let i = 0; i < 4; i++) {
    put32le(bytes, addressAt + 4 * i, flow !== null && i < words ? flow.originalSource[i] : 0);
  }
  copy(bytes, at + events.TRACE_SIZE, packet.bytes, packet.start, captured);
}

/** A policy verdict event. `verdict` is 0, a drop reason, or the proxy port (raw) of an allowed redirect. */
export function policyVerdict(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  remoteLabel: number,
  destinationPort: number,
  direction: number,
  verdict: number,
): void {
  if (program.features.eventsRateLimit > 0 && !takeEventToken(program)) return;
  const captured = capturedLength(program, packet, 0);
  const ring = program.datapath.events;
  const at = ring.reserve(events.VERDICT_SIZE + captured);
  if (at < 0) return;
  writeHeader(ring, at, events.MESSAGE_POLICY_VERDICT, 0, program, packet, captured, events.VERSION_1);
  const bytes = ring.bytes;
  put32le(bytes, at + events.VERDICT_REMOTE_LABEL, remoteLabel);
  put32le(bytes, at + events.VERDICT_VERDICT, verdict);
  put16le(bytes, at + events.VERDICT_DESTINATION_PORT, destinationPort);
  bytes[at + events.VERDICT_PROTOCOL] = flow.protocol;
  bytes[at + events.VERDICT_FLAGS] =
    direction |
    (flow.matchType << events.VERDICT_MATCH_SHIFT) |
    (flow.family.isV6 ? events.VERDICT_IPV6 : 0) |
    (flow.audited ? events.VERDICT_AUDITED : 0);
  put32le(bytes, at + events.VERDICT_AUTHENTICATION, flow.authType);
  copy(bytes, at + events.VERDICT_SIZE, packet.bytes, packet.start, captured);
}

/** A debug message: three numbers, no frame. */
export function debug(
  program: ProgramInstance,
  packet: PacketContext,
  type: number,
  a: number,
  b: number,
  c: number,
): void {
  const ring = program.datapath.events;
  const at = ring.reserve(events.DEBUG_SIZE);
  if (at < 0) return;
  const bytes = ring.bytes;
  bytes[at + events.TYPE] = events.MESSAGE_DEBUG;
  bytes[at + events.SUBTYPE] = type;
  put16le(bytes, at + events.SOURCE, program.eventSource);
  put32le(bytes, at + events.HASH, packet.hash);
  put32le(bytes, at + events.DEBUG_ARGUMENT_1, a);
  put32le(bytes, at + events.DEBUG_ARGUMENT_2, b);
  put32le(bytes, at + events.DEBUG_ARGUMENT_3, c);
}

/** A debug capture: the frame with two numbers. */
export function debugCapture(
  program: ProgramInstance,
  packet: PacketContext,
  type: number,
  a: number,
  b: number,
): void {
  const captured = capturedLength(program, packet, 0);
  const ring = program.datapath.events;
  const at = ring.reserve(events.CAPTURE_SIZE + captured);
  if (at < 0) return;
  writeHeader(ring, at, events.MESSAGE_CAPTURE, type, program, packet, captured, events.VERSION_1);
  put32le(ring.bytes, at + events.CAPTURE_ARGUMENT_1, a);
  put32le(ring.bytes, at + events.CAPTURE_ARGUMENT_2, b);
  copy(ring.bytes, at + events.CAPTURE_SIZE, packet.bytes, packet.start, captured);
}

/** Points of socket translation. */
export const PRE_TRANSLATION_FORWARD = 1;
export const POST_TRANSLATION_FORWARD = 2;
export const PRE_TRANSLATION_REVERSE = 3;
export const POST_TRANSLATION_REVERSE = 4;

const SOCKET_L4_TCP = 1;
const SOCKET_L4_UDP = 2;

/** Tells of a socket whose peer is the address at `words[wordAt]` (raw) and `port` (raw). */
export function traceSocket(
  program: ProgramInstance,
  socket: SocketContext,
  family: Family,
  words: Int32Array,
  wordAt: number,
  port: number,
  point: number,
): void {
  if (!program.features.socketTraceEvents) return;
  const ring = program.datapath.events;
  const at = ring.reserve(events.TRACE_SOCKET_SIZE);
  if (at < 0) return;
  const bytes = ring.bytes;
  bytes[at + events.TYPE] = events.MESSAGE_TRACE_SOCKET;
  bytes[at + events.SUBTYPE] = point;
  for (let i = 0; i < 4; i++) {
    const word = i < family.addressWords ? words[wordAt + i] : 0;
    put32le(bytes, at + events.TRACE_SOCKET_ADDRESS + 4 * i, word);
  }
  put16le(bytes, at + events.TRACE_SOCKET_PORT, swap16(port));
  put32le(bytes, at + events.TRACE_SOCKET_COOKIE, socket.cookieLow);
  put32le(bytes, at + events.TRACE_SOCKET_COOKIE_HIGH, socket.cookieHigh);
  put32le(bytes, at + events.TRACE_SOCKET_CGROUP, socket.cgroupIdLow);
  put32le(bytes, at + events.TRACE_SOCKET_CGROUP_HIGH, socket.cgroupIdHigh);
  const isTcp = socket.protocol === ipv4.PROTOCOL_TCP;
  const isUdp = socket.protocol === ipv4.PROTOCOL_UDP;
  bytes[at + events.TRACE_SOCKET_L4] = isTcp ? SOCKET_L4_TCP : isUdp ? SOCKET_L4_UDP : 0;
  bytes[at + events.TRACE_SOCKET_FLAGS] = family.isV6 ? 1 : 0;
}

/** Tells the agent that free NAT ports are hard to find; `family` 0 IPv4, 1 IPv6. */
export function signalNatFull(program: ProgramInstance, family: number): void {
  signalFull(program, events.SIGNAL_NAT_FULL, family);
}

/** Tells the agent that a conntrack map is full; `family` 0 IPv4, 1 IPv6. */
export function signalConntrackFull(program: ProgramInstance, family: number): void {
  signalFull(program, events.SIGNAL_CONNTRACK_FULL, family);
}

function signalFull(program: ProgramInstance, signal: number, family: number): void {
  const ring = program.datapath.signals;
  const at = ring.reserve(events.SIGNAL_BODY + 4);
  if (at < 0) return;
  put32le(ring.bytes, at, signal);
  put32le(ring.bytes, at + events.SIGNAL_BODY, family);
}

/** Tells the agent that two identities must authenticate; the key is the auth map's. */
export function signalAuthenticationRequired(program: ProgramInstance, key: Int32Array): void {
  const ring = program.datapath.signals;
  const at = ring.reserve(events.SIGNAL_BODY + 4 * AUTHENTICATION_KEY_WORDS);
  if (at < 0) return;
  put32le(ring.bytes, at, events.SIGNAL_AUTHENTICATION_REQUIRED);
  const body = at + events.SIGNAL_BODY;
  for (let i = 0; i < AUTHENTICATION_KEY_WORDS; i++) put32le(ring.bytes, body + 4 * i, key[i]);
}
