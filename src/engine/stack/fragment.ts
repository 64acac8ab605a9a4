/** Fragmentation (RFC 791 section 3.2, RFC 8200 section 4.5). */
import * as checksum from '../wire/checksum.js';
import * as ethernet from '../wire/ethernet.js';
import * as ipv4 from '../wire/ipv4.js';
import * as ipv6 from '../wire/ipv6.js';

/**
 * The frames in which an Ethernet frame with an IP packet goes over a link of `mtu` bytes. Of IPv6 the packet is one
 * without extension headers, since only who sends it fragments it, and `identification` is its number.
 */
export function fragmentFrame(frame: Uint8Array, mtu: number, identification: number): Uint8Array[] {
  const ipAt = ethernet.HEADER_LENGTH;
  return ipv4.version(frame, ipAt) === ipv4.VERSION
    ? fragmentIpv4(frame, ipAt, mtu)
    : fragmentIpv6(frame, ipAt, mtu, identification);
}

/** The packet may be a fragment itself. */
function fragmentIpv4(frame: Uint8Array, ipAt: number, mtu: number): Uint8Array[] {
  const headerLength = ipv4.headerLength(frame, ipAt);
  const at = ipAt + headerLength;
  const size = (mtu - headerLength) & ~7;
  const field = ipv4.fragmentField(frame, ipAt);
  const fragments: Uint8Array[] = [];
  for (let offset = 0; at + offset < frame.length; offset += size) {
    const part = frame.subarray(at + offset, Math.min(at + offset + size, frame.length));
    const bytes = new Uint8Array(at + part.length);
    bytes.set(frame.subarray(0, at));
    bytes.set(part, at);
    const isLast = at + offset + size >= frame.length;
    ipv4.putTotalLength(bytes, ipAt, headerLength + part.length);
    ipv4.putFragmentField(bytes, ipAt, (field + (offset >> 3)) | (isLast ? 0 : ipv4.MORE_FRAGMENTS));
    if (offset > 0) blankOptions(bytes, ipAt + ipv4.HEADER_LENGTH, at);
    checksum.fillIpv4Header(bytes, ipAt);
    fragments.push(bytes);
  }
  return fragments;
}

/** Options that are not for each fragment become "no operation", so that the header stays as long (RFC 791 section 3.1). */
function blankOptions(bytes: Uint8Array, from: number, end: number): void {
  for (let at = from; at < end && bytes[at] !== ipv4.OPTION_END; ) {
    const length = ipv4.optionLength(bytes, at);
    if (length === 0 || at + length > end) return;
    if (!ipv4.isOptionCopied(bytes, at)) bytes.fill(ipv4.OPTION_NO_OPERATION, at, at + length);
    at += length;
  }
}

function fragmentIpv6(frame: Uint8Array, ipAt: number, mtu: number, identification: number): Uint8Array[] {
  const from = ipAt + ipv6.HEADER_LENGTH;
  const at = from + ipv6.FRAGMENT_LENGTH;
  const size = (mtu - ipv6.HEADER_LENGTH - ipv6.FRAGMENT_LENGTH) & ~7;
  const fragments: Uint8Array[] = [];
  for (let offset = 0; from + offset < frame.length; offset += size) {
    const part = frame.subarray(from + offset, Math.min(from + offset + size, frame.length));
    const bytes = new Uint8Array(at + part.length);
    bytes.set(frame.subarray(0, from));
    bytes.set(part, at);
    const more = from + offset + size < frame.length ? ipv6.FRAGMENT_MORE : 0;
    ipv6.writeFragment(bytes, from, ipv6.nextHeader(frame, ipAt), offset | more, identification);
    ipv6.putNextHeader(bytes, ipAt, ipv6.NEXT_FRAGMENT);
    ipv6.putPayloadLength(bytes, ipAt, ipv6.FRAGMENT_LENGTH + part.length);
    fragments.push(bytes);
  }
  return fragments;
}
