/**
 * ICMP redirects of IPv4 (RFC 792, RFC 1122 section 3.2.2.2, RFC 1812 section 5.2.7.2): a router that sends a packet
 * back out of the device it came by tells the sender of the shorter way; a host takes that way for a while.
 */
import type { Clock } from '../clock.js';
import type { Device } from '../device.js';
import type { Namespace } from '../namespace.js';
import type { PacketContext } from '../packet.js';
import { i32le } from '../wire/bytes.js';
import * as checksum from '../wire/checksum.js';
import * as ethernet from '../wire/ethernet.js';
import * as icmp from '../wire/icmp.js';
import * as ipv4 from '../wire/ipv4.js';
import type { IcmpErrors } from './icmp-errors.js';
import { ROUTE_UNICAST, type Route } from './route-table.js';

/** How long a host goes by a redirect (net.ipv4.route.gc_timeout). */
const LIFETIME_NS = 300e9;
const LAST_CODE = 3;

interface Learned {
  readonly route: Route;
  readonly expiresNs: number;
}

export class Redirects {
  /** net.ipv4.conf.all.send_redirects, accept_redirects (null: as the kernel sets it) and shared_media. */
  sendsOnAll = true;
  acceptsOnAll: boolean | null = null;
  sharesOnAll = true;
  readonly #namespace: Namespace;
  readonly #errors: IcmpErrors;
  readonly #clock: Clock;
  #learned: Learned[] = [];

  constructor(namespace: Namespace, errors: IcmpErrors, clock: Clock) {
    this.#namespace = namespace;
    this.#errors = errors;
    this.#clock = clock;
  }

  /**
   * A forwarded packet leaves by the device that it came by, to `gatewayRaw`, or straight to its destination with 0.
   * Its sender is told unless it is behind another gateway itself.
   */
  consider(packet: PacketContext, device: Device, gatewayRaw: number): void {
    if (!this.sendsOnAll && !device.sendRedirects) return;
    const { bytes, start } = packet;
    const ipAt = start + ethernet.HEADER_LENGTH;
    const sourceAt = ipv4.sourceAt(ipAt);
    const routes = this.#namespace.ipv4Routes;
    const row = routes.lookup(bytes, sourceAt);
    const isOnLink =
      row >= 0 &&
      routes.kind[row] === ROUTE_UNICAST &&
      routes.ifindex[row] === device.ifindex &&
      routes.gatewayLength[row] === 0;
    if (!isOnLink) return;
    if (!this.sharesOnAll && !device.sharesMedia) {
      if (!isOneNetwork(device, i32le(bytes, sourceAt), gatewayRaw)) return;
    }
    const destination = ipv4.destination(bytes, ipAt);
    this.#errors.redirect(packet, gatewayRaw === 0 ? destination : gatewayRaw);
  }

  /** A redirect that a device received; the ICMP header is at `at`. */
  accept(packet: PacketContext, device: Device, at: number): void {
    const { bytes, start, end } = packet;
    const quotedAt = icmp.quotedAt(at);
    if (!ipv4.fits(quotedAt, end) || icmp.code(bytes, at) > LAST_CODE || !this.#accepts(device)) return;
    if (!checksum.isValid(bytes, at, end - at)) return;
    const from = ipv4.source(bytes, start + ethernet.HEADER_LENGTH);
    const gatewayAt = icmp.gatewayAt(at);
    const routes = this.#namespace.ipv4Routes;
    const destinationAt = ipv4.destinationAt(quotedAt);
    const row = routes.lookup(bytes, destinationAt);
    // Only the gateway that is in use may send another way, and only to one on the link.
    const isFromGateway =
      row >= 0 &&
      routes.kind[row] === ROUTE_UNICAST &&
      routes.ifindex[row] === device.ifindex &&
      routes.gatewayLength[row] === ipv4.ADDRESS_LENGTH &&
      i32le(routes.gateways, row * 16) === from;
    if (!isFromGateway || i32le(bytes, gatewayAt) === from || !this.#isUnicast(bytes, gatewayAt)) return;
    if (!this.sharesOnAll && !device.sharesMedia) {
      if (!isOneNetwork(device, i32le(bytes, gatewayAt), from)) return;
    }
    this.#take(device, bytes, gatewayAt, destinationAt);
  }

  /** As the clock moves: old redirects are forgotten. */
  poll(): void {
    if (this.#learned.length === 0 || this.#learned[0].expiresNs > this.#clock.nowNs) return;
    this.#namespace.ipv4Routes.remove(this.#learned.shift()!.route);
  }

  /** A way is taken once its gateway has answered; until then it is asked for. */
  #take(device: Device, bytes: Uint8Array, gatewayAt: number, destinationAt: number): void {
    const namespace = this.#namespace;
    const length = ipv4.ADDRESS_LENGTH;
    if (namespace.neighbours.macAt(device.ifindex, bytes, gatewayAt, length) < 0) {
      namespace.resolver?.want(device, bytes, gatewayAt, length);
      return;
    }
    const prefix = bytes.slice(destinationAt, destinationAt + length);
    const gateway = bytes.slice(gatewayAt, gatewayAt + length);
    const before = this.#learned.find(({ route }) => i32le(route.prefix, 0) === i32le(prefix, 0));
    if (before !== undefined) {
      namespace.ipv4Routes.remove(before.route);
      this.#learned.splice(this.#learned.indexOf(before), 1);
    }
    const route = { prefix, prefixLength: 32, ifindex: device.ifindex, gateway, isLearned: true };
    namespace.ipv4Routes.add(route);
    this.#learned.push({ route, expiresNs: this.#clock.nowNs + LIFETIME_NS });
  }

  /** A machine that forwards accepts none unless all is set as well as the device's own (IN_DEV_RX_REDIRECTS). */
  #accepts(device: Device): boolean {
    const forwards = device.ipv4Forwarding ?? this.#namespace.ipv4Forwarding;
    const onAll = this.acceptsOnAll ?? !forwards;
    return forwards ? onAll && device.acceptRedirects : onAll || device.acceptRedirects;
  }

  #isUnicast(bytes: Uint8Array, at: number): boolean {
    if (ipv4.isGroupAddress(bytes, at) || ipv4.isMartianDestination(bytes, at)) return false;
    const routes = this.#namespace.ipv4Routes;
    const row = routes.lookup(bytes, at);
    return row < 0 || routes.kind[row] === ROUTE_UNICAST;
  }
}

/** Whether a network of the device holds both addresses, raw words; 0 stands for any. */
function isOneNetwork(device: Device, first: number, second: number): boolean {
  return device.addresses.some(({ address, prefixLength }) => {
    if (address.length !== ipv4.ADDRESS_LENGTH) return false;
    const own = i32le(address, 0);
    const mask = ipv4.prefixMask(prefixLength);
    const holds = (other: number): boolean => ((own ^ other) & mask) === 0;
    return holds(first) && (second === 0 || holds(second));
  });
}
