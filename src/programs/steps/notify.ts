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
import { takeEventToken } from './rate-limit.js';

/** Message types, first byte of a record. */
export const MESSAGE_DROP = 1;
export const MESSAGE_DEBUG = 2;
export const MESSAGE_CAPTURE = 3;
export const MESSAGE_TRACE = 4;
export const MESSAGE_POLICY_VERDICT = 5;
export const MESSAGE_TRACE_SOCKET = 7;

const DROP_SIZE = 40;
const TRACE_SIZE = 48;
const VERDICT_SIZE = 32;
const DEBUG_SIZE = 20;
const CAPTURE_SIZE = 24;
const TRACE_SOCKET_SIZE = 38;

const CAPTURE_VERSION = 1;
const DROP_VERSION = 2;
const FLAG_IPV6 = 1;
const FLAG_L3_DEVICE = 2;

/** Trace points. */
export const TO_LXC = 0;
export const TO_PROXY = 1;
export const TO_HOST = 2;
export const TO_STACK = 3;
export const TO_OVERLAY = 4;
export const FROM_LXC = 5;
export const FROM_PROXY = 6;
export const FROM_HOST = 7;
export const FROM_STACK = 8;
export const FROM_OVERLAY = 9;
export const FROM_NETWORK = 10;
export const TO_NETWORK = 11;
export const FROM_CRYPTO = 12;
export const TO_CRYPTO = 13;

/** Trace reasons beside the conntrack results. */
export const REASON_UNKNOWN = 5;
export const REASON_SRV6_ENCAP = 6;
export const REASON_SRV6_DECAP = 7;
export const REASON_ENCRYPTED = 0x80;

/** Monitor length that asks for an event whatever conntrack says. */
export const MONITOR_ALWAYS = 128;

/** Metric (reason << 2 | direction) that each trace point counts, 0 for none (reason 0 has its own direction bit). */
const POINT_METRIC = new Int32Array(14);
POINT_METRIC[TO_LXC] = (0 << 2) | 1;
POINT_METRIC[TO_HOST] = (0 << 2) | 2;
POINT_METRIC[TO_STACK] = (0 << 2) | 2;
POINT_METRIC[TO_OVERLAY] = (0 << 2) | 2;
POINT_METRIC[TO_NETWORK] = (0 << 2) | 2;
POINT_METRIC[FROM_HOST] = (3 << 2) | 1;
POINT_METRIC[FROM_STACK] = (3 << 2) | 1;
POINT_METRIC[FROM_OVERLAY] = (3 << 2) | 1;
POINT_METRIC[FROM_NETWORK] = (3 << 2) | 1;
POINT_METRIC[FROM_CRYPTO] = (12 << 2) | 1;
POINT_METRIC[TO_CRYPTO] = (13 << 2) | 2;
/** Metric reasons of packets that arrive: as they were sent, and decrypted. */
export const METRIC_PLAINTEXT = 3;
const METRIC_DECRYPTED = 4;

/** Points that aggregation hides from level 1 on. */
const IS_FROM_POINT = new Uint8Array(14);
for (const point of [FROM_LXC, FROM_PROXY, FROM_HOST, FROM_STACK, FROM_OVERLAY, FROM_NETWORK, FROM_CRYPTO]) {
  IS_FROM_POINT[point] = 1;
}

const AGGREGATE_RECEIVED = 1;
const AGGREGATE_ACTIVE = 3;

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
  bytes[at] = type;
  bytes[at + 1] = subtype;
  put16le(bytes, at + 2, program.eventSource);
  put32le(bytes, at + 4, packet.hash);
  put32le(bytes, at + 8, packet.end - packet.start);
  put16le(bytes, at + 12, captured);
  put16le(bytes, at + 14, version);
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
export function report(
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
  const at = ring.reserve(DROP_SIZE + captured);
  if (at < 0) return;
  writeHeader(ring, at, MESSAGE_DROP, positive, program, packet, captured, DROP_VERSION);
  const bytes = ring.bytes;
  put32le(bytes, at + 16, sourceLabel);
  put32le(bytes, at + 20, destinationLabel);
  put32le(bytes, at + 24, destinationId);
  put32le(bytes, at + 28, (extendedError & 0xff) << 24);
  put32le(bytes, at + 32, packet.ifindex);
  put32le(bytes, at + 36, program.isLayer3 ? layer3Flags(packet) : 0);
  copy(bytes, at + DROP_SIZE, packet.bytes, packet.start, captured);
}

function layer3Flags(packet: PacketContext): number {
  return packet.protocol === 0x86dd ? FLAG_L3_DEVICE | FLAG_IPV6 : FLAG_L3_DEVICE;
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
    if (metricReason === METRIC_PLAINTEXT && (reason & REASON_ENCRYPTED) !== 0)
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
  const at = ring.reserve(TRACE_SIZE + captured);
  if (at < 0) return;
  writeHeader(ring, at, MESSAGE_TRACE, point, program, packet, captured, CAPTURE_VERSION);
  const bytes = ring.bytes;
  let flags = program.isLayer3 ? layer3Flags(packet) : 0;
  if (flow?.family.isV6) flags |= FLAG_IPV6;
  put32le(bytes, at + 16, sourceLabel);
  put32le(bytes, at + 20, destinationLabel);
  put16le(bytes, at + 24, destinationId);
  bytes[at + 26] = reason;
  bytes[at + 27] = flags;
  put32le(bytes, at + 28, ifindex);
  const words = flow === null ? 0 : flow.family.addressWords;
  for (let i = 0; i < 4; i++) {
    put32le(bytes, at + 32 + 4 * i, flow !== null && i < words ? flow.originalSource[i] : 0);
  }
  copy(bytes, at + TRACE_SIZE, packet.bytes, packet.start, captured);
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
  const at = ring.reserve(VERDICT_SIZE + captured);
  if (at < 0) return;
  writeHeader(ring, at, MESSAGE_POLICY_VERDICT, 0, program, packet, captured, CAPTURE_VERSION);
  const bytes = ring.bytes;
  put32le(bytes, at + 16, remoteLabel);
  put32le(bytes, at + 20, verdict);
  put16le(bytes, at + 24, destinationPort);
  bytes[at + 26] = flow.protocol;
  bytes[at + 27] = direction | (flow.family.isV6 ? 4 : 0) | (flow.matchType << 3) | (flow.audited ? 64 : 0);
  put32le(bytes, at + 28, flow.authType);
  copy(bytes, at + VERDICT_SIZE, packet.bytes, packet.start, captured);
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
  const at = ring.reserve(DEBUG_SIZE);
  if (at < 0) return;
  const bytes = ring.bytes;
  bytes[at] = MESSAGE_DEBUG;
  bytes[at + 1] = type;
  put16le(bytes, at + 2, program.eventSource);
  put32le(bytes, at + 4, packet.hash);
  put32le(bytes, at + 8, a);
  put32le(bytes, at + 12, b);
  put32le(bytes, at + 16, c);
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
  const at = ring.reserve(CAPTURE_SIZE + captured);
  if (at < 0) return;
  writeHeader(ring, at, MESSAGE_CAPTURE, type, program, packet, captured, CAPTURE_VERSION);
  put32le(ring.bytes, at + 16, a);
  put32le(ring.bytes, at + 20, b);
  copy(ring.bytes, at + CAPTURE_SIZE, packet.bytes, packet.start, captured);
}

const SIGNAL_NAT_FULL = 0;
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
  const at = ring.reserve(TRACE_SOCKET_SIZE);
  if (at < 0) return;
  const bytes = ring.bytes;
  bytes[at] = MESSAGE_TRACE_SOCKET;
  bytes[at + 1] = point;
  for (let i = 0; i < 4; i++) put32le(bytes, at + 2 + 4 * i, i < family.addressWords ? words[wordAt + i] : 0);
  put16le(bytes, at + 18, swap16(port));
  put32le(bytes, at + 20, socket.cookieLow);
  put32le(bytes, at + 24, socket.cookieHigh);
  put32le(bytes, at + 28, socket.cgroupIdLow);
  put32le(bytes, at + 32, socket.cgroupIdHigh);
  const isTcp = socket.protocol === ipv4.PROTOCOL_TCP;
  bytes[at + 36] = isTcp ? SOCKET_L4_TCP : socket.protocol === ipv4.PROTOCOL_UDP ? SOCKET_L4_UDP : 0;
  bytes[at + 37] = family.isV6 ? 1 : 0;
}

const SIGNAL_CONNTRACK_FULL = 1;
const SIGNAL_AUTHENTICATION_REQUIRED = 2;

/** Tells the agent that free NAT ports are hard to find; `family` 0 IPv4, 1 IPv6. */
export function signalNatFull(program: ProgramInstance, family: number): void {
  signalFull(program, SIGNAL_NAT_FULL, family);
}

/** Tells the agent that a conntrack map is full; `family` 0 IPv4, 1 IPv6. */
export function signalConntrackFull(program: ProgramInstance, family: number): void {
  signalFull(program, SIGNAL_CONNTRACK_FULL, family);
}

function signalFull(program: ProgramInstance, signal: number, family: number): void {
  const ring = program.datapath.signals;
  const at = ring.reserve(8);
  if (at < 0) return;
  put32le(ring.bytes, at, signal);
  put32le(ring.bytes, at + 4, family);
}

/** Tells the agent that two identities must authenticate; the key is the auth map's, 3 words. */
export function signalAuthenticationRequired(program: ProgramInstance, key: Int32Array): void {
  const ring = program.datapath.signals;
  const at = ring.reserve(16);
  if (at < 0) return;
  put32le(ring.bytes, at, SIGNAL_AUTHENTICATION_REQUIRED);
  for (let i = 0; i < 3; i++) put32le(ring.bytes, at + 4 + 4 * i, key[i]);
}
