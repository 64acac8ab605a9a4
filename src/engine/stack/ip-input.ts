/** What a stack checks of an IP header before it looks at the destination. Answers 0 or a drop reason. */
import { INVALID_IP_HEADER, IP_CHECKSUM, IP_TRUNCATED } from '../fate.js';
import type { PacketContext } from '../packet.js';
import * as checksum from '../wire/checksum.js';
import * as ipv4 from '../wire/ipv4.js';
import * as ipv6 from '../wire/ipv6.js';

/**
 * RFC 1122 section 3.2.1: version, header length, checksum, total length. Cuts link padding off: from here on the
 * frame ends where the IP packet does.
 */
export function checkIpv4(packet: PacketContext, ipAt: number): number {
  const { bytes, end } = packet;
  if (!ipv4.fits(ipAt, end)) return IP_TRUNCATED;
  if (ipv4.version(bytes, ipAt) !== ipv4.VERSION) return INVALID_IP_HEADER;
  if (!ipv4.fitsOptions(bytes, ipAt, end)) return INVALID_IP_HEADER;
  if (!checksum.isIpv4HeaderValidInView(packet.view, bytes, ipAt)) return IP_CHECKSUM;
  const length = ipv4.totalLength(bytes, ipAt);
  // A total length of 0 is what send offload leaves in packets over 64 KiB ("BIG TCP"): the frame's length counts.
  if (length === 0 && packet.merged !== 0) return 0;
  if (ipAt + length > end) return IP_TRUNCATED;
  if (length < ipv4.headerLength(bytes, ipAt)) return INVALID_IP_HEADER;
  packet.end = ipAt + length;
  return 0;
}

/** RFC 8200 section 3: version, payload length (0 announces a jumbogram, RFC 2675). Cuts link padding off. */
export function checkIpv6(packet: PacketContext, ipAt: number): number {
  const { bytes, end } = packet;
  if (!ipv6.fits(ipAt, end)) return IP_TRUNCATED;
  if (ipv6.version(bytes, ipAt) !== ipv6.VERSION) return INVALID_IP_HEADER;
  const length = ipv6.payloadLength(bytes, ipAt);
  if (length === 0) return 0;
  const packetEnd = ipAt + ipv6.HEADER_LENGTH + length;
  if (packetEnd > end) return IP_TRUNCATED;
  packet.end = packetEnd;
  return 0;
}
