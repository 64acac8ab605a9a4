/**
 * What is outside of a network, as one router: it knows the hosts that were declared outside, and the way back to
 * each node's addresses, pods and services, as by BGP. Frames that leave the network go through it.
 */
import { contains, type Prefix } from '../engine/address-text.js';
import type { Device } from '../engine/device.js';
import { TTL_EXCEEDED } from '../engine/fate.js';
import { LinkDirection, PLAIN_LINK } from '../engine/link.js';
import type { RandomSource } from '../engine/random.js';
import * as ethernet from '../engine/wire/ethernet.js';
import * as ipv4 from '../engine/wire/ipv4.js';
import * as ipv6 from '../engine/wire/ipv6.js';
import * as tables from '../programs/tables/services.js';
import type { BuiltTopology } from './built.js';
import { OUTSIDE_MAC } from './check-hosts.js';
import { isSame } from './check-text.js';
import { putGatewaySource } from './placement.js';

/** Where a frame goes that has left the network, and when it is there. */
export interface Arrival {
  readonly device: Device;
  readonly timeNs: number;
}

/** Nobody outside has the address. */
export const NOBODY = 0;

/** The way back into the network. */
interface Entry {
  readonly prefix: Prefix;
  readonly device: Device;
}

/** A host outside: its device, and the way to and from it. */
interface OutsideHost {
  readonly device: Device;
  readonly addresses: readonly Uint8Array[];
  readonly behind: Device | null;
  readonly there: LinkDirection;
  readonly back: LinkDirection;
}

export class Outside {
  readonly #entries: readonly Entry[];
  readonly #hosts: readonly OutsideHost[];

  constructor(built: BuiltTopology, random: RandomSource) {
    this.#entries = entriesOf(built);
    this.#hosts = built.hosts
      .filter(({ planned }) => planned.link === null)
      .map(({ planned, node }) => ({
        device: node.host.devices[0],
        addresses: planned.devices[0].addresses.map(({ address }) => address),
        behind: planned.behind === null ? null : built.device(planned.behind),
        there: new LinkDirection(planned.options ?? PLAIN_LINK, random),
        back: new LinkDirection(planned.options ?? PLAIN_LINK, random),
      }));
  }

  /**
   * Brings a frame that has left the network by a device to where it goes, one hop on: link addresses and hop limit
   * are changed in place. Else why not: a drop reason, or NOBODY.
   */
  bring(frame: Uint8Array, from: Device, nowNs: number): Arrival | number {
    const ipAt = ethernet.HEADER_LENGTH;
    const addressLength = ipAddressLength(frame);
    if (addressLength === 0 || ethernet.isGroup(frame, ethernet.destinationAt(0))) return NOBODY;
    const isIpv4 = addressLength === ipv4.ADDRESS_LENGTH;
    const at = isIpv4 ? ipv4.destinationAt(ipAt) : ipv6.destinationAt(ipAt);
    const destination = frame.slice(at, at + addressLength);
    const host = this.#hosts.find(
      ({ addresses, behind }) =>
        (behind === null || behind === from) && addresses.some((address) => isSame(address, destination)),
    );
    const device = host?.device ?? this.#entryOf(destination);
    if (device === null) return NOBODY;
    if (!lowerHopLimit(frame, ipAt)) return TTL_EXCEEDED;
    // A host's own end first, then that of whom it sends to.
    let timeNs = nowNs;
    for (const direction of [this.#hosts.find((one) => one.device === from)?.back, host?.there]) {
      timeNs = direction?.arrivalNs(timeNs, frame.length) ?? timeNs;
      if (timeNs < 0) return -timeNs;
    }
    ethernet.putDestination(frame, 0, device.mac, 0);
    ethernet.putSource(frame, 0, OUTSIDE_MAC, 0);
    if (host === undefined) {
      putGatewaySource(frame, 0, device, isIpv4 ? ipv4.sourceAt(ipAt) : ipv6.sourceAt(ipAt), addressLength);
    }
    return { device, timeNs };
  }

  /** The longest prefix wins; among equals the first. */
  #entryOf(destination: Uint8Array): Device | null {
    let best: Entry | null = null;
    for (const entry of this.#entries) {
      if (!contains(entry.prefix, destination)) continue;
      if (best === null || entry.prefix.length > best.prefix.length) best = entry;
    }
    return best?.device ?? null;
  }
}

function ipAddressLength(frame: Uint8Array): number {
  const type = ethernet.fits(0, frame.length) ? ethernet.type(frame, 0) : 0;
  if (type === ethernet.TYPE_IPV4 && ipv4.fits(ethernet.HEADER_LENGTH, frame.length))
    return ipv4.ADDRESS_LENGTH;
  return type === ethernet.TYPE_IPV6 && ipv6.fits(ethernet.HEADER_LENGTH, frame.length)
    ? ipv6.ADDRESS_LENGTH
    : 0;
}

/** False when the packet may not go any further. */
function lowerHopLimit(frame: Uint8Array, ipAt: number): boolean {
  if (ipv4.version(frame, ipAt) === ipv4.VERSION) {
    if (ipv4.timeToLive(frame, ipAt) <= 1) return false;
    ipv4.decrementTimeToLive(frame, ipAt);
    return true;
  }
  const limit = ipv6.hopLimit(frame, ipAt);
  if (limit <= 1) return false;
  ipv6.putHopLimit(frame, ipAt, limit - 1);
  return true;
}

/** The nodes' and routers' own addresses, the nodes' pods, and what their services are known by outside. */
function entriesOf(built: BuiltTopology): Entry[] {
  const { plan, network } = built;
  const whole = (address: Uint8Array): Prefix => ({ address, length: 8 * address.length });
  const entries: Entry[] = [];
  for (const { name, devices } of [...plan.nodes, ...plan.routers]) {
    for (const device of devices) {
      if (device.kind !== 'physical') continue;
      const entry = entryDevice(built, network.node(name)!.host.device(device.ifindex)!);
      for (const { address } of device.addresses) entries.push({ prefix: whole(address), device: entry });
    }
  }
  for (const { planned, node } of built.nodes) {
    const device = planned.directRoutingDevice ?? planned.devices.find(({ kind }) => kind === 'physical');
    if (device === undefined) continue;
    const entry = entryDevice(built, node.host.device(device.ifindex)!);
    for (const prefix of planned.podPrefixes) entries.push({ prefix, device: entry });
    for (const { addresses } of planned.pods) {
      for (const address of addresses) entries.push({ prefix: whole(address), device: entry });
    }
    for (const { address, flags } of plan.services) {
      if ((flags & (tables.LOADBALANCER | tables.EXTERNAL_IP)) === 0) continue;
      entries.push({ prefix: whole(address), device: entry });
    }
  }
  return entries;
}

/** Where packets for a device's link come in from outside: by a router of the link, or at the device itself. */
function entryDevice(built: BuiltTopology, device: Device): Device {
  const routers = built.plan.routers.map(({ name }) => name);
  for (const { namespace } of device.segment?.devices ?? []) {
    if (!routers.includes(namespace.node.name)) continue;
    const uplink = namespace.devices.find(({ kind, segment }) => kind === 'physical' && segment === null);
    if (uplink !== undefined) return uplink;
  }
  return device;
}
