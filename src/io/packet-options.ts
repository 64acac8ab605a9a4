/** Options of pcapng packet blocks (draft-ietf-opsawg-pcapng, sections 3.5 and 4.3). */
import { i32, i32le, put16le, put32le, u16, u16le } from '../engine/wire/bytes.js';
import type { PacketOptions } from './packet-source.js';

export const OPTION_END = 0;
export const OPTION_COMMENT = 1;
const OPTION_FLAGS = 2;
const OPTION_DROP_COUNT = 4;
const OPTION_PACKET_ID = 5;
const OPTION_QUEUE = 6;
const OPTION_VERDICT = 7;

/** Code and length in front of each option's value; values are padded to a multiple of 4. */
export const OPTION_HEADER_LENGTH = 4;

export function paddedLength(length: number): number {
  return (length + 3) & ~3;
}

/** What `nextOption` answers at the end of a list, and at an option whose value would reach beyond the list. */
const NO_OPTION = -1;
export const BROKEN_OPTION = -2;

/** Byte offset of the option at `at` in a list that ends at `end`, or NO_OPTION or BROKEN_OPTION. */
export function nextOption(bytes: Uint8Array, at: number, end: number, littleEndian: boolean): number {
  if (at + OPTION_HEADER_LENGTH > end) return NO_OPTION;
  if (optionCode(bytes, at, littleEndian) === OPTION_END) return NO_OPTION;
  const value = at + OPTION_HEADER_LENGTH;
  return value + optionLength(bytes, at, littleEndian) > end ? BROKEN_OPTION : at;
}

export function optionCode(bytes: Uint8Array, at: number, littleEndian: boolean): number {
  return littleEndian ? u16le(bytes, at) : u16(bytes, at);
}

export function optionLength(bytes: Uint8Array, at: number, littleEndian: boolean): number {
  return littleEndian ? u16le(bytes, at + 2) : u16(bytes, at + 2);
}

/** Byte offset just after the option at `at`. */
export function afterOption(bytes: Uint8Array, at: number, littleEndian: boolean): number {
  return at + OPTION_HEADER_LENGTH + paddedLength(optionLength(bytes, at, littleEndian));
}

/**
 * epb_flags in an option list, or 0. Here and in `readPacketOptions` a broken option ends the list: it does not
 * make the packet itself unreadable (tcpdump sees it so too; tshark gives up on the file).
 */
export function packetFlags(bytes: Uint8Array, start: number, end: number, littleEndian: boolean): number {
  for (
    let at = nextOption(bytes, start, end, littleEndian);
    at >= 0;
    at = nextOption(bytes, afterOption(bytes, at, littleEndian), end, littleEndian)
  ) {
    if (optionCode(bytes, at, littleEndian) === OPTION_FLAGS && optionLength(bytes, at, littleEndian) === 4) {
      return littleEndian ? i32le(bytes, at + 4) : i32(bytes, at + 4);
    }
  }
  return 0;
}

/** All options that `PacketOptions` knows; others are left out. */
export function readPacketOptions(
  bytes: Uint8Array,
  start: number,
  end: number,
  littleEndian: boolean,
): PacketOptions {
  const options: PacketOptions = {};
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (
    let at = nextOption(bytes, start, end, littleEndian);
    at >= 0;
    at = nextOption(bytes, afterOption(bytes, at, littleEndian), end, littleEndian)
  ) {
    const length = optionLength(bytes, at, littleEndian);
    const value = at + OPTION_HEADER_LENGTH;
    switch (optionCode(bytes, at, littleEndian)) {
      case OPTION_COMMENT: {
        const text = readText(bytes, value, length);
        options.comment = options.comment === undefined ? text : `${options.comment}\n${text}`;
        break;
      }
      case OPTION_FLAGS:
        if (length === 4) options.flags = view.getInt32(value, littleEndian);
        break;
      case OPTION_DROP_COUNT:
        if (length === 8) options.dropCount = view.getBigUint64(value, littleEndian);
        break;
      case OPTION_PACKET_ID:
        if (length === 8) options.packetId = view.getBigUint64(value, littleEndian);
        break;
      case OPTION_QUEUE:
        if (length === 4) options.queue = view.getUint32(value, littleEndian);
        break;
      case OPTION_VERDICT:
        if (length >= 1) options.verdictKind = bytes[value];
        if (length === 9) options.verdict = view.getBigInt64(value + 1, littleEndian);
        break;
    }
  }
  return options;
}

const decoder = new TextDecoder();

/** UTF-8 text of an option; what is not UTF-8 becomes U+FFFD, a terminating NUL is dropped. */
export function readText(bytes: Uint8Array, at: number, length: number): string {
  let end = at;
  while (end < at + length && bytes[end] !== 0) end++;
  return decoder.decode(bytes.slice(at, end));
}

/** Most bytes that `writePacketOptions` takes for these options. */
export function packetOptionsBound(options: PacketOptions): number {
  return FIXED_OPTIONS_LENGTH + paddedLength(commentBound(options.comment ?? ''));
}

/** All options but the comment's text: headers, values, end of options. */
const FIXED_OPTIONS_LENGTH = 72;
const LONGEST_VALUE = 0xffff;

/** A UTF-16 unit takes at most three bytes in UTF-8. */
function commentBound(comment: string): number {
  return Math.min(3 * comment.length, LONGEST_VALUE);
}

/**
 * Writes the options as a little-endian list with its end mark, and answers the byte offset after it (`at` when
 * there is nothing to write). A comment of more than 65,535 bytes is cut at a character.
 */
export function writePacketOptions(bytes: Uint8Array, at: number, options: PacketOptions): number {
  const { comment, flags, dropCount, packetId, queue, verdictKind, verdict } = options;
  let end = at;
  if (comment !== undefined) {
    const length = writeText(bytes, end + OPTION_HEADER_LENGTH, comment);
    end = writeOptionHeader(bytes, end, OPTION_COMMENT, length);
  }
  if (flags !== undefined) {
    put32le(bytes, end + OPTION_HEADER_LENGTH, flags);
    end = writeOptionHeader(bytes, end, OPTION_FLAGS, 4);
  }
  if (dropCount !== undefined) {
    put64le(bytes, end + OPTION_HEADER_LENGTH, dropCount);
    end = writeOptionHeader(bytes, end, OPTION_DROP_COUNT, 8);
  }
  if (packetId !== undefined) {
    put64le(bytes, end + OPTION_HEADER_LENGTH, packetId);
    end = writeOptionHeader(bytes, end, OPTION_PACKET_ID, 8);
  }
  if (queue !== undefined) {
    put32le(bytes, end + OPTION_HEADER_LENGTH, queue);
    end = writeOptionHeader(bytes, end, OPTION_QUEUE, 4);
  }
  if (verdictKind !== undefined) {
    bytes[end + OPTION_HEADER_LENGTH] = verdictKind;
    if (verdict !== undefined) put64le(bytes, end + OPTION_HEADER_LENGTH + 1, verdict);
    end = writeOptionHeader(bytes, end, OPTION_VERDICT, verdict === undefined ? 1 : 9);
  }
  return end === at ? at : writeOptionHeader(bytes, end, OPTION_END, 0);
}

/** Writes code and length in front of a value that is in place, and zeroes its padding; answers what is after. */
export function writeOptionHeader(bytes: Uint8Array, at: number, code: number, length: number): number {
  put16le(bytes, at, code);
  put16le(bytes, at + 2, length);
  const end = at + OPTION_HEADER_LENGTH + paddedLength(length);
  for (let i = at + OPTION_HEADER_LENGTH + length; i < end; i++) bytes[i] = 0;
  return end;
}

const encoder = new TextEncoder();

/** Writes text as UTF-8, at most 65,535 bytes of it, and answers its length in bytes. */
export function writeText(bytes: Uint8Array, at: number, text: string): number {
  const plain = Math.min(text.length, LONGEST_VALUE);
  for (let i = 0; i < plain; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) return encoder.encodeInto(text, bytes.subarray(at, at + commentBound(text))).written;
    bytes[at + i] = unit;
  }
  return plain;
}

/** A 64-bit value, little-endian; numbers up to 2^53 either side of zero are exact. */
export function put64le(bytes: Uint8Array, at: number, value: number | bigint): void {
  const high =
    typeof value === 'bigint' ? Number(BigInt.asIntN(32, value >> 32n)) : Math.floor(value / 0x100000000);
  const low = typeof value === 'bigint' ? Number(BigInt.asUintN(32, value)) : value - high * 0x100000000;
  put32le(bytes, at, low);
  put32le(bytes, at + 4, high);
}
