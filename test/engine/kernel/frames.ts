/** Frames that the cases send: IPv4 and IPv6 with UDP, ICMP or ARP, whole or in parts. */
import { parseAddress } from '../../../src/engine/address-text.js';
import { fragmentFrame } from '../../../src/engine/stack/fragment.js';
import * as arp from '../../../src/engine/wire/arp.js';
import { i32le } from '../../../src/engine/wire/bytes.js';
import * as checksum from '../../../src/engine/wire/checksum.js';
import * as ethernet from '../../../src/engine/wire/ethernet.js';
import * as icmp from '../../../src/engine/wire/icmp.js';
import * as ipv4 from '../../../src/engine/wire/ipv4.js';
import * as ipv6 from '../../../src/engine/wire/ipv6.js';
import * as layer4 from '../../../src/engine/wire/layer4.js';
import * as udp from '../../../src/engine/wire/udp.js';
import { fromHex } from '../../support/hex.js';
import { CLIENT_MAC, MACS } from './lab-addresses.js';

export interface PacketSpec {
  readonly from: string;
  readonly to: string;
  /** Bytes behind the transport header. */
  readonly payload?: number;
  readonly ttl?: number;
  readonly dontFragment?: boolean;
  readonly typeOfService?: number;
}

function frameWith(spec: PacketSpec, protocol: number, content: Uint8Array): Uint8Array {
  const [from, to] = [parseAddress(spec.from)!, parseAddress(spec.to)!];
  const isV6 = from.length === ipv6.ADDRESS_LENGTH;
  const header = isV6 ? ipv6.HEADER_LENGTH : ipv4.HEADER_LENGTH;
  const ipAt = ethernet.HEADER_LENGTH;
  const frame = new Uint8Array(ipAt + header + content.length);
  const type = isV6 ? ethernet.TYPE_IPV6 : ethernet.TYPE_IPV4;
  ethernet.write(frame, 0, fromHex(MACS.a), fromHex(CLIENT_MAC), type);
  const ttl = spec.ttl ?? 64;
  if (isV6) {
    ipv6.write(frame, ipAt, content.length, protocol, ttl, from, to);
    ipv6.putTrafficClassAndFlowLabel(frame, ipAt, spec.typeOfService ?? 0, 0);
  } else {
    const field = spec.dontFragment === true ? ipv4.DONT_FRAGMENT : 0;
    ipv4.write(frame, ipAt, content.length, 0x4242, field, ttl, protocol, i32le(from, 0), i32le(to, 0));
    ipv4.putTypeOfService(frame, ipAt, spec.typeOfService ?? 0);
    checksum.fillIpv4Header(frame, ipAt);
  }
  frame.set(content, ipAt + header);
  return frame;
}

const pattern = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i);

export function udpFrame(spec: PacketSpec, destinationPort = 9): Uint8Array {
  const payload = pattern(spec.payload ?? 8);
  const content = new Uint8Array(udp.HEADER_LENGTH + payload.length);
  udp.write(content, 0, 4000, destinationPort, payload.length);
  content.set(payload, udp.HEADER_LENGTH);
  const frame = frameWith(spec, ipv4.PROTOCOL_UDP, content);
  const ipAt = ethernet.HEADER_LENGTH;
  const at = frame.length - content.length;
  if (ethernet.type(frame, 0) === ethernet.TYPE_IPV4) {
    layer4.fillIpv4(frame, ipAt, at, content.length, udp.checksumAt(at));
  } else layer4.fillIpv6(frame, ipAt, ipv4.PROTOCOL_UDP, at, content.length, udp.checksumAt(at));
  return frame;
}

/** An ICMP or ICMPv6 message; by default an echo request. */
export function icmpFrame(spec: PacketSpec, type?: number, code = 0): Uint8Array {
  const isV6 = spec.from.includes(':');
  const payload = pattern(spec.payload ?? 16);
  const content = new Uint8Array(icmp.HEADER_LENGTH + payload.length);
  icmp.write(content, 0, type ?? (isV6 ? 128 : icmp.ECHO_REQUEST), code, 0x12340001);
  content.set(payload, icmp.HEADER_LENGTH);
  if (!isV6) checksum.fill(content, 0, content.length, icmp.checksumAt(0));
  const frame = frameWith(spec, isV6 ? ipv6.NEXT_ICMPV6 : ipv4.PROTOCOL_ICMP, content);
  if (isV6) {
    const at = frame.length - content.length;
    const ipAt = ethernet.HEADER_LENGTH;
    layer4.fillIpv6(frame, ipAt, ipv6.NEXT_ICMPV6, at, content.length, icmp.checksumAt(at));
  }
  return frame;
}

export function arpFrame(operation: number, sender: string, target: string, to = 'ffffffffffff'): Uint8Array {
  const frame = new Uint8Array(ethernet.HEADER_LENGTH + arp.HEADER_LENGTH);
  ethernet.write(frame, 0, fromHex(to), fromHex(CLIENT_MAC), ethernet.TYPE_ARP);
  const word = (text: string): number => i32le(parseAddress(text)!, 0);
  const targetMac = operation === arp.OPERATION_REQUEST ? new Uint8Array(6) : fromHex(to);
  const at = ethernet.HEADER_LENGTH;
  arp.write(frame, at, operation, fromHex(CLIENT_MAC), word(sender), targetMac, word(target));
  return frame;
}

export const parts = (frame: Uint8Array, mtu: number): Uint8Array[] => fragmentFrame(frame, mtu, 0x01020304);

/** A fragment of IPv4 that says it begins `units` of 8 bytes further on. */
export function moved(fragment: Uint8Array, units: number): Uint8Array {
  const copy = fragment.slice();
  const ipAt = ethernet.HEADER_LENGTH;
  ipv4.putFragmentField(copy, ipAt, ipv4.fragmentField(copy, ipAt) + units);
  checksum.fillIpv4Header(copy, ipAt);
  return copy;
}

/** The frame with some of its bytes changed. */
export function changed(frame: Uint8Array, at: number, ...bytes: number[]): Uint8Array {
  const copy = frame.slice();
  copy.set(bytes, at);
  return copy;
}
