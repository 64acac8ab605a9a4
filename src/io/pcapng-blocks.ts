/** Block layouts of pcapng (draft-ietf-opsawg-pcapng, section 4) and what its describing blocks say. */
import {
  afterOption,
  BROKEN_OPTION,
  nextOption,
  OPTION_COMMENT,
  OPTION_HEADER_LENGTH,
  optionCode,
  optionLength,
  readText,
} from './packet-options.js';
import type { CaptureInterface } from './packet-source.js';
import { TimestampDecoder } from './timestamp.js';

/** Reads the same in both byte orders. */
export const SECTION_HEADER_BLOCK = 0x0a0d0d0a;
export const INTERFACE_DESCRIPTION_BLOCK = 1;
/** Obsolete, in old captures only. */
export const PACKET_BLOCK = 2;
export const SIMPLE_PACKET_BLOCK = 3;
export const INTERFACE_STATISTICS_BLOCK = 5;
export const ENHANCED_PACKET_BLOCK = 6;

export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

/** Type and total length in front of each block, total length again after it. */
export const BLOCK_HEADER_LENGTH = 8;
export const BLOCK_TRAILER_LENGTH = 4;
export const SMALLEST_BLOCK = BLOCK_HEADER_LENGTH + BLOCK_TRAILER_LENGTH;

/** Bytes from a block's start to its options (section, interface) or its packet's bytes. */
export const SECTION_FIXED_LENGTH = 24;
export const INTERFACE_FIXED_LENGTH = 16;
export const PACKET_FIXED_LENGTH = 28;
export const SIMPLE_PACKET_FIXED_LENGTH = 12;
export const STATISTICS_FIXED_LENGTH = 20;

export const SECTION_HARDWARE = 2;
export const SECTION_OPERATING_SYSTEM = 3;
export const SECTION_APPLICATION = 4;

export const INTERFACE_NAME = 2;
export const INTERFACE_DESCRIPTION = 3;
export const INTERFACE_RESOLUTION = 9;
export const INTERFACE_OPERATING_SYSTEM = 12;
export const INTERFACE_FRAME_CHECK_LENGTH = 13;
export const INTERFACE_TIME_OFFSET = 14;

export const STATISTICS_START_TIME = 2;
export const STATISTICS_END_TIME = 3;
export const STATISTICS_RECEIVED = 4;

const MICROSECONDS = 6;

/** What a section header says of the capture; empty where it says nothing. */
export interface CaptureSection {
  readonly hardware: string;
  readonly operatingSystem: string;
  readonly application: string;
  readonly comment: string;
}

/** The section header block of `total` bytes at `at`; null when its options are broken. */
export function readSection(
  bytes: Uint8Array,
  at: number,
  total: number,
  littleEndian: boolean,
): CaptureSection | null {
  const section = { hardware: '', operatingSystem: '', application: '', comment: '' };
  const whole = forEachOption(
    bytes,
    at + SECTION_FIXED_LENGTH,
    at + total,
    littleEndian,
    (code, value, length) => {
      if (code === OPTION_COMMENT) section.comment = readText(bytes, value, length);
      else if (code === SECTION_HARDWARE) section.hardware = readText(bytes, value, length);
      else if (code === SECTION_OPERATING_SYSTEM) section.operatingSystem = readText(bytes, value, length);
      else if (code === SECTION_APPLICATION) section.application = readText(bytes, value, length);
    },
  );
  return whole ? section : null;
}

/**
 * The interface description block of `total` bytes at `at`, and the decoder for its timestamps; null when its
 * options are broken, since the resolution of the timestamps may be among them.
 */
export function readInterface(
  bytes: Uint8Array,
  at: number,
  total: number,
  littleEndian: boolean,
): { description: CaptureInterface; clock: TimestampDecoder } | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let resolution = MICROSECONDS;
  let timestampOffsetSeconds = 0;
  let frameCheckLength = 0;
  let name = '';
  let description = '';
  let operatingSystem = '';
  const whole = forEachOption(
    bytes,
    at + INTERFACE_FIXED_LENGTH,
    at + total,
    littleEndian,
    (code, value, length) => {
      if (code === INTERFACE_NAME) name = readText(bytes, value, length);
      else if (code === INTERFACE_DESCRIPTION) description = readText(bytes, value, length);
      else if (code === INTERFACE_RESOLUTION && length === 1) resolution = bytes[value];
      else if (code === INTERFACE_OPERATING_SYSTEM) operatingSystem = readText(bytes, value, length);
      else if (code === INTERFACE_FRAME_CHECK_LENGTH && length === 1) frameCheckLength = bytes[value];
      else if (code === INTERFACE_TIME_OFFSET && length === 8) {
        timestampOffsetSeconds = Number(view.getBigInt64(value, littleEndian));
      }
    },
  );
  if (!whole) return null;
  const clock = new TimestampDecoder(resolution, timestampOffsetSeconds);
  return {
    description: {
      linkType: view.getUint16(at + 8, littleEndian),
      snapLength: view.getUint32(at + 12, littleEndian),
      unitsPerSecond: clock.unitsPerSecond,
      timestampOffsetSeconds,
      frameCheckLength,
      name,
      description,
      operatingSystem,
    },
    clock,
  };
}

/**
 * Calls `take` for each option between `start` and the trailer of the block that ends at `blockEnd`; false when
 * one of them is broken.
 */
function forEachOption(
  bytes: Uint8Array,
  start: number,
  blockEnd: number,
  littleEndian: boolean,
  take: (code: number, value: number, length: number) => void,
): boolean {
  const end = blockEnd - BLOCK_TRAILER_LENGTH;
  let at = nextOption(bytes, start, end, littleEndian);
  while (at >= 0) {
    const length = optionLength(bytes, at, littleEndian);
    take(optionCode(bytes, at, littleEndian), at + OPTION_HEADER_LENGTH, length);
    at = nextOption(bytes, afterOption(bytes, at, littleEndian), end, littleEndian);
  }
  return at !== BROKEN_OPTION;
}
