/** Geneve header (RFC 8926 section 3.4, 3.5). `at` is the first byte behind the UDP header. */
import { i32, put16, put32, u16 } from './bytes.js';

/** Length without options. */
export const HEADER_LENGTH = 8;
export const OPTION_HEADER_LENGTH = 4;

/** Bits of `flags`. */
export const FLAG_CONTROL = 0x80;
export const FLAG_CRITICAL_OPTIONS = 0x40;
/** Bit of an option's type: whoever does not know it drops the packet. */
export const OPTION_TYPE_CRITICAL = 0x80;

/** Whether the header without options fits. */
export function fits(at: number, end: number): boolean {
  return at + HEADER_LENGTH <= end;
}

/** Whether the options announced by `optionsLength` fit too; only after `fits`. */
export function fitsOptions(bytes: Uint8Array, at: number, end: number): boolean {
  return at + HEADER_LENGTH + optionsLength(bytes, at) <= end;
}

export function version(bytes: Uint8Array, at: number): number {
  return bytes[at] >> 6;
}

/** Length of all options in bytes; a multiple of 4, at most 252. */
export function optionsLength(bytes: Uint8Array, at: number): number {
  return (bytes[at] & 0x3f) << 2;
}

/** Writes the options' length and version 0. */
export function putOptionsLength(bytes: Uint8Array, at: number, lengthBytes: number): void {
  bytes[at] = lengthBytes >> 2;
}

export function flags(bytes: Uint8Array, at: number): number {
  return bytes[at + 1];
}

export function putFlags(bytes: Uint8Array, at: number, value: number): void {
  bytes[at + 1] = value;
}

/** EtherType of what is enclosed; `ethernet.TYPE_TEB` for an Ethernet frame. */
export function protocolType(bytes: Uint8Array, at: number): number {
  return u16(bytes, at + 2);
}

export function putProtocolType(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at + 2, value);
}

/** Virtual network identifier, 24 bits. */
export function identifier(bytes: Uint8Array, at: number): number {
  return i32(bytes, at + 4) >>> 8;
}

export function putIdentifier(bytes: Uint8Array, at: number, value: number): void {
  put32(bytes, at + 4, value << 8);
}

export function optionsAt(at: number): number {
  return at + HEADER_LENGTH;
}

/** Writes a header for options of `optionsLengthBytes` (0 for none), which the caller writes behind it. */
export function write(
  bytes: Uint8Array,
  at: number,
  optionsLengthBytes: number,
  protocolTypeValue: number,
  identifierValue: number,
): void {
  putOptionsLength(bytes, at, optionsLengthBytes);
  putFlags(bytes, at, 0);
  putProtocolType(bytes, at, protocolTypeValue);
  putIdentifier(bytes, at, identifierValue);
}

/** Class of the option at `at`; these take the option's own first byte. */
export function optionClass(bytes: Uint8Array, at: number): number {
  return u16(bytes, at);
}

export function optionType(bytes: Uint8Array, at: number): number {
  return bytes[at + 2];
}

/** Length of the option's data in bytes, its 4-byte header not counted. */
export function optionDataLength(bytes: Uint8Array, at: number): number {
  return (bytes[at + 3] & 0x1f) << 2;
}

export function optionDataAt(at: number): number {
  return at + OPTION_HEADER_LENGTH;
}

/** Writes an option's header; the data of `dataLengthBytes` (a multiple of 4) follow it. */
export function writeOption(
  bytes: Uint8Array,
  at: number,
  classValue: number,
  typeValue: number,
  dataLengthBytes: number,
): void {
  put16(bytes, at, classValue);
  bytes[at + 2] = typeValue;
  bytes[at + 3] = dataLengthBytes >> 2;
}
