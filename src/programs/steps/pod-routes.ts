/** The ways out for a packet that a pod may send: proxy, local pod, host, tunnel, FIB, stack. */
import { TC_ACT_OK } from '../../engine/hooks/verdict.js';
import { BPF_F_INGRESS, type PacketContext } from '../../engine/packet.js';
import { swap16 } from '../../engine/wire/bytes.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import { EGRESS, IDENTITY_HOST, IDENTITY_WORLD, MARK_CLUSTER_ID, MARK_IDENTITY } from '../constants.js';
import { DROP_HOST_NOT_READY } from '../drop-reasons.js';
import { CT_RELATED, CT_REPLY, type Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as ct from '../tables/conntrack.js';
import { CAPTURE_DELIVERY } from './debug.js';
import { encapsulate, hasTunnelEndpoint, skipsTunnel, toTunnel } from './encapsulation.js';
import { decrementTtl, fibIfindex, HOP_LIMIT_EXCEEDED, lookupFib, redirectByFib } from './forward.js';
import { answerTimeExceeded } from './icmpv6-answers.js';
import { identityMark, isHostEndpoint, isRemoteNode, lookupEndpoint } from './identity.js';
import { deliverLocally } from './local-delivery.js';
import { debugCapture, TO_HOST, TO_NETWORK, TO_PROXY, TO_STACK, trace } from './notify.js';
import { CONTINUE } from './outcome.js';
import { toProxy } from './proxy.js';
import { encapsulateSrv6, lookupSrv6 } from './srv6.js';
import { TAIL_CALL_FAILED, tailCall } from './tail-call.js';
import { findVtep, vtepEndpointAt } from './vtep.js';

/** Where the tuple, as conntrack left it, holds the packet's destination. */
export function destinationWord(flow: Flow): number {
  return flow.status === CT_REPLY || flow.status === CT_RELATED ? 0 : flow.family.addressWords;
}

/** Where the packet goes: the first of these ways that is open. A verdict or a drop reason. */
export function routePodPacket(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  ipcacheAt: number,
  destinationLabel: number,
  proxyPort: number,
  fromL7Lb: boolean,
): number {
  const features = program.features;
  const label = program.config.securityLabel;
  if (features.srv6) {
    const sid = lookupSrv6(program, packet, flow);
    if (sid >= 0) return encapsulateSrv6(program, packet, flow, sid, label);
  }
  if (proxyPort !== 0 && !fromL7Lb) {
    trace(program, packet, TO_PROXY, label, 0, swap16(proxyPort), 0, flow.status, flow.monitor, null);
    return toProxy(program, packet, proxyPort);
  }
  if (features.hostFirewall && !features.routing && destinationLabel === IDENTITY_HOST) {
    return continueInHostPolicy(program, packet);
  }
  const local = toLocalEndpoint(program, packet, flow, fromL7Lb);
  if (local === TO_HOST_ENDPOINT) return toHost(program, packet, flow, destinationLabel);
  if (local === LEAVE_TO_STACK) return passToStack(program, packet, flow, destinationLabel);
  if (local !== CONTINUE) return local;
  if (features.vtep && !flow.family.isV6) {
    const vtep = toVtep(program, packet, flow);
    if (vtep !== CONTINUE) return vtep;
  }
  if (features.tunnelMode) {
    const tunnel = throughTunnel(program, packet, flow, ipcacheAt, destinationLabel);
    if (tunnel !== CONTINUE) return tunnel;
  }
  if (features.hostRouting) return routeByFib(program, packet, flow, destinationLabel);
  return passToStack(program, packet, flow, destinationLabel);
}

/** The host endpoint's policy decides first when BPF does not route and the packet is for the host. */
function continueInHostPolicy(program: ProgramInstance, packet: PacketContext): number {
  const datapath = program.datapath;
  packet.cb3 = 0;
  const called = tailCall(datapath, datapath.callPolicy, packet, datapath.constants.hostEndpointId);
  return called === TAIL_CALL_FAILED ? DROP_HOST_NOT_READY : called;
}

/** Answers of `toLocalEndpoint` beside verdicts: the packet is for the node itself. */
const TO_HOST_ENDPOINT = CONTINUE + 16;
const LEAVE_TO_STACK = CONTINUE + 17;

/** Delivers to a pod of this node. With endpoint routes only a pod that talks to itself is delivered here. */
function toLocalEndpoint(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  fromL7Lb: boolean,
): number {
  const datapath = program.datapath;
  const features = program.features;
  const family = flow.family;
  const bpfDelivers = features.routing || features.hostRouting;
  const loopback = !family.isV6 && (flow.lbLoopback || (flow.entryFlags & ct.FLAG_LB_LOOPBACK) !== 0);
  if (!bpfDelivers && !loopback) return CONTINUE;
  let word = destinationWord(flow);
  // A pod's reply to itself goes back to where it came from.
  if (loopback && flow.status === CT_REPLY) word = family.addressWords - word;
  const endpointAt = lookupEndpoint(datapath, family, flow.tuple, word);
  if (endpointAt < 0) return CONTINUE;
  if (bpfDelivers && isHostEndpoint(datapath, endpointAt)) {
    return features.routing ? TO_HOST_ENDPOINT : LEAVE_TO_STACK;
  }
  const label = program.config.securityLabel;
  // The receiver's side can go on with the headers as they are known here.
  flow.tupleRead = !flow.isFragment;
  const verdict = deliverLocally(
    program,
    packet,
    flow,
    endpointAt,
    label,
    EGRESS,
    MARK_IDENTITY,
    fromL7Lb,
    false,
    0,
  );
  // It may have ended before the receiver's side.
  flow.tupleRead = false;
  return verdict;
}

function toHost(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  destinationLabel: number,
): number {
  if (!program.features.hostFirewall || destinationLabel !== IDENTITY_HOST) {
    return passToStack(program, packet, flow, destinationLabel);
  }
  const ifindex = program.datapath.constants.netIfindex;
  const label = program.config.securityLabel;
  trace(program, packet, TO_HOST, label, IDENTITY_HOST, 0, ifindex, flow.status, flow.monitor, null);
  return packet.redirect(ifindex, BPF_F_INGRESS);
}

/** To an external VXLAN endpoint that has announced the destination's network. */
function toVtep(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const family = flow.family;
  const vtepAt = findVtep(program, packet, flow.l3At + family.destinationOffset);
  if (vtepAt < 0) return CONTINUE;
  return encapsulate(
    program,
    packet,
    program.datapath.vtep.bytes,
    vtepEndpointAt(vtepAt),
    false,
    program.config.securityLabel,
    family.worldIdentity,
    IDENTITY_WORLD,
    flow.status,
    flow.monitor,
  );
}

function throughTunnel(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  ipcacheAt: number,
  destinationLabel: number,
): number {
  const features = program.features;
  const reply = flow.status === CT_REPLY || flow.status === CT_RELATED;
  const cameThroughTunnel = (flow.entryFlags & ct.FLAG_FROM_TUNNEL) !== 0;
  if (!cameThroughTunnel && skipsTunnel(program, ipcacheAt)) return CONTINUE;
  if (!features.nodePort && features.hostFirewall && reply && isRemoteNode(destinationLabel)) {
    return passUntouched(program, packet, flow, destinationLabel);
  }
  const label = program.config.securityLabel;
  if (features.clusterAwareAddressing) {
    return throughClusterTunnel(program, packet, flow, ipcacheAt, label, destinationLabel);
  }
  if (!hasTunnelEndpoint(program, ipcacheAt)) return CONTINUE;
  return toTunnel(program, packet, ipcacheAt, label, destinationLabel, flow.status, flow.monitor);
}

/**
 * With cluster-aware addressing the tunnel device learns the backend's cluster from the mark, and replies to what
 * another cluster's node forwarded go to that node itself.
 */
function throughClusterTunnel(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  ipcacheAt: number,
  label: number,
  destinationLabel: number,
): number {
  const family = flow.family;
  let verdict: number;
  if (
    flow.status === CT_REPLY &&
    (flow.entryFlags & ct.FLAG_FROM_TUNNEL) !== 0 &&
    isRemoteNode(destinationLabel)
  ) {
    const endpointAt = flow.l3At + family.destinationOffset;
    verdict = encapsulate(
      program,
      packet,
      packet.bytes,
      endpointAt,
      family.isV6,
      label,
      destinationLabel,
      -1,
      flow.status,
      flow.monitor,
    );
  } else {
    if (!hasTunnelEndpoint(program, ipcacheAt)) return CONTINUE;
    verdict = toTunnel(program, packet, ipcacheAt, label, destinationLabel, flow.status, flow.monitor);
  }
  packet.mark |= (flow.lbClusterId & 0xff) | MARK_CLUSTER_ID;
  return verdict;
}

/** Leaves the packet to the stack, marked with the pod's identity; with BPF routing it has been routed already. */
function passToStack(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  destinationLabel: number,
): number {
  if (program.features.routing) {
    const error = decrementTtl(packet, flow);
    if (error === HOP_LIMIT_EXCEEDED) return answerTimeExceeded(program, packet, EGRESS);
    if (error < 0) return error;
    ethernet.putDestination(packet.bytes, packet.start, program.config.interfaceMac, 0);
  }
  packet.mark = identityMark(MARK_IDENTITY, program.config.securityLabel);
  return passUntouched(program, packet, flow, destinationLabel);
}

/** Hands the packet to the stack as it is. */
function passUntouched(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  destinationLabel: number,
): number {
  const label = program.config.securityLabel;
  trace(program, packet, TO_STACK, label, destinationLabel, 0, 0, flow.status, flow.monitor, null);
  if (program.features.debug) debugCapture(program, packet, CAPTURE_DELIVERY, 0, 0);
  return TC_ACT_OK;
}

/** BPF host routing: out of the device that the FIB names. */
function routeByFib(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  destinationLabel: number,
): number {
  const features = program.features;
  let ifindex = program.datapath.constants.directRoutingIfindex;
  let result = 0;
  if (!features.skipFib) {
    result = lookupFib(program, packet, flow);
    if (result !== 0 && result !== 7) return redirectByFib(program, packet, flow, result);
    ifindex = fibIfindex(program);
  }
  const error = decrementTtl(packet, flow);
  if (error === HOP_LIMIT_EXCEEDED) return answerTimeExceeded(program, packet, EGRESS);
  if (error < 0) return error;
  const verdict = features.skipFib
    ? packet.redirectNeigh(ifindex, null, 0, 0)
    : redirectByFib(program, packet, flow, result);
  if (verdict < 0) return verdict;
  const label = program.config.securityLabel;
  trace(program, packet, TO_NETWORK, label, destinationLabel, 0, ifindex, flow.status, flow.monitor, null);
  return verdict;
}
