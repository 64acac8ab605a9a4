/** ARP and neighbour discovery as they arrive: answered for the namespace's own addresses, and learned from. */
import type { Clock } from '../clock.js';
import { type Device, PACKET_HOST } from '../device.js';
import type { Namespace } from '../namespace.js';
import type { PacketContext } from '../packet.js';
import * as arp from '../wire/arp.js';
import * as ethernet from '../wire/ethernet.js';
import * as icmpv6 from '../wire/icmpv6.js';
import * as ipv4 from '../wire/ipv4.js';
import * as ipv6 from '../wire/ipv6.js';
import { isOwnAddress } from './addresses.js';
import type { StackOutput } from './local-delivery.js';
import { NUD_REACHABLE, NUD_STALE } from './neighbour.js';
import * as message from './neighbour-message.js';

/** ff02::1, all nodes: who asks without an address is answered there. */
const ALL_NODES = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1);
const LINK_ADDRESS_OFFSET = 2;

export class NeighbourInput {
  readonly #namespace: Namespace;
  readonly #output: StackOutput;
  readonly #clock: Clock;

  constructor(namespace: Namespace, output: StackOutput, clock: Clock) {
    this.#namespace = namespace;
    this.#output = output;
    this.#clock = clock;
  }

  /** An ARP message (arp_process; arp_ignore and arp_announce are 0). */
  arp(packet: PacketContext, device: Device): void {
    const { bytes, end } = packet;
    const at = packet.start + ethernet.HEADER_LENGTH;
    if (device.noArp || !arp.fits(at, end) || !arp.isEthernetIpv4(bytes, at)) return;
    const operation = arp.operation(bytes, at);
    if (operation !== arp.OPERATION_REQUEST && operation !== arp.OPERATION_REPLY) return;
    const senderAt = arp.senderAddressAt(at);
    const sender = arp.senderAddress(bytes, at);
    const routes = this.#namespace.ipv4Routes;
    const targetAt = arp.targetAddressAt(at);
    if (ipv4.isGroupAddress(bytes, targetAt) || bytes[targetAt] === 127) return;
    if (operation === arp.OPERATION_REQUEST && routes.isLocal(bytes, targetAt)) {
      // One that asks from nowhere only wants to know whether the address is taken (RFC 5227).
      if (sender !== 0 && (routes.isLocal(bytes, senderAt) || ipv4.isMartianSource(bytes, senderAt))) return;
      this.#answerArp(packet, device, at);
      if (sender !== 0)
        this.#learn(device, bytes, senderAt, ipv4.ADDRESS_LENGTH, arp.senderMacAt(at), NUD_STALE);
      return;
    }
    const isAnswer = operation === arp.OPERATION_REPLY && packet.packetType === PACKET_HOST;
    const state = isAnswer ? NUD_REACHABLE : NUD_STALE;
    this.#update(device, bytes, senderAt, ipv4.ADDRESS_LENGTH, arp.senderMacAt(at), state);
  }

  /** A neighbour solicitation whose ICMPv6 header is at `at` (ndisc_recv_ns); the checksum has been looked at. */
  solicitation(packet: PacketContext, device: Device, ipAt: number, at: number): void {
    const { bytes, end } = packet;
    if (!isFromLink(packet, ipAt, at)) return;
    const targetAt = icmpv6.targetAt(at);
    const namespace = this.#namespace;
    if (ipv6.isMulticast(bytes, targetAt)) return;
    if (!isOwnAddress(namespace, device, bytes, targetAt, ipv6.ADDRESS_LENGTH)) return;
    const sourceAt = ipv6.sourceAt(ipAt);
    const source = bytes.slice(sourceAt, sourceAt + ipv6.ADDRESS_LENGTH);
    const isProbe = source.every((byte) => byte === 0);
    const toGroup = ipv6.isMulticast(bytes, ipv6.destinationAt(ipAt));
    const macAt = linkAddressAt(bytes, at, end, icmpv6.OPTION_SOURCE_LINK_ADDRESS);
    if (!isProbe && macAt >= 0) {
      this.#learn(device, bytes, sourceAt, ipv6.ADDRESS_LENGTH, macAt, NUD_STALE);
    }
    const target = bytes.slice(targetAt, targetAt + ipv6.ADDRESS_LENGTH);
    this.#advertise(device, target, isProbe ? null : source, toGroup);
  }

  /** A neighbour advertisement (ndisc_recv_na): news of neighbours that are known or asked for. */
  advertisement(packet: PacketContext, device: Device, ipAt: number, at: number): void {
    const { bytes, end } = packet;
    if (!isFromLink(packet, ipAt, at)) return;
    const macAt = linkAddressAt(bytes, at, end, icmpv6.OPTION_TARGET_LINK_ADDRESS);
    const isAnswer = (icmpv6.advertisementFlags(bytes, at) & icmpv6.ADVERTISEMENT_SOLICITED) !== 0;
    const from = macAt < 0 ? ethernet.sourceAt(packet.start) : macAt;
    const state = isAnswer ? NUD_REACHABLE : NUD_STALE;
    this.#update(device, bytes, icmpv6.targetAt(at), ipv6.ADDRESS_LENGTH, from, state);
  }

  #answerArp({ bytes }: PacketContext, device: Device, at: number): void {
    const flight = this.#output.make(message.ARP_FRAME_LENGTH);
    if (flight === null) return;
    const mac = bytes.slice(arp.senderMacAt(at), arp.senderMacAt(at) + ethernet.ADDRESS_LENGTH);
    message.writeArp(
      flight.packet.bytes,
      flight.packet.start,
      device,
      arp.OPERATION_REPLY,
      mac,
      mac,
      arp.targetAddress(bytes, at),
      arp.senderAddress(bytes, at),
    );
    this.#output.transmitLater(flight, device);
  }

  /** To `source`, or to all when it has no address yet. */
  #advertise(device: Device, target: Uint8Array, source: Uint8Array | null, toGroup: boolean): void {
    const flight = this.#output.make(message.advertisementLength(toGroup));
    if (flight === null) return;
    const { bytes, start } = flight.packet;
    const flags =
      (this.#namespace.ipv6Forwarding ? icmpv6.ADVERTISEMENT_ROUTER : 0) |
      (source === null ? 0 : icmpv6.ADVERTISEMENT_SOLICITED) |
      (toGroup ? icmpv6.ADVERTISEMENT_OVERRIDE : 0);
    message.writeAdvertisement(bytes, start, device, target, source ?? ALL_NODES, flags, toGroup);
    if (source === null) {
      ethernet.putDestination(bytes, start, ALL_NODES_MAC, 0);
      this.#output.transmitLater(flight, device);
    } else this.#output.sendToNeighbour(flight, device, source);
  }

  /** The sender is a neighbour, known before or not. */
  #learn(device: Device, bytes: Uint8Array, at: number, length: number, macAt: number, state: number): void {
    const { neighbours } = this.#namespace;
    if (ethernet.isGroup(bytes, macAt)) return;
    neighbours.learn(device.ifindex, bytes, at, length, bytes, macAt, state, this.#clock.nowNs);
    this.#output.neighbourFound(device, bytes, at, length, bytes, macAt);
  }

  /** As `#learn`, but only for neighbours that are known or asked for. */
  #update(device: Device, bytes: Uint8Array, at: number, length: number, macAt: number, state: number): void {
    const { neighbours, resolver } = this.#namespace;
    const isWanted = resolver?.isPending(device, bytes, at, length) ?? false;
    if (isWanted || neighbours.macAt(device.ifindex, bytes, at, length) >= 0) {
      this.#learn(device, bytes, at, length, macAt, state);
    }
  }
}

/** RFC 4861 section 7.1: from this link, and whole. */
function isFromLink({ bytes, end }: PacketContext, ipAt: number, at: number): boolean {
  return ipv6.hopLimit(bytes, ipAt) === message.ND_HOP_LIMIT && icmpv6.fitsNeighbour(at, end);
}

/** Where the link address of an option of `kind` is, or -1. */
function linkAddressAt(bytes: Uint8Array, at: number, end: number, kind: number): number {
  for (let option = icmpv6.neighbourOptionAt(at); option + icmpv6.LINK_ADDRESS_OPTION_LENGTH <= end; ) {
    const length = icmpv6.optionLength(bytes, option);
    if (length === 0) return -1;
    if (icmpv6.optionKind(bytes, option) === kind) return option + LINK_ADDRESS_OFFSET;
    option += length;
  }
  return -1;
}
