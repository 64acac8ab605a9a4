/** Rewrites one side of a packet: address, and port or ICMP identifier, with all checksums over them. */
import { i32le } from '../wire/bytes.js';
import * as checksum from '../wire/checksum.js';
import * as icmp from '../wire/icmp.js';
import * as icmpv6 from '../wire/icmpv6.js';
import * as ipv4 from '../wire/ipv4.js';
import * as ipv6 from '../wire/ipv6.js';
import * as tcp from '../wire/tcp.js';
import * as udp from '../wire/udp.js';
import { hasPorts, isIcmp, type PacketTuple } from './tuple.js';

/** Which side: NF_NAT_MANIP_SRC and NF_NAT_MANIP_DST. */
export const SOURCE = 0;
export const DESTINATION = 1;

const { TCP, UDP } = { TCP: ipv4.PROTOCOL_TCP, UDP: ipv4.PROTOCOL_UDP };

/**
 * Gives the packet that `tuple` was read from the address at `words[at]` and the port (or identifier) `portRaw`, in
 * memory order, on one side. A checksum that is not all there, of a quoted packet, stays.
 */
export function rewrite(
  bytes: Uint8Array,
  end: number,
  tuple: PacketTuple,
  side: number,
  words: Int32Array,
  at: number,
  portRaw: number,
): void {
  const { isIpv4: v4, ipAt } = tuple;
  let difference = 0;
  if (v4) {
    const from = side === SOURCE ? ipv4.source(bytes, ipAt) : ipv4.destination(bytes, ipAt);
    difference = checksum.difference(0, from, words[at]);
    checksum.addDifference(bytes, ipv4.checksumAt(ipAt), difference);
    if (side === SOURCE) ipv4.putSource(bytes, ipAt, words[at]);
    else ipv4.putDestination(bytes, ipAt, words[at]);
  } else {
    const addressAt = side === SOURCE ? ipv6.sourceAt(ipAt) : ipv6.destinationAt(ipAt);
    for (let i = 0; i < 4; i++) {
      const to = words[at + i];
      difference = checksum.difference(difference, i32le(bytes, addressAt + i * 4), to);
      if (side === SOURCE) ipv6.putSourceWord(bytes, ipAt, i, to);
      else ipv6.putDestinationWord(bytes, ipAt, i, to);
    }
  }
  if (tuple.transportAt >= 0) rewriteTransport(bytes, end, tuple, side, portRaw, difference);
}

function rewriteTransport(
  bytes: Uint8Array,
  end: number,
  { protocol, transportAt: at }: PacketTuple,
  side: number,
  portRaw: number,
  addressDifference: number,
): void {
  if (isIcmp(protocol)) {
    const change = checksum.difference16(icmp.identifierRaw(bytes, at), portRaw);
    icmp.putIdentifier(bytes, at, ((portRaw & 0xff) << 8) | (portRaw >> 8));
    // ICMP's checksum covers no address, ICMPv6's does (RFC 4443 section 2.3).
    if (protocol === ipv6.NEXT_ICMPV6)
      checksum.addDifference(bytes, icmpv6.checksumAt(at), checksum.fold(addressDifference) + change);
    else checksum.addDifference(bytes, icmp.checksumAt(at), change);
    return;
  }
  if (!hasPorts(protocol)) return;
  const from = side === SOURCE ? udp.sourcePortRaw(bytes, at) : udp.destinationPortRaw(bytes, at);
  const difference = checksum.fold(addressDifference) + checksum.difference16(from, portRaw);
  if (side === SOURCE) udp.putSourcePortRaw(bytes, at, portRaw);
  else udp.putDestinationPortRaw(bytes, at, portRaw);
  if (protocol === TCP && tcp.fits(at, end)) checksum.addDifference(bytes, tcp.checksumAt(at), difference);
  else if (protocol === UDP && udp.fits(at, end)) {
    checksum.addDifferenceUdp(bytes, udp.checksumAt(at), difference);
  }
}

/** Writes the checksum of an ICMP or ICMPv6 message anew, of which anything may have changed. */
export function fillIcmpChecksum(bytes: Uint8Array, end: number, tuple: PacketTuple, pseudo: number): void {
  const at = tuple.transportAt;
  const field = icmp.checksumAt(at);
  icmp.putChecksum(bytes, at, 0);
  const sum = checksum.sum(bytes, at, end - at, tuple.isIpv4 ? 0 : pseudo);
  icmp.putChecksum(bytes, field - icmp.CHECKSUM_OFFSET, checksum.finish(sum));
}
