/** ICMP header (RFC 792). `at` is the first byte of the header. */
import { i32, put16, put32, u16, u16le } from './bytes.js';

/** Type, code, checksum and the four bytes whose meaning depends on the type. */
export const HEADER_LENGTH = 8;
export const CHECKSUM_OFFSET = 2;
export const IDENTIFIER_OFFSET = 4;

export const ECHO_REPLY = 0;
export const DESTINATION_UNREACHABLE = 3;
export const REDIRECT = 5;
export const ECHO_REQUEST = 8;
export const TIME_EXCEEDED = 11;
export const PARAMETER_PROBLEM = 12;

/** Codes of DESTINATION_UNREACHABLE. */
export const CODE_NETWORK_UNREACHABLE = 0;
export const CODE_HOST_UNREACHABLE = 1;
export const CODE_PROTOCOL_UNREACHABLE = 2;
export const CODE_PORT_UNREACHABLE = 3;
export const CODE_FRAGMENTATION_NEEDED = 4;
export const CODE_SOURCE_ROUTE_FAILED = 5;
/** RFC 1122 section 3.2.2.1. */
export const CODE_NETWORK_UNKNOWN = 6;
export const CODE_HOST_UNKNOWN = 7;
export const CODE_HOST_ISOLATED = 8;
export const CODE_NETWORK_PROHIBITED = 9;
export const CODE_HOST_PROHIBITED = 10;
export const CODE_NETWORK_UNREACHABLE_FOR_SERVICE = 11;
export const CODE_HOST_UNREACHABLE_FOR_SERVICE = 12;
/** Communication administratively prohibited (RFC 1812 section 5.2.7.1). */
export const CODE_PROHIBITED = 13;
/** Precedence cutoff in effect, the last code (RFC 1812 section 5.2.7.1). */
export const MAXIMUM_UNREACHABLE_CODE = 15;

/** Codes of TIME_EXCEEDED. */
export const CODE_TTL_EXCEEDED = 0;
export const CODE_REASSEMBLY_TIME_EXCEEDED = 1;

export function fits(at: number, end: number): boolean {
  return at + HEADER_LENGTH <= end;
}

export function type(bytes: Uint8Array, at: number): number {
  return bytes[at];
}

export function putType(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
}

export function code(bytes: Uint8Array, at: number): number {
  return bytes[at + 1];
}

export function putCode(bytes: Uint8Array, at: number, value: number): void {
  bytes[at + 1] = value;
}

export function checksumAt(at: number): number {
  return at + CHECKSUM_OFFSET;
}

export function checksum(bytes: Uint8Array, at: number): number {
  return u16(bytes, at + CHECKSUM_OFFSET);
}

export function putChecksum(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at + CHECKSUM_OFFSET, value);
}

/** Identifier of an echo. */
export function identifier(bytes: Uint8Array, at: number): number {
  return u16(bytes, at + IDENTIFIER_OFFSET);
}

export function putIdentifier(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at + IDENTIFIER_OFFSET, value);
}

/** Identifier of an echo as its 2 bytes in memory order (little-endian), as map keys hold it. */
export function identifierRaw(bytes: Uint8Array, at: number): number {
  return u16le(bytes, at + IDENTIFIER_OFFSET);
}

/** Sequence number of an echo. */
export function sequence(bytes: Uint8Array, at: number): number {
  return u16(bytes, at + 6);
}

export function putSequence(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at + 6, value);
}

/** Next-hop MTU of CODE_FRAGMENTATION_NEEDED (RFC 1191 section 4). */
export function nextHopMtu(bytes: Uint8Array, at: number): number {
  return u16(bytes, at + 6);
}

export function putNextHopMtu(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at + 6, value);
}

export function restAt(at: number): number {
  return at + 4;
}

/** The four bytes after the checksum (identifier and sequence, unused, MTU, …), network order. */
export function rest(bytes: Uint8Array, at: number): number {
  return i32(bytes, at + 4);
}

export function putRest(bytes: Uint8Array, at: number, value: number): void {
  put32(bytes, at + 4, value);
}

/** Destination unreachable, time exceeded, parameter problem: the ones that quote a datagram of a flow. */
export function isError(bytes: Uint8Array, at: number): boolean {
  const value = bytes[at];
  return value === DESTINATION_UNREACHABLE || value === TIME_EXCEEDED || value === PARAMETER_PROBLEM;
}

/** First byte of the quoted IP header of an error message. */
export function quotedAt(at: number): number {
  return at + HEADER_LENGTH;
}

/** Writes a header; the checksum is left 0 for `checksum.fill(bytes, at, length, checksumAt(at))`. */
export function write(
  bytes: Uint8Array,
  at: number,
  typeValue: number,
  codeValue: number,
  restValue: number,
): void {
  putType(bytes, at, typeValue);
  putCode(bytes, at, codeValue);
  putChecksum(bytes, at, 0);
  putRest(bytes, at, restValue);
}
