/** VXLAN header (RFC 7348 section 5). `at` is the first byte behind the UDP header. */
import { i32, put32 } from './bytes.js';

export const HEADER_LENGTH = 8;
/** The I flag: the network identifier is valid. */
export const FLAG_IDENTIFIER = 0x08;

export function fits(at: number, end: number): boolean {
  return at + HEADER_LENGTH <= end;
}

export function flags(bytes: Uint8Array, at: number): number {
  return bytes[at];
}

/** VXLAN network identifier, 24 bits. */
export function identifier(bytes: Uint8Array, at: number): number {
  return i32(bytes, at + 4) >>> 8;
}

export function putIdentifier(bytes: Uint8Array, at: number, value: number): void {
  put32(bytes, at + 4, value << 8);
}

export function write(bytes: Uint8Array, at: number, identifierValue: number): void {
  put32(bytes, at, FLAG_IDENTIFIER << 24);
  putIdentifier(bytes, at, identifierValue);
}
