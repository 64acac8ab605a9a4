/**
 * DSR, the request: the packet goes to the backend's node with the client's address, and takes the service's address
 * along, so that the backend's node answers in the service's name.
 */
import type { PacketContext } from '../../engine/packet.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ipv6 from '../../engine/wire/ipv6.js';
import { EGRESS } from '../constants.js';
import { DROP_CT_INVALID_HDR, DROP_FRAG_NEEDED, DROP_WRITE_ERROR } from '../drop-reasons.js';
import { DSR_MODE_GENEVE, DSR_MODE_IPIP } from '../features.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as dsr from '../tables/dsr.js';
import { requestByGeneve } from './dsr-geneve.js';
import { answerTooBig } from './dsr-icmp.js';
import { requestByIpip } from './dsr-ipip.js';
import { carriesAddress, forwardRequest, isTooBig } from './dsr-shared.js';
import { drop } from './notify.js';
import * as rewrite from './rewrite.js';

/**
 * Sends a request on to a backend on another node. The packet has the backend as its destination already (with IPIP
 * the tuple has), the service's address stands in `flow.frontend*`. Answers the verdict; drops are reported here, as
 * egress without label.
 */
export function requestByDsr(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const mode = program.features.dsrMode;
  leaveControlBlock(packet, flow, mode);
  let verdict: number;
  if (mode === DSR_MODE_IPIP) verdict = requestByIpip(program, packet, flow);
  else if (mode === DSR_MODE_GENEVE) verdict = requestByGeneve(program, packet, flow);
  else
    verdict = flow.family.isV6
      ? withExtensionHeader(program, packet, flow)
      : withOption(program, packet, flow);
  if (verdict >= 0) return verdict;
  if (verdict === DROP_FRAG_NEEDED) return answerTooBig(program, packet, flow);
  return drop(program, packet, verdict, EGRESS, 0, 0, 0, flow.extendedError);
}

/** What Cilium hands to its DSR program stays in the control block: port or hash hint, address, IPv4 header offset. */
function leaveControlBlock(packet: PacketContext, flow: Flow, mode: number): void {
  const isIpip = mode === DSR_MODE_IPIP;
  const address = isIpip ? flow.tuple : flow.frontendAddress;
  packet.cb0 = isIpip ? flow.tuple[flow.family.portsWord] : flow.frontendPort;
  packet.cb1 = address[0];
  if (flow.family.isV6) {
    packet.cb2 = address[1];
    packet.cb3 = address[2];
    packet.cb4 = address[3];
  } else if (!isIpip) {
    packet.cb3 = flow.l3At - packet.start;
  }
}

/** IPv4: the option stands right behind the fixed header, before other options. The TTL goes down after the FIB. */
function withOption(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const carries = carriesAddress(packet, flow);
  if (carries < 0) return carries;
  if (carries > 0) {
    const error = insertOption(program, packet, flow);
    if (error < 0) return error;
  }
  return forwardRequest(program, packet, flow, false);
}

function insertOption(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const bytes = packet.bytes;
  const length = ipv4.headerLength(bytes, flow.l3At) + dsr.IPV4_OPTION_LENGTH;
  if (length > ipv4.MAXIMUM_HEADER_LENGTH) return DROP_CT_INVALID_HDR;
  const total = ipv4.totalLength(bytes, flow.l3At) + dsr.IPV4_OPTION_LENGTH;
  if (isTooBig(program, total)) return DROP_FRAG_NEEDED;
  const offset = flow.l3At - packet.start;
  if (!packet.insertAt(offset + ipv4.HEADER_LENGTH, dsr.IPV4_OPTION_LENGTH)) return DROP_WRITE_ERROR;
  const at = packet.start + offset;
  flow.l3At = at;
  const optionAt = at + ipv4.HEADER_LENGTH;
  dsr.writeIpv4Option(bytes, optionAt, flow.frontendAddress[0], flow.frontendPort);
  rewrite.growHeader(bytes, at, length, total, optionAt, dsr.IPV4_OPTION_LENGTH);
  return 0;
}

function withExtensionHeader(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const carries = carriesAddress(packet, flow);
  if (carries < 0) return carries;
  if (carries > 0) {
    const bytes = packet.bytes;
    const payload = ipv6.payloadLength(bytes, flow.l3At) + dsr.IPV6_HEADER_LENGTH;
    if (isTooBig(program, payload + ipv6.HEADER_LENGTH)) return DROP_FRAG_NEEDED;
    const offset = flow.l3At - packet.start;
    if (!packet.insertAt(offset + ipv6.HEADER_LENGTH, dsr.IPV6_HEADER_LENGTH)) return DROP_WRITE_ERROR;
    const at = packet.start + offset;
    flow.l3At = at;
    const next = ipv6.nextHeader(bytes, at);
    dsr.writeIpv6Header(bytes, at + ipv6.HEADER_LENGTH, next, flow.frontendAddress, flow.frontendPort);
    ipv6.putNextHeader(bytes, at, ipv6.NEXT_DESTINATION_OPTIONS);
    ipv6.putPayloadLength(bytes, at, payload);
  }
  return forwardRequest(program, packet, flow, true);
}
