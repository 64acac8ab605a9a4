/** UDP header (RFC 768). `at` is the first byte of the header. */
import { i32le, put16, put16le, u16, u16le } from './bytes.js';

export const HEADER_LENGTH = 8;
export const CHECKSUM_OFFSET = 6;
export const SOURCE_PORT_OFFSET = 0;
export const DESTINATION_PORT_OFFSET = 2;

/** Both ports, which stand first in every header that has them (TCP, UDP, SCTP). */
export const PORTS_LENGTH = 4;

export const PORT_VXLAN = 4789;
export const PORT_GENEVE = 6081;

export function fits(at: number, end: number): boolean {
  return at + HEADER_LENGTH <= end;
}

export function sourcePort(bytes: Uint8Array, at: number): number {
  return u16(bytes, at);
}

export function putSourcePort(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at, value);
}

export function destinationPort(bytes: Uint8Array, at: number): number {
  return u16(bytes, at + 2);
}

export function putDestinationPort(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at + 2, value);
}

/** Source port as its 2 bytes in memory order (little-endian), as map keys hold it. */
export function sourcePortRaw(bytes: Uint8Array, at: number): number {
  return u16le(bytes, at);
}

/** Both ports as the raw word: source port in the lower half. */
export function portsRaw(bytes: Uint8Array, at: number): number {
  return i32le(bytes, at);
}

/** Writes the source port from its 2 bytes in memory order; see `sourcePortRaw`. */
export function putSourcePortRaw(bytes: Uint8Array, at: number, raw: number): void {
  put16le(bytes, at, raw);
}

/** Destination port as its 2 bytes in memory order (little-endian), as map keys hold it. */
export function destinationPortRaw(bytes: Uint8Array, at: number): number {
  return u16le(bytes, at + 2);
}

/** Writes the destination port from its 2 bytes in memory order; see `destinationPortRaw`. */
export function putDestinationPortRaw(bytes: Uint8Array, at: number, raw: number): void {
  put16le(bytes, at + 2, raw);
}

/** Length of header and payload in bytes. */
export function length(bytes: Uint8Array, at: number): number {
  return u16(bytes, at + 4);
}

export function putLength(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at + 4, value);
}

export function checksumAt(at: number): number {
  return at + CHECKSUM_OFFSET;
}

/** 0 says that the sender computed none (IPv4 only). */
export function checksum(bytes: Uint8Array, at: number): number {
  return u16(bytes, at + CHECKSUM_OFFSET);
}

export function putChecksum(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at + CHECKSUM_OFFSET, value);
}

/** Writes a header; the checksum is left 0 (none) for `layer4.fillIpv4` or `fillIpv6`. */
export function write(
  bytes: Uint8Array,
  at: number,
  sourcePortValue: number,
  destinationPortValue: number,
  payloadLength: number,
): void {
  putSourcePort(bytes, at, sourcePortValue);
  putDestinationPort(bytes, at, destinationPortValue);
  putLength(bytes, at, HEADER_LENGTH + payloadLength);
  putChecksum(bytes, at, 0);
}
