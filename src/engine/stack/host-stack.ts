/**
 * What a kernel says without anybody listening: ARP and neighbour discovery, echo replies, ICMP errors; fragments are
 * put together. Everything else goes to the namespace's sockets, if there are any.
 */
import type { Clock } from '../clock.js';
import type { Device } from '../device.js';
import type { Namespace } from '../namespace.js';
import type { PacketContext } from '../packet.js';
import * as ethernet from '../wire/ethernet.js';
import * as icmp from '../wire/icmp.js';
import * as icmpv6 from '../wire/icmpv6.js';
import * as ipv4 from '../wire/ipv4.js';
import * as ipv6 from '../wire/ipv6.js';
import * as layer4 from '../wire/layer4.js';
import { sourceTowards } from './addresses.js';
import { answerEchoIpv4, answerEchoIpv6 } from './echo.js';
import { IcmpErrors } from './icmp-errors.js';
import type { LocalDelivery, StackOutput } from './local-delivery.js';
import { NeighbourInput } from './neighbour-input.js';
import { Reassembly } from './reassembly.js';
import { Redirects } from './redirects.js';
import { NeighbourResolver } from './resolver.js';

export class HostStack implements LocalDelivery {
  readonly namespace: Namespace;
  readonly errors: IcmpErrors;
  readonly resolver: NeighbourResolver;
  readonly redirects: Redirects;
  /** Takes whole packets that the stack has no answer for (TCP, UDP, ICMP replies and errors); null: nobody does. */
  sockets: LocalDelivery | null = null;
  answersEcho = true;
  readonly #output: StackOutput;
  readonly #neighbours: NeighbourInput;
  readonly #reassembly: Reassembly;
  #identification = 0;

  /** Makes the stack of a namespace, which it becomes the local delivery of. */
  constructor(namespace: Namespace, output: StackOutput, clock: Clock) {
    this.namespace = namespace;
    this.errors = new IcmpErrors(namespace, output, clock);
    this.resolver = new NeighbourResolver(clock);
    this.redirects = new Redirects(namespace, this.errors, clock);
    this.#output = output;
    this.#neighbours = new NeighbourInput(namespace, output, clock);
    this.#reassembly = new Reassembly(clock);
    namespace.localDelivery = this;
    namespace.errors = this.errors;
    namespace.redirects = this.redirects;
    namespace.resolver = this.resolver;
  }

  /** Asks again for neighbours that do not answer, and gives them up; between walks, as the clock moves. */
  poll(): void {
    this.#output.pollNeighbours(this.namespace);
    this.redirects.poll();
  }

  /** Drops what waits for a neighbour: the run is over. */
  abandon(): void {
    this.#output.abandonWaiting(this.namespace);
  }

  receive(packet: PacketContext, device: Device): void {
    const { protocol } = packet;
    if (protocol === ethernet.TYPE_ARP) this.#neighbours.arp(packet, device);
    else if (protocol === ethernet.TYPE_IPV4) this.#receiveIpv4(packet, device);
    else if (protocol === ethernet.TYPE_IPV6) this.#receiveIpv6(packet, device);
  }

  #receiveIpv4(packet: PacketContext, device: Device): void {
    const { bytes, end } = packet;
    const ipAt = packet.start + ethernet.HEADER_LENGTH;
    if (ipv4.isFragment(bytes, ipAt)) {
      const whole = this.#reassembly.takeIpv4(packet);
      if (whole !== null) this.#receiveIpv4(whole, device);
      return;
    }
    const at = ipAt + ipv4.headerLength(bytes, ipAt);
    const isIcmp = ipv4.protocol(bytes, ipAt) === ipv4.PROTOCOL_ICMP && icmp.fits(at, end);
    const type = isIcmp ? icmp.type(bytes, at) : -1;
    if (type === icmp.REDIRECT) this.redirects.accept(packet, device, at);
    if (type !== icmp.ECHO_REQUEST) this.sockets?.receive(packet, device);
    else if (this.answersEcho) {
      this.#identification = (this.#identification + 1) & 0xffff;
      const { timeToLive } = this.errors;
      answerEchoIpv4(packet, at, this.#output, this.namespace, this.#identification, timeToLive);
    }
  }

  #receiveIpv6(packet: PacketContext, device: Device): void {
    const { bytes, end } = packet;
    const ipAt = packet.start + ethernet.HEADER_LENGTH;
    let nextAt = ipv6.nextHeaderAt(ipAt);
    let at = ipAt + ipv6.HEADER_LENGTH;
    while (ipv6.isExtension(bytes[nextAt])) {
      if (!ipv6.fitsExtension(at, end)) return;
      const kind = bytes[nextAt];
      const length = ipv6.extensionLength(bytes, at, kind);
      if (at + length > end) return;
      if (kind === ipv6.NEXT_FRAGMENT && ipv6.isFragment(bytes, at)) {
        const whole = this.#reassembly.takeIpv6(packet, at, nextAt);
        if (whole !== null) this.#receiveIpv6(whole, device);
        return;
      }
      nextAt = at;
      at += length;
    }
    if (bytes[nextAt] === ipv6.NEXT_ICMPV6 && icmpv6.fits(at, end)) this.#icmpv6(packet, device, ipAt, at);
    else this.sockets?.receive(packet, device);
  }

  #icmpv6(packet: PacketContext, device: Device, ipAt: number, at: number): void {
    const { bytes, end } = packet;
    const type = icmpv6.type(bytes, at);
    const isNeighbour = type === icmpv6.NEIGHBOUR_SOLICITATION || type === icmpv6.NEIGHBOUR_ADVERTISEMENT;
    if (isNeighbour) {
      if (!layer4.isValidIpv6(bytes, ipAt, ipv6.NEXT_ICMPV6, at, end - at)) return;
      if (type === icmpv6.NEIGHBOUR_SOLICITATION) this.#neighbours.solicitation(packet, device, ipAt, at);
      else this.#neighbours.advertisement(packet, device, ipAt, at);
    } else if (type !== icmpv6.ECHO_REQUEST) this.sockets?.receive(packet, device);
    else if (this.answersEcho) {
      const source = sourceTowards(device, bytes, ipv6.sourceAt(ipAt), ipv6.ADDRESS_LENGTH);
      answerEchoIpv6(packet, at, this.#output, device, source, this.errors.hopLimit);
    }
  }
}
