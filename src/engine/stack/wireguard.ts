/**
 * A WireGuard device without its cipher: what is sent to it goes to the peer whose allowed IPs have the destination, in
 * a transport message of the length that WireGuard's has, with the packet in clear. Sessions are there from the start;
 * messages of the handshake are left to the stack. The device has no link header (drivers/net/wireguard).
 */
import type { Prefix } from '../address-text.js';
import { type Device, PACKET_HOST } from '../device.js';
import * as fate from '../fate.js';
import type { PacketContext } from '../packet.js';
import { i32le } from '../wire/bytes.js';
import * as checksum from '../wire/checksum.js';
import * as ethernet from '../wire/ethernet.js';
import * as ipv4 from '../wire/ipv4.js';
import * as ipv6 from '../wire/ipv6.js';
import * as udp from '../wire/udp.js';
import * as wireguard from '../wire/wireguard.js';
import { type Encapsulation, fillOuterChecksum, LEFT_TO_STACK } from './encapsulation.js';
import { RouteTable } from './route-table.js';

const HOP_LIMIT = 64;
/** Explicit congestion notification (RFC 3168): its bits, and what of them the outer header shows. */
const ECN_MASK = 3;
const ECN_CONGESTION_EXPERIENCED = 3;
const ECN_CAPABLE = 2;

export interface WireguardPeer {
  /** Number of the session at either end: what this device expects to be addressed by, and what it writes. */
  readonly ownIndex: number;
  readonly remoteIndex: number;
  /** Where its WireGuard packets go, 4 or 16 bytes; the port is the device's own. */
  readonly endpoint: Uint8Array;
  /** Who is behind it: destinations that are sent to it, sources that it may have. */
  readonly allowedIps: readonly Prefix[];
}

interface Session extends WireguardPeer {
  /** Packets that were sent. */
  counter: number;
}

export class Wireguard implements Encapsulation {
  readonly port: number;
  /** Mark of the outer packets (`wg set … fwmark`). */
  readonly #mark: number;
  readonly #peers: Session[] = [];
  /** Allowed IPs, each with its peer's row plus one as the interface. */
  readonly #allowed = { ipv4: new RouteTable(4), ipv6: new RouteTable(16) };
  #identification = 0;

  constructor(port: number, mark: number) {
    this.port = port;
    this.#mark = mark;
  }

  get peers(): readonly WireguardPeer[] {
    return this.#peers;
  }

  addPeer(peer: WireguardPeer): void {
    this.#peers.push({ ...peer, counter: 0 });
    for (const { address, length } of peer.allowedIps) {
      const table = address.length === 4 ? this.#allowed.ipv4 : this.#allowed.ipv6;
      table.add({ prefix: address, prefixLength: length, ifindex: this.#peers.length });
    }
  }

  encapsulate(packet: PacketContext, device: Device): number {
    const { bytes, start, end } = packet;
    const inV6 = packet.protocol === ethernet.TYPE_IPV6;
    if (!(inV6 ? ipv6.fits(start, end) : ipv4.fits(start, end))) return fate.INVALID_IP_HEADER;
    const peer = this.#peerAt(bytes, inV6 ? ipv6.destinationAt(start) : ipv4.destinationAt(start), inV6);
    if (peer === null) return fate.NO_WIREGUARD_PEER;
    const v6 = peer.endpoint.length === ipv6.ADDRESS_LENGTH;
    const source = sourceFor(device, peer.endpoint, v6);
    if (source === null) return fate.NO_ROUTE;
    const typeOfService = outerTypeOfService(
      inV6 ? ipv6.trafficClass(bytes, start) : ipv4.typeOfService(bytes, start),
    );
    const enclosed = packet.length + paddingOf(packet.length, device.mtu);
    const ipLength = v6 ? ipv6.HEADER_LENGTH : ipv4.HEADER_LENGTH;
    const growth = ethernet.HEADER_LENGTH + ipLength + udp.HEADER_LENGTH + wireguard.HEADER_LENGTH;
    const hasRoom = packet.resize(enclosed + wireguard.TAG_LENGTH) && packet.insertAt(0, growth);
    if (!hasRoom) return fate.FRAME_TOO_LONG;
    wireguard.putClearTag(bytes, packet.end - wireguard.TAG_LENGTH);
    this.#writeOuter(packet, peer, source, typeOfService, v6);
    packet.clearControlBlock();
    packet.protocol = v6 ? ethernet.TYPE_IPV6 : ethernet.TYPE_IPV4;
    packet.layer3Device = 0;
    packet.mark = this.#mark;
    packet.tcIndex = 0;
    packet.priority = 0;
    ethernet.putType(bytes, packet.start, packet.protocol);
    return 0;
  }

  decapsulate(packet: PacketContext, udpAt: number): number {
    const { bytes } = packet;
    const at = udpAt + udp.HEADER_LENGTH;
    const end = Math.min(packet.end, udpAt + udp.length(bytes, udpAt));
    const innerEnd = end - wireguard.TAG_LENGTH;
    const innerAt = at + wireguard.HEADER_LENGTH;
    if (innerAt > innerEnd || wireguard.type(bytes, at) !== wireguard.TYPE_DATA) return LEFT_TO_STACK;
    if (!wireguard.isClearTag(bytes, innerEnd)) return fate.ENCRYPTED;
    const v6 = bytes[innerAt] >> 4 === ipv6.VERSION;
    if (!(v6 ? ipv6.fits(innerAt, innerEnd) : ipv4.fits(innerAt, innerEnd))) return fate.TUNNEL_HEADER;
    const length = v6
      ? ipv6.HEADER_LENGTH + ipv6.payloadLength(bytes, innerAt)
      : ipv4.totalLength(bytes, innerAt);
    if (innerAt + length > innerEnd) return fate.TUNNEL_HEADER;
    const peer = this.#peerAt(bytes, v6 ? ipv6.sourceAt(innerAt) : ipv4.sourceAt(innerAt), v6);
    if (peer === null || peer.ownIndex !== wireguard.receiver(bytes, at)) return fate.NOT_AN_ALLOWED_IP;
    packet.resize(innerAt + length - packet.start);
    packet.removeAt(0, innerAt - packet.start);
    packet.protocol = v6 ? ethernet.TYPE_IPV6 : ethernet.TYPE_IPV4;
    packet.packetType = PACKET_HOST;
    packet.layer3Device = 1;
    packet.clearControlBlock();
    packet.mark = 0;
    packet.hash = 0;
    packet.tcIndex = 0;
    packet.priority = 0;
    return 0;
  }

  #peerAt(bytes: Uint8Array, addressAt: number, v6: boolean): Session | null {
    const table = v6 ? this.#allowed.ipv6 : this.#allowed.ipv4;
    const row = table.lookup(bytes, addressAt);
    return row < 0 ? null : this.#peers[table.ifindex[row] - 1];
  }

  #writeOuter(
    packet: PacketContext,
    peer: Session,
    source: Uint8Array,
    typeOfService: number,
    v6: boolean,
  ): void {
    const { bytes, start } = packet;
    const ipAt = start + ethernet.HEADER_LENGTH;
    const udpAt = ipAt + (v6 ? ipv6.HEADER_LENGTH : ipv4.HEADER_LENGTH);
    const length = packet.end - udpAt;
    wireguard.write(bytes, udpAt + udp.HEADER_LENGTH, peer.remoteIndex, peer.counter++);
    udp.write(bytes, udpAt, this.port, this.port, length - udp.HEADER_LENGTH);
    const { endpoint } = peer;
    if (v6) {
      ipv6.write(bytes, ipAt, length, ipv4.PROTOCOL_UDP, HOP_LIMIT, source, endpoint);
      ipv6.putTrafficClassAndFlowLabel(bytes, ipAt, typeOfService, 0);
    } else {
      this.#identification = (this.#identification + 1) & 0xffff;
      const [from, to] = [i32le(source, 0), i32le(endpoint, 0)];
      ipv4.write(bytes, ipAt, length, this.#identification, 0, HOP_LIMIT, ipv4.PROTOCOL_UDP, from, to);
      ipv4.putTypeOfService(bytes, ipAt, typeOfService);
      checksum.fillIpv4Header(bytes, ipAt);
    }
    fillOuterChecksum(bytes, ipAt, udpAt, length, v6);
  }
}

/** The address of the device by which the endpoint is reached. */
function sourceFor(device: Device, endpoint: Uint8Array, v6: boolean): Uint8Array | null {
  const { namespace } = device;
  const routes = namespace.routes(endpoint.length);
  const row = routes.lookup(endpoint, 0);
  const out = row < 0 ? null : namespace.device(routes.ifindex[row]);
  return (v6 ? out?.ipv6Address : out?.ipv4Address) ?? null;
}

/** To a multiple of 16, but not beyond the device's MTU. */
function paddingOf(length: number, mtu: number): number {
  const last = length > mtu ? length % mtu : length;
  return Math.min(mtu, (last + wireguard.PADDING - 1) & -wireguard.PADDING) - last;
}

/** The outer header shows congestion control's bits alone (RFC 6040, compatibility mode). */
function outerTypeOfService(inner: number): number {
  const ecn = inner & ECN_MASK;
  return ecn === ECN_CONGESTION_EXPERIENCED ? ECN_CAPABLE : ecn;
}
