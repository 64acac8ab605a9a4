/**
 * The sockets of one network namespace: what the processes of a pod, a node or a host outside do with packets. What a
 * kernel answers by itself (ARP, echo, errors) is the namespace's stack's, which hands the rest up to here.
 */
import { addressText } from '../engine/address-text.js';
import { EACCES, EADDRINUSE, EHOSTUNREACH, EINVAL, EMSGSIZE, ENETUNREACH } from '../engine/hooks/errno.js';
import type { Namespace } from '../engine/namespace.js';
import type { PacketContext } from '../engine/packet.js';
import { sourceTowards } from '../engine/stack/addresses.js';
import { fragmentFrame } from '../engine/stack/fragment.js';
import type { HostStack } from '../engine/stack/host-stack.js';
import type { LocalDelivery } from '../engine/stack/local-delivery.js';
import {
  ROUTE_BLACKHOLE,
  ROUTE_BROADCAST,
  ROUTE_LOCAL,
  ROUTE_PROHIBIT,
  ROUTE_UNREACHABLE,
} from '../engine/stack/route-table.js';
import * as ethernet from '../engine/wire/ethernet.js';
import * as ipv4 from '../engine/wire/ipv4.js';
import * as ipv6 from '../engine/wire/ipv6.js';
import * as tcp from '../engine/wire/tcp.js';
import * as udp from '../engine/wire/udp.js';
import { EchoSockets } from './echo.js';
import { type Endpoint, endpointText } from './endpoint.js';
import { type IcmpError, isIcmp } from './icmp-message.js';
import {
  DEFAULT_HOP_LIMIT,
  type IpPacket,
  isTransportValid,
  makePacket,
  type OutgoingPacket,
  readIpPacket,
} from './ip-packet.js';
import type { NameTable } from './servers/dns-server.js';
import type { SocketCalls } from './socket-calls.js';
import { TcpConnection } from './tcp-connection.js';
import { readSegment, resetFor, sendSegment } from './tcp-segment.js';
import { UdpSocket } from './udp-socket.js';
import type { HostWorld } from './world.js';

/** Ports that sockets without one of their own get (ip_local_port_range). */
const FIRST_LOCAL_PORT = 32768;
const LOCAL_PORTS = 28232;
/** Least MTU of a path (RFC 791, RFC 8200 section 5). */
const LEAST_MTU_IPV4 = 68;
const LEAST_MTU_IPV6 = 1280;

export interface PacketOptions {
  /** Default: the address that the route's device has. */
  readonly source?: Uint8Array | null;
  readonly hopLimit?: number;
  readonly dontFragment?: boolean;
}

export class Host implements LocalDelivery {
  readonly name: string;
  readonly namespace: Namespace;
  readonly stack: HostStack;
  readonly world: HostWorld;
  readonly echo: EchoSockets;
  /** The programs that its sockets' calls go through; null without any. */
  calls: SocketCalls | null = null;
  /** /etc/hosts: addresses by name, in lower case. */
  names: NameTable = new Map();
  /** /etc/resolv.conf. */
  nameserver: Endpoint | null = null;
  searchDomains: readonly string[] = [];

  readonly #udpSockets = new Map<number, UdpSocket>();
  readonly #listeners = new Map<number, (connection: TcpConnection) => void>();
  /** By remote and local end. */
  readonly #connections = new Map<string, TcpConnection>();
  /** MTU of paths that is less than the device's, by destination. */
  readonly #pathMtus = new Map<string, number>();
  #identification: number;
  #nextCookie: () => number;

  /** Takes what the stack hands up, and sends into the world; cookies are the sockets' numbers in the whole run. */
  constructor(stack: HostStack, world: HostWorld, nextCookie: () => number) {
    this.stack = stack;
    this.namespace = stack.namespace;
    this.name = stack.namespace.name;
    this.world = world;
    this.echo = new EchoSockets(this);
    this.#identification = world.random.next() & 0xffff;
    this.#nextCookie = nextCookie;
    stack.sockets = this;
  }

  /** A number for a socket. */
  nextCookie(): number {
    return this.#nextCookie();
  }

  receive(packet: PacketContext): void {
    const { bytes, start, end } = packet;
    const arrived = readIpPacket(bytes.slice(start, end), ethernet.HEADER_LENGTH, end - start);
    if (arrived !== null) this.#receiveWhole(arrived, packet);
  }

  /** Addresses of the host, as its devices have them. */
  get addresses(): readonly Uint8Array[] {
    return this.namespace.devices.flatMap(({ addresses }) => addresses.map(({ address }) => address));
  }

  isLocal(address: Uint8Array): boolean {
    return this.namespace.routes(address.length).isLocal(address, 0);
  }

  /** A UDP socket on a port (0: any that is free), or EADDRINUSE. */
  openUdp(port = 0): UdpSocket | number {
    const chosen = port === 0 ? this.#freePort((candidate) => !this.#udpSockets.has(candidate)) : port;
    if (this.#udpSockets.has(chosen)) return EADDRINUSE;
    const error = port === 0 ? 0 : this.#bind(ipv4.PROTOCOL_UDP, port);
    if (error !== 0) return error;
    const socket = new UdpSocket(this, chosen);
    this.#udpSockets.set(chosen, socket);
    return socket;
  }

  closeUdp(socket: UdpSocket): void {
    if (this.#udpSockets.get(socket.port) === socket) this.#udpSockets.delete(socket.port);
  }

  /** Accepts connections at a port of all addresses: 0, or the errno of the bind. */
  listen(port: number, accept: (connection: TcpConnection) => void): number {
    if (this.#listeners.has(port)) return EADDRINUSE;
    const error = this.#bind(ipv4.PROTOCOL_TCP, port);
    if (error === 0) this.#listeners.set(port, accept);
    return error;
  }

  closeListener(port: number): void {
    this.#listeners.delete(port);
  }

  /** A connection that is on its way to be one, or the errno of the call. */
  connect(peer: Endpoint): TcpConnection | number {
    const translated =
      this.calls?.translate('connect', ipv4.PROTOCOL_TCP, this.nextCookie(), 0, peer) ?? peer;
    if (typeof translated === 'number') return translated;
    const source = this.sourceFor(translated.address);
    if (typeof source === 'number') return source;
    const key = (port: number): string => connectionKey(translated, { address: source, port });
    const port = this.#freePort((candidate) => !this.#connections.has(key(candidate)));
    const connection = new TcpConnection(this, { address: source, port }, translated);
    this.#connections.set(key(port), connection);
    const error = connection.open();
    if (error === 0) return connection;
    this.closeTcp(connection);
    return error;
  }

  closeTcp(connection: TcpConnection): void {
    this.#connections.delete(connectionKey(connection.remote, connection.local));
  }

  /** A peer has finished the handshake. */
  accepted(connection: TcpConnection): void {
    const accept = this.#listeners.get(connection.local.port);
    if (accept === undefined) connection.abort();
    else accept(connection);
  }

  /** The address that a packet to `destination` gets as its source, or the errno of a send. */
  sourceFor(destination: Uint8Array): Uint8Array | number {
    const { namespace } = this;
    const routes = namespace.routes(destination.length);
    const row = routes.lookup(destination, 0);
    if (row < 0) return ENETUNREACH;
    const kind = routes.kind[row];
    if (kind === ROUTE_LOCAL) return destination;
    if (kind === ROUTE_UNREACHABLE) return EHOSTUNREACH;
    if (kind === ROUTE_BLACKHOLE || kind === ROUTE_BROADCAST) return EINVAL;
    if (kind === ROUTE_PROHIBIT) return EACCES;
    const device = namespace.device(routes.ifindex[row]);
    if (device === null) return ENETUNREACH;
    return (
      routes.routes[row].source ?? sourceTowards(device, destination, 0, destination.length) ?? ENETUNREACH
    );
  }

  /** Room for a packet of `length` bytes behind its IP header, or the errno of the call. */
  packetTo(
    destination: Uint8Array,
    protocol: number,
    length: number,
    options: PacketOptions = {},
  ): OutgoingPacket | number {
    const source = options.source ?? this.sourceFor(destination);
    if (typeof source === 'number') return source;
    this.#identification = (this.#identification + 1) & 0xffff;
    const headerLength = source.length === ipv4.ADDRESS_LENGTH ? ipv4.HEADER_LENGTH : ipv6.HEADER_LENGTH;
    const fits = headerLength + length <= this.mtuTo(destination);
    return makePacket(
      {
        source,
        destination,
        protocol,
        hopLimit: options.hopLimit ?? DEFAULT_HOP_LIMIT,
        identification: this.#identification,
        // Path MTU discovery where the packet fits, fragments where it does not (IP_PMTUDISC_WANT).
        dontFragment: options.dontFragment ?? fits,
      },
      length,
    );
  }

  /** Sends a finished packet, in fragments when it is longer than its way: 0 or an errno. */
  send(frame: Uint8Array): number {
    const { world, namespace } = this;
    const ipAt = ethernet.HEADER_LENGTH;
    const isIpv4 = ipv4.version(frame, ipAt) === ipv4.VERSION;
    const at = isIpv4 ? ipv4.destinationAt(ipAt) : ipv6.destinationAt(ipAt);
    const mtu = this.mtuTo(frame.slice(at, at + (isIpv4 ? ipv4.ADDRESS_LENGTH : ipv6.ADDRESS_LENGTH)));
    if (frame.length - ipAt <= mtu) {
      world.send(namespace, frame, 0);
      return 0;
    }
    if (isIpv4 && (ipv4.fragmentField(frame, ipAt) & ipv4.DONT_FRAGMENT) !== 0) return EMSGSIZE;
    for (const fragment of fragmentFrame(frame, mtu, this.#identification))
      world.send(namespace, fragment, 0);
    return 0;
  }

  /** Bytes of an IP packet that its way takes, as far as it is known. */
  mtuTo(destination: Uint8Array): number {
    const routes = this.namespace.routes(destination.length);
    const row = routes.lookup(destination, 0);
    if (row < 0 || routes.kind[row] === ROUTE_LOCAL) return 65535;
    const device = this.namespace.device(routes.ifindex[row]);
    const mtu = routes.mtu[row] === 0 ? (device?.mtu ?? 1500) : routes.mtu[row];
    return Math.min(mtu, this.#pathMtus.get(addressText(destination)) ?? mtu);
  }

  /** What a TCP segment to `destination` can hold, options apart. */
  maximumSegmentSize(destination: Uint8Array): number {
    const isIpv4 = destination.length === ipv4.ADDRESS_LENGTH;
    return this.mtuTo(destination) - (isIpv4 ? ipv4.HEADER_LENGTH : ipv6.HEADER_LENGTH) - tcp.HEADER_LENGTH;
  }

  #receiveWhole(arrived: IpPacket, packet: PacketContext): void {
    const { protocol, bytes, at, end } = arrived;
    if (isIcmp(protocol)) {
      const error = this.echo.receive(arrived);
      if (error !== null) this.#takeError(error);
    } else if (!this.isLocal(arrived.destination)) return;
    else if (protocol === ipv4.PROTOCOL_UDP) {
      if (!udp.fits(at, end)) return;
      if (udp.checksum(bytes, at) !== 0 && !isTransportValid(arrived)) return;
      const socket = this.#udpSockets.get(udp.destinationPort(bytes, at));
      if (!socket?.receive(arrived)) this.stack.errors.refuseLocal(packet);
    } else if (protocol === ipv4.PROTOCOL_TCP) this.#receiveTcp(arrived);
    else this.stack.errors.refuseLocal(packet, true);
  }

  #receiveTcp(packet: IpPacket): void {
    const segment = readSegment(packet);
    if (segment === null || !isTransportValid(packet)) return;
    const { bytes, at, source, destination } = packet;
    const local = { address: destination, port: tcp.destinationPort(bytes, at) };
    const remote = { address: source, port: tcp.sourcePort(bytes, at) };
    const key = connectionKey(remote, local);
    const known = this.#connections.get(key);
    const isOpening = (segment.flags & (tcp.SYN | tcp.ACK | tcp.RST)) === tcp.SYN;
    if (known !== undefined && !(isOpening && known.state === 'TIME_WAIT')) {
      known.receive(segment);
    } else if (isOpening && this.#listeners.has(local.port)) {
      known?.abort();
      const connection = new TcpConnection(this, local, remote);
      this.#connections.set(key, connection);
      connection.accept(segment);
    } else {
      const reset = resetFor(segment);
      if (reset !== null) sendSegment(this, local, remote, reset);
    }
  }

  #takeError({ about, error, mtu }: IcmpError): void {
    const { protocol, bytes, at, end, source, destination } = about;
    if (error === EMSGSIZE) this.#lowerPathMtu(destination, mtu);
    if (error === 0 || !udp.fits(at, end)) return;
    const local = { address: source, port: udp.sourcePort(bytes, at) };
    const remote = { address: destination, port: udp.destinationPort(bytes, at) };
    if (protocol === ipv4.PROTOCOL_UDP) this.#udpSockets.get(local.port)?.onError(error);
    if (protocol !== ipv4.PROTOCOL_TCP) return;
    const connection = this.#connections.get(connectionKey(remote, local));
    if (error === EMSGSIZE) connection?.lowerSegmentSize(this.maximumSegmentSize(destination));
    else connection?.failed(error);
  }

  #lowerPathMtu(destination: Uint8Array, mtu: number): void {
    const least = destination.length === ipv4.ADDRESS_LENGTH ? LEAST_MTU_IPV4 : LEAST_MTU_IPV6;
    const known = this.mtuTo(destination);
    if (mtu < known) this.#pathMtus.set(addressText(destination), Math.max(mtu, least));
  }

  /** To all addresses; the programs may refuse what is a service's. */
  #bind(protocol: number, port: number): number {
    for (const length of [ipv4.ADDRESS_LENGTH, ipv6.ADDRESS_LENGTH]) {
      const any = { address: new Uint8Array(length), port };
      const answer = this.calls?.translate('post_bind', protocol, this.nextCookie(), 0, any);
      if (typeof answer === 'number') return answer;
    }
    return 0;
  }

  #freePort(isFree: (port: number) => boolean): number {
    const first = (this.world.random.next() >>> 0) % LOCAL_PORTS;
    for (let i = 0; i < LOCAL_PORTS; i++) {
      const port = FIRST_LOCAL_PORT + ((first + i) % LOCAL_PORTS);
      if (isFree(port)) return port;
    }
    throw new Error(`${this.name}: no free port`);
  }
}

function connectionKey(remote: Endpoint, local: Endpoint): string {
  return `${endpointText(remote)} ${endpointText(local)}`;
}
