/**
 * The pod's programs: from-container (what the pod sends), the ingress policy that whoever delivers locally calls,
 * the egress policy for packets that the L7 load balancer sends on the pod's behalf, and to-container (what
 * arrives at the pod's device from the stack).
 */
import type { HookProgram } from '../engine/hooks/program.js';
import { TC_ACT_OK } from '../engine/hooks/verdict.js';
import type { PacketContext } from '../engine/packet.js';
import * as arpHeader from '../engine/wire/arp.js';
import { i32le, standsAt } from '../engine/wire/bytes.js';
import * as ethernet from '../engine/wire/ethernet.js';
import * as icmpv6 from '../engine/wire/icmpv6.js';
import {
  EGRESS,
  FROM_HOST_L7_LB,
  IDENTITY_HOST,
  INGRESS,
  MARK_MAGIC_MASK,
  MARK_PROXY_EGRESS,
  MARK_PROXY_EGRESS_EPID,
  MARK_PROXY_INGRESS,
} from './constants.js';
import { DROP_EP_NOT_READY, DROP_HOST_NOT_READY, DROP_INVALID_SIP, DROP_UNKNOWN_L3 } from './drop-reasons.js';
import { haveEncapsulation } from './features.js';
import type { Flow } from './flow.js';
import type { ProgramInstance } from './instance.js';
import * as arp from './steps/arp.js';
import {
  CAPTURE_DELIVERY,
  CAPTURE_PROXY_PRE,
  DEBUG_INHERIT_IDENTITY,
  DEBUG_LOCAL_DELIVERY,
  debugIdentityAt,
} from './steps/debug.js';
import { etherType, locateL4, readIp, refuseUntrackedFragments } from './steps/headers.js';
import { answerSolicitation, plainIcmpv6Type } from './steps/icmpv6-answers.js';
import { inheritIdentity, ipcacheIdentity, isReserved, lookupIpcacheAt, worldOf } from './steps/identity.js';
import {
  debug,
  debugCapture,
  drop,
  FROM_LXC,
  FROM_PROXY,
  FROM_STACK,
  MONITOR_ALWAYS,
  REASON_UNKNOWN,
  trace,
} from './steps/notify.js';
import { CONTINUE } from './steps/outcome.js';
import { trackAndForward } from './steps/pod-egress.js';
import { decideIngress, TO_PROXY_PORT, trackFromSender, trackIngress } from './steps/pod-ingress.js';
import { hairpinToProxy, proxyMark } from './steps/proxy.js';
import { translateService } from './steps/service-translation.js';
import { TAIL_CALL_FAILED, tailCall } from './steps/tail-call.js';

/** The four programs of a pod's endpoint, by their kernel names. */
export function lxcPrograms(program: ProgramInstance): {
  readonly fromContainer: HookProgram;
  readonly toContainer: HookProgram;
  readonly policy: HookProgram;
  readonly policyEgress: HookProgram;
} {
  return {
    fromContainer: { name: 'cil_from_container', run: (packet) => fromContainer(program, packet) },
    toContainer: { name: 'cil_to_container', run: (packet) => toContainer(program, packet) },
    policy: { name: 'cil_lxc_policy', run: (packet) => policyIngress(program, packet) },
    policyEgress: { name: 'cil_lxc_policy_egress', run: (packet) => policyEgress(program, packet) },
  };
}

/** A packet leaves the pod. */
function fromContainer(program: ProgramInstance, packet: PacketContext): number {
  const label = program.config.securityLabel;
  packet.clearControlBlock();
  packet.tcClassid = 0;
  packet.queueMapping = 0;
  if (program.tracesReceived) {
    trace(program, packet, FROM_LXC, label, 0, 0, 0, REASON_UNKNOWN, MONITOR_ALWAYS, null);
  }
  const type = etherType(packet);
  if (type < 0) return drop(program, packet, type, EGRESS, label, 0, 0, 0);
  if (type === ethernet.TYPE_ARP && program.features.ipv4) {
    return program.features.arpPassthrough ? TC_ACT_OK : answerArp(program, packet);
  }
  return egressByType(program, packet, type, false);
}

/** The L7 load balancer sends on the pod's behalf: the pod's egress path, past its source check. */
function policyEgress(program: ProgramInstance, packet: PacketContext): number {
  if (!program.features.l7LoadBalancer) return TC_ACT_OK;
  const label = program.config.securityLabel;
  const type = etherType(packet);
  if (type < 0) return drop(program, packet, type, EGRESS, label, 0, 0, 0);
  packet.cb3 = FROM_HOST_L7_LB;
  packet.queueMapping = 0;
  trace(program, packet, FROM_PROXY, label, 0, 0, 0, REASON_UNKNOWN, MONITOR_ALWAYS, null);
  return egressByType(program, packet, type, true);
}

function egressByType(
  program: ProgramInstance,
  packet: PacketContext,
  type: number,
  fromL7Lb: boolean,
): number {
  const features = program.features;
  if (type === ethernet.TYPE_IPV4 && features.ipv4) return egress(program, packet, false, fromL7Lb);
  if (type === ethernet.TYPE_IPV6 && features.ipv6) return egress(program, packet, true, fromL7Lb);
  return drop(program, packet, DROP_UNKNOWN_L3, EGRESS, program.config.securityLabel, 0, 0, 0);
}

/** The pod's gateway answers every address but the pod's own with the MAC of the pod's device. */
function answerArp(program: ProgramInstance, packet: PacketContext): number {
  if (!arp.isBroadcastRequest(packet)) return TC_ACT_OK;
  const asked = arpHeader.targetAddress(packet.bytes, arp.arpAt(packet));
  if (asked === program.config.endpointIpv4) return TC_ACT_OK;
  arp.answer(packet, program.config.interfaceMac);
  if (program.features.debug) debugCapture(program, packet, CAPTURE_DELIVERY, packet.ifindex, 0);
  return packet.redirect(packet.ifindex, 0);
}

/** An IP packet of the pod: headers, source check, service, conntrack, policy, route. */
function egress(program: ProgramInstance, packet: PacketContext, v6: boolean, fromL7Lb: boolean): number {
  const datapath = program.datapath;
  const flow = datapath.flow;
  flow.extendedError = 0;
  flow.lbRevNat = 0;
  flow.lbLoopback = false;
  flow.lbProxyPort = 0;
  flow.lbClusterId = 0;
  const outcome = translate(program, packet, flow, v6, fromL7Lb);
  if (outcome === CONTINUE) return trackAndForward(program, packet, flow, fromL7Lb);
  if (outcome >= 0) return outcome;
  return drop(program, packet, outcome, EGRESS, program.config.securityLabel, 0, 0, flow.extendedError);
}

/** Up to and with service translation. CONTINUE, a verdict, or a drop reason. */
function translate(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  v6: boolean,
  fromL7Lb: boolean,
): number {
  const datapath = program.datapath;
  const features = program.features;
  if (features.bandwidthManager) packet.queueMapping = program.config.endpointId;
  let error = readIp(datapath, packet, flow, v6);
  if (error < 0) return error;
  error = refuseUntrackedFragments(packet, flow);
  if (error < 0) return error;
  if (v6) {
    const type = plainIcmpv6Type(packet);
    if (type === icmpv6.NEIGHBOUR_ADVERTISEMENT) return TC_ACT_OK;
    if (type === icmpv6.NEIGHBOUR_SOLICITATION) return answerSolicitation(program, packet, EGRESS, true);
  }
  if (features.sourceAddressVerification && !fromL7Lb && !isOwnAddress(program, packet, flow)) {
    return DROP_INVALID_SIP;
  }
  error = locateL4(packet, flow);
  if (error < 0) return error;
  if (!datapath.translatesPerPacket) return CONTINUE;
  const outcome = translateService(program, packet, flow);
  // The cluster of the backend is handed on here, over what the packet brought along.
  if (outcome === CONTINUE && !v6) packet.cb1 = 0;
  return outcome;
}

function isOwnAddress(program: ProgramInstance, packet: PacketContext, flow: Flow): boolean {
  const at = flow.l3At + flow.family.sourceOffset;
  if (!flow.family.isV6) return i32le(packet.bytes, at) === program.config.endpointIpv4;
  return standsAt(packet.bytes, at, program.config.endpointIpv6);
}

/** Ingress policy of this pod, called with the sender's identity in cb[0] by whoever delivers locally. */
function policyIngress(program: ProgramInstance, packet: PacketContext): number {
  const datapath = program.datapath;
  const features = program.features;
  const flow = datapath.flow;
  flow.extendedError = 0;
  let error: number;
  let v6: boolean;
  if (flow.tupleRead) {
    v6 = flow.family.isV6;
    error = trackFromSender(program, packet, flow);
  } else {
    const type = etherType(packet);
    if (type < 0) return dropIngress(program, packet, type, packet.cb0, 0);
    v6 = type === ethernet.TYPE_IPV6;
    if (!(v6 ? features.ipv6 : type === ethernet.TYPE_IPV4 && features.ipv4)) {
      return dropIngress(program, packet, DROP_UNKNOWN_L3, packet.cb0, 0);
    }
    error = trackIngress(program, packet, flow, v6);
  }
  if (error < 0) return dropIngress(program, packet, error, packet.cb0, flow.extendedError);
  const redirectWanted = packet.cb1 !== 0;
  const sourceLabel = packet.cb0;
  const fromHost = packet.cb3 !== 0;
  let fromTunnel = false;
  packet.cb0 = 0;
  packet.cb3 = 0;
  if (!v6) packet.cb2 = 0;
  if (haveEncapsulation(features)) {
    fromTunnel = packet.cb4 !== 0;
    packet.cb4 = 0;
  }
  const outcome = decideIngress(program, packet, flow, sourceLabel, fromTunnel);
  if (outcome < 0) return dropIngress(program, packet, outcome, sourceLabel, flow.extendedError);
  if (outcome === TO_PROXY_PORT) {
    if (fromTunnel) packet.changeType(0);
    packet.mark = proxyMark(flow.proxyPort);
    packet.cb0 = packet.mark;
    if (features.debug) debugCapture(program, packet, CAPTURE_PROXY_PRE, flow.proxyPort, 0);
    return TC_ACT_OK;
  }
  if (!features.routing && !features.nodePort && fromTunnel) {
    packet.changeType(0);
    return TC_ACT_OK;
  }
  return redirectWanted ? redirectToEndpoint(program, packet, fromHost, fromTunnel) : TC_ACT_OK;
}

/** Into the pod's namespace at once where BPF host routing can, else out of its device. */
function redirectToEndpoint(
  program: ProgramInstance,
  packet: PacketContext,
  fromHost: boolean,
  fromTunnel: boolean,
): number {
  const ifindex = program.config.interfaceIfindex;
  if (fromHost || !program.features.hostRouting || packet.ingressIfindex === 0)
    return packet.redirect(ifindex, 0);
  if (fromTunnel) packet.changeType(0);
  return packet.redirectPeer(ifindex, 0);
}

function dropIngress(
  program: ProgramInstance,
  packet: PacketContext,
  reason: number,
  sourceLabel: number,
  extendedError: number,
): number {
  const config = program.config;
  return drop(
    program,
    packet,
    reason,
    INGRESS,
    sourceLabel,
    config.securityLabel,
    config.endpointId,
    extendedError,
  );
}

/** A packet arrives at the pod's device from the stack (endpoint routes). */
function toContainer(program: ProgramInstance, packet: PacketContext): number {
  const datapath = program.datapath;
  const features = program.features;
  const config = program.config;
  const type = etherType(packet);
  if (type < 0) return dropIngress(program, packet, type, 0, 0);
  packet.clearControlBlock();
  const magic = packet.mark & MARK_MAGIC_MASK;
  if (features.l7LoadBalancer && magic === MARK_PROXY_EGRESS_EPID) {
    const lxcId = packet.mark >>> 16;
    packet.mark = 0;
    const called = tailCall(datapath, datapath.egressCallPolicy, packet, lxcId);
    return called === TAIL_CALL_FAILED ? dropIngress(program, packet, DROP_EP_NOT_READY, lxcId, 0) : called;
  }
  const identity = inheritIdentity(packet, worldOf(datapath, type));
  if (features.debug) debug(program, packet, DEBUG_INHERIT_IDENTITY, identity, 0, 0);
  const point = magic === MARK_PROXY_INGRESS || magic === MARK_PROXY_EGRESS ? FROM_PROXY : FROM_STACK;
  trace(
    program,
    packet,
    point,
    identity,
    config.securityLabel,
    config.endpointId,
    packet.ingressIfindex,
    REASON_UNKNOWN,
    MONITOR_ALWAYS,
    null,
  );
  if (features.hostFirewall && !features.routing && identity === IDENTITY_HOST) {
    packet.cb0 = config.endpointId;
    packet.cb3 = 1;
    const called = tailCall(datapath, datapath.callPolicy, packet, datapath.constants.hostEndpointId);
    if (called !== TAIL_CALL_FAILED) return called;
    return dropIngress(program, packet, DROP_HOST_NOT_READY, identity, 0);
  }
  if (type === ethernet.TYPE_ARP) return TC_ACT_OK;
  const v6 = type === ethernet.TYPE_IPV6;
  if (!(v6 ? features.ipv6 : type === ethernet.TYPE_IPV4 && features.ipv4)) {
    return dropIngress(program, packet, DROP_UNKNOWN_L3, identity, 0);
  }
  return toContainerIp(program, packet, identity, v6);
}

function toContainerIp(
  program: ProgramInstance,
  packet: PacketContext,
  identity: number,
  v6: boolean,
): number {
  const datapath = program.datapath;
  const features = program.features;
  const config = program.config;
  const flow = datapath.flow;
  flow.extendedError = 0;
  const error = trackIngress(program, packet, flow, v6);
  if (error < 0) return dropIngress(program, packet, error, identity, flow.extendedError);
  if (v6) {
    const type = plainIcmpv6Type(packet);
    if (type === icmpv6.NEIGHBOUR_SOLICITATION || type === icmpv6.NEIGHBOUR_ADVERTISEMENT) return TC_ACT_OK;
  }
  let sourceLabel = identity;
  if (isReserved(datapath, identity)) sourceLabel = sourceFromIpcache(program, packet, flow, identity);
  if (features.debug)
    debug(program, packet, DEBUG_LOCAL_DELIVERY, config.endpointId, config.securityLabel, 0);
  if (features.localDeliveryMetrics) datapath.metrics.count(0, INGRESS, packet.end - packet.start);
  const outcome = decideIngress(program, packet, flow, sourceLabel, false);
  if (outcome < 0) return dropIngress(program, packet, outcome, sourceLabel, flow.extendedError);
  if (outcome !== TO_PROXY_PORT) return TC_ACT_OK;
  const verdict = hairpinToProxy(program, packet, flow, flow.proxyPort);
  if (verdict < 0) return dropIngress(program, packet, verdict, sourceLabel, flow.extendedError);
  packet.mark = packet.cb0;
  return verdict;
}

/** The host's mark may say less than the ipcache knows of the source address. */
function sourceFromIpcache(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  identity: number,
): number {
  const datapath = program.datapath;
  const sourceAt = flow.l3At + flow.family.sourceOffset;
  const at = lookupIpcacheAt(datapath, flow.family, packet, sourceAt, 0);
  const found = at < 0 ? 0 : ipcacheIdentity(datapath, at);
  const label = at >= 0 && found !== IDENTITY_HOST ? found : identity;
  if (program.features.debug) debugIdentityAt(program, packet, flow.family, sourceAt, at >= 0, label);
  return label;
}
