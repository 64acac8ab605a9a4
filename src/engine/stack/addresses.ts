/** The addresses of a namespace's devices: which are its own, and which one it takes as the source of what it sends. */
import type { Device } from '../device.js';
import type { Namespace } from '../namespace.js';
import * as ipv4 from '../wire/ipv4.js';
import * as ipv6 from '../wire/ipv6.js';

const IPV4_LENGTH = ipv4.ADDRESS_LENGTH;

export interface DeviceAddress {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  readonly prefixLength: number;
}

/** A device's link-local address: fe80::/64 and the MAC as a modified EUI-64 (RFC 4291 appendix A). */
export function linkLocalOf(mac: Uint8Array): Uint8Array {
  const address = new Uint8Array(16);
  address.set([0xfe, 0x80]);
  address.set([mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]], 8);
  return address;
}

/**
 * The source that a namespace takes for what it sends out of a device to the address at `bytes[at]` of `length` 4 or
 * 16: the device's address in the same network, else its first, else the first of another device (inet_select_addr;
 * for IPv6, RFC 6724 section 5 as far as scope, interface and longest prefix). Null when there is none.
 */
export function sourceTowards(
  device: Device,
  bytes: Uint8Array,
  at: number,
  length: number,
): Uint8Array | null {
  if (length !== IPV4_LENGTH && ipv6.isLinkLocal(bytes, at)) return device.linkLocal;
  const own = best(device, bytes, at, length);
  if (own !== null) return own;
  for (const other of device.namespace.devices) {
    if (other.kind === 'loopback') continue;
    const found = best(other, bytes, at, length);
    if (found !== null) return found;
  }
  return length === IPV4_LENGTH ? null : device.linkLocal;
}

function best(device: Device, bytes: Uint8Array, at: number, length: number): Uint8Array | null {
  let found: Uint8Array | null = null;
  let longest = -1;
  for (const { address, prefixLength } of device.addresses) {
    if (address.length !== length) continue;
    const common = commonBits(address, bytes, at);
    // IPv4 knows only inside and outside of the network; IPv6 takes the longest match.
    const rank = length === IPV4_LENGTH ? Number(common >= prefixLength) : common;
    if (rank > longest) {
      longest = rank;
      found = address;
    }
  }
  return found;
}

function commonBits(address: Uint8Array, bytes: Uint8Array, at: number): number {
  for (let i = 0; i < address.length; i++) {
    const difference = address[i] ^ bytes[at + i];
    if (difference !== 0) return 8 * i + Math.clz32(difference) - 24;
  }
  return 8 * address.length;
}

/** Whether the address at `bytes[at]` is one of the namespace's own: a local route leads to it, or it is link-local. */
export function isOwnAddress(
  namespace: Namespace,
  device: Device,
  bytes: Uint8Array,
  at: number,
  length: number,
): boolean {
  if (namespace.routes(length).isLocal(bytes, at)) return true;
  return length !== IPV4_LENGTH && commonBits(device.linkLocal, bytes, at) === 128;
}
