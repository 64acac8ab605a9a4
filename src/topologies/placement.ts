/**
 * Where a captured frame enters the network. A capture taken at a device holds what went in there and what came out:
 * the first is walked from there; the second is walked from where it must have come from, made again what it was
 * there (service translation taken back, hop count, link addresses), so that the datapath does its work on it once
 * more and its output can be held against the capture.
 */
import type { Device } from '../engine/device.js';
import { ENTER_RECEIVE, ENTER_SEND } from '../engine/entry.js';
import type { Namespace } from '../engine/namespace.js';
import * as arp from '../engine/wire/arp.js';
import { standsAt } from '../engine/wire/bytes.js';
import * as checksum from '../engine/wire/checksum.js';
import * as ethernet from '../engine/wire/ethernet.js';
import * as icmpv6 from '../engine/wire/icmpv6.js';
import * as ipv4 from '../engine/wire/ipv4.js';
import * as ipv6 from '../engine/wire/ipv6.js';
import { MARK_HOST } from '../programs/constants.js';
import { rawWordOfText } from './address-words.js';
import type { BuiltNode, BuiltPod, BuiltTopology } from './built.js';
import { AddressTable, LinkCache, MacTable } from './lookup-tables.js';
import { TranslationUndo } from './undo-translation.js';

/** It went in where it was captured. */
export const PLACED_IN = 0;
/** It came out there; it is walked from where it came from. */
export const PLACED_BACK = 1;
/** It is an answer that the node made by itself (ARP, ICMP): not walked. */
export const PLACED_OUTPUT = 2;
/** It cannot be placed, or is not to be. */
export const LEFT_OUT = 3;

/** Multicast listener (130 to 132) and neighbour discovery messages (to 136) belong to a link (RFC 2710, RFC 4861). */
const FIRST_LINK_MESSAGE = 130;

/** What is known of a frame's way at a device. */
const INTO_NODE = 0;
const OUT_OF_NODE = 1;

export interface PlacementOptions {
  /** Device that the capture was taken at; null tells it frame by frame by addresses. */
  readonly captureDevice: Device | null;
  /** Leaves out what came out of the device. */
  readonly oneWay: boolean;
  /** The capture's link addresses are those of another network than the topology's (see `inferTopology`). */
  readonly adoptLinks?: boolean;
}

export class Placement {
  /** Where the frame enters: ENTER_RECEIVE at `device`, or ENTER_SEND from `namespace` with `mark`. */
  entry = ENTER_RECEIVE;
  device: Device;
  namespace: Namespace;
  mark = 0;
  /** Device that the frame was captured at. */
  captured: Device;
  /** Neither link address is one of the topology's: a frame that is walked as captured needs `adoptLink` first. */
  foreignLink = false;

  readonly #pods: readonly BuiltPod[];
  readonly #nodeOfPod: readonly BuiltNode[];
  readonly #podByAddress = new AddressTable();
  /** Rows of `Network.devices`, of both ends' MACs for a pod's device. */
  readonly #deviceByMac = new MacTable();
  /** Device row and way of a frame by its MACs, where they alone decide. */
  readonly #links = new LinkCache();
  /** By row of `Network.devices`: the pod behind the device, or null; the node it is on. */
  readonly #podAt: (BuiltPod | null)[];
  readonly #nodeAt: BuiltNode[];
  /** By row of `Network.devices`: the source of what a pod sends to itself through a service, a raw word. */
  readonly #loopbackAt: number[];
  readonly #undo = new Map<BuiltNode, TranslationUndo>();
  readonly #devices: readonly Device[];
  readonly #captureDevice: Device | null;
  readonly #oneWay: boolean;
  readonly #adoptLinks: boolean;
  readonly #default: Device;

  constructor(built: BuiltTopology, options: PlacementOptions) {
    this.#captureDevice = options.captureDevice;
    this.#oneWay = options.oneWay;
    this.#adoptLinks = options.adoptLinks ?? false;
    this.#devices = built.network.devices;
    this.#pods = built.pods;
    this.#nodeOfPod = this.#pods.map((pod) => built.nodeOf(pod.namespace));
    this.#podAt = this.#devices.map(() => null);
    // Frames at a router's devices are walked from there; which node that counts as makes no difference.
    this.#nodeAt = this.#devices.map((device) => built.findNode(device.namespace) ?? built.nodes[0]);
    this.#loopbackAt = this.#nodeAt.map((node) => rawWordOfText(node.planned.config.serviceLoopbackIpv4));
    this.#pods.forEach((pod, row) => {
      this.#podAt[pod.device.index] = pod;
      for (const address of pod.planned.addresses) this.#podByAddress.set(address, row);
      this.#deviceByMac.set(pod.planned.mac, pod.device.index);
      this.#deviceByMac.set(pod.device.mac, pod.device.index);
    });
    for (const device of this.#devices) {
      if (device.kind === 'physical' && built.findNode(device.namespace) !== null)
        this.#deviceByMac.set(device.mac, device.index);
    }
    for (const node of built.nodes) this.#undo.set(node, new TranslationUndo(node.datapath));
    this.#default = options.captureDevice ?? outsideDevice(built.nodes[0]) ?? this.#devices[0];
    this.device = this.#default;
    this.captured = this.#default;
    this.namespace = this.#default.namespace;
  }

  /** Decides on the captured frame of `length` bytes at `bytes[at]`; after PLACED_BACK comes `prepare`. */
  place(bytes: Uint8Array, at: number, length: number): number {
    this.entry = ENTER_RECEIVE;
    this.mark = 0;
    this.foreignLink = this.#adoptLinks;
    this.device = this.#default;
    this.captured = this.#default;
    if (length < ethernet.HEADER_LENGTH) return PLACED_IN;
    const way = this.#locate(bytes, at, length);
    this.device = this.captured;
    if (way === INTO_NODE) return PLACED_IN;
    if (this.#oneWay) return LEFT_OUT;
    return this.#placeOutput(bytes, at, length);
  }

  /** Gives the copy of a PLACED_IN frame at `bytes[start]` the link addresses that the topology has. */
  adoptLink(bytes: Uint8Array, start: number): void {
    if ((bytes[start] & 1) === 0) ethernet.putDestination(bytes, start, this.device.mac, 0);
    const pod = this.#podAt[this.device.index];
    if (pod !== null) ethernet.putSource(bytes, start, pod.planned.mac, 0);
  }

  /**
   * Makes the copy of a frame what it was where it entered, and says where that is: PLACED_BACK; or PLACED_OUTPUT or
   * LEFT_OUT when it turns out that it cannot be walked. The copy is `bytes[start .. end)`.
   */
  prepare(bytes: Uint8Array, start: number, end: number): number {
    const ipAt = start + ethernet.HEADER_LENGTH;
    const isIpv6 = ipv4.version(bytes, ipAt) === ipv6.VERSION;
    const length = isIpv6 ? ipv6.ADDRESS_LENGTH : ipv4.ADDRESS_LENGTH;
    const sourceAt = isIpv6 ? ipv6.sourceAt(ipAt) : ipv4.sourceAt(ipAt);
    const node = this.#nodeAt[this.captured.index];
    const receiver = this.#podAt[this.captured.index];
    const host = node.node.host;
    if (receiver !== null && !host.routes(length).isLocal(bytes, sourceAt)) {
      if (this.#podRow(bytes, sourceAt, length) < 0) {
        this.#undo.get(node)!.undo(bytes, ipAt, packetEnd(bytes, ipAt, end));
      }
    }
    if (host.routes(length).isLocal(bytes, sourceAt)) {
      this.entry = ENTER_SEND;
      this.namespace = host;
      this.mark = MARK_HOST;
      return PLACED_BACK;
    }
    if (receiver !== null && !isIpv6 && ipv4.source(bytes, ipAt) === this.#loopbackAt[this.captured.index]) {
      return PLACED_OUTPUT;
    }
    const row = this.#podRow(bytes, sourceAt, length);
    const sender = row >= 0 && this.#nodeOfPod[row] === node ? this.#pods[row] : null;
    if (sender !== null) {
      // What a pod sent to itself through a service is an output of that walk.
      if (sender === receiver) return PLACED_OUTPUT;
      this.device = sender.device;
      ethernet.putDestination(bytes, start, sender.device.mac, 0);
      ethernet.putSource(bytes, start, sender.planned.mac, 0);
      raiseHopCount(bytes, ipAt, receiver === null ? routedHops(node) : 1);
      return PLACED_BACK;
    }
    const outside = outsideDevice(node);
    if (receiver === null || outside === null) return LEFT_OUT;
    node.netfilter?.untranslate.restoreDestination(bytes, ipAt, packetEnd(bytes, ipAt, end), !isIpv6);
    this.device = outside;
    ethernet.putDestination(bytes, start, outside.mac, 0);
    putGatewaySource(bytes, start, outside, sourceAt, length);
    raiseHopCount(bytes, ipAt, routedHops(node));
    return PLACED_BACK;
  }

  #podRow(bytes: Uint8Array, addressAt: number, length: number): number {
    return this.#podByAddress.get(bytes, addressAt, length);
  }

  /** Sets `captured` and answers the frame's way there: by MACs, else by addresses. */
  #locate(bytes: Uint8Array, at: number, length: number): number {
    const known = this.#links.get(bytes, at);
    if (known >= 0) {
      this.captured = this.#devices[known >> 1];
      return known & 1;
    }
    const sourceRow = this.#deviceByMac.get(bytes, ethernet.sourceAt(at));
    const destinationRow = this.#deviceByMac.get(bytes, ethernet.destinationAt(at));
    const fixed = this.#captureDevice;
    if (fixed === null) {
      if (sourceRow >= 0) this.captured = this.#devices[sourceRow];
      else if (destinationRow >= 0) this.captured = this.#devices[destinationRow];
      else {
        this.foreignLink = true;
        return this.#locateByAddress(bytes, at, length);
      }
    } else if (sourceRow !== fixed.index && destinationRow !== fixed.index) {
      this.foreignLink = true;
      return this.#wayByAddress(bytes, at, length, fixed);
    }
    const way = this.#wayByMac(bytes, at, sourceRow);
    this.#links.put((this.captured.index << 1) | way);
    return way;
  }

  /** One of the MACs is known to be of the device, or of the pod behind it. */
  #wayByMac(bytes: Uint8Array, at: number, sourceRow: number): number {
    const { captured } = this;
    const fromDevice = sourceRow === captured.index && standsAt(bytes, ethernet.sourceAt(at), captured.mac);
    if (fromDevice) return OUT_OF_NODE;
    const pod = this.#podAt[captured.index];
    if (pod === null) return INTO_NODE;
    return standsAt(bytes, ethernet.destinationAt(at), pod.planned.mac) ? OUT_OF_NODE : INTO_NODE;
  }

  /** Neither MAC is of the capture's device: the topology may have others than the capture's network. */
  #wayByAddress(bytes: Uint8Array, at: number, length: number, device: Device): number {
    const pod = this.#podAt[device.index];
    const addressLength = ipAddressLength(bytes, at, length);
    if (addressLength === 0) return INTO_NODE;
    const sourceAt = sourceAddressAt(at, addressLength);
    const source = this.#podRow(bytes, sourceAt, addressLength);
    const destination = this.#podRow(bytes, sourceAt + addressLength, addressLength);
    if (pod !== null) {
      const toPod = destination >= 0 && this.#pods[destination] === pod;
      const fromPod = source >= 0 && this.#pods[source] === pod;
      return toPod && !fromPod ? OUT_OF_NODE : INTO_NODE;
    }
    return source >= 0 && this.#nodeOfPod[source] === this.#nodeAt[device.index] ? OUT_OF_NODE : INTO_NODE;
  }

  #locateByAddress(bytes: Uint8Array, at: number, length: number): number {
    const addressLength = ipAddressLength(bytes, at, length);
    if (addressLength === 0) return INTO_NODE;
    const source = this.#podRow(bytes, sourceAddressAt(at, addressLength), addressLength);
    if (source >= 0) this.captured = this.#pods[source].device;
    return INTO_NODE;
  }

  /** A frame that came out of `captured`. */
  #placeOutput(bytes: Uint8Array, at: number, length: number): number {
    const atPod = this.#podAt[this.captured.index] !== null;
    const networkAt = at + ethernet.HEADER_LENGTH;
    const type = ethernet.type(bytes, at);
    if (type === ethernet.TYPE_ARP) {
      if (!atPod || !arp.fits(networkAt, at + length)) return LEFT_OUT;
      return arp.operation(bytes, networkAt) === arp.OPERATION_REPLY ? PLACED_OUTPUT : LEFT_OUT;
    }
    if (ipAddressLength(bytes, at, length) === 0) return LEFT_OUT;
    if (type === ethernet.TYPE_IPV6 && ipv6.nextHeader(bytes, networkAt) === ipv6.NEXT_ICMPV6) {
      const icmpType = bytes[networkAt + ipv6.HEADER_LENGTH];
      if (icmpType === icmpv6.NEIGHBOUR_ADVERTISEMENT) return atPod ? PLACED_OUTPUT : LEFT_OUT;
      if (icmpType >= FIRST_LINK_MESSAGE && icmpType <= icmpv6.NEIGHBOUR_ADVERTISEMENT) return LEFT_OUT;
    }
    return PLACED_BACK;
  }
}

/** The device by which a node reaches the world: its first physical one. */
function outsideDevice(node: BuiltNode): Device | null {
  return node.node.host.devices.find((device) => device.kind === 'physical') ?? null;
}

/** 4 or 16 for a frame with a whole IP header, else 0. */
export function ipAddressLength(bytes: Uint8Array, at: number, length: number): number {
  if (length < ethernet.HEADER_LENGTH) return 0;
  const networkAt = at + ethernet.HEADER_LENGTH;
  const type = ethernet.type(bytes, at);
  if (type === ethernet.TYPE_IPV4) return ipv4.fits(networkAt, at + length) ? ipv4.ADDRESS_LENGTH : 0;
  if (type === ethernet.TYPE_IPV6) return ipv6.fits(networkAt, at + length) ? ipv6.ADDRESS_LENGTH : 0;
  return 0;
}

/** The destination follows the source at once, in both families. */
function sourceAddressAt(at: number, addressLength: number): number {
  const networkAt = at + ethernet.HEADER_LENGTH;
  return addressLength === ipv4.ADDRESS_LENGTH ? ipv4.sourceAt(networkAt) : ipv6.sourceAt(networkAt);
}

/** Where the IP packet ends, by its own length. */
function packetEnd(bytes: Uint8Array, ipAt: number, end: number): number {
  const length =
    ipv4.version(bytes, ipAt) === ipv6.VERSION
      ? ipv6.HEADER_LENGTH + ipv6.payloadLength(bytes, ipAt)
      : ipv4.totalLength(bytes, ipAt);
  return Math.min(end, ipAt + length);
}

/** Gives back the hops that the node's routing takes; the largest count stays what it is. */
function raiseHopCount(bytes: Uint8Array, ipAt: number, hops: number): void {
  if (ipv4.version(bytes, ipAt) === ipv6.VERSION) {
    ipv6.putHopLimit(bytes, ipAt, Math.min(255, ipv6.hopLimit(bytes, ipAt) + hops));
    return;
  }
  const ttl = ipv4.timeToLive(bytes, ipAt);
  const raised = Math.min(255, ttl + hops);
  checksum.replace16(bytes, ipv4.checksumAt(ipAt), ttl, raised);
  ipv4.putTimeToLive(bytes, ipAt, raised);
}

/** Source MAC of a frame from outside: that of the neighbour by which its source is reached, where it is known. */
export function putGatewaySource(
  bytes: Uint8Array,
  start: number,
  outside: Device,
  sourceAt: number,
  length: number,
): void {
  const { neighbours } = outside.namespace;
  const routes = outside.namespace.routes(length);
  const row = routes.lookup(bytes, sourceAt);
  if (row < 0 || routes.ifindex[row] !== outside.ifindex) return;
  const hop = routes.gatewayLength[row];
  const macAt =
    hop === 0
      ? neighbours.macAt(outside.ifindex, bytes, sourceAt, length)
      : neighbours.macAt(outside.ifindex, routes.gateways, row * 16, hop);
  if (macAt >= 0) ethernet.putSource(bytes, start, neighbours.macs, macAt);
}

/** Routers that a packet between a pod and the outside passes on its node: the stack, and a program as well. */
function routedHops(node: BuiltNode): number {
  const { routing, hostRouting } = node.datapath.features;
  return routing && !hostRouting ? 2 : 1;
}
