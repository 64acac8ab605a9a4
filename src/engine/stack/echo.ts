/** Echo replies (RFC 792, RFC 4443 section 4.2). */
import type { Device } from '../device.js';
import type { Namespace } from '../namespace.js';
import type { PacketContext } from '../packet.js';
import { copy } from '../wire/bytes.js';
import * as checksum from '../wire/checksum.js';
import * as ethernet from '../wire/ethernet.js';
import * as icmp from '../wire/icmp.js';
import * as icmpv6 from '../wire/icmpv6.js';
import * as ipv4 from '../wire/ipv4.js';
import * as ipv6 from '../wire/ipv6.js';
import * as layer4 from '../wire/layer4.js';
import type { StackOutput } from './local-delivery.js';

/**
 * Answers an echo request over IPv4, whose ICMP header is at `at`: the data as it came, without the request's IP
 * options, and with its type of service. Requests to groups are not answered (icmp_echo_ignore_broadcasts).
 */
export function answerEchoIpv4(
  packet: PacketContext,
  at: number,
  output: StackOutput,
  namespace: Namespace,
  identification: number,
  timeToLive: number,
): void {
  const { bytes, end } = packet;
  const ipAt = packet.start + ethernet.HEADER_LENGTH;
  const length = end - at;
  if (!namespace.ipv4Routes.isLocal(bytes, ipv4.destinationAt(ipAt))) return;
  if (!checksum.isValid(bytes, at, length)) return;
  const flight = output.make(ethernet.HEADER_LENGTH + ipv4.HEADER_LENGTH + length);
  if (flight === null) return;
  const { bytes: to, start } = flight.packet;
  ethernet.putType(to, start, ethernet.TYPE_IPV4);
  const toIpAt = start + ethernet.HEADER_LENGTH;
  const toAt = toIpAt + ipv4.HEADER_LENGTH;
  ipv4.write(
    to,
    toIpAt,
    length,
    identification,
    0,
    timeToLive,
    ipv4.PROTOCOL_ICMP,
    ipv4.destination(bytes, ipAt),
    ipv4.source(bytes, ipAt),
  );
  ipv4.putTypeOfService(to, toIpAt, ipv4.typeOfService(bytes, ipAt));
  checksum.fillIpv4Header(to, toIpAt);
  copy(to, toAt, bytes, at, length);
  icmp.putType(to, toAt, icmp.ECHO_REPLY);
  checksum.fill(to, toAt, length, icmp.checksumAt(toAt));
  output.sendLater(flight, namespace, 0);
}

/** As `answerEchoIpv4`, over IPv6; requests to groups are answered, from `groupSource`. */
export function answerEchoIpv6(
  packet: PacketContext,
  at: number,
  output: StackOutput,
  device: Device,
  groupSource: Uint8Array | null,
  hopLimit: number,
): void {
  const { bytes, end } = packet;
  const ipAt = packet.start + ethernet.HEADER_LENGTH;
  const length = end - at;
  const destinationAt = ipv6.destinationAt(ipAt);
  const isGroup = ipv6.isMulticast(bytes, destinationAt);
  const source = isGroup ? groupSource : bytes.slice(destinationAt, destinationAt + ipv6.ADDRESS_LENGTH);
  if (source === null || !layer4.isValidIpv6(bytes, ipAt, ipv6.NEXT_ICMPV6, at, length)) return;
  const flight = output.make(ethernet.HEADER_LENGTH + ipv6.HEADER_LENGTH + length);
  if (flight === null) return;
  const { bytes: to, start } = flight.packet;
  ethernet.putType(to, start, ethernet.TYPE_IPV6);
  const toIpAt = start + ethernet.HEADER_LENGTH;
  const toAt = toIpAt + ipv6.HEADER_LENGTH;
  const sourceAt = ipv6.sourceAt(ipAt);
  const peer = bytes.slice(sourceAt, sourceAt + ipv6.ADDRESS_LENGTH);
  ipv6.write(to, toIpAt, length, ipv6.NEXT_ICMPV6, hopLimit, source, peer);
  ipv6.putTrafficClassAndFlowLabel(to, toIpAt, ipv6.trafficClass(bytes, ipAt), 0);
  copy(to, toAt, bytes, at, length);
  icmpv6.putType(to, toAt, icmpv6.ECHO_REPLY);
  layer4.fillIpv6(to, toIpAt, ipv6.NEXT_ICMPV6, toAt, length, icmpv6.checksumAt(toAt));
  // A link-local peer is on the link that the request came by: no route says so.
  if (ipv6.isLinkScopeAddress(peer, 0)) output.sendToNeighbour(flight, device, peer);
  else output.sendLater(flight, device.namespace, 0);
}
