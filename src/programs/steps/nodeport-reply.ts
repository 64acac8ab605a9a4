import type { PacketContext } from '../../engine/packet.js';
import { EGRESS, IDENTITY_REMOTE_NODE, IDENTITY_WORLD } from '../constants.js';
import { DROP_NAT_NO_MAPPING, DROP_UNKNOWN_L4, DROP_UNSUPP_SERVICE_PROTO } from '../drop-reasons.js';
import { CT_REPLY, type Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as ct from '../tables/conntrack.js';
import * as conntrack from './conntrack.js';
import { hasGateway, lookupEgressPolicy } from './egress-gateway.js';
import { hasTunnelEndpoint, toTunnel, tunnelTowards } from './encapsulation.js';
import { decrementTtl, forwardByFib, HOP_LIMIT_EXCEEDED } from './forward.js';
import { readPortTuple } from './fragments.js';
import { answerTimeExceeded } from './icmpv6-answers.js';
import { ipcacheIdentity, lookupIpcacheAt } from './identity.js';
import { comesFromMapped, unmap } from './nat46.js';
import { noteSnatDone } from './nodeport-marks.js';
import { drop } from './notify.js';
import { CONTINUE } from './outcome.js';
import { reverseNat } from './reverse-nat.js';
import { encapsulateSrv6, lookupSegment, lookupVrf } from './srv6.js';

/**
 * A pod's reply to a client that came through NodePort: the frontend's address again, then out towards the
 * client. Answers the verdict; drops are reported here, without labels.
 */
export function replyFromNodePort(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const features = program.features;
  const vrf = features.srv6 && !flow.family.isV6 ? lookupVrf(program, packet, flow) : 0;
  let verdict = reverseDnat(program, packet, flow, vrf);
  if (verdict === CONTINUE) verdict = DROP_NAT_NO_MAPPING;
  return verdict < 0 ? drop(program, packet, verdict, EGRESS, 0, 0, 0, flow.extendedError) : verdict;
}

/**
 * Undoes the service translation of a reply and sends it to the client. CONTINUE when it is no reply of a service
 * connection; else the verdict, or a drop reason. A reply in an SRv6 VRF goes to its segment.
 */
export function reverseDnat(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  vrf: number,
): number {
  const family = flow.family;
  let error = readPortTuple(program, packet, flow, EGRESS);
  if (error === DROP_UNKNOWN_L4 || error === DROP_UNSUPP_SERVICE_PROTO) {
    return replyToGateway(program, packet, flow);
  }
  if (error < 0) return error;
  flow.tuple[family.metaWord] = flow.protocol | (ct.TUPLE_OUT << 8);
  conntrack.useNodeMaps(flow);
  const status = conntrack.lookupTuple(
    program,
    packet,
    flow,
    conntrack.CT_INGRESS,
    conntrack.SCOPE_REVERSE,
    conntrack.KIND_NODEPORT,
    0,
  );
  if (status < 0) return status;
  if (status !== CT_REPLY) return replyToGateway(program, packet, flow);
  flow.traceMonitor = flow.monitor;
  if (family.isV6) {
    error = decrementTtl(packet, flow);
    if (error === HOP_LIMIT_EXCEEDED) return answerTimeExceeded(program, packet, EGRESS);
  }
  error = reverseNat(program, packet, flow, flow.entryRevNat, false);
  if (error < 0) return error;
  noteSnatDone(program, packet);
  const tunnelAt = tunnelTowards(program, packet, flow, 0);
  if (vrf !== 0) {
    const segment = lookupSegment(program, packet, flow, vrf);
    if (segment >= 0) return encapsulateSrv6(program, packet, flow, segment, program.config.securityLabel);
  }
  if (!family.isV6) {
    error = decrementTtl(packet, flow);
    if (error < 0) return error;
  }
  if (tunnelAt >= 0) return replyThroughTunnel(program, packet, flow, tunnelAt, IDENTITY_REMOTE_NODE);
  if (program.features.nat46x64 && comesFromMapped(packet, flow)) {
    error = unmap(program, packet, flow);
    if (error < 0) return error;
  }
  return forwardByFib(program, packet, flow, true);
}

/**
 * The reply to traffic that left by this node as an egress gateway goes to the pod's node through the tunnel; the
 * hop limit of IPv6 stays. CONTINUE when it is none.
 */
function replyToGateway(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const family = flow.family;
  if (!seesGatewayReplies(program, family.isV6)) return CONTINUE;
  const podAt = flow.l3At + family.destinationOffset;
  const policyAt = lookupEgressPolicy(program, packet, flow, podAt, flow.l3At + family.sourceOffset);
  if (policyAt < 0 || !hasGateway(flow, policyAt)) return CONTINUE;
  const tunnelAt = lookupIpcacheAt(program.datapath, family, packet, podAt, 0);
  if (!hasTunnelEndpoint(program, tunnelAt)) return CONTINUE;
  if (!family.isV6) {
    const error = decrementTtl(packet, flow);
    if (error < 0) return error;
  }
  return replyThroughTunnel(program, packet, flow, tunnelAt, IDENTITY_WORLD);
}

/** Programs of the devices that the outside is reached by; of WireGuard's for IPv4 only. */
export function seesGatewayReplies(program: ProgramInstance, v6: boolean): boolean {
  if (!program.features.egressGateway) return false;
  if (program.kind === 'wireguard') return !v6;
  return program.isXdp || program.kind === 'host';
}

function replyThroughTunnel(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  ipcacheAt: number,
  label: number,
): number {
  const identity = ipcacheIdentity(program.datapath, ipcacheAt);
  const sent = toTunnel(program, packet, ipcacheAt, label, identity, CT_REPLY, flow.traceMonitor);
  if (sent !== CONTINUE) return sent;
  return forwardByFib(program, packet, flow, false);
}
