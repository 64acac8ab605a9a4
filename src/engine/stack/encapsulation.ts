/** Devices that put what is sent to them into UDP packets of their node's own, and take it out of those that arrive. */
import type { Device } from '../device.js';
import type { Namespace } from '../namespace.js';
import type { PacketContext } from '../packet.js';
import * as ethernet from '../wire/ethernet.js';
import * as ipv4 from '../wire/ipv4.js';
import * as ipv6 from '../wire/ipv6.js';
import * as layer4 from '../wire/layer4.js';
import * as udp from '../wire/udp.js';

/** Answer of `decapsulate`: the packet is not the device's business, but the stack's. */
export const LEFT_TO_STACK = -1;

export interface Encapsulation {
  /** UDP port that packets for the device arrive at. */
  readonly port: number;
  /** Puts the outer headers in front of the packet, Ethernet addresses left open. 0 or a drop reason. Voids offsets. */
  encapsulate(packet: PacketContext, device: Device): number;
  /** Takes the outer headers off; `udpAt` by `outerUdpAt`. 0, a drop reason, or LEFT_TO_STACK. Voids offsets. */
  decapsulate(packet: PacketContext, udpAt: number): number;
}

/** The device of the namespace that a packet to one of its addresses is for, or null; `udpAt` by `outerUdpAt`. */
export function receiverOf(namespace: Namespace, packet: PacketContext, udpAt: number): Device | null {
  const port = udp.destinationPort(packet.bytes, udpAt);
  for (const device of namespace.tunnels) if (device.tunnel!.port === port) return device;
  return null;
}

/** Where the UDP header of a whole UDP packet is, or -1: of other packets, and of fragments. */
export function outerUdpAt(packet: PacketContext): number {
  const { bytes, end } = packet;
  const ipAt = packet.start + ethernet.HEADER_LENGTH;
  let udpAt: number;
  if (packet.protocol === ethernet.TYPE_IPV4) {
    if (ipv4.protocol(bytes, ipAt) !== ipv4.PROTOCOL_UDP || ipv4.isFragment(bytes, ipAt)) return -1;
    udpAt = ipAt + ipv4.headerLength(bytes, ipAt);
  } else {
    if (packet.protocol !== ethernet.TYPE_IPV6) return -1;
    if (ipv6.nextHeader(bytes, ipAt) !== ipv4.PROTOCOL_UDP) return -1;
    udpAt = ipAt + ipv6.HEADER_LENGTH;
  }
  return udp.fits(udpAt, end) ? udpAt : -1;
}

/** Checksum of the UDP header at `udpAt` of an outer packet whose datagram has `length` bytes. */
export function fillOuterChecksum(
  bytes: Uint8Array,
  ipAt: number,
  udpAt: number,
  length: number,
  v6: boolean,
): void {
  if (v6) layer4.fillIpv6(bytes, ipAt, ipv4.PROTOCOL_UDP, udpAt, length, udp.checksumAt(udpAt));
  else layer4.fillIpv4(bytes, ipAt, udpAt, length, udp.checksumAt(udpAt));
}
