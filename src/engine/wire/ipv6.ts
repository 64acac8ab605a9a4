/** IPv6 header and the extension headers that are chained behind it (RFC 8200). `at` is the header's first byte. */
import { copy, i32, i32le, put16, put32, put32le, u16 } from './bytes.js';

export const HEADER_LENGTH = 40;
export const ADDRESS_LENGTH = 16;
export const VERSION = 6;

/** Next header values that are not also IPv4 protocols. */
export const NEXT_HOP_BY_HOP = 0;
export const NEXT_IPV6 = 41;
export const NEXT_ROUTING = 43;
export const NEXT_FRAGMENT = 44;
export const NEXT_AUTHENTICATION = 51;
export const NEXT_ICMPV6 = 58;
export const NEXT_NONE = 59;
export const NEXT_DESTINATION_OPTIONS = 60;

export function fits(at: number, end: number): boolean {
  return at + HEADER_LENGTH <= end;
}

export function version(bytes: Uint8Array, at: number): number {
  return bytes[at] >> 4;
}

/** Version, traffic class and flow label: the first 32 bits, network order. */
export function versionClassFlow(bytes: Uint8Array, at: number): number {
  return i32(bytes, at);
}

export function putVersionClassFlow(bytes: Uint8Array, at: number, value: number): void {
  put32(bytes, at, value);
}

export function trafficClass(bytes: Uint8Array, at: number): number {
  return (u16(bytes, at) >> 4) & 0xff;
}

export function flowLabel(bytes: Uint8Array, at: number): number {
  return i32(bytes, at) & 0xfffff;
}

/** Writes version 6 with the traffic class and the flow label (20 bits). */
export function putTrafficClassAndFlowLabel(
  bytes: Uint8Array,
  at: number,
  trafficClassValue: number,
  flowLabelValue: number,
): void {
  put32(bytes, at, (VERSION << 28) | (trafficClassValue << 20) | (flowLabelValue & 0xfffff));
}

/** Bytes behind the fixed header, extension headers included. */
export function payloadLength(bytes: Uint8Array, at: number): number {
  return u16(bytes, at + 4);
}

export function putPayloadLength(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at + 4, value);
}

export function nextHeaderAt(at: number): number {
  return at + 6;
}

export function nextHeader(bytes: Uint8Array, at: number): number {
  return bytes[at + 6];
}

export function putNextHeader(bytes: Uint8Array, at: number, value: number): void {
  bytes[at + 6] = value;
}

export function hopLimit(bytes: Uint8Array, at: number): number {
  return bytes[at + 7];
}

export function putHopLimit(bytes: Uint8Array, at: number, value: number): void {
  bytes[at + 7] = value;
}

export function sourceAt(at: number): number {
  return at + 8;
}

export function destinationAt(at: number): number {
  return at + 24;
}

/** Word `index` (0 to 3) of the source address, raw: 4 bytes in memory order as a little-endian int32. */
export function sourceWord(bytes: Uint8Array, at: number, index: number): number {
  return i32le(bytes, at + 8 + (index << 2));
}

/** Word `index` (0 to 3) of the destination address, raw; see `sourceWord`. */
export function destinationWord(bytes: Uint8Array, at: number, index: number): number {
  return i32le(bytes, at + 24 + (index << 2));
}

/** Word `index` (0 to 3) of any 16-byte address, raw; see `sourceWord`. */
export function addressWord(bytes: Uint8Array, addressAt: number, index: number): number {
  return i32le(bytes, addressAt + (index << 2));
}

/** Writes word `index` of the source address, raw. */
export function putSourceWord(bytes: Uint8Array, at: number, index: number, word: number): void {
  put32le(bytes, at + 8 + (index << 2), word);
}

/** Writes word `index` of the destination address, raw. */
export function putDestinationWord(bytes: Uint8Array, at: number, index: number, word: number): void {
  put32le(bytes, at + 24 + (index << 2), word);
}

/** Last word of ::1 and third word of ::ffff:0:0/96, raw. */
const LOOPBACK_LAST_WORD = 0x01000000;
const MAPPED_THIRD_WORD = 0xffff0000 | 0;

/** Whether the raw words of an address are ::1. */
export function isLoopbackWords(words: Int32Array, at: number): boolean {
  return (words[at] | words[at + 1] | words[at + 2]) === 0 && words[at + 3] === LOOPBACK_LAST_WORD;
}

export function putLoopbackWords(words: Int32Array, at: number): void {
  words[at] = 0;
  words[at + 1] = 0;
  words[at + 2] = 0;
  words[at + 3] = LOOPBACK_LAST_WORD;
}

/** Whether the raw words of an address are an IPv4 address in IPv6 clothes: ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2). */
export function isIpv4MappedWords(words: Int32Array, at: number): boolean {
  return (words[at] | words[at + 1]) === 0 && words[at + 2] === MAPPED_THIRD_WORD;
}

export function putSource(bytes: Uint8Array, at: number, address: Uint8Array, addressAt: number): void {
  copy(bytes, at + 8, address, addressAt, ADDRESS_LENGTH);
}

export function putDestination(bytes: Uint8Array, at: number, address: Uint8Array, addressAt: number): void {
  copy(bytes, at + 24, address, addressAt, ADDRESS_LENGTH);
}

/** Writes a fixed header with traffic class and flow label zero; addresses come from 16-byte arrays. */
export function write(
  bytes: Uint8Array,
  at: number,
  payloadLengthValue: number,
  nextHeaderValue: number,
  hopLimitValue: number,
  sourceAddress: Uint8Array,
  destinationAddress: Uint8Array,
): void {
  putTrafficClassAndFlowLabel(bytes, at, 0, 0);
  putPayloadLength(bytes, at, payloadLengthValue);
  putNextHeader(bytes, at, nextHeaderValue);
  putHopLimit(bytes, at, hopLimitValue);
  putSource(bytes, at, sourceAddress, 0);
  putDestination(bytes, at, destinationAddress, 0);
}

/** Kind of the next header and length field: what must be there to walk past an extension header. */
export const EXTENSION_PREFIX_LENGTH = 2;

/** Whether `next` announces an extension header that is skipped on the way to the transport header. */
export function isExtension(next: number): boolean {
  return (
    next === NEXT_HOP_BY_HOP ||
    next === NEXT_ROUTING ||
    next === NEXT_FRAGMENT ||
    next === NEXT_AUTHENTICATION ||
    next === NEXT_DESTINATION_OPTIONS
  );
}

/** Whether the kind and length of an extension header fit; the header itself may reach further. */
export function fitsExtension(at: number, end: number): boolean {
  return at + EXTENSION_PREFIX_LENGTH <= end;
}

/** What follows the extension header at `at`. */
export function extensionNextHeader(bytes: Uint8Array, at: number): number {
  return bytes[at];
}

export function putExtensionNextHeader(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
}

/** The raw length field of an extension header (units depend on its kind). */
export function extensionLengthField(bytes: Uint8Array, at: number): number {
  return bytes[at + 1];
}

export function putExtensionLengthField(bytes: Uint8Array, at: number, value: number): void {
  bytes[at + 1] = value;
}

/**
 * Length in bytes of the extension header of kind `kind` at `at`: 8 for fragment, 4 * (field + 2) for
 * authentication (RFC 4302 section 2.2), else 8 * (field + 1).
 */
export function extensionLength(bytes: Uint8Array, at: number, kind: number): number {
  if (kind === NEXT_FRAGMENT) return FRAGMENT_LENGTH;
  if (kind === NEXT_AUTHENTICATION) return (bytes[at + 1] + 2) << 2;
  return (bytes[at + 1] + 1) << 3;
}

/** Type of a routing header (RFC 8200 section 4.4). */
export function routingType(bytes: Uint8Array, at: number): number {
  return bytes[at + 2];
}

/** Writes the type of a routing header (RFC 8200 section 4.4). */
export function putRoutingType(bytes: Uint8Array, at: number, value: number): void {
  bytes[at + 2] = value;
}

/** Fragment extension header (RFC 8200 section 4.5); the functions below take its own `at`. */
export const FRAGMENT_LENGTH = 8;
export const FRAGMENT_OFFSET_MASK = 0xfff8;
export const FRAGMENT_MORE = 1;

/** Offset, reserved bits and the M flag: the raw 16 bits. The upper 13 are units of 8 bytes. */
export function fragmentField(bytes: Uint8Array, at: number): number {
  return u16(bytes, at + 2);
}

export function putFragmentField(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at + 2, value);
}

export function fragmentIdentification(bytes: Uint8Array, at: number): number {
  return i32(bytes, at + 4);
}

/** The identification as the raw word, as map keys hold it. */
export function fragmentIdentificationRaw(bytes: Uint8Array, at: number): number {
  return i32le(bytes, at + 4);
}

export function putFragmentIdentification(bytes: Uint8Array, at: number, value: number): void {
  put32(bytes, at + 4, value);
}

/** A fragment that does not hold the transport header. */
export function isLaterFragment(bytes: Uint8Array, at: number): boolean {
  return (u16(bytes, at + 2) & FRAGMENT_OFFSET_MASK) !== 0;
}

/** A part of a datagram; false for an "atomic" fragment that is the whole of it (RFC 6946). */
export function isFragment(bytes: Uint8Array, at: number): boolean {
  return (u16(bytes, at + 2) & (FRAGMENT_OFFSET_MASK | FRAGMENT_MORE)) !== 0;
}

export function writeFragment(
  bytes: Uint8Array,
  at: number,
  nextHeaderValue: number,
  fragmentFieldValue: number,
  identificationValue: number,
): void {
  putExtensionNextHeader(bytes, at, nextHeaderValue);
  putExtensionLengthField(bytes, at, 0);
  putFragmentField(bytes, at, fragmentFieldValue);
  putFragmentIdentification(bytes, at, identificationValue);
}

/** Whether the address at `addressAt` is multicast (ff00::/8). */
export function isMulticast(bytes: Uint8Array, addressAt: number): boolean {
  return bytes[addressAt] === 0xff;
}

/** Whether the address at `addressAt` is link-local (fe80::/10). */
export function isLinkLocal(bytes: Uint8Array, addressAt: number): boolean {
  return bytes[addressAt] === 0xfe && (bytes[addressAt + 1] & 0xc0) === 0x80;
}

/** Whether the address at `addressAt` is never routed: multicast or link-local. */
export function isLinkScopeAddress(bytes: Uint8Array, addressAt: number): boolean {
  return isMulticast(bytes, addressAt) || isLinkLocal(bytes, addressAt);
}

/** Whether no packet on a link may have the source at `addressAt`: multicast, unspecified, loopback (RFC 4291). */
export function isMartianSource(bytes: Uint8Array, addressAt: number): boolean {
  if (bytes[addressAt] === 0xff) return true;
  for (let i = 0; i < ADDRESS_LENGTH - 1; i++) if (bytes[addressAt + i] !== 0) return false;
  return bytes[addressAt + ADDRESS_LENGTH - 1] <= 1;
}
