/** A place's interfaces with their addresses. */
import type { Prefix } from '../../engine/address-text.js';
import type { Device } from '../../engine/device.js';
import * as listings from '../../topologies/listings/interface.js';
import type { Place } from './command.js';

export type Scope = 'global' | 'link' | 'host';

export interface InterfaceAddress extends Prefix {
  readonly scope: Scope;
}

export interface Interface extends listings.Interface {
  /** IPv4 first. */
  readonly addresses: readonly InterfaceAddress[];
}

const LOOPBACK_ADDRESSES: readonly InterfaceAddress[] = [
  { address: Uint8Array.of(127, 0, 0, 1), length: 8, scope: 'host' },
  { address: new Uint8Array(16).fill(1, 15), length: 128, scope: 'host' },
];

/** All interfaces by ifindex. */
export function interfacesOf(place: Place): Interface[] {
  return listings.interfacesOf(place.namespace).map((one) => ({
    ...one,
    addresses:
      one.device === null || one.device.kind === 'loopback'
        ? LOOPBACK_ADDRESSES
        : addressesOf(place, one.device),
  }));
}

function addressesOf(place: Place, device: Device): InterfaceAddress[] {
  const declared = place.pod === null ? hostAddresses(place, device) : podAddresses(place);
  const addresses = declared.map((prefix): InterfaceAddress => ({ ...prefix, scope: 'global' }));
  const all = device.up && device.kind !== 'wireguard' ? [...addresses, linkLocal(device)] : addresses;
  return all.sort((a, b) => a.address.length - b.address.length);
}

function hostAddresses(place: Place, device: Device): readonly Prefix[] {
  const planned = place.devices.find(({ name }) => name === device.name);
  return planned?.addresses ?? [];
}

function podAddresses(place: Place): Prefix[] {
  return place.pod!.planned.addresses.map((address) => ({ address, length: 8 * address.length }));
}

/** fe80::/64 with the modified EUI-64 of the MAC (RFC 4291 appendix A), as the kernel gives every Ethernet device. */
function linkLocal({ mac }: Device): InterfaceAddress {
  const address = new Uint8Array(16);
  address.set([0xfe, 0x80]);
  address.set([mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]], 8);
  return { address, length: 64, scope: 'link' };
}
