/** Where two frames differ: the one a walk produced and the one that was captured. */
import * as ethernet from '../engine/wire/ethernet.js';
import * as ipv4 from '../engine/wire/ipv4.js';
import * as ipv6 from '../engine/wire/ipv6.js';
import * as tcp from '../engine/wire/tcp.js';
import * as udp from '../engine/wire/udp.js';

/** Bits of a comparison; 0 when the frames are equal. */
const DIFFERS_LENGTH = 1;
export const DIFFERS_LINK = 2;
/** The IP header (or whatever follows the link header, when that is not IP). */
const DIFFERS_NETWORK = 4;
/** The TCP or UDP header. */
const DIFFERS_TRANSPORT = 8;
/** Everything behind: data, ICMP messages. */
export const DIFFERS_PAYLOAD = 16;

/** A call of Buffer.compare costs about as much as a loop over this many bytes. */
const MEMCMP_LENGTH = 192;

export const DIFFERENCE_NAMES: readonly [number, string][] = [
  [DIFFERS_LENGTH, 'length'],
  [DIFFERS_LINK, 'link header'],
  [DIFFERS_NETWORK, 'network header'],
  [DIFFERS_TRANSPORT, 'transport header'],
  [DIFFERS_PAYLOAD, 'payload'],
];

/**
 * Compares `length` bytes of two frames that start at `at` and `otherAt`; a frame that goes on longer than that says
 * so by its own length.
 */
export function compareFrames(
  bytes: Uint8Array,
  at: number,
  length: number,
  other: Uint8Array,
  otherAt: number,
  otherLength: number,
): number {
  if (length === otherLength && areEqual(bytes, at, other, otherAt, length)) return 0;
  const common = Math.min(length, otherLength);
  let differences = length === otherLength ? 0 : DIFFERS_LENGTH;
  const networkAt = Math.min(ethernet.HEADER_LENGTH, common);
  if (!equal(bytes, at, other, otherAt, 0, networkAt)) differences |= DIFFERS_LINK;
  const transport = Math.min(transportOffset(other, otherAt, common), common);
  if (!equal(bytes, at, other, otherAt, networkAt, transport)) differences |= DIFFERS_NETWORK;
  const payload = Math.min(transport + transportLength(other, otherAt, transport, common), common);
  if (!equal(bytes, at, other, otherAt, transport, payload)) differences |= DIFFERS_TRANSPORT;
  if (!equal(bytes, at, other, otherAt, payload, common)) differences |= DIFFERS_PAYLOAD;
  return differences;
}

/** Whole frames, by the host's memcmp where they are long enough for its call to pay. */
function areEqual(
  bytes: Uint8Array,
  at: number,
  other: Uint8Array,
  otherAt: number,
  length: number,
): boolean {
  if (length < MEMCMP_LENGTH) return equal(bytes, at, other, otherAt, 0, length);
  return Buffer.prototype.compare.call(bytes, other, otherAt, otherAt + length, at, at + length) === 0;
}

function equal(
  bytes: Uint8Array,
  at: number,
  other: Uint8Array,
  otherAt: number,
  from: number,
  to: number,
): boolean {
  for (let i = from; i < to; i++) if (bytes[at + i] !== other[otherAt + i]) return false;
  return true;
}

/** Bytes from the frame's start to what the IP header encloses; all of the frame when it is not IP. */
function transportOffset(bytes: Uint8Array, at: number, length: number): number {
  if (length < ethernet.HEADER_LENGTH) return length;
  const networkAt = at + ethernet.HEADER_LENGTH;
  const type = ethernet.type(bytes, at);
  if (type === ethernet.TYPE_IPV4 && ipv4.fits(networkAt, at + length)) {
    return ethernet.HEADER_LENGTH + ipv4.headerLength(bytes, networkAt);
  }
  return type === ethernet.TYPE_IPV6 ? ethernet.HEADER_LENGTH + ipv6.HEADER_LENGTH : length;
}

function transportLength(bytes: Uint8Array, at: number, transport: number, length: number): number {
  if (transport >= length) return 0;
  const networkAt = at + ethernet.HEADER_LENGTH;
  let protocol: number;
  if (ethernet.type(bytes, at) === ethernet.TYPE_IPV4) {
    if (ipv4.isLaterFragment(bytes, networkAt)) return 0;
    protocol = ipv4.protocol(bytes, networkAt);
  } else protocol = ipv6.nextHeader(bytes, networkAt);
  if (protocol === ipv4.PROTOCOL_UDP) return udp.HEADER_LENGTH;
  if (protocol !== ipv4.PROTOCOL_TCP || !tcp.fits(at + transport, at + length)) return 0;
  return Math.max(tcp.HEADER_LENGTH, tcp.headerLength(bytes, at + transport));
}

/** Length of a frame without what pads it behind its IP packet; all of it when it is not IP, or cut. */
export function ipFrameLength(bytes: Uint8Array, at: number, length: number): number {
  const networkAt = at + ethernet.HEADER_LENGTH;
  const type = length < ethernet.HEADER_LENGTH ? 0 : ethernet.type(bytes, at);
  let packet = 0;
  if (type === ethernet.TYPE_IPV4 && ipv4.fits(networkAt, at + length)) {
    packet = ipv4.totalLength(bytes, networkAt);
  } else if (type === ethernet.TYPE_IPV6 && ipv6.fits(networkAt, at + length)) {
    packet = ipv6.HEADER_LENGTH + ipv6.payloadLength(bytes, networkAt);
  }
  return packet === 0 ? length : Math.min(length, ethernet.HEADER_LENGTH + packet);
}
