/** A namespace's interfaces as the kernel would describe them: what ip and ifconfig print is made from this. */
import type { Prefix } from '../../engine/address-text.js';
import type { Device } from '../../engine/device.js';
import type { Place } from './command.js';

/** Flags of `struct ifreq` (linux/if.h). */
export const IFF_UP = 0x1;
export const IFF_BROADCAST = 0x2;
export const IFF_LOOPBACK = 0x8;
export const IFF_POINTOPOINT = 0x10;
export const IFF_RUNNING = 0x40;
export const IFF_NOARP = 0x80;
export const IFF_MULTICAST = 0x1000;

export type Scope = 'global' | 'link' | 'host';

export interface InterfaceAddress extends Prefix {
  readonly scope: Scope;
}

export interface Interface {
  /** Null for the loopback, which frames do not walk through. */
  readonly device: Device | null;
  readonly name: string;
  readonly ifindex: number;
  readonly flags: number;
  readonly mtu: number;
  readonly mac: Uint8Array;
  readonly queue: string;
  /** `UP`, `DOWN`, or `UNKNOWN` of devices that do not tell. */
  readonly state: string;
  /** 0 prints as none. */
  readonly queueLength: number;
  /** IPv4 first. */
  readonly addresses: readonly InterfaceAddress[];
  readonly peer: Device | null;
}

const LOOPBACK: Interface = {
  device: null,
  name: 'lo',
  ifindex: 1,
  flags: IFF_UP | IFF_LOOPBACK | IFF_RUNNING,
  mtu: 65536,
  mac: new Uint8Array(6),
  queue: 'noqueue',
  state: 'UNKNOWN',
  queueLength: 1000,
  addresses: [
    { address: Uint8Array.of(127, 0, 0, 1), length: 8, scope: 'host' },
    { address: new Uint8Array(16).fill(1, 15), length: 128, scope: 'host' },
  ],
  peer: null,
};

/** All interfaces by ifindex. Every namespace has a loopback, declared or not. */
export function interfacesOf(place: Place): Interface[] {
  const all = place.namespace.devices.map((device) => describe(place, device));
  const loopback = all.some(({ ifindex }) => ifindex === 1) ? [] : [LOOPBACK];
  return [...loopback, ...all].sort((a, b) => a.ifindex - b.ifindex);
}

function describe(place: Place, device: Device): Interface {
  const physical = device.kind === 'physical';
  const queue = physical ? 'mq' : 'noqueue';
  const stateWhenUp = device.kind === 'veth' || physical ? 'UP' : 'UNKNOWN';
  return {
    device,
    name: device.name,
    ifindex: device.ifindex,
    flags: flagsOf(device),
    mtu: device.mtu,
    mac: device.mac,
    queue,
    state: device.up ? stateWhenUp : 'DOWN',
    // A pod's end of a veth is made without a queue length of its own.
    queueLength: place.namespace.isHost ? 1000 : 0,
    addresses: addressesOf(place, device),
    peer: device.kind === 'veth' ? device.peer : null,
  };
}

function flagsOf(device: Device): number {
  let flags = device.up ? IFF_UP | IFF_RUNNING : 0;
  if (device.noArp) flags |= IFF_NOARP;
  if (device.kind === 'loopback') return flags | IFF_LOOPBACK;
  if (device.kind === 'wireguard') return flags | IFF_POINTOPOINT | IFF_NOARP;
  return flags | IFF_BROADCAST | IFF_MULTICAST;
}

function addressesOf(place: Place, device: Device): InterfaceAddress[] {
  const declared = place.pod === null ? hostAddresses(place, device) : podAddresses(place);
  const addresses = declared.map((prefix): InterfaceAddress => ({ ...prefix, scope: 'global' }));
  const all =
    device.up && device.kind !== 'wireguard' && device.kind !== 'loopback'
      ? [...addresses, linkLocal(device)]
      : addresses;
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
