/** SCTP common header (RFC 9260 section 3.1). `at` is the first byte of the header. */
import { i32, i32le, put32, put32le } from './bytes.js';
import { putDestinationPort, putSourcePort } from './ports.js';

export * from './ports.js';

/** The common header; chunks follow. */
export const HEADER_LENGTH = 12;
export const CHECKSUM_OFFSET = 8;

/** Chunk types (RFC 9260 section 3.2). */
export const CHUNK_DATA = 0;
export const CHUNK_INIT = 1;
export const CHUNK_INIT_ACK = 2;
export const CHUNK_ABORT = 6;
export const CHUNK_SHUTDOWN = 7;

export function fits(at: number, end: number): boolean {
  return at + HEADER_LENGTH <= end;
}

export function verificationTag(bytes: Uint8Array, at: number): number {
  return i32(bytes, at + 4);
}

export function putVerificationTag(bytes: Uint8Array, at: number, value: number): void {
  put32(bytes, at + 4, value);
}

/** CRC32c of the packet, an int32; least significant byte first on the wire (RFC 9260 appendix A). */
export function checksum(bytes: Uint8Array, at: number): number {
  return i32le(bytes, at + CHECKSUM_OFFSET);
}

export function putChecksum(bytes: Uint8Array, at: number, value: number): void {
  put32le(bytes, at + CHECKSUM_OFFSET, value);
}

/** Remainders of each byte by the reflected Castagnoli polynomial. */
const crc32cTable = Int32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0x82f63b78 : 0);
  return remainder;
});

/** CRC32c of `length` bytes as an int32. */
export function crc32c(bytes: Uint8Array, at: number, length: number): number {
  let crc = -1;
  for (let i = at; i < at + length; i++) crc = (crc >>> 8) ^ crc32cTable[(crc ^ bytes[i]) & 0xff];
  return ~crc;
}

/** Zeroes the field, then stores the checksum of the packet of `length` bytes (header and chunks). */
export function fillChecksum(bytes: Uint8Array, at: number, length: number): void {
  putChecksum(bytes, at, 0);
  putChecksum(bytes, at, crc32c(bytes, at, length));
}

/** Writes a common header; the checksum is left 0 for `fillChecksum`, once the chunks are there. */
export function write(
  bytes: Uint8Array,
  at: number,
  sourcePortValue: number,
  destinationPortValue: number,
  verificationTagValue: number,
): void {
  putSourcePort(bytes, at, sourcePortValue);
  putDestinationPort(bytes, at, destinationPortValue);
  putVerificationTag(bytes, at, verificationTagValue);
  putChecksum(bytes, at, 0);
}
