/** The frames of ARP (RFC 826) and neighbour discovery (RFC 4861) that a stack sends. */
import type { Device } from '../device.js';
import * as arp from '../wire/arp.js';
import { copy, i32le } from '../wire/bytes.js';
import * as ethernet from '../wire/ethernet.js';
import * as icmpv6 from '../wire/icmpv6.js';
import * as ipv4 from '../wire/ipv4.js';
import * as ipv6 from '../wire/ipv6.js';
import * as layer4 from '../wire/layer4.js';
import { sourceTowards } from './addresses.js';

export const ARP_FRAME_LENGTH = ethernet.HEADER_LENGTH + arp.HEADER_LENGTH;
/** ND messages are never routed: RFC 4861 section 3.1. */
export const ND_HOP_LIMIT = 255;
const ND_FRAME_LENGTH = ethernet.HEADER_LENGTH + ipv6.HEADER_LENGTH + icmpv6.NEIGHBOUR_LENGTH;

/** ff02::1:ff00:0/104, the group of those whose address ends like this one (RFC 4291 section 2.7.1). */
const SOLICITED_NODE = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 0);

export function questionLength(addressLength: number): number {
  return addressLength === ipv4.ADDRESS_LENGTH
    ? ARP_FRAME_LENGTH
    : ND_FRAME_LENGTH + icmpv6.LINK_ADDRESS_OPTION_LENGTH;
}

/**
 * Writes the question for the link address of `address`, to all or to its group, at `bytes[at]`. `source` is the
 * sender's; by default one of the device's or its namespace's (arp_announce 0), for IPv6 the link-local one.
 */
export function writeQuestion(
  bytes: Uint8Array,
  at: number,
  device: Device,
  address: Uint8Array,
  source: Uint8Array | null = null,
): void {
  if (address.length === ipv4.ADDRESS_LENGTH) {
    const from = source ?? sourceTowards(device, address, 0, address.length);
    const own = from === null ? 0 : i32le(from, 0);
    writeArp(
      bytes,
      at,
      device,
      arp.OPERATION_REQUEST,
      ethernet.BROADCAST,
      ethernet.NO_ADDRESS,
      own,
      i32le(address, 0),
    );
    return;
  }
  const group = SOLICITED_NODE.slice();
  copy(group, 13, address, 13, 3);
  const mac = Uint8Array.of(0x33, 0x33, ...group.subarray(12));
  ethernet.write(bytes, at, mac, device.mac, ethernet.TYPE_IPV6);
  const length = icmpv6.NEIGHBOUR_LENGTH + icmpv6.LINK_ADDRESS_OPTION_LENGTH;
  const ipAt = at + ethernet.HEADER_LENGTH;
  ipv6.write(bytes, ipAt, length, ipv6.NEXT_ICMPV6, ND_HOP_LIMIT, source ?? device.linkLocal, group);
  const icmpAt = ipAt + ipv6.HEADER_LENGTH;
  icmpv6.write(bytes, icmpAt, icmpv6.NEIGHBOUR_SOLICITATION, 0, 0);
  copy(bytes, icmpv6.targetAt(icmpAt), address, 0, ipv6.ADDRESS_LENGTH);
  const optionAt = icmpv6.neighbourOptionAt(icmpAt);
  icmpv6.writeLinkAddressOption(bytes, optionAt, icmpv6.OPTION_SOURCE_LINK_ADDRESS, device.mac, 0);
  layer4.fillIpv6(bytes, ipAt, ipv6.NEXT_ICMPV6, icmpAt, length, icmpv6.checksumAt(icmpAt));
}

/** Writes an ARP message from the device at `bytes[at]`; addresses are raw words. */
export function writeArp(
  bytes: Uint8Array,
  at: number,
  device: Device,
  operation: number,
  to: Uint8Array,
  targetMac: Uint8Array,
  ownAddress: number,
  targetAddress: number,
): void {
  ethernet.write(bytes, at, to, device.mac, ethernet.TYPE_ARP);
  arp.write(bytes, at + ethernet.HEADER_LENGTH, operation, device.mac, ownAddress, targetMac, targetAddress);
}

export function advertisementLength(hasOption: boolean): number {
  return ND_FRAME_LENGTH + (hasOption ? icmpv6.LINK_ADDRESS_OPTION_LENGTH : 0);
}

/**
 * Writes an advertisement of the target address to `destination` at `bytes[at]`, whose Ethernet destination is left
 * open; `flags` are the ADVERTISEMENT_ ones.
 */
export function writeAdvertisement(
  bytes: Uint8Array,
  at: number,
  device: Device,
  target: Uint8Array,
  destination: Uint8Array,
  flags: number,
  hasOption: boolean,
): void {
  const length = icmpv6.NEIGHBOUR_LENGTH + (hasOption ? icmpv6.LINK_ADDRESS_OPTION_LENGTH : 0);
  ethernet.write(bytes, at, ethernet.NO_ADDRESS, device.mac, ethernet.TYPE_IPV6);
  const ipAt = at + ethernet.HEADER_LENGTH;
  ipv6.write(bytes, ipAt, length, ipv6.NEXT_ICMPV6, ND_HOP_LIMIT, target, destination);
  const icmpAt = ipAt + ipv6.HEADER_LENGTH;
  icmpv6.write(bytes, icmpAt, icmpv6.NEIGHBOUR_ADVERTISEMENT, 0, 0);
  icmpv6.putAdvertisementFlags(bytes, icmpAt, flags);
  copy(bytes, icmpv6.targetAt(icmpAt), target, 0, ipv6.ADDRESS_LENGTH);
  if (hasOption) {
    const optionAt = icmpv6.neighbourOptionAt(icmpAt);
    icmpv6.writeLinkAddressOption(bytes, optionAt, icmpv6.OPTION_TARGET_LINK_ADDRESS, device.mac, 0);
  }
  layer4.fillIpv6(bytes, ipAt, ipv6.NEXT_ICMPV6, icmpAt, length, icmpv6.checksumAt(icmpAt));
}
