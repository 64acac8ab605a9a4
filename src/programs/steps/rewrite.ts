/** Rewriting addresses and ports of a packet, checksums kept right (RFC 1624), as every translation needs it. */
import type { PacketContext } from '../../engine/packet.js';
import { i32le } from '../../engine/wire/bytes.js';
import * as checksum from '../../engine/wire/checksum.js';
import * as icmpv6 from '../../engine/wire/icmpv6.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ipv6 from '../../engine/wire/ipv6.js';
import * as tcp from '../../engine/wire/tcp.js';
import * as udp from '../../engine/wire/udp.js';
import { DROP_CSUM_L4, DROP_UNKNOWN_L4 } from '../drop-reasons.js';
import type { Flow } from '../flow.js';

/**
 * Writes an address (raw words) at `addressAt`, and corrects the IPv4 header checksum. Answers the difference it
 * makes to a checksum over the pseudo-header, added to `difference`.
 */
export function putAddress(
  packet: PacketContext,
  flow: Flow,
  addressAt: number,
  words: Int32Array,
  word: number,
  difference: number,
): number {
  const view = packet.view;
  let to = words[word];
  let sum = checksum.difference(difference, view.getInt32(addressAt, true), to);
  view.setInt32(addressAt, to, true);
  if (flow.family.isV6) {
    for (let i = 1; i < 4; i++) {
      const at = addressAt + 4 * i;
      to = words[word + i];
      sum = checksum.difference(sum, view.getInt32(at, true), to);
      view.setInt32(at, to, true);
    }
  }
  return sum;
}

/** Applies an address difference to the IPv4 header checksum; IPv6 has none. */
export function correctHeader(packet: PacketContext, flow: Flow, difference: number): void {
  if (!flow.family.isV6) checksum.addDifferenceInView(packet.view, ipv4.checksumAt(flow.l3At), difference);
}

/** Applies an address difference to the L4 checksum. 0, or DROP_CSUM_L4 when the field is not in the frame. */
export function correctL4(packet: PacketContext, flow: Flow, difference: number): number {
  let at = flow.l4At;
  switch (flow.protocol) {
    case ipv4.PROTOCOL_TCP:
      at += tcp.CHECKSUM_OFFSET;
      if (at + 2 > packet.end) return DROP_CSUM_L4;
      checksum.addDifferenceInView(packet.view, at, difference);
      return 0;
    case ipv4.PROTOCOL_UDP:
      at += udp.CHECKSUM_OFFSET;
      if (at + 2 > packet.end) return DROP_CSUM_L4;
      checksum.addDifferenceUdp(packet.bytes, at, difference);
      return 0;
    case ipv6.NEXT_ICMPV6:
      if (!flow.family.isV6) return 0;
      at += icmpv6.CHECKSUM_OFFSET;
      if (at + 2 > packet.end) return DROP_CSUM_L4;
      checksum.addDifference(packet.bytes, at, difference);
      return 0;
    default:
      return 0;
  }
}

/**
 * Sets the source or destination port (`which` is SOURCE_PORT or DESTINATION_PORT, `port` raw) when it differs.
 * SCTP's CRC cannot be corrected incrementally, so a change of its ports is DROP_CSUM_L4.
 */
export function putPort(packet: PacketContext, flow: Flow, which: number, port: number): number {
  const { bytes, view } = packet;
  const at = flow.l4At + which;
  const from = view.getUint16(at, true);
  if (from === port) return 0;
  switch (flow.protocol) {
    case ipv4.PROTOCOL_TCP: {
      const sumAt = flow.l4At + tcp.CHECKSUM_OFFSET;
      if (sumAt + 2 > packet.end) return DROP_CSUM_L4;
      checksum.addDifferenceInView(view, sumAt, checksum.difference16(from, port));
      break;
    }
    case ipv4.PROTOCOL_UDP: {
      const sumAt = flow.l4At + udp.CHECKSUM_OFFSET;
      if (sumAt + 2 > packet.end) return DROP_CSUM_L4;
      checksum.replace16Udp(bytes, sumAt, from, port);
      break;
    }
    case ipv4.PROTOCOL_SCTP:
      return DROP_CSUM_L4;
    default:
      return DROP_UNKNOWN_L4;
  }
  view.setUint16(at, port, true);
  return 0;
}

/**
 * IPv4: the header's and the packet's new lengths in bytes, for the `addedLength` bytes (whole words) at `addedAt` that
 * are part of the header now. The checksum follows by what changes.
 */
export function growHeader(
  bytes: Uint8Array,
  at: number,
  headerLength: number,
  totalLength: number,
  addedAt: number,
  addedLength: number,
): void {
  const before = i32le(bytes, at);
  ipv4.putHeaderLength(bytes, at, headerLength);
  ipv4.putTotalLength(bytes, at, totalLength);
  let difference = checksum.difference(0, before, i32le(bytes, at));
  for (let i = 0; i < addedLength; i += 4) {
    difference = checksum.difference(difference, 0, i32le(bytes, addedAt + i));
  }
  checksum.addDifference(bytes, ipv4.checksumAt(at), difference);
}
