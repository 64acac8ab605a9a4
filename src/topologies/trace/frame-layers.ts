/** Frames in words: their headers outermost first, and one line for the whole. For observers: everything allocates. */
import { formatAddress, formatMac } from '../../engine/address-text.js';
import * as arp from '../../engine/wire/arp.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import * as geneve from '../../engine/wire/geneve.js';
import * as icmp from '../../engine/wire/icmp.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ipv6 from '../../engine/wire/ipv6.js';
import * as sctp from '../../engine/wire/sctp.js';
import * as tcp from '../../engine/wire/tcp.js';
import * as udp from '../../engine/wire/udp.js';
import * as vlan from '../../engine/wire/vlan.js';
import * as vxlan from '../../engine/wire/vxlan.js';
import * as wireguard from '../../engine/wire/wireguard.js';
import * as dsr from '../../programs/tables/dsr.js';
import type { Layer, PacketText } from './model.js';
import { icmpTypeText, protocolText } from './protocol-names.js';

type Fields = Record<string, string | number>;

/** UDP ports behind which a tunnel's header follows: those of the topology's tunnels. */
export type TunnelPorts = ReadonlyMap<number, 'VXLAN' | 'Geneve' | 'WireGuard'>;

const NO_TUNNELS: TunnelPorts = new Map();

/** A frame with its link header; `startsAtIp` for one of a device without. */
export function packetText(
  bytes: Uint8Array,
  tunnels: TunnelPorts = NO_TUNNELS,
  startsAtIp = false,
): PacketText {
  const layers = layersOf(bytes, tunnels, startsAtIp);
  return { summary: summaryOf(layers), length: bytes.length, layers };
}

export function layersOf(bytes: Uint8Array, tunnels: TunnelPorts, startsAtIp = false): readonly Layer[] {
  const reader = new LayerReader(bytes, tunnels);
  if (startsAtIp) reader.ip(0);
  else reader.ethernet(0);
  return reader.layers;
}

class LayerReader {
  readonly layers: Layer[] = [];
  readonly #bytes: Uint8Array;
  readonly #end: number;
  readonly #tunnels: TunnelPorts;

  constructor(bytes: Uint8Array, tunnels: TunnelPorts) {
    this.#bytes = bytes;
    this.#end = bytes.length;
    this.#tunnels = tunnels;
  }

  #add(protocol: string, fields: Fields): void {
    this.layers.push({ protocol, fields });
  }

  ethernet(at: number): void {
    const bytes = this.#bytes;
    if (!ethernet.fits(at, this.#end)) {
      this.#add('cut short', { length: this.#end - at });
      return;
    }
    this.#add('Ethernet', {
      source: formatMac(bytes, ethernet.sourceAt(at)),
      destination: formatMac(bytes, ethernet.destinationAt(at)),
    });
    let type = ethernet.type(bytes, at);
    let next = at + ethernet.HEADER_LENGTH;
    while (ethernet.isTag(type) && vlan.fits(next, this.#end)) {
      this.#add('VLAN', { id: vlan.identifier(bytes, next), priority: vlan.priority(bytes, next) });
      type = vlan.type(bytes, next);
      next += vlan.HEADER_LENGTH;
    }
    if (type === ethernet.TYPE_IPV4 || type === ethernet.TYPE_IPV6) this.ip(next);
    else if (type === ethernet.TYPE_ARP && arp.fits(next, this.#end)) this.#arp(next);
    else this.#add(`EtherType 0x${type.toString(16).padStart(4, '0')}`, { length: this.#end - next });
  }

  ip(at: number): void {
    const bytes = this.#bytes;
    const version = at < this.#end ? bytes[at] >> 4 : 0;
    if (version === ipv4.VERSION && ipv4.fits(at, this.#end)) this.#ipv4(at);
    else if (version === ipv6.VERSION && ipv6.fits(at, this.#end)) this.#ipv6(at);
    else this.#add('IP cut short', { length: this.#end - at });
  }

  #arp(at: number): void {
    const bytes = this.#bytes;
    this.#add('ARP', {
      operation: arp.operation(bytes, at),
      source: formatAddress(bytes, arp.senderAddressAt(at), 4),
      'source MAC': formatMac(bytes, arp.senderMacAt(at)),
      destination: formatAddress(bytes, arp.targetAddressAt(at), 4),
    });
  }

  #ipv4(at: number): void {
    const bytes = this.#bytes;
    const fields: Fields = {
      source: formatAddress(bytes, ipv4.sourceAt(at), 4),
      destination: formatAddress(bytes, ipv4.destinationAt(at), 4),
      TTL: ipv4.timeToLive(bytes, at),
      length: ipv4.totalLength(bytes, at),
      id: ipv4.identification(bytes, at),
    };
    const field = ipv4.fragmentField(bytes, at);
    if ((field & ipv4.DONT_FRAGMENT) !== 0) fields.DF = 1;
    if (ipv4.isFragment(bytes, at)) fields.fragment = fragmentText(ipv4.fragmentOffset(bytes, at), field);
    if (ipv4.typeOfService(bytes, at) !== 0) fields.TOS = ipv4.typeOfService(bytes, at);
    const headerLength = ipv4.headerLength(bytes, at);
    const optionsAt = at + ipv4.HEADER_LENGTH;
    if (headerLength > ipv4.HEADER_LENGTH && ipv4.fitsOptions(bytes, at, this.#end)) {
      fields.options = optionText(bytes, optionsAt, at + headerLength);
    }
    this.#add('IPv4', fields);
    const next = at + headerLength;
    if (ipv4.isLaterFragment(bytes, at))
      this.#add('fragment', { protocol: protocolText(ipv4.protocol(bytes, at)) });
    else this.#transport(ipv4.protocol(bytes, at), next);
  }

  #ipv6(at: number): void {
    const bytes = this.#bytes;
    const fields: Fields = {
      source: formatAddress(bytes, ipv6.sourceAt(at), 16),
      destination: formatAddress(bytes, ipv6.destinationAt(at), 16),
      'hop limit': ipv6.hopLimit(bytes, at),
      length: ipv6.payloadLength(bytes, at),
    };
    if (ipv6.flowLabel(bytes, at) !== 0) fields['flow label'] = ipv6.flowLabel(bytes, at);
    if (ipv6.trafficClass(bytes, at) !== 0) fields['traffic class'] = ipv6.trafficClass(bytes, at);
    let next = ipv6.nextHeader(bytes, at);
    let l4At = at + ipv6.HEADER_LENGTH;
    let isLater = false;
    while (ipv6.isExtension(next) && ipv6.fitsExtension(l4At, this.#end)) {
      const length = ipv6.extensionLength(bytes, l4At, next);
      if (next === ipv6.NEXT_FRAGMENT && l4At + length <= this.#end) {
        isLater = ipv6.isLaterFragment(bytes, l4At);
        fields.fragment = isLater ? 'later' : 'first';
      } else fields.extensions = extensionText(bytes, l4At, length, this.#end);
      next = ipv6.extensionNextHeader(bytes, l4At);
      l4At += length;
    }
    this.#add('IPv6', fields);
    if (isLater) this.#add('fragment', { protocol: protocolText(next) });
    else this.#transport(next, l4At);
  }

  #transport(protocol: number, at: number): void {
    const bytes = this.#bytes;
    const end = this.#end;
    if (protocol === ipv4.PROTOCOL_TCP && tcp.fits(at, end)) {
      this.#add('TCP', {
        'source port': tcp.sourcePort(bytes, at),
        'destination port': tcp.destinationPort(bytes, at),
        flags: flagsText(tcp.flags(bytes, at)),
      });
    } else if (protocol === ipv4.PROTOCOL_UDP && udp.fits(at, end)) this.#udp(at);
    else if (protocol === ipv4.PROTOCOL_SCTP && sctp.fits(at, end)) {
      this.#add('SCTP', {
        'source port': sctp.sourcePort(bytes, at),
        'destination port': sctp.destinationPort(bytes, at),
      });
    } else if ((protocol === ipv4.PROTOCOL_ICMP || protocol === ipv6.NEXT_ICMPV6) && icmp.fits(at, end)) {
      this.#icmp(protocol, at);
    } else if (protocol === ipv4.PROTOCOL_IPIP || protocol === ipv4.PROTOCOL_IPV6) this.ip(at);
    else this.#add(protocolText(protocol), { length: Math.max(0, end - at) });
  }

  #udp(at: number): void {
    const bytes = this.#bytes;
    const port = udp.destinationPort(bytes, at);
    this.#add('UDP', { 'source port': udp.sourcePort(bytes, at), 'destination port': port });
    const next = at + udp.HEADER_LENGTH;
    const tunnel = this.#tunnels.get(port);
    if (tunnel === 'VXLAN' && vxlan.fits(next, this.#end)) {
      this.#add('VXLAN', { VNI: vxlan.identifier(bytes, next) });
      this.ethernet(next + vxlan.HEADER_LENGTH);
    } else if (tunnel === 'Geneve' && geneve.fits(next, this.#end)) {
      const fields: Fields = { VNI: geneve.identifier(bytes, next) };
      const options = geneve.optionsLength(bytes, next);
      if (options > 0) fields['options length'] = options;
      this.#add('Geneve', fields);
      this.ethernet(next + geneve.HEADER_LENGTH + options);
    } else if (tunnel === 'WireGuard' && this.#isWireguardInClear(next)) {
      this.#add('WireGuard', {});
      this.ip(next + wireguard.HEADER_LENGTH);
    }
  }

  #isWireguardInClear(at: number): boolean {
    const tagAt = this.#end - wireguard.TAG_LENGTH;
    if (at + wireguard.HEADER_LENGTH > tagAt) return false;
    return (
      wireguard.type(this.#bytes, at) === wireguard.TYPE_DATA && wireguard.isClearTag(this.#bytes, tagAt)
    );
  }

  #icmp(protocol: number, at: number): void {
    const bytes = this.#bytes;
    const isV6 = protocol === ipv6.NEXT_ICMPV6;
    const type = icmp.type(bytes, at);
    const fields: Fields = { type, code: icmp.code(bytes, at), message: icmpTypeText(isV6, type) };
    if (fields.message === 'echo request' || fields.message === 'echo reply') {
      fields.id = icmp.identifier(bytes, at);
      fields.sequence = icmp.sequence(bytes, at);
    }
    this.#add(isV6 ? 'ICMPv6' : 'ICMP', fields);
  }
}

function fragmentText(offset: number, field: number): string {
  const more = (field & ipv4.MORE_FRAGMENTS) !== 0 ? '+' : '';
  return offset === 0 ? 'first' : `offset ${offset * 8}${more}`;
}

/** The option of a DSR request in words, others in hex. */
function optionText(bytes: Uint8Array, at: number, end: number): string {
  if (end - at >= dsr.IPV4_OPTION_LENGTH && dsr.isIpv4Option(bytes, at)) {
    const address = new Uint8Array(Int32Array.of(dsr.ipv4OptionAddress(bytes, at)).buffer);
    const port = dsr.ipv4OptionPort(bytes, at);
    return `DSR ${formatAddress(address, 0, 4)}:${((port & 0xff) << 8) | (port >> 8)}`;
  }
  return Buffer.from(bytes.slice(at, end)).toString('hex');
}

function extensionText(bytes: Uint8Array, at: number, length: number, end: number): string {
  if (at + length <= end && length === dsr.IPV6_HEADER_LENGTH && dsr.isIpv6Header(bytes, at)) {
    const words = new Int32Array(4);
    const port = dsr.readIpv6Header(bytes, at, words);
    const address = formatAddress(new Uint8Array(words.buffer), 0, 16);
    return `DSR [${address}]:${((port & 0xff) << 8) | (port >> 8)}`;
  }
  return `${length} bytes`;
}

const FLAGS: readonly (readonly [number, string])[] = [
  [tcp.SYN, 'SYN'],
  [tcp.FIN, 'FIN'],
  [tcp.RST, 'RST'],
  [tcp.PSH, 'PSH'],
  [tcp.ACK, 'ACK'],
  [tcp.URG, 'URG'],
];

/** `SYN`, `SYN,ACK`; `none`. */
function flagsText(flags: number): string {
  const names = FLAGS.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
  return names.length === 0 ? 'none' : names.join(',');
}

/** One line: addresses and ports of the innermost packet, protocol, flags or message. */
export function summaryOf(layers: readonly Layer[]): string {
  const at = layers.findLastIndex(({ protocol }) => ['IPv4', 'IPv6', 'ARP'].includes(protocol));
  if (at < 0) return layers.at(-1)?.protocol ?? 'nothing';
  const network = layers[at];
  const { source, destination } = network.fields;
  if (network.protocol === 'ARP') {
    return network.fields.operation === 1
      ? `arp who-has ${destination} tell ${source}`
      : `arp reply ${source} is-at ${network.fields['source MAC']}`;
  }
  const transport = layers[at + 1];
  if (transport === undefined) return `${source} → ${destination}`;
  const { fields, protocol } = transport;
  if (fields['source port'] !== undefined) {
    const flags = protocol === 'TCP' ? ` ${fields.flags}` : '';
    const from = withPort(String(source), fields['source port']);
    const to = withPort(String(destination), fields['destination port']);
    return `${from} → ${to} ${protocol.toLowerCase()}${flags}`;
  }
  const what = fields.message ?? (protocol === 'fragment' ? `${fields.protocol} fragment` : '');
  const name = protocol === 'fragment' ? '' : `${protocol.toLowerCase()} `;
  return `${source} → ${destination} ${name}${what}`.trimEnd();
}

/** `10.0.0.1:80`, `[fd00::1]:80`. */
export function withPort(address: string, port: string | number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
