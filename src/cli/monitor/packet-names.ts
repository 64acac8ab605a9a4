/** What the packet library of Cilium's monitor and Hubble calls types, protocols and flags. */
import * as tcp from '../../engine/wire/tcp.js';

const ETHERNET_TYPES: ReadonlyMap<number, string> = new Map([
  [0x0800, 'IPv4'],
  [0x0806, 'ARP'],
  [0x2000, 'CiscoDiscovery'],
  [0x6558, 'TransparentEthernetBridging'],
  [0x8100, 'Dot1Q'],
  [0x86dd, 'IPv6'],
  [0x880b, 'PPP'],
  [0x8847, 'MPLSUnicast'],
  [0x8848, 'MPLSMulticast'],
  [0x8863, 'PPPoEDiscovery'],
  [0x8864, 'PPPoESession'],
  [0x888e, 'EAPOL'],
  [0x88a8, 'Dot1Q'],
  [0x88be, 'ERSPAN Type II'],
  [0x88cc, 'LinkLayerDiscovery'],
  [0x9000, 'EthernetCTP'],
]);

/** Below this the field is a length (IEEE 802.3). */
const MINIMUM_TYPE = 0x600;

export function ethernetTypeName(type: number): string {
  if (type < MINIMUM_TYPE) return 'LLC';
  return ETHERNET_TYPES.get(type) ?? 'UnknownEthernetType';
}

const IP_PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [0, 'IPv6HopByHop'],
  [1, 'ICMPv4'],
  [2, 'IGMP'],
  [4, 'IPv4'],
  [6, 'TCP'],
  [17, 'UDP'],
  [27, 'RUDP'],
  [41, 'IPv6'],
  [43, 'IPv6Routing'],
  [44, 'IPv6Fragment'],
  [47, 'GRE'],
  [50, 'IPSecESP'],
  [51, 'IPSecAH'],
  [58, 'ICMPv6'],
  [59, 'NoNextHeader'],
  [60, 'IPv6Destination'],
  [89, 'OSPF'],
  [94, 'IPv4'],
  [97, 'EtherIP'],
  [112, 'VRRP'],
  [132, 'SCTP'],
  [136, 'UDPLite'],
  [137, 'MPLS'],
]);

export function ipProtocolName(protocol: number): string {
  return IP_PROTOCOLS.get(protocol) ?? 'UnknownIPProtocol';
}

/** A type's name and the names of its codes; a type without named codes is whole with code 0. */
type IcmpTypes = ReadonlyMap<number, readonly [name: string, codes?: readonly string[]]>;

const REASSEMBLY = 'FragmentReassemblyTimeExceeded';

const ICMPV4_TYPES: IcmpTypes = new Map<number, readonly [string, (readonly string[])?]>([
  [0, ['EchoReply']],
  [
    3,
    [
      'DestinationUnreachable',
      [
        'Net',
        'Host',
        'Protocol',
        'Port',
        'FragmentationNeeded',
        'SourceRoutingFailed',
        'NetUnknown',
        'HostUnknown',
        'SourceIsolated',
        'NetAdminProhibited',
        'HostAdminProhibited',
        'NetTOS',
        'HostTOS',
        'CommAdminProhibited',
        'HostPrecedence',
        'PrecedenceCutoff',
      ],
    ],
  ],
  [4, ['SourceQuench']],
  [5, ['Redirect', ['Net', 'Host', 'TOS+Net', 'TOS+Host']]],
  [8, ['EchoRequest']],
  [9, ['RouterAdvertisement']],
  [10, ['RouterSolicitation']],
  [11, ['TimeExceeded', ['TTLExceeded', REASSEMBLY]]],
  [12, ['ParameterProblem', ['PointerIndicatesError', 'MissingOption', 'BadLength']]],
  [13, ['TimestampRequest']],
  [14, ['TimestampReply']],
  [15, ['InfoRequest']],
  [16, ['InfoReply']],
  [17, ['AddressMaskRequest']],
  [18, ['AddressMaskReply']],
]);

const ICMPV6_TYPES: IcmpTypes = new Map<number, readonly [string, (readonly string[])?]>([
  [
    1,
    [
      'DestinationUnreachable',
      [
        'NoRouteToDst',
        'AdminProhibited',
        'BeyondScopeOfSrc',
        'AddressUnreachable',
        'PortUnreachable',
        'SrcAddressFailedPolicy',
        'RejectRouteToDst',
      ],
    ],
  ],
  [2, ['PacketTooBig']],
  [3, ['TimeExceeded', ['HopLimitExceeded', REASSEMBLY]]],
  [4, ['ParameterProblem', ['ErroneousHeaderField', 'UnrecognizedNextHeader', 'UnrecognizedIPv6Option']]],
  [128, ['EchoRequest']],
  [129, ['EchoReply']],
  [133, ['RouterSolicitation']],
  [134, ['RouterAdvertisement']],
  [135, ['NeighborSolicitation']],
  [136, ['NeighborAdvertisement']],
  [137, ['Redirect']],
]);

/** `EchoRequest`, `DestinationUnreachable(Port)`, `35(5)`. */
export function icmpName(isV6: boolean, type: number, code: number): string {
  const known = (isV6 ? ICMPV6_TYPES : ICMPV4_TYPES).get(type);
  if (known === undefined) return `${type}(${code})`;
  const [name, codes] = known;
  if (codes === undefined) return code === 0 ? name : `${name}(Code: ${code})`;
  return codes[code] === undefined ? `${name}(Code: ${code})` : `${name}(${codes[code]})`;
}

const TCP_OPTIONS = [
  'EndList',
  'NOP',
  'MSS',
  'WindowScale',
  'SACKPermitted',
  'SACK',
  'Echo',
  'EchoReply',
  'Timestamps',
  'PartialOrderConnectionPermitted',
  'PartialOrderServiceProfile',
  'CC',
  'CCNew',
  'CCEcho',
  'AltChecksum',
  'AltChecksumData',
] as const;

export function tcpOptionName(kind: number): string {
  return TCP_OPTIONS[kind] ?? `Unknown(${kind})`;
}

/** In the order of their bits, as the library and Hubble's messages list them; NS (RFC 3540) is above the byte. */
export const TCP_FLAGS: readonly (readonly [name: string, bit: number])[] = [
  ['FIN', tcp.FIN],
  ['SYN', tcp.SYN],
  ['RST', tcp.RST],
  ['PSH', tcp.PSH],
  ['ACK', tcp.ACK],
  ['URG', tcp.URG],
  ['ECE', tcp.ECE],
  ['CWR', tcp.CWR],
  ['NS', 0x100],
];

/** The bits of TCP_FLAGS in the TCP header at `at`. */
export function tcpFlags(bytes: Uint8Array, at: number): number {
  return tcp.flags(bytes, at) | ((bytes[at + tcp.FLAGS_OFFSET - 1] & 1) << 8);
}
