/** 802.1Q tag (IEEE 802.1Q clause 9.6). `at` is the tag control information, right behind the 0x8100 type. */
import { put16, u16 } from './bytes.js';

/** Tag control information and the type of what follows. */
export const HEADER_LENGTH = 4;
export const IDENTIFIER_MASK = 0x0fff;
export const DROP_ELIGIBLE = 0x1000;
export const PRIORITY_SHIFT = 13;

export function fits(at: number, end: number): boolean {
  return at + HEADER_LENGTH <= end;
}

/** Priority, drop eligible bit and VLAN id: the raw 16 bits. */
export function controlInformation(bytes: Uint8Array, at: number): number {
  return u16(bytes, at);
}

export function putControlInformation(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at, value);
}

export function identifier(bytes: Uint8Array, at: number): number {
  return u16(bytes, at) & IDENTIFIER_MASK;
}

export function priority(bytes: Uint8Array, at: number): number {
  return bytes[at] >> 5;
}

/** EtherType of what the tag encloses. */
export function type(bytes: Uint8Array, at: number): number {
  return u16(bytes, at + 2);
}

export function putType(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at + 2, value);
}

export function write(
  bytes: Uint8Array,
  at: number,
  controlInformationValue: number,
  typeValue: number,
): void {
  putControlInformation(bytes, at, controlInformationValue);
  putType(bytes, at, typeValue);
}
