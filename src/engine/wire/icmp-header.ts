/** What ICMP and ICMPv6 headers have in common (RFC 792, RFC 4443 section 2.1). `at` is the first byte of the header. */
import { i32, i32le, put16, put32, u16, u16le } from './bytes.js';

/** Type, code, checksum and the four bytes whose meaning depends on the type. */
export const HEADER_LENGTH = 8;
export const CHECKSUM_OFFSET = 2;
export const IDENTIFIER_OFFSET = 4;

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

/** Of ICMPv6 it covers the pseudo-header too. */
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

export function restAt(at: number): number {
  return at + 4;
}

/** The four bytes after the checksum (identifier and sequence, unused, MTU, pointer, flags), network order. */
export function rest(bytes: Uint8Array, at: number): number {
  return i32(bytes, at + 4);
}

export function putRest(bytes: Uint8Array, at: number, value: number): void {
  put32(bytes, at + 4, value);
}

/** The same four bytes as the raw word (little-endian), as checksum differences take it. */
export function restRaw(bytes: Uint8Array, at: number): number {
  return i32le(bytes, at + 4);
}

/** First byte of the quoted IP header of an error message. */
export function quotedAt(at: number): number {
  return at + HEADER_LENGTH;
}

/** Writes a header; the checksum is left 0 for `checksum.fill` or, of ICMPv6, `layer4.fillIpv6`. */
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
