/** What a host answers by itself (echo, ARP, neighbour discovery, closed ports), and who waits for echo replies. */
import type { Device } from '../engine/device.js';
import * as arp from '../engine/wire/arp.js';
import { put16 } from '../engine/wire/bytes.js';
import * as checksum from '../engine/wire/checksum.js';
import * as ethernet from '../engine/wire/ethernet.js';
import * as icmp from '../engine/wire/icmp.js';
import * as icmpv6 from '../engine/wire/icmpv6.js';
import * as ipv4 from '../engine/wire/ipv4.js';
import * as ipv6 from '../engine/wire/ipv6.js';
import type { HostStack } from './host-stack.js';
import { echoKinds, type IcmpError, isIcmp, quoteOf, readIcmpError } from './icmp-message.js';
import { fillTransportChecksum, type IpPacket, isTransportValid, makePacket } from './ip-packet.js';

/** Hop limit of neighbour discovery (RFC 4861 section 7.1). */
const NEIGHBOUR_HOP_LIMIT = 255;
const IPV4_ADDRESS_LENGTH = ipv4.ADDRESS_LENGTH;

export interface EchoReply {
  readonly from: Uint8Array;
  readonly sequence: number;
  readonly hopLimit: number;
  /** Bytes of the ICMP message. */
  readonly length: number;
}

/** Who sent echo requests under an identifier. */
export interface EchoListener {
  onReply(reply: EchoReply): void;
  onError(error: IcmpError, sequence: number): void;
}

export class HostIcmp {
  readonly #stack: HostStack;
  readonly #listeners = new Map<number, EchoListener>();

  constructor(stack: HostStack) {
    this.#stack = stack;
  }

  /** An identifier for echo requests, whose replies the listener gets. */
  openEcho(listener: EchoListener): number {
    let identifier = this.#stack.world.random.next() & 0xffff;
    while (identifier === 0 || this.#listeners.has(identifier)) identifier = (identifier + 1) & 0xffff;
    this.#listeners.set(identifier, listener);
    return identifier;
  }

  closeEcho(identifier: number): void {
    this.#listeners.delete(identifier);
  }

  /** Sends an echo request with `length` bytes of data: 0 or an errno. */
  sendEcho(
    destination: Uint8Array,
    identifier: number,
    sequence: number,
    length: number,
    options: { dontFragment?: boolean; hopLimit?: number },
  ): number {
    const { protocol, request } = echoKinds(destination.length);
    const packet = this.#stack.packetTo(destination, protocol, icmp.HEADER_LENGTH + length, options);
    if (typeof packet === 'number') return packet;
    const { bytes, at } = packet;
    icmp.write(bytes, at, request, 0, (identifier << 16) | sequence);
    for (let i = 0; i < length; i++) bytes[at + icmp.HEADER_LENGTH + i] = i;
    fillTransportChecksum(packet, protocol, icmp.CHECKSUM_OFFSET);
    return this.#stack.send(bytes);
  }

  /** Takes an ICMP or ICMPv6 message; answers the error that it is, for the sockets. */
  receive(packet: IpPacket, device: Device): IcmpError | null {
    const { bytes, at, end, protocol, source } = packet;
    if (!icmp.fits(at, end) || !this.#isValid(packet)) return null;
    const { request, reply } = echoKinds(source.length);
    const type = icmp.type(bytes, at);
    if (type === request) this.#answerEcho(packet, reply);
    else if (type === reply) this.#takeReply(packet);
    else if (protocol === ipv6.NEXT_ICMPV6 && type === icmpv6.NEIGHBOUR_SOLICITATION) {
      this.#answerSolicitation(packet, device);
    } else return this.#takeError(readIcmpError(packet));
    return null;
  }

  /** Nobody listens at the port that a datagram is for. */
  sendPortUnreachable(packet: IpPacket): void {
    const { source, destination } = packet;
    const isIpv4 = source.length === IPV4_ADDRESS_LENGTH;
    const quote = quoteOf(packet);
    const protocol = isIpv4 ? ipv4.PROTOCOL_ICMP : ipv6.NEXT_ICMPV6;
    const message = this.#stack.packetTo(source, protocol, icmp.HEADER_LENGTH + quote.length, {
      source: destination,
      dontFragment: false,
    });
    if (typeof message === 'number') return;
    const { bytes, at } = message;
    if (isIpv4) icmp.write(bytes, at, icmp.DESTINATION_UNREACHABLE, icmp.CODE_PORT_UNREACHABLE, 0);
    else icmpv6.write(bytes, at, icmpv6.DESTINATION_UNREACHABLE, icmpv6.CODE_PORT_UNREACHABLE, 0);
    bytes.set(quote, at + icmp.HEADER_LENGTH);
    fillTransportChecksum(message, protocol, icmp.CHECKSUM_OFFSET);
    this.#stack.send(bytes);
  }

  /** Who asks for one of our addresses is told our MAC (RFC 826). */
  answerArp(frame: Uint8Array, device: Device): void {
    const at = ethernet.HEADER_LENGTH;
    if (!arp.fits(at, frame.length) || !arp.isEthernetIpv4(frame, at)) return;
    if (arp.operation(frame, at) !== arp.OPERATION_REQUEST) return;
    const targetAt = arp.targetAddressAt(at);
    if (!this.#stack.isLocal(frame.slice(targetAt, targetAt + IPV4_ADDRESS_LENGTH))) return;
    const answer = new Uint8Array(at + arp.HEADER_LENGTH);
    const asker = frame.slice(arp.senderMacAt(at), arp.senderMacAt(at) + ethernet.ADDRESS_LENGTH);
    ethernet.write(answer, 0, asker, device.mac, ethernet.TYPE_ARP);
    const [own, other] = [arp.targetAddress(frame, at), arp.senderAddress(frame, at)];
    arp.write(answer, at, arp.OPERATION_REPLY, device.mac, own, asker, other);
    this.#stack.world.transmit(this.#stack.namespace, device.index, answer);
  }

  #isValid(packet: IpPacket): boolean {
    const { bytes, at, end, protocol } = packet;
    return protocol === ipv4.PROTOCOL_ICMP ? checksum.isValid(bytes, at, end - at) : isTransportValid(packet);
  }

  #answerEcho(packet: IpPacket, replyType: number): void {
    const { bytes, at, end, protocol, source, destination } = packet;
    if (!this.#stack.isLocal(destination)) return;
    const reply = this.#stack.packetTo(source, protocol, end - at, {
      source: destination,
      dontFragment: false,
    });
    if (typeof reply === 'number') return;
    reply.bytes.set(bytes.subarray(at, end), reply.at);
    icmp.putType(reply.bytes, reply.at, replyType);
    put16(reply.bytes, icmp.checksumAt(reply.at), 0);
    fillTransportChecksum(reply, protocol, icmp.CHECKSUM_OFFSET);
    this.#stack.send(reply.bytes);
  }

  #takeReply({ bytes, at, end, source, hopLimit }: IpPacket): void {
    this.#listeners.get(icmp.identifier(bytes, at))?.onReply({
      from: source,
      sequence: icmp.sequence(bytes, at),
      hopLimit,
      length: end - at,
    });
  }

  #takeError(error: IcmpError | null): IcmpError | null {
    if (error === null) return null;
    const { bytes, at, end, protocol } = error.about;
    if (isIcmp(protocol) && icmp.fits(at, end)) {
      this.#listeners.get(icmp.identifier(bytes, at))?.onError(error, icmp.sequence(bytes, at));
    }
    return error;
  }

  /** RFC 4861 section 7.2.4. */
  #answerSolicitation(packet: IpPacket, device: Device): void {
    const { bytes, at, end, source } = packet;
    if (packet.hopLimit !== NEIGHBOUR_HOP_LIMIT || !icmpv6.fitsNeighbour(at, end)) return;
    const targetAt = icmpv6.targetAt(at);
    const target = bytes.slice(targetAt, targetAt + ipv6.ADDRESS_LENGTH);
    if (!this.#stack.isLocal(target)) return;
    const length = icmpv6.NEIGHBOUR_LENGTH + icmpv6.LINK_ADDRESS_OPTION_LENGTH;
    const protocol = ipv6.NEXT_ICMPV6;
    const answer = makePacket(
      {
        source: target,
        destination: source,
        protocol,
        hopLimit: NEIGHBOUR_HOP_LIMIT,
        identification: 0,
        dontFragment: false,
      },
      length,
    );
    ethernet.putDestination(answer.bytes, 0, bytes, ethernet.sourceAt(0));
    ethernet.putSource(answer.bytes, 0, device.mac, 0);
    icmpv6.write(answer.bytes, answer.at, icmpv6.NEIGHBOUR_ADVERTISEMENT, 0, 0);
    const flags = icmpv6.ADVERTISEMENT_SOLICITED | icmpv6.ADVERTISEMENT_OVERRIDE;
    icmpv6.putAdvertisementFlags(answer.bytes, answer.at, flags);
    answer.bytes.set(target, icmpv6.targetAt(answer.at));
    const optionAt = icmpv6.neighbourOptionAt(answer.at);
    icmpv6.writeLinkAddressOption(answer.bytes, optionAt, icmpv6.OPTION_TARGET_LINK_ADDRESS, device.mac, 0);
    fillTransportChecksum(answer, protocol, icmpv6.CHECKSUM_OFFSET);
    this.#stack.world.transmit(this.#stack.namespace, device.index, answer.bytes);
  }
}
