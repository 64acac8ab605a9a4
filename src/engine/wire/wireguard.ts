/**
 * WireGuard transport data message (whitepaper section 5.4.6): type, receiver index, counter, then the enclosed packet,
 * padded, and its authentication tag. `at` is the first byte behind the UDP header.
 */
import { copy, i32le, put32le, standsAt } from './bytes.js';

export const HEADER_LENGTH = 16;
export const TAG_LENGTH = 16;
/** What the enclosed packet is padded to a multiple of. */
export const PADDING = 16;

/** Messages 1 to 3 are of the handshake. */
export const TYPE_DATA = 4;

/** Stands where the authentication tag would: the packet is enclosed as it is, not encrypted ("packetwalk clear"). */
const CLEAR_TAG = Uint8Array.from('packetwalk clear', (letter) => letter.charCodeAt(0));

/** Type and the three reserved bytes behind it, which are zero. */
export function type(bytes: Uint8Array, at: number): number {
  return i32le(bytes, at);
}

/** Whose session this is, as the receiver has numbered it. */
export function receiver(bytes: Uint8Array, at: number): number {
  return i32le(bytes, at + 4);
}

/** `counter` is a whole number below 2^53. */
export function write(bytes: Uint8Array, at: number, receiverIndex: number, counter: number): void {
  put32le(bytes, at, TYPE_DATA);
  put32le(bytes, at + 4, receiverIndex);
  put32le(bytes, at + 8, counter | 0);
  put32le(bytes, at + 12, Math.floor(counter / 0x100000000));
}

export function putClearTag(bytes: Uint8Array, at: number): void {
  copy(bytes, at, CLEAR_TAG, 0, TAG_LENGTH);
}

/** Whether what stands before the tag at `at` is not encrypted. */
export function isClearTag(bytes: Uint8Array, at: number): boolean {
  return standsAt(bytes, at, CLEAR_TAG);
}
