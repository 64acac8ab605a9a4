/** Fragmentation of what a host sends (RFC 791 section 3.2, RFC 8200 section 4.5). */
import * as checksum from '../engine/wire/checksum.js';
import * as ethernet from '../engine/wire/ethernet.js';
import * as ipv4 from '../engine/wire/ipv4.js';
import * as ipv6 from '../engine/wire/ipv6.js';

/** The frames in which a frame with an IP packet without options goes over a link of `mtu` bytes. */
export function fragmentFrame(frame: Uint8Array, mtu: number, identification: number): Uint8Array[] {
  const ipAt = ethernet.HEADER_LENGTH;
  return ipv4.version(frame, ipAt) === ipv4.VERSION
    ? fragmentIpv4(frame, ipAt, mtu)
    : fragmentIpv6(frame, ipAt, mtu, identification);
}

function fragmentIpv4(frame: Uint8Array, ipAt: number, mtu: number): Uint8Array[] {
  const at = ipAt + ipv4.HEADER_LENGTH;
  const size = (mtu - ipv4.HEADER_LENGTH) & ~7;
  const fragments: Uint8Array[] = [];
  for (let offset = 0; at + offset < frame.length; offset += size) {
    const part = frame.subarray(at + offset, Math.min(at + offset + size, frame.length));
    const bytes = new Uint8Array(at + part.length);
    bytes.set(frame.subarray(0, at));
    bytes.set(part, at);
    const more = at + offset + size < frame.length ? ipv4.MORE_FRAGMENTS : 0;
    ipv4.putTotalLength(bytes, ipAt, ipv4.HEADER_LENGTH + part.length);
    ipv4.putFragmentField(bytes, ipAt, (offset >> 3) | more);
    checksum.fillIpv4Header(bytes, ipAt);
    fragments.push(bytes);
  }
  return fragments;
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
