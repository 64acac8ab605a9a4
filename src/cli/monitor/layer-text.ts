/**
 * A header in words, as the packet library of Cilium's monitor writes it: `TCP\t{Contents=[..20..] Payload=[] …}`.
 * Lists of more than four elements show their length alone.
 */
import { formatIpv4, formatMac } from '../../engine/address-text.js';
import { i32, u16 } from '../../engine/wire/bytes.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ipv6 from '../../engine/wire/ipv6.js';
import * as sctp from '../../engine/wire/sctp.js';
import * as tcp from '../../engine/wire/tcp.js';
import * as udp from '../../engine/wire/udp.js';
import { netIp } from '../../programs/tables/names.js';
import type { Dissection, Layer } from './dissect.js';
import {
  ethernetTypeName,
  icmpName,
  ipProtocolName,
  TCP_FLAGS,
  tcpFlags,
  tcpOptionName,
} from './packet-names.js';
import { portText } from './port-names.js';

const LONGEST_LIST = 4;

/** The lines of all layers, without line ends. `hasMultipath`: TCP has the field that came with Cilium 1.18. */
export function layerLines({ bytes, layers }: Dissection, hasMultipath: boolean): string[] {
  return layers.map((layer) => layerLine(bytes, layer, hasMultipath));
}

/** One layer. */
export function layerLine(bytes: Uint8Array, layer: Layer, hasMultipath: boolean): string {
  const { name, at, payloadAt, end } = layer;
  // A hop-by-hop header is shown as a field of its own.
  const headerEnd = name === 'IPv6' ? at + ipv6.HEADER_LENGTH : payloadAt;
  const head = `Contents=${byteList(bytes, at, headerEnd)} Payload=${byteList(bytes, payloadAt, end)}`;
  return `${name}\t{${head} ${fields(bytes, layer, hasMultipath)}}`;
}

function fields(bytes: Uint8Array, layer: Layer, hasMultipath: boolean): string {
  switch (layer.name) {
    case 'Ethernet':
      return ethernetFields(bytes, layer.at);
    case 'IPv4':
      return ipv4Fields(bytes, layer);
    case 'IPv6':
      return ipv6Fields(bytes, layer);
    case 'TCP':
      return tcpFields(bytes, layer) + (hasMultipath ? ' Multipath=false' : '');
    case 'UDP':
      return `${ports(bytes, layer)} Length=${udp.length(bytes, layer.at)} Checksum=${udp.checksum(bytes, layer.at)}`;
    case 'SCTP':
      return (
        `${ports(bytes, layer)} VerificationTag=${sctp.verificationTag(bytes, layer.at) >>> 0} ` +
        `Checksum=${i32(bytes, layer.at + sctp.CHECKSUM_OFFSET) >>> 0}`
      );
    case 'ICMPv4':
      return (
        `TypeCode=${icmpName(false, bytes[layer.at], bytes[layer.at + 1])} Checksum=${u16(bytes, layer.at + 2)} ` +
        `Id=${u16(bytes, layer.at + 4)} Seq=${u16(bytes, layer.at + 6)}`
      );
    case 'ICMPv6':
      return (
        `TypeCode=${icmpName(true, bytes[layer.at], bytes[layer.at + 1])} Checksum=${u16(bytes, layer.at + 2)} ` +
        'TypeBytes=[]'
      );
  }
}

function ethernetFields(bytes: Uint8Array, at: number): string {
  const type = ethernet.type(bytes, at);
  const length = type < ethernet.MINIMUM_TYPE ? type : 0;
  return (
    `SrcMAC=${formatMac(bytes, ethernet.sourceAt(at))} DstMAC=${formatMac(bytes, ethernet.destinationAt(at))} ` +
    `EthernetType=${ethernetTypeName(type)} Length=${length}`
  );
}

const RESERVED_FLAG = 0x8000;

function ipv4Fields(bytes: Uint8Array, { at, payloadAt, end }: Layer): string {
  const field = ipv4.fragmentField(bytes, at);
  const flags = [
    ...((field & RESERVED_FLAG) !== 0 ? ['Evil'] : []),
    ...((field & ipv4.DONT_FRAGMENT) !== 0 ? ['DF'] : []),
    ...((field & ipv4.MORE_FRAGMENTS) !== 0 ? ['MF'] : []),
  ];
  const options = optionsOf(bytes, at + ipv4.HEADER_LENGTH, payloadAt);
  const texts = options.list.map(({ kind, data }) => `IPv4Option(${kind}:[${[...data].join(' ')}])`);
  // A length of 0, from segmentation offload, is shown as what is there.
  const length = ipv4.totalLength(bytes, at) || end - at;
  return (
    `Version=${bytes[at] >> 4} IHL=${(payloadAt - at) / 4} TOS=${bytes[at + 1]} Length=${length} ` +
    `Id=${ipv4.identification(bytes, at)} Flags=${flags.join('|')} FragOffset=${field & ipv4.FRAGMENT_OFFSET_MASK} ` +
    `TTL=${ipv4.timeToLive(bytes, at)} Protocol=${ipProtocolName(ipv4.protocol(bytes, at))} ` +
    `Checksum=${ipv4.headerChecksum(bytes, at)} SrcIP=${formatIpv4(bytes, ipv4.sourceAt(at))} ` +
    `DstIP=${formatIpv4(bytes, ipv4.destinationAt(at))} Options=${list(texts)} ` +
    `Padding=${byteList(bytes, options.end, payloadAt)}`
  );
}

function ipv6Fields(bytes: Uint8Array, layer: Layer): string {
  const { at } = layer;
  return (
    `Version=${bytes[at] >> 4} TrafficClass=${ipv6.trafficClass(bytes, at)} FlowLabel=${ipv6.flowLabel(bytes, at)} ` +
    `Length=${ipv6.payloadLength(bytes, at)} NextHeader=${ipProtocolName(ipv6.nextHeader(bytes, at))} ` +
    `HopLimit=${ipv6.hopLimit(bytes, at)} SrcIP=${netIp(bytes, ipv6.sourceAt(at), ipv6.ADDRESS_LENGTH)} ` +
    `DstIP=${netIp(bytes, ipv6.destinationAt(at), ipv6.ADDRESS_LENGTH)} HopByHop=${hopByHopText(bytes, layer)}`
  );
}

function hopByHopText(bytes: Uint8Array, { at, payloadAt, end }: Layer): string {
  const from = at + ipv6.HEADER_LENGTH;
  if (payloadAt === from) return 'nil';
  const options: string[] = [];
  for (let option = from + 2; option < payloadAt; ) {
    const isPadding = bytes[option] === 0;
    const length = isPadding ? 0 : bytes[option + 1];
    const actual = isPadding ? 1 : length + 2;
    const data = isPadding ? '[]' : byteList(bytes, option + 2, option + 2 + length);
    options.push(
      `{OptionType=${bytes[option]} OptionLength=${length} ActualLength=${actual} OptionData=${data} ` +
        'OptionAlignment=[0 0]}',
    );
    option += actual;
  }
  return (
    `{ Contents=${byteList(bytes, from, payloadAt)} Payload=${byteList(bytes, payloadAt, end)} ` +
    `NextHeader=${ipProtocolName(bytes[from])} HeaderLength=${bytes[from + 1]} ActualLength=${payloadAt - from} ` +
    `Options=${list(options)}}`
  );
}

function tcpFields(bytes: Uint8Array, layer: Layer): string {
  const { at, payloadAt } = layer;
  const set = tcpFlags(bytes, at);
  const flags = TCP_FLAGS.map(([name, bit]) => `${name}=${(set & bit) !== 0}`);
  const options = optionsOf(bytes, at + tcp.HEADER_LENGTH, payloadAt);
  return (
    `${ports(bytes, layer)} Seq=${tcp.sequence(bytes, at) >>> 0} Ack=${tcp.acknowledgment(bytes, at) >>> 0} ` +
    `DataOffset=${(payloadAt - at) / 4} ${flags.join(' ')} ` +
    `Window=${tcp.window(bytes, at)} Checksum=${tcp.checksum(bytes, at)} Urgent=${tcp.urgentPointer(bytes, at)} ` +
    `Options=${list(options.list.map(tcpOptionText))} Padding=${byteList(bytes, options.end, payloadAt)}`
  );
}

const MAXIMUM_SEGMENT_SIZE = 2;
const TIMESTAMPS = 8;

function tcpOptionText({ kind, data }: Option): string {
  const hex = data.length === 0 ? '' : ` 0x${Buffer.from(data).toString('hex')}`;
  if (kind === MAXIMUM_SEGMENT_SIZE && data.length >= 2) return `TCPOption(MSS:${u16(data, 0)}${hex})`;
  if (kind === TIMESTAMPS && data.length === 8) {
    return `TCPOption(Timestamps:${i32(data, 0) >>> 0}/${i32(data, 4) >>> 0}${hex})`;
  }
  return `TCPOption(${tcpOptionName(kind)}:${hex})`;
}

interface Option {
  readonly kind: number;
  readonly data: Uint8Array;
}

/** Options of IPv4 and TCP alike: kind 0 ends them, kind 1 is alone, others have a length. */
function optionsOf(bytes: Uint8Array, from: number, end: number): { list: Option[]; end: number } {
  const found: Option[] = [];
  let at = from;
  while (at < end) {
    const kind = bytes[at];
    const length = kind <= 1 ? 1 : bytes[at + 1];
    found.push({ kind, data: kind <= 1 ? new Uint8Array(0) : bytes.subarray(at + 2, at + length) });
    at += length;
    if (kind === 0) break;
  }
  return { list: found, end: at };
}

function ports(bytes: Uint8Array, { name, at }: Layer): string {
  const protocol = name as 'TCP' | 'UDP' | 'SCTP';
  return `SrcPort=${portText(protocol, u16(bytes, at))} DstPort=${portText(protocol, u16(bytes, at + 2))}`;
}

function byteList(bytes: Uint8Array, at: number, end: number): string {
  const length = Math.max(0, end - at);
  return length > LONGEST_LIST ? `[..${length}..]` : `[${[...bytes.subarray(at, end)].join(', ')}]`;
}

function list(texts: readonly string[]): string {
  return texts.length > LONGEST_LIST ? `[..${texts.length}..]` : `[${texts.join(', ')}]`;
}
