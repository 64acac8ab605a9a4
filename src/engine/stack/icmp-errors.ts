/** The ICMP errors that a stack sends about packets that it cannot deliver or forward (RFC 792, 1812, 4443). */
import type { Clock } from '../clock.js';
import { PACKET_HOST } from '../device.js';
import * as fate from '../fate.js';
import type { Flight } from '../flights.js';
import type { Namespace } from '../namespace.js';
import type { PacketContext } from '../packet.js';
import { copy, i32le, swap32 } from '../wire/bytes.js';
import * as checksum from '../wire/checksum.js';
import * as ethernet from '../wire/ethernet.js';
import * as icmp from '../wire/icmp.js';
import * as icmpv6 from '../wire/icmpv6.js';
import * as ipv4 from '../wire/ipv4.js';
import * as ipv6 from '../wire/ipv6.js';
import * as layer4 from '../wire/layer4.js';
import { isOwnAddress, sourceTowards } from './addresses.js';
import type { StackOutput } from './local-delivery.js';
import { ErrorRateLimit } from './rate-limit.js';

/** An error has so many bytes at most: RFC 1812 section 4.3.2.3, and the least MTU of IPv6 (RFC 4443 section 2.4). */
const IPV4_LIMIT = 576;
const IPV6_LIMIT = 1280;
/** Precedence 6, internetwork control (RFC 1812 section 4.3.2.5), on top of the packet's own type of service. */
const INTERNETWORK_CONTROL = 0xc0;
const TYPE_OF_SERVICE_MASK = 0x1e;
const LAST_QUOTED_TYPE = 18;

/** Type and code by drop reason; reasons without are not spoken about. */
const IPV4_ERRORS: ReadonlyMap<number, readonly [type: number, code: number]> = new Map([
  [fate.TTL_EXCEEDED, [icmp.TIME_EXCEEDED, icmp.CODE_TTL_EXCEEDED]],
  [fate.FRAGMENTATION_NEEDED, [icmp.DESTINATION_UNREACHABLE, icmp.CODE_FRAGMENTATION_NEEDED]],
  [fate.NO_ROUTE, [icmp.DESTINATION_UNREACHABLE, icmp.CODE_NETWORK_UNREACHABLE]],
  [fate.ROUTE_UNREACHABLE, [icmp.DESTINATION_UNREACHABLE, icmp.CODE_HOST_UNREACHABLE]],
  [fate.ROUTE_PROHIBITED, [icmp.DESTINATION_UNREACHABLE, icmp.CODE_PROHIBITED]],
  [fate.NO_NEIGHBOUR, [icmp.DESTINATION_UNREACHABLE, icmp.CODE_HOST_UNREACHABLE]],
]);
const IPV6_ERRORS: ReadonlyMap<number, readonly [type: number, code: number]> = new Map([
  [fate.TTL_EXCEEDED, [icmpv6.TIME_EXCEEDED, icmpv6.CODE_HOP_LIMIT_EXCEEDED]],
  [fate.FRAGMENTATION_NEEDED, [icmpv6.PACKET_TOO_BIG, 0]],
  [fate.NO_ROUTE, [icmpv6.DESTINATION_UNREACHABLE, icmpv6.CODE_NO_ROUTE]],
  [fate.ROUTE_UNREACHABLE, [icmpv6.DESTINATION_UNREACHABLE, icmpv6.CODE_NO_ROUTE]],
  [fate.ROUTE_PROHIBITED, [icmpv6.DESTINATION_UNREACHABLE, icmpv6.CODE_PROHIBITED]],
  [fate.SCOPE_EXCEEDED, [icmpv6.DESTINATION_UNREACHABLE, icmpv6.CODE_BEYOND_SCOPE]],
  [fate.NO_NEIGHBOUR, [icmpv6.DESTINATION_UNREACHABLE, icmpv6.CODE_ADDRESS_UNREACHABLE]],
]);
/** Those that a route gives, which IPv4 limits twice (ip_error). */
const ROUTE_REASONS: readonly number[] = [fate.NO_ROUTE, fate.ROUTE_UNREACHABLE, fate.ROUTE_PROHIBITED];

export class IcmpErrors {
  readonly ipv4Limit = new ErrorRateLimit();
  readonly ipv6Limit = new ErrorRateLimit();
  /** Types that are limited, as bits (icmp_ratemask): unreachable, source quench, time exceeded, parameter problem. */
  ipv4LimitedTypes = 0x1818;
  /** TTL of what the stack sends (ip_default_ttl, hop_limit). */
  timeToLive = 64;
  hopLimit = 64;
  readonly #namespace: Namespace;
  readonly #output: StackOutput;
  readonly #clock: Clock;
  #identification = 0;

  constructor(namespace: Namespace, output: StackOutput, clock: Clock) {
    this.#namespace = namespace;
    this.#output = output;
    this.#clock = clock;
  }

  /** Tells the sender of a packet why it was dropped, if that is told; `mtu` for FRAGMENTATION_NEEDED. */
  refuse(packet: PacketContext, reason: number, mtu: number): void {
    const isIpv4 = packet.protocol === ethernet.TYPE_IPV4;
    const error = (isIpv4 ? IPV4_ERRORS : IPV6_ERRORS).get(reason);
    if (error === undefined) return;
    const rest = reason === fate.FRAGMENTATION_NEEDED ? mtu : 0;
    if (!isIpv4) this.sendIpv6(packet, error[0], error[1], rest);
    else if (!ROUTE_REASONS.includes(reason) || this.#allowsRouteError(packet)) {
      this.sendIpv4(packet, error[0], error[1], rest);
    }
  }

  /** Tells the sender of a packet of the better gateway for it, a raw word; not too often. */
  redirect(packet: PacketContext, gatewayRaw: number): void {
    const peer = String(ipv4.source(packet.bytes, packet.start + ethernet.HEADER_LENGTH));
    if (!this.ipv4Limit.allowsRedirect(peer, this.#clock.nowNs)) return;
    this.sendIpv4(packet, icmp.REDIRECT, icmp.CODE_REDIRECT_HOST, swap32(gatewayRaw));
  }

  /** For a packet that nobody takes: port unreachable, or with `protocol` that the protocol is unknown. */
  refuseLocal(packet: PacketContext, protocol = false): void {
    if (packet.protocol === ethernet.TYPE_IPV4) {
      const code = protocol ? icmp.CODE_PROTOCOL_UNREACHABLE : icmp.CODE_PORT_UNREACHABLE;
      this.sendIpv4(packet, icmp.DESTINATION_UNREACHABLE, code, 0);
    } else if (protocol) {
      // Points to the next header field (RFC 4443 section 3.4).
      this.sendIpv6(packet, icmpv6.PARAMETER_PROBLEM, icmpv6.CODE_UNKNOWN_NEXT_HEADER, 6);
    } else this.sendIpv6(packet, icmpv6.DESTINATION_UNREACHABLE, icmpv6.CODE_PORT_UNREACHABLE, 0);
  }

  /** Sends an ICMP error about a packet, unless it is one that no error is sent about, or too many have been sent. */
  sendIpv4(packet: PacketContext, type: number, code: number, rest: number): void {
    const { bytes, start } = packet;
    const ipAt = start + ethernet.HEADER_LENGTH;
    if (packet.packetType !== PACKET_HOST || !isAnswerableIpv4(bytes, ipAt, packet.end)) return;
    const sourceAt = ipv4.sourceAt(ipAt);
    const way = this.#wayBack(bytes, sourceAt, ipv4.destinationAt(ipAt), ipv4.ADDRESS_LENGTH);
    if (way === null || !this.#allowsIpv4(type, code, i32le(bytes, sourceAt))) return;
    const header = ipv4.HEADER_LENGTH + icmp.HEADER_LENGTH;
    const quoted = Math.min(packet.end - ipAt, Math.min(IPV4_LIMIT, way.mtu) - header);
    const flight = this.#output.make(ethernet.HEADER_LENGTH + header + quoted);
    if (flight === null) return;
    const at = this.#begin(flight, ethernet.TYPE_IPV4);
    const to = flight.packet.bytes;
    const icmpAt = at + ipv4.HEADER_LENGTH;
    this.#identification = (this.#identification + 1) & 0xffff;
    const payload = icmp.HEADER_LENGTH + quoted;
    const { timeToLive } = this;
    const [from, peer] = [i32le(way.source, 0), i32le(bytes, sourceAt)];
    ipv4.write(to, at, payload, this.#identification, 0, timeToLive, ipv4.PROTOCOL_ICMP, from, peer);
    const typeOfService = ipv4.typeOfService(bytes, ipAt) & TYPE_OF_SERVICE_MASK;
    ipv4.putTypeOfService(to, at, typeOfService | INTERNETWORK_CONTROL);
    checksum.fillIpv4Header(to, at);
    icmp.write(to, icmpAt, type, code, rest);
    copy(to, icmp.quotedAt(icmpAt), bytes, ipAt, quoted);
    checksum.fill(to, icmpAt, payload, icmp.checksumAt(icmpAt));
    this.#output.sendLater(flight, this.#namespace, 0);
  }

  /** As `sendIpv4`; `rest` is the MTU of PACKET_TOO_BIG or the pointer of PARAMETER_PROBLEM. */
  sendIpv6(packet: PacketContext, type: number, code: number, rest: number): void {
    const { bytes, start } = packet;
    const ipAt = start + ethernet.HEADER_LENGTH;
    if (packet.packetType !== PACKET_HOST || !isAnswerableIpv6(bytes, ipAt, packet.end, type)) return;
    const sourceAt = ipv6.sourceAt(ipAt);
    const way = this.#wayBack(bytes, sourceAt, ipv6.destinationAt(ipAt), ipv6.ADDRESS_LENGTH);
    if (way === null || !this.#allowsIpv6(type, bytes, sourceAt)) return;
    const header = ipv6.HEADER_LENGTH + icmpv6.HEADER_LENGTH;
    const quoted = Math.min(packet.end - ipAt, IPV6_LIMIT - header);
    const flight = this.#output.make(ethernet.HEADER_LENGTH + header + quoted);
    if (flight === null) return;
    const at = this.#begin(flight, ethernet.TYPE_IPV6);
    const to = flight.packet.bytes;
    const icmpAt = at + ipv6.HEADER_LENGTH;
    const payload = icmpv6.HEADER_LENGTH + quoted;
    const peer = bytes.slice(sourceAt, sourceAt + ipv6.ADDRESS_LENGTH);
    ipv6.write(to, at, payload, ipv6.NEXT_ICMPV6, this.hopLimit, way.source, peer);
    icmpv6.write(to, icmpAt, type, code, rest);
    copy(to, icmpv6.quotedAt(icmpAt), bytes, ipAt, quoted);
    layer4.fillIpv6(to, at, ipv6.NEXT_ICMPV6, icmpAt, payload, icmpv6.checksumAt(icmpAt));
    this.#output.sendLater(flight, this.#namespace, 0);
  }

  #begin(flight: Flight, type: number): number {
    const { bytes, start } = flight.packet;
    bytes.fill(0, start, start + ethernet.HEADER_LENGTH);
    ethernet.putType(bytes, start, type);
    return start + ethernet.HEADER_LENGTH;
  }

  /**
   * Source and MTU of the route for an answer to the sender at `bytes[at]`: the packet's destination where that
   * is the namespace's own, else what the route says or its device has. Null when no route leads back.
   */
  #wayBack(
    bytes: Uint8Array,
    at: number,
    destinationAt: number,
    length: number,
  ): { source: Uint8Array; mtu: number } | null {
    const namespace = this.#namespace;
    const routes = namespace.routes(length);
    const row = routes.lookup(bytes, at);
    const route = row < 0 ? null : routes.routes[row];
    const device = namespace.device(route?.ifindex ?? 0);
    if (route === null || device === null) return null;
    const isOwn = isOwnAddress(namespace, device, bytes, destinationAt, length);
    const source = isOwn
      ? bytes.slice(destinationAt, destinationAt + length)
      : (route.source ?? sourceTowards(device, bytes, at, length));
    if (source === null) return null;
    return { source, mtu: route.mtu || device.mtu };
  }

  #allowsRouteError({ bytes, start }: PacketContext): boolean {
    const peer = String(ipv4.source(bytes, start + ethernet.HEADER_LENGTH));
    return this.ipv4Limit.allowsRouteError(peer, this.#clock.nowNs);
  }

  #allowsIpv4(type: number, code: number, peer: number): boolean {
    if (((this.ipv4LimitedTypes >> type) & 1) === 0) return true;
    // The discovery of the path's MTU is not limited.
    if (type === icmp.DESTINATION_UNREACHABLE && code === icmp.CODE_FRAGMENTATION_NEEDED) return true;
    return this.ipv4Limit.allows(String(peer), this.#clock.nowNs);
  }

  #allowsIpv6(type: number, bytes: Uint8Array, at: number): boolean {
    if (type === icmpv6.PACKET_TOO_BIG) return true;
    const peer = String.fromCharCode(...bytes.subarray(at, at + ipv6.ADDRESS_LENGTH));
    return this.ipv6Limit.allows(peer, this.#clock.nowNs);
  }
}

/** No errors about errors, later fragments, and what is to or from more than one (RFC 1122 section 3.2.2). */
function isAnswerableIpv4(bytes: Uint8Array, ipAt: number, end: number): boolean {
  const [sourceAt, destinationAt] = [ipv4.sourceAt(ipAt), ipv4.destinationAt(ipAt)];
  if (ipv4.isLaterFragment(bytes, ipAt) || ipv4.isGroupAddress(bytes, destinationAt)) return false;
  if (i32le(bytes, sourceAt) === 0 || ipv4.isMartianSource(bytes, sourceAt)) return false;
  if (ipv4.protocol(bytes, ipAt) !== ipv4.PROTOCOL_ICMP) return true;
  const icmpAt = ipAt + ipv4.headerLength(bytes, ipAt);
  if (icmpAt >= end) return false;
  const type = icmp.type(bytes, icmpAt);
  return type <= LAST_QUOTED_TYPE && type !== icmp.REDIRECT && !icmp.isError(bytes, icmpAt);
}

/** RFC 4443 section 2.4 (e): the same; only PACKET_TOO_BIG is sent about packets to groups as well. */
function isAnswerableIpv6(bytes: Uint8Array, ipAt: number, end: number, type: number): boolean {
  const destinationAt = ipv6.destinationAt(ipAt);
  if (ipv6.isMulticast(bytes, destinationAt) && type !== icmpv6.PACKET_TOO_BIG) return false;
  if (ipv6.isMartianSource(bytes, ipv6.sourceAt(ipAt))) return false;
  let next = ipv6.nextHeader(bytes, ipAt);
  let at = ipAt + ipv6.HEADER_LENGTH;
  while (ipv6.isExtension(next) && ipv6.fitsExtension(at, end)) {
    if (next === ipv6.NEXT_FRAGMENT && at + ipv6.FRAGMENT_LENGTH <= end && ipv6.isLaterFragment(bytes, at)) {
      return false;
    }
    const length = ipv6.extensionLength(bytes, at, next);
    next = ipv6.extensionNextHeader(bytes, at);
    at += length;
  }
  if (next !== ipv6.NEXT_ICMPV6) return true;
  return at < end && !icmpv6.isError(bytes, at) && icmpv6.type(bytes, at) !== icmpv6.REDIRECT;
}
