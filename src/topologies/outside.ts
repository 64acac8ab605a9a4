/**
 * What is outside of a network, as one router: it knows the hosts that were declared outside, and the way back to
 * each node's addresses, pods and services, as by BGP. Frames that leave the network go through it.
 */
import { contains, type Prefix } from '../engine/address-text.js';
import type { Device } from '../engine/device.js';
import { TTL_EXCEEDED } from '../engine/fate.js';
import { LinkDirection, PLAIN_LINK } from '../engine/link.js';
import { Node } from '../engine/node.js';
import type { RandomSource } from '../engine/random.js';
import {
  ARP_FRAME_LENGTH,
  advertisementLength,
  writeAdvertisement,
  writeArp,
} from '../engine/stack/neighbour-message.js';
import * as arp from '../engine/wire/arp.js';
import { isEqual } from '../engine/wire/bytes.js';
import * as ethernet from '../engine/wire/ethernet.js';
import * as icmpv6 from '../engine/wire/icmpv6.js';
import * as ipv4 from '../engine/wire/ipv4.js';
import * as ipv6 from '../engine/wire/ipv6.js';
import * as tables from '../programs/tables/services.js';
import type { BuiltTopology } from './built.js';
import { OUTSIDE_MAC } from './check-hosts.js';
import { ipAddressLength, putGatewaySource } from './placement.js';

/** What comes of a frame that has left the network: the same or its answer, at some device at some time. */
export interface Arrival {
  readonly frame: Uint8Array;
  readonly device: Device;
  readonly timeNs: number;
}

/** Why nothing comes of a frame, beside drop reasons: nobody outside has the address; nobody there listens to such. */
export const NOBODY = 0;
export const UNHEARD = -1;

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
  /** What neighbours see of it. */
  readonly #device: Device;
  readonly #entries: readonly Entry[];
  readonly #hosts: readonly OutsideHost[];

  constructor(built: BuiltTopology, random: RandomSource) {
    const { host } = new Node('outside');
    this.#device = host.addDevice({ name: 'outside', ifindex: 1, kind: 'physical', mac: OUTSIDE_MAC });
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
   * are changed in place. Who asks for the link address of a gateway or a host outside is answered. Else why not: a
   * drop reason, NOBODY or UNHEARD.
   */
  bring(frame: Uint8Array, from: Device, nowNs: number): Arrival | number {
    const ipAt = ethernet.HEADER_LENGTH;
    const addressLength = ipAddressLength(frame, 0, frame.length);
    if (addressLength === 0 || ethernet.isGroup(frame, ethernet.destinationAt(0))) {
      const asked = askedAddress(frame);
      if (asked === null || !this.#isOutside(asked, from)) return UNHEARD;
      return { frame: neighbourAnswer(frame, this.#device, asked), device: from, timeNs: nowNs };
    }
    const isIpv4 = addressLength === ipv4.ADDRESS_LENGTH;
    const at = isIpv4 ? ipv4.destinationAt(ipAt) : ipv6.destinationAt(ipAt);
    const destination = frame.slice(at, at + addressLength);
    const host = this.#hosts.find(
      ({ addresses, behind }) =>
        (behind === null || behind === from) && addresses.some((address) => isEqual(address, destination)),
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
    return { frame, device, timeNs };
  }

  /** A gateway by the device, or a host outside. */
  #isOutside(address: Uint8Array, from: Device): boolean {
    const { routes } = from.namespace.routes(address.length);
    return (
      routes.some(
        ({ ifindex, gateway }) => ifindex === from.ifindex && !!gateway && isEqual(address, gateway),
      ) || this.#hosts.some(({ addresses }) => addresses.some((other) => isEqual(address, other)))
    );
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

/** The address whose link address an ARP request or a neighbour solicitation asks for; null for other frames. */
function askedAddress(frame: Uint8Array): Uint8Array | null {
  const at = ethernet.HEADER_LENGTH;
  const type = ethernet.fits(0, frame.length) ? ethernet.type(frame, 0) : 0;
  if (type === ethernet.TYPE_ARP) {
    if (!arp.fits(at, frame.length) || arp.operation(frame, at) !== arp.OPERATION_REQUEST) return null;
    return frame.slice(arp.targetAddressAt(at), arp.targetAddressAt(at) + ipv4.ADDRESS_LENGTH);
  }
  const icmpAt = at + ipv6.HEADER_LENGTH;
  if (type !== ethernet.TYPE_IPV6 || !icmpv6.fitsNeighbour(icmpAt, frame.length)) return null;
  if (ipv6.nextHeader(frame, at) !== ipv6.NEXT_ICMPV6) return null;
  if (icmpv6.type(frame, icmpAt) !== icmpv6.NEIGHBOUR_SOLICITATION) return null;
  return frame.slice(icmpv6.targetAt(icmpAt), icmpv6.targetAt(icmpAt) + ipv6.ADDRESS_LENGTH);
}

/** Tells who asked that the address is at the device. */
function neighbourAnswer(question: Uint8Array, device: Device, address: Uint8Array): Uint8Array {
  const asker = question.slice(ethernet.sourceAt(0), ethernet.sourceAt(0) + ethernet.ADDRESS_LENGTH);
  const ipAt = ethernet.HEADER_LENGTH;
  if (address.length === ipv4.ADDRESS_LENGTH) {
    const answer = new Uint8Array(ARP_FRAME_LENGTH);
    const [own, other] = [arp.targetAddress(question, ipAt), arp.senderAddress(question, ipAt)];
    writeArp(answer, 0, device, arp.OPERATION_REPLY, asker, asker, own, other);
    return answer;
  }
  const answer = new Uint8Array(advertisementLength(true));
  const source = question.slice(ipv6.sourceAt(ipAt), ipv6.sourceAt(ipAt) + ipv6.ADDRESS_LENGTH);
  const flags = icmpv6.ADVERTISEMENT_ROUTER | icmpv6.ADVERTISEMENT_SOLICITED | icmpv6.ADVERTISEMENT_OVERRIDE;
  writeAdvertisement(answer, 0, device, address, source, flags, true);
  ethernet.putDestination(answer, 0, asker, 0);
  return answer;
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
