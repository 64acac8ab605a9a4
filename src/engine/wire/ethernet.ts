/** Ethernet II header (IEEE 802.3 clause 3): destination, source, type. `at` is the first byte of the frame. */
import { i32, put16, u16 } from './bytes.js';

export const HEADER_LENGTH = 14;
export const ADDRESS_LENGTH = 6;
export const NO_ADDRESS = new Uint8Array(ADDRESS_LENGTH);
export const BROADCAST = new Uint8Array(ADDRESS_LENGTH).fill(0xff);
export const MINIMUM_TYPE = 0x600;
export const TYPE_OFFSET = 12;

export const TYPE_IPV4 = 0x0800;
export const TYPE_ARP = 0x0806;
export const TYPE_VLAN = 0x8100;
export const TYPE_QINQ = 0x88a8;
export const TYPE_IPV6 = 0x86dd;
export const TYPE_TEB = 0x6558;

/** Numbers that no frame carries, for frames with a length in place of the type, and for all (linux/if_ether.h). */
export const TYPE_802_3 = 0x0001;
export const TYPE_ALL = 0x0003;
export const TYPE_802_2 = 0x0004;

/** What a Novell frame without 802.2 header starts its payload with. */
const NO_8022_HEADER = 0xffff;

export function fits(at: number, end: number): boolean {
  return at + HEADER_LENGTH <= end;
}

export function destinationAt(at: number): number {
  return at;
}

export function sourceAt(at: number): number {
  return at + 6;
}

export function type(bytes: Uint8Array, at: number): number {
  return u16(bytes, at + TYPE_OFFSET);
}

/** Whether a type announces a VLAN tag (802.1Q, 802.1ad). */
export function isTag(etherType: number): boolean {
  return etherType === TYPE_VLAN || etherType === TYPE_QINQ;
}

/** The type, or for frames with a length in its place the kernel's number for those; as eth_type_trans has it. */
export function protocol(bytes: Uint8Array, at: number, end: number): number {
  const value = u16(bytes, at + TYPE_OFFSET);
  return value >= MINIMUM_TYPE ? value : lengthProtocol(bytes, at + HEADER_LENGTH, end);
}

function lengthProtocol(bytes: Uint8Array, payloadAt: number, end: number): number {
  return payloadAt + 2 <= end && u16(bytes, payloadAt) === NO_8022_HEADER ? TYPE_802_3 : TYPE_802_2;
}

export function putType(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at + TYPE_OFFSET, value);
}

/** Copies one address; written out, since a loop takes three times as long. */
export function copyAddress(to: Uint8Array, toAt: number, from: Uint8Array, fromAt: number): void {
  to[toAt] = from[fromAt];
  to[toAt + 1] = from[fromAt + 1];
  to[toAt + 2] = from[fromAt + 2];
  to[toAt + 3] = from[fromAt + 3];
  to[toAt + 4] = from[fromAt + 4];
  to[toAt + 5] = from[fromAt + 5];
}

export function putDestination(bytes: Uint8Array, at: number, mac: Uint8Array, macAt: number): void {
  copyAddress(bytes, at, mac, macAt);
}

export function putSource(bytes: Uint8Array, at: number, mac: Uint8Array, macAt: number): void {
  copyAddress(bytes, at + 6, mac, macAt);
}

/**
 * Writes both addresses from raw words: each address as its first four bytes and a word whose lower half holds the
 * last two.
 */
export function putAddresses(
  view: DataView,
  at: number,
  destination: number,
  destinationRest: number,
  source: number,
  sourceRest: number,
): void {
  view.setInt32(at, destination, true);
  view.setInt32(at + 4, (destinationRest & 0xffff) | (source << 16), true);
  view.setInt32(at + 8, (source >>> 16) | (sourceRest << 16), true);
}

/** The first four and the last two bytes of the address at `macAt`, as numbers to compare. */
export function addressHead(bytes: Uint8Array, macAt: number): number {
  return i32(bytes, macAt);
}

export function addressTail(bytes: Uint8Array, macAt: number): number {
  return u16(bytes, macAt + 4);
}

/** A multicast or broadcast address. */
export function isGroup(bytes: Uint8Array, macAt: number): boolean {
  return (bytes[macAt] & 1) !== 0;
}

export function isBroadcast(bytes: Uint8Array, macAt: number): boolean {
  for (let i = 0; i < ADDRESS_LENGTH; i++) if (bytes[macAt + i] !== 0xff) return false;
  return true;
}

/** Swaps destination and source in place. */
export function swapAddresses(bytes: Uint8Array, at: number): void {
  for (let i = 0; i < ADDRESS_LENGTH; i++) {
    const byte = bytes[at + i];
    bytes[at + i] = bytes[at + 6 + i];
    bytes[at + 6 + i] = byte;
  }
}

/** Writes a whole header; both addresses come from 6-byte arrays. */
export function write(
  bytes: Uint8Array,
  at: number,
  destination: Uint8Array,
  source: Uint8Array,
  etherType: number,
): void {
  putDestination(bytes, at, destination, 0);
  putSource(bytes, at, source, 0);
  putType(bytes, at, etherType);
}
