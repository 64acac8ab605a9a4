/** The answer to a request that DSR would make larger than the device carries: ICMP "fragmentation needed". */
import type { PacketContext } from '../../engine/packet.js';
import { copy, put16 } from '../../engine/wire/bytes.js';
import * as checksum from '../../engine/wire/checksum.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import * as icmp from '../../engine/wire/icmp.js';
import * as icmpv6 from '../../engine/wire/icmpv6.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ipv6 from '../../engine/wire/ipv6.js';
import * as layer4 from '../../engine/wire/layer4.js';
import * as udp from '../../engine/wire/udp.js';
import { DEFAULT_HOP_LIMIT, EGRESS } from '../constants.js';
import { DROP_FRAG_NEEDED } from '../drop-reasons.js';
import { DSR_MODE_GENEVE, DSR_MODE_IPIP } from '../features.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as dsr from '../tables/dsr.js';
import { sendBack } from './forward.js';
import { drop } from './notify.js';
import { OUTER_LENGTH } from './xdp-encapsulation.js';

/** Bytes behind the quoted IP header. */
const QUOTED_V4 = 8;
const QUOTED_V6 = 64;

/**
 * Counts the drop without an event, and answers the client in the backend's name. The quoted packet is as the client
 * sent it, to the service. Where that is not possible the packet is dropped. The verdict.
 */
export function answerTooBig(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const written = flow.family.isV6 ? writeV6(program, packet, flow) : writeV4(program, packet, flow);
  if (!written) return drop(program, packet, DROP_FRAG_NEEDED, EGRESS, 0, 0, 0, flow.extendedError);
  return sendBack(program, packet);
}

/** Bytes that DSR adds to a packet. */
function overhead(program: ProgramInstance, flow: Flow): number {
  const v6 = flow.family.isV6;
  switch (program.features.dsrMode) {
    case DSR_MODE_IPIP:
      return flow.family.headerLength;
    case DSR_MODE_GENEVE:
      return OUTER_LENGTH + (v6 ? dsr.GENEVE_OPTION_LENGTH_V6 : dsr.GENEVE_OPTION_LENGTH_V4);
    default:
      return v6 ? dsr.IPV6_HEADER_LENGTH : dsr.IPV4_OPTION_LENGTH;
  }
}

function countDrop(program: ProgramInstance, packet: PacketContext): void {
  packet.dropReason = -DROP_FRAG_NEEDED;
  program.datapath.metrics.count(-DROP_FRAG_NEEDED, EGRESS, packet.length);
}

function writeV4(program: ProgramInstance, packet: PacketContext, flow: Flow): boolean {
  const bytes = packet.bytes;
  const at = flow.l3At;
  const headerLength = ipv4.headerLength(bytes, at);
  const quoted = headerLength + QUOTED_V4;
  if (at + quoted > packet.end) return false;
  countDrop(program, packet);
  const original = program.datapath.scratch;
  copy(original, 0, bytes, at, quoted);
  const room = ipv4.HEADER_LENGTH + icmp.HEADER_LENGTH;
  if (!packet.resize(at - packet.start + room + quoted)) return false;
  ethernet.swapAddresses(bytes, packet.start);
  const backend = ipv4.destination(bytes, at);
  const client = ipv4.source(bytes, at);
  const tos = ipv4.typeOfService(bytes, at);
  const identification = ipv4.identification(bytes, at);
  const length = icmp.HEADER_LENGTH + quoted;
  const flags = ipv4.DONT_FRAGMENT;
  ipv4.write(
    bytes,
    at,
    length,
    identification,
    flags,
    DEFAULT_HOP_LIMIT,
    ipv4.PROTOCOL_ICMP,
    backend,
    client,
  );
  ipv4.putTypeOfService(bytes, at, tos);
  checksum.fillIpv4Header(bytes, at);
  ipv4.putDestination(original, 0, flow.frontendAddress[0]);
  checksum.fillIpv4Header(original, 0);
  udp.putDestinationPortRaw(original, headerLength, flow.frontendPort);
  const icmpAt = at + ipv4.HEADER_LENGTH;
  icmp.write(bytes, icmpAt, icmp.DESTINATION_UNREACHABLE, icmp.CODE_FRAGMENTATION_NEEDED, 0);
  icmp.putNextHopMtu(bytes, icmpAt, program.config.deviceMtu - overhead(program, flow));
  copy(bytes, icmp.quotedAt(icmpAt), original, 0, quoted);
  checksum.fill(bytes, icmpAt, length, icmp.checksumAt(icmpAt));
  return true;
}

/** Only plain TCP and UDP with enough behind the header are answered. */
function writeV6(program: ProgramInstance, packet: PacketContext, flow: Flow): boolean {
  const bytes = packet.bytes;
  const at = flow.l3At;
  const next = ipv6.nextHeader(bytes, at);
  if (next !== ipv4.PROTOCOL_TCP && next !== ipv4.PROTOCOL_UDP) return false;
  const quoted = ipv6.HEADER_LENGTH + QUOTED_V6;
  if (at + quoted > packet.end) return false;
  countDrop(program, packet);
  const original = program.datapath.scratch;
  copy(original, 0, bytes, at, quoted);
  const room = ipv6.HEADER_LENGTH + icmpv6.HEADER_LENGTH;
  if (!packet.resize(at - packet.start + room + quoted)) return false;
  ethernet.swapAddresses(bytes, packet.start);
  const length = icmpv6.HEADER_LENGTH + quoted;
  ipv6.putPayloadLength(bytes, at, length);
  ipv6.putNextHeader(bytes, at, ipv6.NEXT_ICMPV6);
  ipv6.putHopLimit(bytes, at, DEFAULT_HOP_LIMIT);
  ipv6.putSource(bytes, at, original, ipv6.destinationAt(0));
  ipv6.putDestination(bytes, at, original, ipv6.sourceAt(0));
  for (let i = 0; i < 4; i++) ipv6.putDestinationWord(original, 0, i, flow.frontendAddress[i]);
  udp.putDestinationPortRaw(original, ipv6.HEADER_LENGTH, flow.frontendPort);
  const icmpAt = at + ipv6.HEADER_LENGTH;
  icmpv6.write(bytes, icmpAt, icmpv6.PACKET_TOO_BIG, 0, program.config.deviceMtu - overhead(program, flow));
  copy(bytes, icmpv6.quotedAt(icmpAt), original, 0, quoted);
  put16(bytes, icmpv6.checksumAt(icmpAt), 0);
  layer4.fillIpv6(bytes, at, ipv6.NEXT_ICMPV6, icmpAt, length, icmpv6.checksumAt(icmpAt));
  return true;
}
