/**
 * Raw IP sockets (raw(7)) through the package `raw-socket`. They know no frames: what is sent loses its Ethernet header
 * and takes the host's own routes, to the host itself if it is the destination; what is received is IPv4, of the given
 * protocols, delivered to the host, and gets an Ethernet header of the interface's own MAC.
 */
import { formatAddress } from '../../../engine/address-text.js';
import * as ethernet from '../../../engine/wire/ethernet.js';
import * as ipv4 from '../../../engine/wire/ipv4.js';
import * as ipv6 from '../../../engine/wire/ipv6.js';
import { BAD_INPUT, LiveError, missingCapability } from '../live-error.js';
import type { PortSpec } from '../live-port.js';
import { type ChildLink, FRAME_LIMIT, type LinkUser } from './link.js';
import { requirePackage } from './packages.js';

/** Packets that may wait for the kernel. */
const QUEUE_LIMIT = 512;
const DEFAULT_PROTOCOLS = [ipv4.PROTOCOL_ICMP, ipv4.PROTOCOL_TCP, ipv4.PROTOCOL_UDP];
const SOL_SOCKET = 1;
const SO_BINDTODEVICE = 25;
const IPPROTO_IP = 0;
const IP_HDRINCL = 3;
const IPPROTO_IPV6 = 41;
const IPV6_HDRINCL = 36;
const IPPROTO_RAW = 255;
/** A unicast address of nobody's: locally administered. */
const REMOTE_MAC = Uint8Array.of(2, 0, 0, 0, 0, 0);

interface Socket {
  readonly requests: readonly unknown[];
  setOption(level: number, option: number, value: Buffer | number, length?: number): void;
  send(
    buffer: Buffer,
    offset: number,
    length: number,
    address: string,
    done: (error: Error | null) => void,
  ): void;
  on(event: 'message', listener: (packet: Buffer) => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  pauseRecv(): void;
  close(): void;
}

interface RawSocket {
  createSocket(options: { protocol: number; addressFamily: number; bufferSize: number }): Socket;
  readonly AddressFamily: { readonly IPv4: number; readonly IPv6: number };
}

/** Opens raw sockets that are bound to an interface. Throws LiveError. */
export function openRawSocket(spec: PortSpec, user: LinkUser): ChildLink {
  const port = `raw-socket:${spec.name}`;
  const raw = requirePackage<RawSocket>(port, 'raw-socket', 'python3, make and g++');
  const sockets: Socket[] = [];
  const open = (addressFamily: number, protocol: number): Socket => {
    const socket = raw.createSocket({ protocol, addressFamily, bufferSize: FRAME_LIMIT });
    sockets.push(socket);
    socket.on('error', () => user.lose());
    if (spec.name !== ANY_INTERFACE) bindToDevice(socket, spec.name);
    return socket;
  };
  try {
    const out4 = open(raw.AddressFamily.IPv4, IPPROTO_RAW);
    out4.setOption(IPPROTO_IP, IP_HDRINCL, 1);
    out4.pauseRecv();
    const out6 = open(raw.AddressFamily.IPv6, IPPROTO_RAW);
    out6.setOption(IPPROTO_IPV6, IPV6_HDRINCL, 1);
    out6.pauseRecv();
    const frame = Buffer.alloc(ethernet.HEADER_LENGTH + FRAME_LIMIT);
    ethernet.write(frame, 0, user.mac, REMOTE_MAC, ethernet.TYPE_IPV4);
    for (const protocol of spec.protocols ?? DEFAULT_PROTOCOLS) {
      open(raw.AddressFamily.IPv4, protocol).on('message', (packet) => {
        packet.copy(frame, ethernet.HEADER_LENGTH);
        user.receive(frame.subarray(0, ethernet.HEADER_LENGTH + packet.length));
      });
    }
    return {
      send: (sent) => sendPacket(sent, out4, out6, user),
      close: () => {
        for (const socket of sockets) socket.close();
      },
    };
  } catch (cause) {
    for (const socket of sockets) socket.close();
    throw cannotOpen(port, cause);
  }
}

/** Instead of an interface's name: sockets that are bound to none. */
export const ANY_INTERFACE = 'any';

function bindToDevice(socket: Socket, name: string): void {
  const value = Buffer.from(`${name}\0`);
  socket.setOption(SOL_SOCKET, SO_BINDTODEVICE, value, value.length);
}

/** False when the frame holds no IP packet, or too many wait. */
function sendPacket(frame: Buffer, out4: Socket, out6: Socket, user: LinkUser): boolean {
  const at = ethernet.HEADER_LENGTH;
  const type = ethernet.type(frame, 0);
  const isIpv4 = type === ethernet.TYPE_IPV4 && ipv4.fits(at, frame.length);
  if (!isIpv4 && !(type === ethernet.TYPE_IPV6 && ipv6.fits(at, frame.length))) return false;
  const socket = isIpv4 ? out4 : out6;
  if (socket.requests.length >= QUEUE_LIMIT) return false;
  const [addressAt, length] = isIpv4
    ? [ipv4.destinationAt(at), ipv4.ADDRESS_LENGTH]
    : [ipv6.destinationAt(at), ipv6.ADDRESS_LENGTH];
  const packet = Buffer.from(frame.subarray(at));
  const address = formatAddress(frame, addressAt, length);
  socket.send(packet, 0, packet.length, address, (error) => {
    if (error !== null) user.lose();
  });
  return true;
}

function cannotOpen(port: string, cause: unknown): LiveError {
  const text = cause instanceof Error ? cause.message : String(cause);
  if (/not permitted|denied/i.test(text)) return missingCapability(port, 'CAP_NET_RAW', 'a raw socket');
  return new LiveError(port, text, 'see: ip link', BAD_INPUT, cause);
}
