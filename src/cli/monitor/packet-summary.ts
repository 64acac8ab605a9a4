/** What a captured frame is, in a few words: the end of each line of `cilium-dbg monitor`. */
import { formatMac } from '../../engine/address-text.js';
import { u16 } from '../../engine/wire/bytes.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ipv6 from '../../engine/wire/ipv6.js';
import * as tcp from '../../engine/wire/tcp.js';
import { netIp } from '../../programs/tables/names.js';
import type { CiliumVersion } from './cilium-version.js';
import { type Dissection, type Layer, layerOf } from './dissect.js';
import { ethernetTypeName, icmpName } from './packet-names.js';

/** `10.244.0.213:59242 -> 1.0.0.1:80 tcp SYN`; `[error]` and `[unknown]` for what cannot be read. */
export function connectionText(dissection: Dissection, version: CiliumVersion): string {
  const { bytes, layers, error } = dissection;
  if (error !== null) return '[error]';
  const ip = ipAddresses(dissection);
  if (ip === null) {
    const link = layers.at(-1);
    if (link === undefined) return '[unknown]';
    const [source, destination] = macs(bytes, link);
    return `${source} -> ${destination} ${ethernetTypeName(ethernet.type(bytes, link.at))}`;
  }
  const layer4 = layerOf(dissection, 'TCP', 'UDP', 'SCTP', 'ICMPv4', 'ICMPv6');
  if (layer4 === undefined) return `${ip.source} -> ${ip.destination}`;
  if (layer4.name === 'ICMPv4' || layer4.name === 'ICMPv6') {
    const name = icmpName(layer4.name === 'ICMPv6', bytes[layer4.at], bytes[layer4.at + 1]);
    const word = version >= 18 ? 'icmp ' : '';
    return `${ip.source} -> ${ip.destination} ${word}${name}`;
  }
  const [source, destination] = ports(bytes, layer4);
  const kind = layer4.name === 'TCP' ? `tcp ${tcpFlags(bytes, layer4)}` : layer4.name.toLowerCase();
  return `${withPort(ip.source, source)} -> ${withPort(ip.destination, destination)} ${kind}`;
}

export interface AddressPair {
  readonly source: string;
  readonly destination: string;
}

/** Of the innermost IP header; null when there is none. */
export function ipAddresses(dissection: Dissection): AddressPair | null {
  const { bytes } = dissection;
  const ip = layerOf(dissection, 'IPv4', 'IPv6');
  if (ip === undefined) return null;
  if (ip.name === 'IPv4') {
    const text = (at: number): string => netIp(bytes, at, ipv4.ADDRESS_LENGTH);
    return { source: text(ipv4.sourceAt(ip.at)), destination: text(ipv4.destinationAt(ip.at)) };
  }
  const text = (at: number): string => netIp(bytes, at, ipv6.ADDRESS_LENGTH);
  return { source: text(ipv6.sourceAt(ip.at)), destination: text(ipv6.destinationAt(ip.at)) };
}

/** Source and destination port of a TCP, UDP or SCTP header. */
export function ports(bytes: Uint8Array, { at }: Layer): readonly [source: number, destination: number] {
  return [u16(bytes, at + tcp.SOURCE_PORT_OFFSET), u16(bytes, at + tcp.DESTINATION_PORT_OFFSET)];
}

/** Source and destination MAC of an Ethernet header. */
export function macs(bytes: Uint8Array, { at }: Layer): readonly [source: string, destination: string] {
  return [formatMac(bytes, ethernet.sourceAt(at)), formatMac(bytes, ethernet.destinationAt(at))];
}

const SHOWN_FLAGS: readonly (readonly [number, string])[] = [
  [tcp.SYN, 'SYN'],
  [tcp.ACK, 'ACK'],
  [tcp.RST, 'RST'],
  [tcp.FIN, 'FIN'],
];

function tcpFlags(bytes: Uint8Array, { at }: Layer): string {
  const flags = tcp.flags(bytes, at);
  return SHOWN_FLAGS.filter(([bit]) => (flags & bit) !== 0)
    .map(([, name]) => name)
    .join(', ');
}

/** `1.0.0.1:80`, `[fd00::1]:80`. */
export function withPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
