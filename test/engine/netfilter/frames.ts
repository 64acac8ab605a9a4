/** Frames for tests of netfilter, with right checksums. */
import { parseAddress } from '../../../src/engine/address-text.js';
import { i32le, put16 } from '../../../src/engine/wire/bytes.js';
import * as checksum from '../../../src/engine/wire/checksum.js';
import * as ethernet from '../../../src/engine/wire/ethernet.js';
import * as icmp from '../../../src/engine/wire/icmp.js';
import * as ipv4 from '../../../src/engine/wire/ipv4.js';
import * as ipv6 from '../../../src/engine/wire/ipv6.js';
import * as layer4 from '../../../src/engine/wire/layer4.js';
import * as tcp from '../../../src/engine/wire/tcp.js';
import * as udp from '../../../src/engine/wire/udp.js';
import { fromHex } from '../../support/hex.js';

const ICMP = 1;
const TCP = 6;
const UDP = 17;
const ICMPV6 = 58;

/** Where a packet goes: link addresses as hex, IP addresses as text. */
export interface Way {
  readonly macs: readonly [destination: string, source: string];
  readonly from: string;
  readonly to: string;
}

export interface Fragment {
  /** Units of 8 bytes, with MORE_FRAGMENTS. */
  readonly field: number;
  readonly identification: number;
}

/** An IP packet around a transport header with payload, whose checksum is written unless it is a fragment's. */
export function ipFrame(way: Way, protocol: number, transport: Uint8Array, fragment?: Fragment): Uint8Array {
  const [from, to] = [parseAddress(way.from)!, parseAddress(way.to)!];
  const isIpv4 = from.length === 4;
  const ipAt = ethernet.HEADER_LENGTH;
  const at = ipAt + (isIpv4 ? ipv4.HEADER_LENGTH : ipv6.HEADER_LENGTH);
  const frame = new Uint8Array(at + transport.length);
  const type = isIpv4 ? ethernet.TYPE_IPV4 : ethernet.TYPE_IPV6;
  ethernet.write(frame, 0, fromHex(way.macs[0]), fromHex(way.macs[1]), type);
  frame.set(transport, at);
  if (isIpv4) {
    const { identification = 0, field = ipv4.DONT_FRAGMENT } = fragment ?? {};
    ipv4.write(
      frame,
      ipAt,
      transport.length,
      identification,
      field,
      64,
      protocol,
      i32le(from, 0),
      i32le(to, 0),
    );
  } else ipv6.write(frame, ipAt, transport.length, protocol, 64, from, to);
  if (fragment === undefined) fillTransport(frame, ipAt, at, protocol, isIpv4);
  return frame;
}

function fillTransport(frame: Uint8Array, ipAt: number, at: number, protocol: number, isIpv4: boolean): void {
  const length = frame.length - at;
  const fields: Readonly<Record<number, number>> = {
    [TCP]: tcp.checksumAt(at),
    [UDP]: udp.checksumAt(at),
    [ICMPV6]: icmp.checksumAt(at),
  };
  if (protocol === ICMP) checksum.fill(frame, at, length, icmp.checksumAt(at));
  else if (fields[protocol] === undefined) return;
  else if (isIpv4) layer4.fillIpv4(frame, ipAt, at, length, fields[protocol]);
  else layer4.fillIpv6(frame, ipAt, protocol, at, length, fields[protocol]);
}

export interface Segment {
  readonly ports: readonly [source: number, destination: number];
  /** Letters of FSRPAU. */
  readonly flags: string;
  readonly sequence?: number;
  readonly acknowledgment?: number;
  readonly payload?: string;
  readonly window?: number;
  /** Bytes of the options, a multiple of 4. */
  readonly options?: readonly number[];
}

const FLAG_BITS: Readonly<Record<string, number>> = {
  F: tcp.FIN,
  S: tcp.SYN,
  R: tcp.RST,
  P: tcp.PSH,
  A: tcp.ACK,
  U: tcp.URG,
};

export function tcpFrame(way: Way, segment: Segment): Uint8Array {
  const { ports, flags, sequence = 1000, acknowledgment = 0, payload = '' } = segment;
  const { window = 64240, options = [] } = segment;
  const bits = [...flags].reduce((all, letter) => all | FLAG_BITS[letter], 0);
  const header = tcp.HEADER_LENGTH + options.length;
  const transport = new Uint8Array(header + payload.length);
  tcp.write(transport, 0, ports[0], ports[1], sequence, acknowledgment, bits, window);
  tcp.putHeaderLength(transport, 0, header);
  transport.set(options, tcp.HEADER_LENGTH);
  transport.set(Buffer.from(payload), header);
  return ipFrame(way, TCP, transport);
}

export function udpDatagram(ports: readonly [number, number], payload: string): Uint8Array {
  const transport = new Uint8Array(udp.HEADER_LENGTH + payload.length);
  udp.write(transport, 0, ports[0], ports[1], payload.length);
  transport.set(Buffer.from(payload), udp.HEADER_LENGTH);
  return transport;
}

export function udpFrame(way: Way, ports: readonly [number, number], payload: string): Uint8Array {
  return ipFrame(way, UDP, udpDatagram(ports, payload));
}

/** An echo (or what else has an identifier) of ICMP or ICMPv6, as the way's family is. */
export function icmpFrame(way: Way, type: number, identifier: number, payload = 'abcdefgh'): Uint8Array {
  const transport = new Uint8Array(icmp.HEADER_LENGTH + payload.length);
  icmp.write(transport, 0, type, 0, (identifier << 16) | 1);
  transport.set(Buffer.from(payload), icmp.HEADER_LENGTH);
  return ipFrame(way, way.from.includes(':') ? ICMPV6 : ICMP, transport);
}

/** An ICMP error that quotes `quoted`, an Ethernet frame, up to `bytes` of its packet. */
export function errorFrame(way: Way, type: number, code: number, quoted: Uint8Array, bytes = 64): Uint8Array {
  const packet = quoted.subarray(ethernet.HEADER_LENGTH, ethernet.HEADER_LENGTH + bytes);
  const transport = new Uint8Array(icmp.HEADER_LENGTH + packet.length);
  icmp.write(transport, 0, type, code, 0);
  transport.set(packet, icmp.HEADER_LENGTH);
  return ipFrame(way, way.from.includes(':') ? ICMPV6 : ICMP, transport);
}

/** The fragments of a datagram over IPv4, cut behind `cut` bytes (a multiple of 8). */
export function fragments(way: Way, protocol: number, datagram: Uint8Array, cut: number): Uint8Array[] {
  const whole = ipFrame(way, protocol, datagram).subarray(ethernet.HEADER_LENGTH + ipv4.HEADER_LENGTH);
  const identification = 0x4242;
  return [
    ipFrame(way, protocol, whole.slice(0, cut), { field: ipv4.MORE_FRAGMENTS, identification }),
    ipFrame(way, protocol, whole.slice(cut), { field: cut >> 3, identification }),
  ];
}

/** Sets a UDP checksum to "none" (RFC 768). */
export function withoutUdpChecksum(frame: Uint8Array): Uint8Array {
  const copy = frame.slice();
  put16(copy, udp.checksumAt(ethernet.HEADER_LENGTH + ipv4.HEADER_LENGTH), 0);
  return copy;
}
