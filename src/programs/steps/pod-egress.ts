/** What becomes of a packet that a pod sent, after service translation: conntrack, egress policy, the way out. */
import { TC_ACT_OK } from '../../engine/hooks/verdict.js';
import { BPF_F_INGRESS, type PacketContext } from '../../engine/packet.js';
import { swap16 } from '../../engine/wire/bytes.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import { EGRESS, IDENTITY_HOST, IDENTITY_WORLD, MARK_CLUSTER_ID, MARK_IDENTITY } from '../constants.js';
import { DROP_HOST_NOT_READY, DROP_INVALID_TC_BUFFER, DROP_POLICY_AUTH_REQUIRED } from '../drop-reasons.js';
import { CT_ESTABLISHED, CT_NEW, CT_RELATED, CT_REPLY, type Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as ct from '../tables/conntrack.js';
import { authenticate } from './authentication.js';
import * as conntrack from './conntrack.js';
import {
  CAPTURE_DELIVERY,
  DEBUG_IP_ID_FAILED4,
  DEBUG_IP_ID_FAILED6,
  DEBUG_IP_ID4,
  DEBUG_IP_ID6,
  DEBUG_L7_LB,
  shownWord,
} from './debug.js';
import { encapsulate, hasTunnelEndpoint, skipsTunnel, toTunnel } from './encapsulation.js';
import { decrementTtl, fibIfindex, HOP_LIMIT_EXCEEDED, lookupFib, redirectByFib } from './forward.js';
import { isPortProtocol } from './fragments.js';
import { readTuple } from './headers.js';
import { answerTimeExceeded } from './icmpv6-answers.js';
import {
  identityMark,
  ipcacheIdentity,
  isHostEndpoint,
  isRemoteNode,
  lookupEndpoint,
  lookupIpcache,
} from './identity.js';
import { deliverLocally } from './local-delivery.js';
import { replyFromNodePort } from './nodeport-reply.js';
import {
  debug,
  debugCapture,
  drop,
  MONITOR_ALWAYS,
  TO_HOST,
  TO_NETWORK,
  TO_PROXY,
  TO_STACK,
  trace,
} from './notify.js';
import { CONTINUE } from './outcome.js';
import * as policy from './policy.js';
import { toProxy } from './proxy.js';
import { encapsulateSrv6, lookupSrv6 } from './srv6.js';
import { TAIL_CALL_FAILED, tailCall } from './tail-call.js';
import { findVtep, vtepEndpointAt } from './vtep.js';

/** Looks the connection up and continues; answers the verdict (drops are reported here). */
export function trackAndForward(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  fromL7Lb: boolean,
): number {
  readTuple(packet, flow);
  const known = flow.lbRevNat !== 0 || flow.lbProxyPort !== 0 || fromL7Lb;
  const error = conntrack.useClusterMaps(program, flow, flow.lbClusterId);
  if (error < 0) return dropEgress(program, packet, flow, error, 0);
  const scope = known ? conntrack.SCOPE_FORWARD : conntrack.SCOPE_BOTH;
  const status = conntrack.lookup(program, packet, flow, conntrack.CT_EGRESS, scope, conntrack.KIND_ANY);
  if (status < 0) return dropEgress(program, packet, flow, status, 0);
  flow.status = status;
  return decide(program, packet, flow, fromL7Lb);
}

function dropEgress(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  reason: number,
  destinationLabel: number,
): number {
  const label = program.config.securityLabel;
  return drop(program, packet, reason, EGRESS, label, destinationLabel, 0, flow.extendedError);
}

function decide(program: ProgramInstance, packet: PacketContext, flow: Flow, fromL7Lb: boolean): number {
  const datapath = program.datapath;
  const family = flow.family;
  const label = program.config.securityLabel;
  packet.cb0 = 0;
  packet.cb4 = 0;
  const ipcacheAt = lookupIpcache(datapath, family, flow.tuple, destinationWord(flow), flow.lbClusterId);
  const destinationLabel = ipcacheAt < 0 ? family.worldIdentity : ipcacheIdentity(datapath, ipcacheAt);
  if (program.features.debug) debugIdentity(program, packet, flow, ipcacheAt, destinationLabel);
  if (isZeroAddress(flow)) return dropEgress(program, packet, flow, DROP_INVALID_TC_BUFFER, destinationLabel);

  let proxyPort = 0;
  const status = flow.status;
  if (status === CT_NEW || status === CT_ESTABLISHED) {
    if (flow.lbProxyPort !== 0) {
      proxyPort = flow.lbProxyPort;
      if (program.features.debug) {
        debug(program, packet, DEBUG_L7_LB, shownWord(flow, false), shownWord(flow, true), swap16(proxyPort));
      }
    } else if (!flow.lbLoopback) {
      const verdict = checkPolicy(program, packet, flow, destinationLabel, ipcacheAt);
      if (verdict < 0) return dropEgress(program, packet, flow, verdict, destinationLabel);
      proxyPort = flow.proxyPort;
    }
  } else if ((flow.entryFlags & ct.FLAG_PROXY_REDIRECT) !== 0) {
    // The return traffic of a connection that an ingress proxy has taken.
    trace(program, packet, TO_PROXY, label, 0, 0, 0, status, flow.monitor, null);
    return toProxy(program, packet, 0);
  }

  if (status === CT_REPLY || status === CT_RELATED) {
    const nodePort = (flow.entryFlags & ct.FLAG_NODE_PORT) !== 0;
    if (nodePort && program.features.nodePort && isPortProtocol(program, flow.protocol)) {
      trace(program, packet, TO_NETWORK, label, destinationLabel, 0, 0, status, flow.monitor, null);
      return replyFromNodePort(program, packet, flow);
    }
  } else {
    const error = keepConnection(program, packet, flow, proxyPort, fromL7Lb);
    if (error < 0) return dropEgress(program, packet, flow, error, destinationLabel);
  }
  const verdict = route(program, packet, flow, ipcacheAt, destinationLabel, proxyPort, fromL7Lb);
  return verdict < 0 ? dropEgress(program, packet, flow, verdict, destinationLabel) : verdict;
}

function debugIdentity(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  ipcacheAt: number,
  identity: number,
): void {
  const v6 = flow.family.isV6;
  const found = v6 ? DEBUG_IP_ID6 : DEBUG_IP_ID4;
  const failed = v6 ? DEBUG_IP_ID_FAILED6 : DEBUG_IP_ID_FAILED4;
  const reverse = flow.status === CT_REPLY || flow.status === CT_RELATED;
  debug(program, packet, ipcacheAt < 0 ? failed : found, shownWord(flow, !reverse), identity, 0);
}

/** Where the tuple, as conntrack left it, holds the packet's destination. */
function destinationWord(flow: Flow): number {
  return flow.status === CT_REPLY || flow.status === CT_RELATED ? 0 : flow.family.addressWords;
}

/** The remote address of the tuple as conntrack left it is all zero: Cilium takes the tuple for missing. */
export function isZeroAddress(flow: Flow): boolean {
  const n = flow.family.addressWords;
  for (let i = n; i < 2 * n; i++) if (flow.tuple[i] !== 0) return false;
  return true;
}

/** Egress policy with authentication and verdict event. 0 or a drop reason. */
function checkPolicy(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  destinationLabel: number,
  ipcacheAt: number,
): number {
  const label = program.config.securityLabel;
  let verdict = policy.check(program, packet, flow, EGRESS, label, destinationLabel);
  if (verdict === DROP_POLICY_AUTH_REQUIRED) {
    verdict = authenticate(program, flow, label, destinationLabel, ipcacheAt);
  }
  policy.reportVerdict(program, packet, flow, destinationLabel, EGRESS, verdict);
  return verdict;
}

/** Creates the conntrack entry, or makes it anew when service or proxy differ from what it remembers. */
function keepConnection(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  proxyPort: number,
  fromL7Lb: boolean,
): number {
  const redirected = proxyPort !== 0;
  if (flow.status === CT_ESTABLISHED) {
    const wasRedirected = (flow.entryFlags & ct.FLAG_PROXY_REDIRECT) !== 0;
    if (flow.entryRevNat === flow.lbRevNat && wasRedirected === redirected) return 0;
  }
  const flags =
    (flow.lbLoopback ? ct.FLAG_LB_LOOPBACK : 0) |
    (redirected ? ct.FLAG_PROXY_REDIRECT : 0) |
    (fromL7Lb ? ct.FLAG_FROM_L7_LB : 0);
  const error = conntrack.create(
    program,
    packet,
    flow,
    conntrack.CT_EGRESS,
    flags,
    flow.lbRevNat,
    program.config.securityLabel,
    0,
    true,
  );
  // IPv4 keeps the lookup's monitor, so a connection made anew may go unreported.
  if (error >= 0 && flow.family.isV6) flow.monitor = MONITOR_ALWAYS;
  return error;
}

/** Where the packet goes: the first of these ways that is open. A verdict or a drop reason. */
function route(
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
