/** One end of a packet, or of the packet that an ICMP error quotes, becomes another address and port. */
import type { PacketContext } from '../../engine/packet.js';
import * as checksum from '../../engine/wire/checksum.js';
import * as icmp from '../../engine/wire/icmp.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ipv6 from '../../engine/wire/ipv6.js';
import * as tcp from '../../engine/wire/tcp.js';
import * as udp from '../../engine/wire/udp.js';
import { DROP_CSUM_L4, DROP_UNKNOWN_L4 } from '../drop-reasons.js';
import type { Family } from '../family.js';

/** `portOffset` of a packet that has no L4 header, or whose port is to stay. */
export const NO_PORT = -1;

/** Offset of the L4 checksum, -1 for a protocol that is not corrected. */
function checksumOffset(protocol: number): number {
  switch (protocol) {
    case ipv4.PROTOCOL_TCP:
      return tcp.CHECKSUM_OFFSET;
    case ipv4.PROTOCOL_UDP:
      return udp.CHECKSUM_OFFSET;
    case ipv4.PROTOCOL_ICMP:
    case ipv6.NEXT_ICMPV6:
      return icmp.CHECKSUM_OFFSET;
    default:
      return -1;
  }
}

/**
 * Writes the address `words[word..]` (raw) at `addressOffset` of the IP header at `l3At`, and `port` (raw) at
 * `portOffset` of the L4 header at `l4At`, with their checksums. With `hasL4` false only the IP header changes.
 * 0 or a drop reason: then the address is written, and no checksum. Nothing happens when both are there already.
 */
export function rewriteEnd(
  packet: PacketContext,
  family: Family,
  protocol: number,
  l3At: number,
  l4At: number,
  hasL4: boolean,
  addressOffset: number,
  words: Int32Array,
  word: number,
  portOffset: number,
  port: number,
): number {
  const view = packet.view;
  const addressAt = l3At + addressOffset;
  const oldPort = hasL4 && portOffset !== NO_PORT ? view.getUint16(l4At + portOffset, true) : port;
  const oldWord = view.getInt32(addressAt, true);
  let same = oldPort === port && oldWord === words[word];
  if (family.isV6) {
    for (let i = 1; same && i < 4; i++) same = view.getInt32(addressAt + 4 * i, true) === words[word + i];
  }
  if (same) return 0;
  let difference = checksum.difference(0, oldWord, words[word]);
  view.setInt32(addressAt, words[word], true);
  if (family.isV6) {
    for (let i = 1; i < 4; i++) {
      const at = addressAt + 4 * i;
      difference = checksum.difference(difference, view.getInt32(at, true), words[word + i]);
      view.setInt32(at, words[word + i], true);
    }
  }
  if (hasL4) {
    const error = rewriteL4(packet, protocol, l4At, difference, portOffset, oldPort, port);
    if (error < 0) return error;
  }
  if (!family.isV6) checksum.addDifferenceInView(view, ipv4.checksumAt(l3At), difference);
  return 0;
}

/** Port and L4 checksum, which stands for the addresses too (`difference`). 0 or a drop reason, nothing written. */
function rewriteL4(
  packet: PacketContext,
  protocol: number,
  l4At: number,
  difference: number,
  portOffset: number,
  oldPort: number,
  port: number,
): number {
  const changed = oldPort !== port;
  const offset = checksumOffset(protocol);
  if (changed && protocol === ipv4.PROTOCOL_SCTP) return DROP_CSUM_L4;
  if (changed && offset < 0) return DROP_UNKNOWN_L4;
  // ICMP has no pseudo-header: its checksum knows of the identifier only.
  const isIcmp = protocol === ipv4.PROTOCOL_ICMP;
  if (offset < 0 || (isIcmp && !changed)) return 0;
  const checksumAt = l4At + offset;
  if (checksumAt + 2 > packet.end) return DROP_CSUM_L4;
  let sum = isIcmp ? 0 : difference;
  if (changed) {
    sum = checksum.fold(sum) + checksum.difference16(oldPort, port);
    packet.view.setUint16(l4At + portOffset, port, true);
  }
  if (protocol === ipv4.PROTOCOL_UDP) checksum.addDifferenceUdp(packet.bytes, checksumAt, sum);
  else checksum.addDifferenceInView(packet.view, checksumAt, sum);
  return 0;
}
