/** The two ports that TCP, UDP and SCTP headers begin with. `at` is the first byte of the header. */
import { i32le, put16, put16le, u16, u16le } from './bytes.js';

export const PORTS_LENGTH = 4;
export const SOURCE_PORT_OFFSET = 0;
export const DESTINATION_PORT_OFFSET = 2;

export function sourcePort(bytes: Uint8Array, at: number): number {
  return u16(bytes, at);
}

export function putSourcePort(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at, value);
}

export function destinationPort(bytes: Uint8Array, at: number): number {
  return u16(bytes, at + 2);
}

export function putDestinationPort(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at + 2, value);
}

/** Both ports as the raw word: source port in the lower half. */
export function portsRaw(bytes: Uint8Array, at: number): number {
  return i32le(bytes, at);
}

/** Source port as its 2 bytes in memory order (little-endian), as map keys hold it. */
export function sourcePortRaw(bytes: Uint8Array, at: number): number {
  return u16le(bytes, at);
}

/** Writes the source port from its 2 bytes in memory order; see `sourcePortRaw`. */
export function putSourcePortRaw(bytes: Uint8Array, at: number, raw: number): void {
  put16le(bytes, at, raw);
}

/** Destination port as its 2 bytes in memory order (little-endian), as map keys hold it. */
export function destinationPortRaw(bytes: Uint8Array, at: number): number {
  return u16le(bytes, at + 2);
}

/** Writes the destination port from its 2 bytes in memory order; see `destinationPortRaw`. */
export function putDestinationPortRaw(bytes: Uint8Array, at: number, raw: number): void {
  put16le(bytes, at + 2, raw);
}
