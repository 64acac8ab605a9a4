/** TCP header (RFC 9293 section 3.1). `at` is the first byte of the header. */
import { i32, put16, put32, u16 } from './bytes.js';
import { putDestinationPort, putSourcePort } from './ports.js';

export * from './ports.js';

/** Length without options. */
export const HEADER_LENGTH = 20;
export const MAXIMUM_HEADER_LENGTH = 60;
export const CHECKSUM_OFFSET = 16;
export const FLAGS_OFFSET = 13;

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;
export const URG = 0x20;
export const ECE = 0x40;
export const CWR = 0x80;

/** Whether the header without options fits. */
export function fits(at: number, end: number): boolean {
  return at + HEADER_LENGTH <= end;
}

/** Whether the options announced by `headerLength` fit too; only after `fits`. False for an offset below 5. */
export function fitsOptions(bytes: Uint8Array, at: number, end: number): boolean {
  const length = headerLength(bytes, at);
  return length >= HEADER_LENGTH && at + length <= end;
}

export function sequence(bytes: Uint8Array, at: number): number {
  return i32(bytes, at + 4);
}

export function putSequence(bytes: Uint8Array, at: number, value: number): void {
  put32(bytes, at + 4, value);
}

export function acknowledgment(bytes: Uint8Array, at: number): number {
  return i32(bytes, at + 8);
}

export function putAcknowledgment(bytes: Uint8Array, at: number, value: number): void {
  put32(bytes, at + 8, value);
}

/** Header length in bytes with options: 4 * data offset, so 0 to 60; a valid header has at least 20. */
export function headerLength(bytes: Uint8Array, at: number): number {
  return (bytes[at + 12] >> 4) << 2;
}

export function putHeaderLength(bytes: Uint8Array, at: number, lengthBytes: number): void {
  bytes[at + 12] = (lengthBytes >> 2) << 4;
}

/** The eight flags CWR to FIN: byte 13. */
export function flags(bytes: Uint8Array, at: number): number {
  return bytes[at + FLAGS_OFFSET];
}

export function putFlags(bytes: Uint8Array, at: number, value: number): void {
  bytes[at + FLAGS_OFFSET] = value;
}

export function window(bytes: Uint8Array, at: number): number {
  return u16(bytes, at + 14);
}

export function putWindow(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at + 14, value);
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

export function urgentPointer(bytes: Uint8Array, at: number): number {
  return u16(bytes, at + 18);
}

export function putUrgentPointer(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at + 18, value);
}

/** Writes a header without options; the checksum is left 0 for `layer4.fillIpv4` or `fillIpv6`. */
export function write(
  bytes: Uint8Array,
  at: number,
  sourcePortValue: number,
  destinationPortValue: number,
  sequenceValue: number,
  acknowledgmentValue: number,
  flagsValue: number,
  windowValue: number,
): void {
  putSourcePort(bytes, at, sourcePortValue);
  putDestinationPort(bytes, at, destinationPortValue);
  putSequence(bytes, at, sequenceValue);
  putAcknowledgment(bytes, at, acknowledgmentValue);
  putHeaderLength(bytes, at, HEADER_LENGTH);
  putFlags(bytes, at, flagsValue);
  putWindow(bytes, at, windowValue);
  putChecksum(bytes, at, 0);
  putUrgentPointer(bytes, at, 0);
}

/** The option that says how much data a segment may carry (RFC 9293 section 3.7.1): kind, length, 16-bit value. */
const OPTION_MAXIMUM_SEGMENT_SIZE = 2;
export const MAXIMUM_SEGMENT_SIZE_LENGTH = 4;
const OPTION_END = 0;
const OPTION_NO_OPERATION = 1;

/** Writes the option at `at`, and nothing else; the header's length is the caller's to set. */
export function writeMaximumSegmentSize(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = OPTION_MAXIMUM_SEGMENT_SIZE;
  bytes[at + 1] = MAXIMUM_SEGMENT_SIZE_LENGTH;
  put16(bytes, at + 2, value);
}

/** The maximum segment size that the header at `at` announces, or 0; only after `fitsOptions`. */
export function maximumSegmentSize(bytes: Uint8Array, at: number): number {
  const end = at + headerLength(bytes, at);
  for (let option = at + HEADER_LENGTH; option < end; ) {
    const kind = bytes[option];
    if (kind === OPTION_END) return 0;
    if (kind === OPTION_NO_OPERATION) {
      option++;
      continue;
    }
    const length = option + 1 < end ? bytes[option + 1] : 0;
    if (length < 2 || option + length > end) return 0;
    if (kind === OPTION_MAXIMUM_SEGMENT_SIZE && length === MAXIMUM_SEGMENT_SIZE_LENGTH) {
      return u16(bytes, option + 2);
    }
    option += length;
  }
  return 0;
}
