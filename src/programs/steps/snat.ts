/** SNAT: a packet's source becomes an address of this node, and what answers to it finds the way back. */
import type { PacketContext } from '../../engine/packet.js';
import { swap16 } from '../../engine/wire/bytes.js';
import * as icmp from '../../engine/wire/icmp.js';
import * as icmpv6 from '../../engine/wire/icmpv6.js';
import * as ports from '../../engine/wire/ports.js';
import { EGRESS, INGRESS } from '../constants.js';
import {
  DROP_INVALID,
  DROP_NAT_UNSUPP_PROTO,
  DROP_SNAT_NO_MAP_FOUND,
  DROP_UNKNOWN_ICMP4_CODE,
  DROP_UNKNOWN_ICMP6_CODE,
  NAT_NOT_NEEDED,
} from '../drop-reasons.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import type { SnatTarget } from '../snat-target.js';
import * as nat from '../tables/nat.js';
import { isPortProtocol, loadPorts } from './fragments.js';
import { readTuple } from './headers.js';
import { translateError } from './snat-errors.js';
import { mapDestination, mapSource, snatMap } from './snat-mapping.js';
import { rewriteEnd } from './snat-rewrite.js';

export { SnatTarget } from '../snat-target.js';

/** Source ports below this are the node's own business unless the packet comes from one of its pods. */
const MINIMUM_FOREIGN_PORT = 32768;
const MAXIMUM_IDENTIFIER = 65535;

/** What an ICMP message is to SNAT. */
const ICMP_ECHO = 0;
const ICMP_ERROR = 1;

/** SNAT, forward: 0, NAT_NOT_NEEDED, or a drop reason (`flow.extendedError`). */
export function snatForward(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  target: SnatTarget,
): number {
  const family = flow.family;
  readTuple(packet, flow);
  if (isPortProtocol(program, flow.protocol)) {
    const error = loadPorts(program, packet, flow, EGRESS);
    if (error < 0) return error;
    if (keepsSource(flow, target)) return NAT_NOT_NEEDED;
    return snatMapped(program, packet, flow, target, ports.SOURCE_PORT_OFFSET);
  }
  if (flow.protocol !== family.icmpProtocol) return NAT_NOT_NEEDED;
  const at = flow.l4At;
  if (flow.isFragment || !icmp.fits(at, packet.end)) return DROP_INVALID;
  const kind = family.isV6 ? sentIcmpv6(packet.bytes, at) : sentIcmp(packet.bytes, at);
  if (kind === ICMP_ERROR) return translateError(program, packet, flow, nat.TUPLE_OUT);
  if (kind !== ICMP_ECHO) return kind;
  flow.tuple[family.portsWord] = icmp.identifierRaw(packet.bytes, at);
  target.minimumPort = 0;
  target.maximumPort = MAXIMUM_IDENTIFIER;
  return snatMapped(program, packet, flow, target, icmp.IDENTIFIER_OFFSET);
}

/** Traffic of the node itself from a low port keeps it: somebody listens there. */
function keepsSource(flow: Flow, target: SnatTarget): boolean {
  if (target.egressGateway || target.fromLocalEndpoint) return false;
  return swap16(flow.tuple[flow.family.portsWord] & 0xffff) < MINIMUM_FOREIGN_PORT;
}

/**
 * SNAT of a packet whose tuple (packet layout, with ports) is read: mapping and rewriting, whatever the source
 * port. `portOffset` is where the L4 header has the source port or identifier. 0 or a drop reason.
 */
export function snatMapped(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  target: SnatTarget,
  portOffset: number,
): number {
  const map = snatMap(program, flow, target.clusterId);
  if (map === null) return DROP_SNAT_NO_MAP_FOUND;
  const port = mapSource(program, packet, flow, target, map);
  if (port < 0) return port;
  const family = flow.family;
  return rewriteEnd(
    packet,
    family,
    flow.protocol,
    flow.l3At,
    flow.l4At,
    !flow.isLaterFragment,
    family.sourceOffset,
    target.address,
    0,
    portOffset,
    port,
  );
}

/** Echo request, an error to translate, or why it is neither. Parameter problem and redirect have no translation. */
function sentIcmp(bytes: Uint8Array, at: number): number {
  switch (icmp.type(bytes, at)) {
    case icmp.ECHO_REQUEST:
      return ICMP_ECHO;
    case icmp.ECHO_REPLY:
      return NAT_NOT_NEEDED;
    case icmp.DESTINATION_UNREACHABLE:
      return icmp.code(bytes, at) > icmp.MAXIMUM_UNREACHABLE_CODE ? DROP_UNKNOWN_ICMP4_CODE : ICMP_ERROR;
    case icmp.TIME_EXCEEDED:
      return icmp.code(bytes, at) > icmp.CODE_REASSEMBLY_TIME_EXCEEDED ? DROP_UNKNOWN_ICMP4_CODE : ICMP_ERROR;
    default:
      return DROP_NAT_UNSUPP_PROTO;
  }
}

function sentIcmpv6(bytes: Uint8Array, at: number): number {
  switch (icmpv6.type(bytes, at)) {
    case icmpv6.ECHO_REQUEST:
      return ICMP_ECHO;
    case icmpv6.ECHO_REPLY:
    case icmpv6.NEIGHBOUR_SOLICITATION:
    case icmpv6.NEIGHBOUR_ADVERTISEMENT:
      return NAT_NOT_NEEDED;
    case icmpv6.DESTINATION_UNREACHABLE:
      return icmpv6.code(bytes, at) > icmpv6.MAXIMUM_UNREACHABLE_CODE ? DROP_UNKNOWN_ICMP6_CODE : ICMP_ERROR;
    case icmpv6.TIME_EXCEEDED:
      return icmpv6.code(bytes, at) > icmpv6.CODE_REASSEMBLY_TIME_EXCEEDED
        ? DROP_UNKNOWN_ICMP6_CODE
        : ICMP_ERROR;
    case icmpv6.PACKET_TOO_BIG:
      return ICMP_ERROR;
    default:
      return DROP_NAT_UNSUPP_PROTO;
  }
}

/**
 * SNAT, reverse: 0, NAT_NOT_NEEDED, DROP_NAT_NO_MAPPING (tolerated by callers), or another drop reason. Ports
 * outside the range (host order) are not looked at. `clusterId` chooses the map, 0 for the node's own.
 */
export function snatReverse(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  minimumPort: number,
  maximumPort: number,
  clusterId = 0,
): number {
  const family = flow.family;
  readTuple(packet, flow);
  if (isPortProtocol(program, flow.protocol)) {
    const error = loadPorts(program, packet, flow, INGRESS);
    if (error < 0) return error;
    return snatReversePorts(program, packet, flow, minimumPort, maximumPort, clusterId);
  }
  if (flow.protocol !== family.icmpProtocol) return NAT_NOT_NEEDED;
  const at = flow.l4At;
  if (flow.isFragment || !icmp.fits(at, packet.end)) return DROP_INVALID;
  const kind = family.isV6 ? receivedIcmpv6(packet.bytes, at) : receivedIcmp(packet.bytes, at);
  if (kind === ICMP_ERROR) return translateError(program, packet, flow, nat.TUPLE_IN);
  if (kind !== ICMP_ECHO) return kind;
  flow.tuple[family.portsWord] = icmp.identifierRaw(packet.bytes, at) << 16;
  return reverseMapped(program, packet, flow, clusterId, icmp.IDENTIFIER_OFFSET);
}

/** As `snatReverse`, for a protocol with ports, which stand in the tuple (packet layout). */
export function snatReversePorts(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  minimumPort: number,
  maximumPort: number,
  clusterId: number,
): number {
  const port = swap16(flow.tuple[flow.family.portsWord] >>> 16);
  if (port < minimumPort || port > maximumPort) return NAT_NOT_NEEDED;
  return reverseMapped(program, packet, flow, clusterId, ports.DESTINATION_PORT_OFFSET);
}

function receivedIcmp(bytes: Uint8Array, at: number): number {
  const type = icmp.type(bytes, at);
  if (type === icmp.ECHO_REPLY) return ICMP_ECHO;
  const isError = type === icmp.DESTINATION_UNREACHABLE || type === icmp.TIME_EXCEEDED;
  // A code that is unknown on the way out is nobody's business on the way in.
  return isError && sentIcmp(bytes, at) === ICMP_ERROR ? ICMP_ERROR : NAT_NOT_NEEDED;
}

/** Of the errors Cilium takes back only "packet too big". */
function receivedIcmpv6(bytes: Uint8Array, at: number): number {
  const type = icmpv6.type(bytes, at);
  if (type === icmpv6.ECHO_REPLY) return ICMP_ECHO;
  return type === icmpv6.PACKET_TOO_BIG ? ICMP_ERROR : NAT_NOT_NEEDED;
}

function reverseMapped(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  clusterId: number,
  portOffset: number,
): number {
  const map = snatMap(program, flow, clusterId);
  if (map === null) return DROP_SNAT_NO_MAP_FOUND;
  const error = mapDestination(program, packet, flow, map);
  if (error < 0) return error;
  const family = flow.family;
  const out = program.datapath.keys.natPartner;
  return rewriteEnd(
    packet,
    family,
    flow.protocol,
    flow.l3At,
    flow.l4At,
    !flow.isLaterFragment,
    family.destinationOffset,
    out,
    family.addressWords,
    portOffset,
    out[family.portsWord] >>> 16,
  );
}
