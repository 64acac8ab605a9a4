/**
 * A VXLAN or Geneve device in external mode: where a frame goes is in the packet's tunnel key (bpf_skb_set_tunnel_key),
 * and what arrives gets one. The outer packet then takes the stack's way, as one that the node sends. Outer fragments
 * are not put together.
 */
import type { Device } from '../device.js';
import * as fate from '../fate.js';
import type { Namespace } from '../namespace.js';
import type { PacketContext } from '../packet.js';
import * as tunnelKey from '../tunnel-key.js';
import { copy, i32le, put32le } from '../wire/bytes.js';
import * as ethernet from '../wire/ethernet.js';
import * as geneve from '../wire/geneve.js';
import * as ipv4 from '../wire/ipv4.js';
import * as ipv6 from '../wire/ipv6.js';
import * as udp from '../wire/udp.js';
import * as vxlan from '../wire/vxlan.js';
import { type Encapsulation, fillOuterChecksum } from './encapsulation.js';

export const VXLAN = 1;
export const GENEVE = 2;

/** Length of either header without options. */
const HEADER_LENGTH = 8;
/** What udp_flow_src_port chooses from where the device is given no range: net.ipv4.ip_local_port_range. */
const FIRST_SOURCE_PORT = 32768;
const SOURCE_PORTS = 60999 - FIRST_SOURCE_PORT + 1;

export class Tunnel implements Encapsulation {
  /** VXLAN or GENEVE. */
  readonly protocol: number;
  /** UDP port of all ends. */
  readonly port: number;
  #identification = 0;
  readonly #address = new Uint8Array(16);

  constructor(protocol: number, port: number) {
    this.protocol = protocol;
    this.port = port;
  }

  /** Puts the outer headers in front of the frame, Ethernet addresses left open. 0 or a drop reason. */
  encapsulate(packet: PacketContext, device: Device): number {
    if (packet.tunnelKeySize === 0) return fate.NO_TUNNEL_KEY;
    const v6 = (packet.tunnelKeyFlags & tunnelKey.FLAG_IPV6) !== 0;
    const out = this.#route(packet, device.namespace, v6);
    if (out === null) return fate.NO_ROUTE;
    const source = v6 ? out.ipv6Address : out.ipv4Address;
    if (source === null) return fate.NO_ROUTE;
    const port = sourcePort(packet);
    const options = this.protocol === GENEVE ? packet.tunnelOptionLength : 0;
    const ipLength = v6 ? ipv6.HEADER_LENGTH : ipv4.HEADER_LENGTH;
    const inner = packet.length;
    const tunnelLength = HEADER_LENGTH + options;
    if (!packet.insertAt(0, ethernet.HEADER_LENGTH + ipLength + udp.HEADER_LENGTH + tunnelLength)) {
      return fate.FRAME_TOO_LONG;
    }
    const { bytes, start } = packet;
    const ipAt = start + ethernet.HEADER_LENGTH;
    const udpAt = ipAt + ipLength;
    const udpLength = udp.HEADER_LENGTH + tunnelLength + inner;
    const id = i32le(packet.tunnelKey, tunnelKey.ID);
    packet.protocol = v6 ? ethernet.TYPE_IPV6 : ethernet.TYPE_IPV4;
    ethernet.putType(bytes, start, packet.protocol);
    this.#writeTunnelHeader(packet, udpAt + udp.HEADER_LENGTH, id, options);
    udp.write(bytes, udpAt, port, this.port, tunnelLength + inner);
    const ttl = packet.tunnelKey[tunnelKey.TTL];
    if (v6) ipv6.write(bytes, ipAt, udpLength, ipv4.PROTOCOL_UDP, ttl, source, this.#address);
    else {
      this.#identification = (this.#identification + 1) & 0xffff;
      const [from, to] = [i32le(source, 0), i32le(this.#address, 0)];
      ipv4.write(bytes, ipAt, udpLength, this.#identification, 0, ttl, ipv4.PROTOCOL_UDP, from, to);
    }
    if ((packet.tunnelKeyFlags & tunnelKey.FLAG_ZERO_CHECKSUM) === 0) {
      fillOuterChecksum(bytes, ipAt, udpAt, udpLength, v6);
    }
    packet.tunnelKeySize = 0;
    packet.tunnelOptionLength = 0;
    return 0;
  }

  /**
   * Takes the outer headers off a packet for this tunnel's port and leaves its key and option as the received ones. 0 or
   * a drop reason. Voids offsets.
   */
  decapsulate(packet: PacketContext, udpAt: number): number {
    const { bytes, end, receivedKey } = packet;
    const at = udpAt + udp.HEADER_LENGTH;
    if (at + HEADER_LENGTH > end) return fate.TUNNEL_HEADER;
    let options = 0;
    let id: number;
    if (this.protocol === GENEVE) {
      if (geneve.version(bytes, at) !== 0 || !geneve.fitsOptions(bytes, at, end)) return fate.TUNNEL_HEADER;
      if (geneve.protocolType(bytes, at) !== ethernet.TYPE_TEB) return fate.TUNNEL_HEADER;
      options = geneve.optionsLength(bytes, at);
      id = geneve.identifier(bytes, at);
    } else {
      if ((vxlan.flags(bytes, at) & vxlan.FLAG_IDENTIFIER) === 0) return fate.TUNNEL_HEADER;
      id = vxlan.identifier(bytes, at);
    }
    const innerAt = at + HEADER_LENGTH + options;
    if (!ethernet.fits(innerAt, end)) return fate.FRAME_TOO_SHORT;
    const ipAt = packet.start + ethernet.HEADER_LENGTH;
    receivedKey.fill(0, 0, tunnelKey.SIZE);
    put32le(receivedKey, tunnelKey.ID, id);
    if (packet.protocol === ethernet.TYPE_IPV6) {
      copy(receivedKey, tunnelKey.REMOTE, bytes, ipv6.sourceAt(ipAt), ipv6.ADDRESS_LENGTH);
      copy(receivedKey, tunnelKey.LOCAL, bytes, ipv6.destinationAt(ipAt), ipv6.ADDRESS_LENGTH);
      receivedKey[tunnelKey.TTL] = ipv6.hopLimit(bytes, ipAt);
      packet.receivedKeyIsV6 = 1;
    } else {
      reverse(receivedKey, tunnelKey.REMOTE, bytes, ipv4.sourceAt(ipAt));
      reverse(receivedKey, tunnelKey.LOCAL, bytes, ipv4.destinationAt(ipAt));
      receivedKey[tunnelKey.TYPE_OF_SERVICE] = ipv4.typeOfService(bytes, ipAt);
      receivedKey[tunnelKey.TTL] = ipv4.timeToLive(bytes, ipAt);
      packet.receivedKeyIsV6 = 0;
    }
    packet.receivedKeyResult = 0;
    // bpf_skb_get_tunnel_opt answers ENOENT when there is no option.
    packet.receivedOptionResult = options === 0 ? -2 : options;
    copy(packet.receivedOption, 0, bytes, geneve.optionsAt(at), options);
    packet.removeAt(0, innerAt - packet.start);
    packet.hash = 0;
    return 0;
  }

  /** Device by which the key's remote end is reached, whose address is left in `#address`. */
  #route(packet: PacketContext, namespace: Namespace, v6: boolean): Device | null {
    const address = this.#address;
    if (v6) copy(address, 0, packet.tunnelKey, tunnelKey.REMOTE, ipv6.ADDRESS_LENGTH);
    else reverse(address, 0, packet.tunnelKey, tunnelKey.REMOTE);
    const routes = v6 ? namespace.ipv6Routes : namespace.ipv4Routes;
    const row = routes.lookup(address, 0);
    return row < 0 ? null : namespace.device(routes.ifindex[row]);
  }

  #writeTunnelHeader(packet: PacketContext, at: number, id: number, options: number): void {
    if (this.protocol !== GENEVE) {
      vxlan.write(packet.bytes, at, id);
      return;
    }
    geneve.write(packet.bytes, at, options, ethernet.TYPE_TEB, id);
    copy(packet.bytes, geneve.optionsAt(at), packet.tunnelOption, 0, options);
  }
}

function reverse(to: Uint8Array, toAt: number, from: Uint8Array, fromAt: number): void {
  for (let i = 0; i < 4; i++) to[toAt + i] = from[fromAt + 3 - i];
}

/** One port per inner flow. The kernel's hash has a secret of its own; this one is the same in every run. */
function sourcePort(packet: PacketContext): number {
  const { bytes, start, end } = packet;
  const ipAt = start + ethernet.HEADER_LENGTH;
  let [from, to] = [start, Math.min(end, ipAt)];
  const type = ethernet.type(bytes, start);
  if (type === ethernet.TYPE_IPV4 && ipv4.fits(ipAt, end)) {
    const ports = ipv4.isFragment(bytes, ipAt) ? 0 : udp.PORTS_LENGTH;
    [from, to] = [ipv4.sourceAt(ipAt), ipAt + ipv4.HEADER_LENGTH + ports];
  } else if (type === ethernet.TYPE_IPV6 && ipv6.fits(ipAt, end)) {
    [from, to] = [ipv6.sourceAt(ipAt), ipAt + ipv6.HEADER_LENGTH + udp.PORTS_LENGTH];
  }
  let hash = 0x811c9dc5 | 0;
  for (let at = from; at < to && at < end; at++) hash = Math.imul(hash ^ bytes[at], 0x01000193);
  hash ^= hash >>> 15;
  return FIRST_SOURCE_PORT + ((hash >>> 0) % SOURCE_PORTS);
}
