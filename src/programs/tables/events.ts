/**
 * Records of `cilium_events`: what programs tell of the packets they handle. Offsets are bytes from the record's
 * start; numbers are little-endian. Behind its fixed part a record carries the start of the frame as it was then
 * (not debug messages).
 */
import { i32le } from '../../engine/wire/bytes.js';
import { u16le, u32le, u64le } from './names.js';

/** Message types, first byte of a record. */
export const MESSAGE_DROP = 1;
export const MESSAGE_DEBUG = 2;
export const MESSAGE_CAPTURE = 3;
export const MESSAGE_TRACE = 4;
export const MESSAGE_POLICY_VERDICT = 5;
export const MESSAGE_TRACE_SOCKET = 7;

/** Header of all records. The subtype is the drop reason, the trace point, the debug or capture type. */
export const TYPE = 0;
export const SUBTYPE = 1;
export const SOURCE = 2;
export const HASH = 4;
export const HEADER_SIZE = 8;

/** Header of records with a piece of the frame: its length, bytes carried, version of the record's layout. */
export const ORIGINAL_LENGTH = 8;
export const CAPTURED_LENGTH = 12;
export const VERSION = 14;
export const VERSION_1 = 1;
export const DROP_VERSION = 2;

export const DROP_SOURCE_LABEL = 16;
export const DROP_DESTINATION_LABEL = 20;
export const DROP_DESTINATION_ID = 24;
/** Source line (16 bits), file (8 bits), extended error (signed, 8 bits). */
export const DROP_LINE = 28;
export const DROP_FILE = 30;
export const DROP_EXTENDED_ERROR = 31;
export const DROP_IFINDEX = 32;
export const DROP_FLAGS = 36;
export const DROP_SIZE = 40;

export const TRACE_SOURCE_LABEL = 16;
export const TRACE_DESTINATION_LABEL = 20;
/** Endpoint id; of TO_PROXY the proxy's port. */
export const TRACE_DESTINATION_ID = 24;
export const TRACE_REASON = 26;
export const TRACE_FLAGS = 27;
export const TRACE_IFINDEX = 28;
/** 16 bytes; an IPv4 address is the first four. */
export const TRACE_ORIGINAL_ADDRESS = 32;
export const TRACE_SIZE = 48;

export const VERDICT_REMOTE_LABEL = 16;
/** 0 allowed, a negative drop reason, or the proxy's port as read from its network-order bytes. */
export const VERDICT_VERDICT = 20;
export const VERDICT_DESTINATION_PORT = 24;
export const VERDICT_PROTOCOL = 26;
/** Direction (2 bits), IPv6, match type (3 bits), audited. */
export const VERDICT_FLAGS = 27;
export const VERDICT_AUTHENTICATION = 28;
export const VERDICT_SIZE = 32;

/** Debug messages end without frame; captures have two arguments. */
export const DEBUG_ARGUMENT_1 = 8;
export const DEBUG_ARGUMENT_2 = 12;
export const DEBUG_ARGUMENT_3 = 16;
export const DEBUG_SIZE = 20;
export const CAPTURE_ARGUMENT_1 = 16;
export const CAPTURE_ARGUMENT_2 = 20;
export const CAPTURE_SIZE = 24;

/** trace-sock: address (16 bytes), port in host order, socket cookie and cgroup id (u64), then two bytes. */
export const TRACE_SOCKET_ADDRESS = 2;
export const TRACE_SOCKET_PORT = 18;
export const TRACE_SOCKET_COOKIE = 20;
export const TRACE_SOCKET_COOKIE_HIGH = 24;
export const TRACE_SOCKET_CGROUP = 28;
export const TRACE_SOCKET_CGROUP_HIGH = 32;
/** 1 TCP, 2 UDP, 0 other. */
export const TRACE_SOCKET_L4 = 36;
/** Bit 0: IPv6. */
export const TRACE_SOCKET_FLAGS = 37;
export const TRACE_SOCKET_SIZE = 38;

/** Flags of drops and traces. */
export const FLAG_IPV6 = 1;
export const FLAG_L3_DEVICE = 2;

/** Flags of policy verdicts. */
export const VERDICT_DIRECTION_MASK = 3;
export const VERDICT_IPV6 = 4;
export const VERDICT_MATCH_SHIFT = 3;
export const VERDICT_AUDITED = 64;

/** Records of `cilium_signals`: a number, then what it is about. */
export const SIGNAL_NAT_FULL = 0;
export const SIGNAL_CONNTRACK_FULL = 1;
export const SIGNAL_AUTHENTICATION_REQUIRED = 2;
export const SIGNAL_BODY = 4;

/** Whether the signal at `at` says that a map ran full: old entries are to be collected. */
export function asksForCollection(bytes: Uint8Array, at: number): boolean {
  const signal = i32le(bytes, at);
  return signal === SIGNAL_NAT_FULL || signal === SIGNAL_CONNTRACK_FULL;
}

/** Whether the signal at `at` asks for a handshake; its body is a key of `cilium_auth_map`. */
export function asksForAuthentication(bytes: Uint8Array, at: number): boolean {
  return i32le(bytes, at) === SIGNAL_AUTHENTICATION_REQUIRED;
}

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
export const TRACE_POINTS = 14;

/** Trace reasons beside the conntrack results 0..3; the bit says that the packet was encrypted. */
export const REASON_UNKNOWN = 5;
export const REASON_SRV6_ENCAP = 6;
export const REASON_SRV6_DECAP = 7;
export const REASON_ENCRYPTED = 0x80;

const POINT_TEXTS = [
  'to-endpoint',
  'to-proxy',
  'to-host',
  'to-stack',
  'to-overlay',
  'from-endpoint',
  'from-proxy',
  'from-host',
  'from-stack',
  'from-overlay',
  'from-network',
  'to-network',
  'from-crypto',
  'to-crypto',
] as const;

const REASON_TEXTS = [
  'new',
  'established',
  'reply',
  'related',
  'reopened',
  'unknown',
  'srv6-encap',
  'srv6-decap',
  'encrypt-overlay',
] as const;

const MATCH_TEXTS = ['none', 'L3-Only', 'L3-L4', 'L4-Only', 'all', 'L3-Proto', 'Proto-Only'] as const;

/** Texts of `cilium-dbg monitor`; a number that has none is printed as it is. */
export function tracePointText(point: number): string {
  return POINT_TEXTS[point] ?? String(point);
}

export function traceReasonText(reason: number): string {
  return REASON_TEXTS[reason & ~REASON_ENCRYPTED] ?? String(reason);
}

export function policyMatchText(match: number): string {
  return MATCH_TEXTS[match] ?? 'unknown';
}

interface EventHeader {
  /** Endpoint id of the program that sent it; 0 for programs of devices. */
  readonly source: number;
  readonly hash: number;
}

interface FrameHeader extends EventHeader {
  readonly originalLength: number;
  readonly capturedLength: number;
  /** Where the piece of the frame starts, in the bytes that the record was read from. */
  readonly frameAt: number;
}

export interface DropEvent extends FrameHeader {
  readonly kind: 'drop';
  /** Positive drop reason. */
  readonly reason: number;
  readonly sourceIdentity: number;
  readonly destinationIdentity: number;
  readonly destinationId: number;
  readonly line: number;
  readonly file: number;
  readonly extendedError: number;
  readonly ifindex: number;
  readonly flags: number;
}

export interface TraceEvent extends FrameHeader {
  readonly kind: 'trace';
  readonly point: number;
  readonly sourceIdentity: number;
  readonly destinationIdentity: number;
  readonly destinationId: number;
  readonly reason: number;
  readonly encrypted: boolean;
  readonly flags: number;
  readonly ifindex: number;
  /** Where the 16 bytes of the original address are. */
  readonly originalAddressAt: number;
}

export interface PolicyVerdictEvent extends FrameHeader {
  readonly kind: 'policy-verdict';
  readonly remoteIdentity: number;
  readonly verdict: number;
  readonly destinationPort: number;
  readonly protocol: number;
  /** 1 ingress, 2 egress. */
  readonly direction: number;
  readonly isIpv6: boolean;
  readonly match: number;
  readonly audited: boolean;
  readonly authentication: number;
}

export interface DebugEvent extends EventHeader {
  readonly kind: 'debug';
  readonly type: number;
  readonly arguments: readonly [number, number, number];
}

export interface CaptureEvent extends FrameHeader {
  readonly kind: 'capture';
  readonly type: number;
  readonly arguments: readonly [number, number];
}

/** A socket's address before or after its translation. */
export interface TraceSocketEvent {
  readonly kind: 'trace-sock';
  /** 1 and 2 before and after the way out, 3 and 4 before and after the way back. */
  readonly point: number;
  /** Where the 16 bytes of the address are; an IPv4 address is the first four. */
  readonly addressAt: number;
  readonly isIpv6: boolean;
  readonly port: number;
  readonly cookie: bigint;
  readonly cgroup: bigint;
  /** 1 TCP, 2 UDP, 0 other. */
  readonly layer4: number;
}

export interface UnknownEvent {
  readonly kind: 'unknown';
  readonly type: number;
}

export type DatapathEvent =
  | DropEvent
  | TraceEvent
  | PolicyVerdictEvent
  | DebugEvent
  | CaptureEvent
  | TraceSocketEvent
  | UnknownEvent;

const SIZES: Readonly<Record<number, number>> = {
  [MESSAGE_DROP]: DROP_SIZE,
  [MESSAGE_DEBUG]: DEBUG_SIZE,
  [MESSAGE_CAPTURE]: CAPTURE_SIZE,
  [MESSAGE_TRACE]: TRACE_SIZE,
  [MESSAGE_POLICY_VERDICT]: VERDICT_SIZE,
  [MESSAGE_TRACE_SOCKET]: TRACE_SOCKET_SIZE,
};

/** Reads the record of `length` bytes at `at`. One of another type, or cut short, is `unknown`. For observers: it allocates. */
export function decodeEvent(bytes: Uint8Array, at: number, length: number): DatapathEvent {
  const type = length > 0 ? bytes[at + TYPE] : 0;
  if (!(length >= SIZES[type])) return { kind: 'unknown', type };
  switch (type) {
    case MESSAGE_DROP:
      return decodeDrop(bytes, at);
    case MESSAGE_TRACE:
      return decodeTrace(bytes, at);
    case MESSAGE_POLICY_VERDICT:
      return decodeVerdict(bytes, at);
    case MESSAGE_CAPTURE:
      return {
        kind: 'capture',
        ...frameHeader(bytes, at, CAPTURE_SIZE),
        type: bytes[at + SUBTYPE],
        arguments: [u32le(bytes, at + CAPTURE_ARGUMENT_1), u32le(bytes, at + CAPTURE_ARGUMENT_2)],
      };
    case MESSAGE_TRACE_SOCKET:
      return decodeTraceSocket(bytes, at);
    default:
      return {
        kind: 'debug',
        source: u16le(bytes, at + SOURCE),
        hash: u32le(bytes, at + HASH),
        type: bytes[at + SUBTYPE],
        arguments: [
          u32le(bytes, at + DEBUG_ARGUMENT_1),
          u32le(bytes, at + DEBUG_ARGUMENT_2),
          u32le(bytes, at + DEBUG_ARGUMENT_3),
        ],
      };
  }
}

function decodeDrop(bytes: Uint8Array, at: number): DropEvent {
  return {
    kind: 'drop',
    ...frameHeader(bytes, at, DROP_SIZE),
    reason: bytes[at + SUBTYPE],
    sourceIdentity: u32le(bytes, at + DROP_SOURCE_LABEL),
    destinationIdentity: u32le(bytes, at + DROP_DESTINATION_LABEL),
    destinationId: u32le(bytes, at + DROP_DESTINATION_ID),
    line: u16le(bytes, at + DROP_LINE),
    file: bytes[at + DROP_FILE],
    extendedError: (bytes[at + DROP_EXTENDED_ERROR] << 24) >> 24,
    ifindex: u32le(bytes, at + DROP_IFINDEX),
    flags: bytes[at + DROP_FLAGS],
  };
}

function decodeTrace(bytes: Uint8Array, at: number): TraceEvent {
  const reason = bytes[at + TRACE_REASON];
  return {
    kind: 'trace',
    ...frameHeader(bytes, at, TRACE_SIZE),
    point: bytes[at + SUBTYPE],
    sourceIdentity: u32le(bytes, at + TRACE_SOURCE_LABEL),
    destinationIdentity: u32le(bytes, at + TRACE_DESTINATION_LABEL),
    destinationId: u16le(bytes, at + TRACE_DESTINATION_ID),
    reason: reason & ~REASON_ENCRYPTED,
    encrypted: (reason & REASON_ENCRYPTED) !== 0,
    flags: bytes[at + TRACE_FLAGS],
    ifindex: u32le(bytes, at + TRACE_IFINDEX),
    originalAddressAt: at + TRACE_ORIGINAL_ADDRESS,
  };
}

function decodeVerdict(bytes: Uint8Array, at: number): PolicyVerdictEvent {
  const flags = bytes[at + VERDICT_FLAGS];
  return {
    kind: 'policy-verdict',
    ...frameHeader(bytes, at, VERDICT_SIZE),
    remoteIdentity: u32le(bytes, at + VERDICT_REMOTE_LABEL),
    verdict: i32le(bytes, at + VERDICT_VERDICT),
    destinationPort: u16le(bytes, at + VERDICT_DESTINATION_PORT),
    protocol: bytes[at + VERDICT_PROTOCOL],
    direction: flags & VERDICT_DIRECTION_MASK,
    isIpv6: (flags & VERDICT_IPV6) !== 0,
    match: (flags >> VERDICT_MATCH_SHIFT) & 7,
    audited: (flags & VERDICT_AUDITED) !== 0,
    authentication: bytes[at + VERDICT_AUTHENTICATION],
  };
}

function decodeTraceSocket(bytes: Uint8Array, at: number): TraceSocketEvent {
  return {
    kind: 'trace-sock',
    point: bytes[at + SUBTYPE],
    addressAt: at + TRACE_SOCKET_ADDRESS,
    isIpv6: (bytes[at + TRACE_SOCKET_FLAGS] & 1) !== 0,
    port: u16le(bytes, at + TRACE_SOCKET_PORT),
    cookie: u64le(bytes, at + TRACE_SOCKET_COOKIE),
    cgroup: u64le(bytes, at + TRACE_SOCKET_CGROUP),
    layer4: bytes[at + TRACE_SOCKET_L4],
  };
}

function frameHeader(bytes: Uint8Array, at: number, size: number): FrameHeader {
  return {
    source: u16le(bytes, at + SOURCE),
    hash: u32le(bytes, at + HASH),
    originalLength: u32le(bytes, at + ORIGINAL_LENGTH),
    capturedLength: u16le(bytes, at + CAPTURED_LENGTH),
    frameAt: at + size,
  };
}
