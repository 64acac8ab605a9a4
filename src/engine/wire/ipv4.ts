/** IPv4 header (RFC 791). `at` is the first byte of the header. */
import { i32le, put16, put16le, put32le, swap32, u16, u16le } from './bytes.js';
import * as checksum from './checksum.js';

/** Length without options. */
export const HEADER_LENGTH = 20;
export const MAXIMUM_HEADER_LENGTH = 60;
export const ADDRESS_LENGTH = 4;
export const VERSION = 4;
export const CHECKSUM_OFFSET = 10;
export const IDENTIFICATION_OFFSET = 4;

export const PROTOCOL_ICMP = 1;
export const PROTOCOL_IGMP = 2;
export const PROTOCOL_IPIP = 4;
export const PROTOCOL_TCP = 6;
export const PROTOCOL_UDP = 17;
export const PROTOCOL_IPV6 = 41;
export const PROTOCOL_GRE = 47;
export const PROTOCOL_ESP = 50;
export const PROTOCOL_AH = 51;
export const PROTOCOL_SCTP = 132;
export const PROTOCOL_UDP_LITE = 136;

/** Bits of `fragmentField`; the offset counts units of 8 bytes. */
export const DONT_FRAGMENT = 0x4000;
export const MORE_FRAGMENTS = 0x2000;
export const FRAGMENT_OFFSET_MASK = 0x1fff;

/** Option of RFC 791 section 3.1 that ends the list, and the one-byte filler. */
export const OPTION_END = 0;
export const OPTION_NO_OPERATION = 1;

/** Length of the option at `at`; 0 for one that says so falsely. */
export function optionLength(bytes: Uint8Array, at: number): number {
  return bytes[at] <= OPTION_NO_OPERATION ? 1 : bytes[at + 1];
}

/** Whether the option at `at` is for each fragment. */
export function isOptionCopied(bytes: Uint8Array, at: number): boolean {
  return (bytes[at] & 0x80) !== 0;
}

/** Whether the header without options fits. */
export function fits(at: number, end: number): boolean {
  return at + HEADER_LENGTH <= end;
}

/** Whether the options announced by `headerLength` fit too; only after `fits`. False for an IHL below 5. */
export function fitsOptions(bytes: Uint8Array, at: number, end: number): boolean {
  const length = headerLength(bytes, at);
  return length >= HEADER_LENGTH && at + length <= end;
}

export function version(bytes: Uint8Array, at: number): number {
  return bytes[at] >> 4;
}

/** Header length in bytes with options: 4 * IHL, so 0 to 60; a valid header has at least 20. */
export function headerLength(bytes: Uint8Array, at: number): number {
  return (bytes[at] & 0x0f) << 2;
}

export function putVersionAndHeaderLength(bytes: Uint8Array, at: number, lengthBytes: number): void {
  bytes[at] = (VERSION << 4) | (lengthBytes >> 2);
}

/** Sets the header length and keeps the version. */
export function putHeaderLength(bytes: Uint8Array, at: number, lengthBytes: number): void {
  bytes[at] = (bytes[at] & 0xf0) | (lengthBytes >> 2);
}

/** The whole TOS / traffic class byte (DSCP and ECN). */
export function typeOfService(bytes: Uint8Array, at: number): number {
  return bytes[at + 1];
}

export function putTypeOfService(bytes: Uint8Array, at: number, value: number): void {
  bytes[at + 1] = value;
}

/** Length of header and payload in bytes. */
export function totalLength(bytes: Uint8Array, at: number): number {
  return u16(bytes, at + 2);
}

export function putTotalLength(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at + 2, value);
}

export function identification(bytes: Uint8Array, at: number): number {
  return u16(bytes, at + 4);
}

export function putIdentification(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at + 4, value);
}

/** Flags and fragment offset, the raw 16 bits. */
export function fragmentField(bytes: Uint8Array, at: number): number {
  return u16(bytes, at + 6);
}

export function putFragmentField(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at + 6, value);
}

/** Offset of this fragment's payload in the datagram's, in bytes. */
export function fragmentOffset(bytes: Uint8Array, at: number): number {
  return (u16(bytes, at + 6) & FRAGMENT_OFFSET_MASK) << 3;
}

/** Any fragment: more follow, or the offset is not zero. */
export function isFragment(bytes: Uint8Array, at: number): boolean {
  return (u16(bytes, at + 6) & (MORE_FRAGMENTS | FRAGMENT_OFFSET_MASK)) !== 0;
}

/** A fragment that does not hold the transport header. */
export function isLaterFragment(bytes: Uint8Array, at: number): boolean {
  return (u16(bytes, at + 6) & FRAGMENT_OFFSET_MASK) !== 0;
}

export function timeToLive(bytes: Uint8Array, at: number): number {
  return bytes[at + 8];
}

/** Does not touch the checksum. */
export function putTimeToLive(bytes: Uint8Array, at: number, value: number): void {
  bytes[at + 8] = value;
}

export function protocol(bytes: Uint8Array, at: number): number {
  return bytes[at + 9];
}

export function putProtocol(bytes: Uint8Array, at: number, value: number): void {
  bytes[at + 9] = value;
}

export function checksumAt(at: number): number {
  return at + CHECKSUM_OFFSET;
}

export function headerChecksum(bytes: Uint8Array, at: number): number {
  return u16(bytes, at + CHECKSUM_OFFSET);
}

export function putHeaderChecksum(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at + CHECKSUM_OFFSET, value);
}

export function sourceAt(at: number): number {
  return at + 12;
}

export function destinationAt(at: number): number {
  return at + 16;
}

/** Source address as the raw word: its 4 bytes in memory order as a little-endian int32, as map keys hold it. */
export function source(bytes: Uint8Array, at: number): number {
  return i32le(bytes, at + 12);
}

/** Destination address as the raw word; see `source`. */
export function destination(bytes: Uint8Array, at: number): number {
  return i32le(bytes, at + 16);
}

/** Writes the raw word; does not touch any checksum. */
export function putSource(bytes: Uint8Array, at: number, rawWord: number): void {
  put32le(bytes, at + 12, rawWord);
}

/** Writes the raw word; does not touch any checksum. */
export function putDestination(bytes: Uint8Array, at: number, rawWord: number): void {
  put32le(bytes, at + 16, rawWord);
}

/** 127.0.0.1 as a raw word. */
export const LOOPBACK_WORD = 0x0100007f;

/** Whether a raw word is an address of 127.0.0.0/8. */
export function isLoopbackWord(word: number): boolean {
  return (word & 0xff) === (LOOPBACK_WORD & 0xff);
}

/** Mask of a prefix of 0 to 32 bits as a raw word. */
export function prefixMask(length: number): number {
  return length === 0 ? 0 : swap32(-1 << (32 - length));
}

/** Lowers the TTL by one and updates the header checksum (RFC 1141). Only for a TTL above zero. */
export function decrementTimeToLive(bytes: Uint8Array, at: number): void {
  bytes[at + 8]--;
  // The word that holds the TTL falls by one, so the checksum rises by one; 0xffff is written as 0 (RFC 1624).
  const sum = u16le(bytes, at + CHECKSUM_OFFSET) + 1;
  put16le(bytes, at + CHECKSUM_OFFSET, sum === 0xffff ? 0 : sum + (sum >> 16));
}

/** Writes a header without options, checksum included; addresses are raw words (see `source`). */
export function write(
  bytes: Uint8Array,
  at: number,
  payloadLength: number,
  identificationValue: number,
  fragmentFieldValue: number,
  timeToLiveValue: number,
  protocolValue: number,
  sourceWord: number,
  destinationWord: number,
): void {
  putVersionAndHeaderLength(bytes, at, HEADER_LENGTH);
  putTypeOfService(bytes, at, 0);
  putTotalLength(bytes, at, HEADER_LENGTH + payloadLength);
  putIdentification(bytes, at, identificationValue);
  putFragmentField(bytes, at, fragmentFieldValue);
  putTimeToLive(bytes, at, timeToLiveValue);
  putProtocol(bytes, at, protocolValue);
  putSource(bytes, at, sourceWord);
  putDestination(bytes, at, destinationWord);
  checksum.fillIpv4Header(bytes, at);
}

/** Whether the address at `addressAt` is multicast (224.0.0.0/4) or the limited broadcast address. */
export function isGroupAddress(bytes: Uint8Array, addressAt: number): boolean {
  return (bytes[addressAt] & 0xf0) === 0xe0 || i32le(bytes, addressAt) === -1;
}

/** Whether no packet on a link may have the source at `addressAt`: loopback, multicast, reserved (RFC 1812, 5.3.7). */
export function isMartianSource(bytes: Uint8Array, addressAt: number): boolean {
  return bytes[addressAt] === 127 || bytes[addressAt] >= 0xe0;
}

/** Whether no packet on a link may be for the address at `addressAt`: loopback, "this network" (RFC 1122, 3.2.1.3). */
export function isMartianDestination(bytes: Uint8Array, addressAt: number): boolean {
  return bytes[addressAt] === 127 || bytes[addressAt] === 0;
}

/** Whether the address at `addressAt` is of the classes A to C and neither loopback nor "this network"; one byte says it. */
export function isOrdinaryDestination(bytes: Uint8Array, addressAt: number): boolean {
  const first = bytes[addressAt];
  return first < 0xe0 && first !== 127 && first !== 0;
}
