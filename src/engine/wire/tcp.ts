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

/** Where an option of a kind and length is, or -1; a length of 0 is any. Only after `fitsOptions`. */
function findOption(bytes: Uint8Array, at: number, wanted: number, wantedLength: number): number {
  const end = at + headerLength(bytes, at);
  for (let option = at + HEADER_LENGTH; option < end; ) {
    const kind = bytes[option];
    if (kind === OPTION_END) return -1;
    if (kind === OPTION_NO_OPERATION) {
      option++;
      continue;
    }
    const length = option + 1 < end ? bytes[option + 1] : 0;
    if (length < 2 || option + length > end) return -1;
    if (kind === wanted && (wantedLength === 0 || length === wantedLength)) return option;
    option += length;
  }
  return -1;
}

/** The maximum segment size that the header at `at` announces, or 0; only after `fitsOptions`. */
export function maximumSegmentSize(bytes: Uint8Array, at: number): number {
  const option = findOption(bytes, at, OPTION_MAXIMUM_SEGMENT_SIZE, MAXIMUM_SEGMENT_SIZE_LENGTH);
  return option < 0 ? 0 : u16(bytes, option + 2);
}

/** Window scale (RFC 7323 section 2.2), selective acknowledgments (RFC 2018). */
const OPTION_WINDOW_SCALE = 3;
const OPTION_SACK_PERMITTED = 4;
const OPTION_SACK = 5;
const LARGEST_SCALE = 14;
const SACK_HEADER_LENGTH = 2;
const SACK_BLOCK_LENGTH = 8;

/** Bits by which a SYN says that the windows of its sender are shifted, or -1. */
export function windowScale(bytes: Uint8Array, at: number): number {
  const option = findOption(bytes, at, OPTION_WINDOW_SCALE, 3);
  return option < 0 ? -1 : Math.min(bytes[option + 2], LARGEST_SCALE);
}

export function permitsSack(bytes: Uint8Array, at: number): boolean {
  return findOption(bytes, at, OPTION_SACK_PERMITTED, 2) >= 0;
}

/** The highest sequence number that a segment acknowledges, selectively or not. */
export function highestAcknowledgment(bytes: Uint8Array, at: number): number {
  let highest = acknowledgment(bytes, at);
  const option = headerLength(bytes, at) === HEADER_LENGTH ? -1 : findOption(bytes, at, OPTION_SACK, 0);
  if (option < 0) return highest;
  const end = option + bytes[option + 1];
  if ((end - option - SACK_HEADER_LENGTH) % SACK_BLOCK_LENGTH !== 0) return highest;
  for (let block = option + SACK_HEADER_LENGTH; block < end; block += SACK_BLOCK_LENGTH) {
    const right = i32(bytes, block + 4);
    if (((right - highest) | 0) > 0) highest = right;
  }
  return highest;
}
