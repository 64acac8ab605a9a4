/**
 * `struct virtio_net_hdr` (virtio 1.2, section 5.1.6), which is in front of each frame of a TAP or packet socket that
 * was opened with it: little-endian, relative to the frame's start.
 *
 *   0 flags   1 segmentation kind   2 header length   4 segment size   6 checksum start   8 checksum offset
 */
import {
  type FrameArena,
  OWES_CHECKSUM,
  OWES_FIRST_CWR,
  OWES_SEGMENTS,
  OWES_TCP_SEGMENTS,
  OWES_UDP_SEGMENTS,
} from '../../engine/frame-arena.js';
import { put16le, u16le } from '../../engine/wire/bytes.js';

export const VNET_HEADER_LENGTH = 10;

const NEEDS_CHECKSUM = 1;
const SEGMENTS_TCP4 = 1;
const SEGMENTS_TCP6 = 4;
const SEGMENTS_UDP = 5;
const SEGMENTS_ECN = 0x80;

/** Takes what the header at `bytes[at]` says of a frame of `length` bytes into the arena's columns. */
export function takeVnetHeader(
  bytes: Uint8Array,
  at: number,
  arena: FrameArena,
  handle: number,
  length: number,
): void {
  const flags = bytes[at];
  const kind = bytes[at + 1];
  if ((flags & NEEDS_CHECKSUM) === 0) {
    arena.owes[handle] = 0;
    return;
  }
  const start = u16le(bytes, at + 6);
  const offset = u16le(bytes, at + 8);
  if (start + offset + 2 > length) {
    arena.owes[handle] = 0;
    return;
  }
  let owes = OWES_CHECKSUM;
  if (kind !== 0) {
    const segments = kind & ~SEGMENTS_ECN;
    if (segments === SEGMENTS_TCP4 || segments === SEGMENTS_TCP6) owes |= OWES_TCP_SEGMENTS;
    else if (segments === SEGMENTS_UDP) owes |= OWES_UDP_SEGMENTS;
    if ((kind & SEGMENTS_ECN) !== 0) owes |= OWES_FIRST_CWR;
    arena.segmentSize[handle] = u16le(bytes, at + 4);
  }
  arena.owes[handle] = owes;
  arena.checksumAt[handle] = arena.start[handle] + start;
  arena.checksumOffset[handle] = offset;
}

/** Writes the header of a plain frame. */
export function putPlainVnetHeader(bytes: Uint8Array, at: number): void {
  for (let i = at; i < at + VNET_HEADER_LENGTH; i++) bytes[i] = 0;
}

/**
 * Writes the header of a frame that owes something. `headerLength` is that of all headers, `isIpv6` is the IP version in
 * front of the transport header.
 */
export function putVnetHeader(
  arena: FrameArena,
  handle: number,
  at: number,
  headerLength: number,
  isIpv6: boolean,
): void {
  const { bytes } = arena;
  const owes = arena.owes[handle];
  let kind = 0;
  if ((owes & OWES_TCP_SEGMENTS) !== 0) kind = isIpv6 ? SEGMENTS_TCP6 : SEGMENTS_TCP4;
  else if ((owes & OWES_UDP_SEGMENTS) !== 0) kind = SEGMENTS_UDP;
  if ((owes & OWES_FIRST_CWR) !== 0) kind |= SEGMENTS_ECN;
  bytes[at] = NEEDS_CHECKSUM;
  bytes[at + 1] = kind;
  put16le(bytes, at + 2, headerLength);
  put16le(bytes, at + 4, (owes & OWES_SEGMENTS) === 0 ? 0 : arena.segmentSize[handle]);
  put16le(bytes, at + 6, arena.checksumAt[handle] - arena.start[handle]);
  put16le(bytes, at + 8, arena.checksumOffset[handle]);
}
