/** UDP header (RFC 768). `at` is the first byte of the header. */
import { put16, u16 } from './bytes.js';
import { putDestinationPort, putSourcePort } from './ports.js';

export * from './ports.js';

export const HEADER_LENGTH = 8;
export const CHECKSUM_OFFSET = 6;

export const PORT_VXLAN = 4789;
export const PORT_GENEVE = 6081;

export function fits(at: number, end: number): boolean {
  return at + HEADER_LENGTH <= end;
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
