/** Egress gateway: pods whose traffic to the outside leaves the cluster from one node, with one address. */
import type { PacketContext } from '../../engine/packet.js';
import { i32le } from '../../engine/wire/bytes.js';
import { INGRESS, MARK_EGRESS_GATEWAY_DONE } from '../constants.js';
import { DROP_CT_UNKNOWN_PROTO, DROP_NO_EGRESS_GATEWAY, DROP_NO_EGRESS_IP } from '../drop-reasons.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as policies from '../tables/egress-gateway.js';
import * as endpoints from '../tables/endpoints.js';
import * as conntrack from './conntrack.js';
import { encapsulate } from './encapsulation.js';
import { decrementTtl, HOP_LIMIT_EXCEEDED, lookupFibFrom, redirectByFib } from './forward.js';
import { locateL4, readTuple } from './headers.js';
import { answerTimeExceeded } from './icmpv6-answers.js';
import {
  endpointFlags,
  endpointIdentity,
  identityMark,
  ipcacheIdentity,
  isCluster,
  lookupEndpoint,
  lookupEndpointAt,
  lookupIpcacheAt,
} from './identity.js';
import { CONTINUE } from './outcome.js';

/**
 * The policy for a pod and an outside address, both given by their offsets in the frame: offset of its value in
 * `flow.family.egressPolicies`, or -1.
 */
export function lookupEgressPolicy(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  podAt: number,
  outsideAt: number,
): number {
  const family = flow.family;
  const key = program.datapath.keys.lpm;
  const n = family.addressWords;
  key[0] = family.isV6 ? policies.FULL_PREFIX_V6 : policies.FULL_PREFIX_V4;
  for (let i = 0; i < n; i++) {
    key[1 + i] = i32le(packet.bytes, podAt + 4 * i);
    key[1 + n + i] = i32le(packet.bytes, outsideAt + 4 * i);
  }
  return family.egressPolicies.lookup(key, 0);
}

/** The policy for the packet's source and destination; see `lookupEgressPolicy`. */
export function lookupPacketPolicy(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const family = flow.family;
  const sourceAt = flow.l3At + family.sourceOffset;
  return lookupEgressPolicy(program, packet, flow, sourceAt, flow.l3At + family.destinationOffset);
}

/** The gateway node's IPv4 address (raw word) of a policy; NO_GATEWAY, EXCLUDED. */
function policyGateway(flow: Flow, policyAt: number): number {
  return flow.family.egressPolicies.words[gatewayAt(flow, policyAt) >> 2];
}

/** Where a policy holds the gateway's address. */
function gatewayAt(flow: Flow, policyAt: number): number {
  return policyAt + 4 * flow.family.addressWords;
}

/** Whether a policy names a gateway that exists. */
export function hasGateway(flow: Flow, policyAt: number): boolean {
  const gateway = policyGateway(flow, policyAt);
  return gateway !== policies.NO_GATEWAY && gateway !== policies.EXCLUDED;
}

/** A policy has no egress address on this node. The address itself is the first words of the value. */
export function lacksEgressAddress(flow: Flow, policyAt: number): boolean {
  const words = flow.family.egressPolicies.words;
  for (let i = 0; i < flow.family.addressWords; i++) if (words[(policyAt >> 2) + i] !== 0) return false;
  return true;
}

/**
 * Sends the packet to the gateway node of its egress policy, through the tunnel: CONTINUE when no policy takes it or
 * this node is the gateway, a verdict, or a drop reason. `flow.localLabel` becomes the pod's identity,
 * `flow.remoteLabel` the destination's; a destination that the ipcache does not know counts as one in the cluster.
 */
export function redirectToGateway(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const datapath = program.datapath;
  const family = flow.family;
  const error = locateL4(packet, flow);
  if (error < 0) return error;
  readTuple(packet, flow);
  const reply = conntrack.isReply(program, packet, flow);
  if (reply < 0) return reply === DROP_CT_UNKNOWN_PROTO ? CONTINUE : reply;
  if (reply !== 0) return CONTINUE;
  const podAt = lookupEndpointAt(datapath, family, packet, flow.l3At + family.sourceOffset);
  if (podAt >= 0) flow.localLabel = endpointIdentity(datapath, podAt);
  const destination = lookupIpcacheAt(datapath, family, packet, flow.l3At + family.destinationOffset, 0);
  if (destination >= 0) flow.remoteLabel = ipcacheIdentity(datapath, destination);
  if (isCluster(datapath, flow.remoteLabel)) return CONTINUE;
  const policyAt = lookupPacketPolicy(program, packet, flow);
  if (policyAt < 0) return CONTINUE;
  const gateway = policyGateway(flow, policyAt);
  if (gateway === policies.EXCLUDED) return CONTINUE;
  if (gateway === policies.NO_GATEWAY) return DROP_NO_EGRESS_GATEWAY;
  const policyBytes = family.egressPolicies.bytes;
  const addressAt = gatewayAt(flow, policyAt);
  const nodeAt = lookupEndpoint(datapath, datapath.ipv4, family.egressPolicies.words, addressAt >> 2);
  if (nodeAt >= 0 && (endpointFlags(datapath, nodeAt) & endpoints.FLAG_HOST) !== 0) return CONTINUE;
  const { localLabel, remoteLabel, traceReason } = flow;
  return encapsulate(
    program,
    packet,
    policyBytes,
    addressAt,
    false,
    localLabel,
    remoteLabel,
    -1,
    traceReason,
    0,
  );
}

/**
 * This node is the gateway of a packet that another node has sent through the tunnel: it leaves towards the outside,
 * marked so that it is not sent to a gateway again. CONTINUE when no policy takes it, a verdict, or a drop reason. A
 * destination that the ipcache does not know is outside.
 */
export function leaveAsGateway(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  sourceLabel: number,
): number {
  const datapath = program.datapath;
  const family = flow.family;
  const destinationAt = flow.l3At + family.destinationOffset;
  const destination = lookupIpcacheAt(datapath, family, packet, destinationAt, 0);
  if (destination >= 0 && isCluster(datapath, ipcacheIdentity(datapath, destination))) return CONTINUE;
  const policyAt = lookupPacketPolicy(program, packet, flow);
  if (policyAt < 0 || !hasGateway(flow, policyAt)) return CONTINUE;
  if (lacksEgressAddress(flow, policyAt)) return DROP_NO_EGRESS_IP;
  const error = decrementTtl(packet, flow);
  if (error === HOP_LIMIT_EXCEEDED) return answerTimeExceeded(program, packet, INGRESS);
  if (error < 0) return error;
  packet.mark = identityMark(MARK_EGRESS_GATEWAY_DONE, sourceLabel);
  const ifindex = datapath.constants.egressIfindex;
  if (ifindex !== 0) return packet.redirectNeigh(ifindex, null, 0, 0);
  const result = lookupFibFrom(program, packet, flow, family.egressPolicies.words, policyAt >> 2);
  return redirectByFib(program, packet, flow, result);
}
