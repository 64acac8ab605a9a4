/** from-host: what the host's stack sends towards the cluster through cilium_host. */
import { TC_ACT_OK } from '../engine/hooks/verdict.js';
import type { PacketContext } from '../engine/packet.js';
import * as ethernet from '../engine/wire/ethernet.js';
import {
  EGRESS,
  IDENTITY_HOST,
  IDENTITY_WORLD,
  INGRESS,
  MARK_ENCRYPT,
  MARK_IDENTITY,
  MARK_MAGIC_MASK,
  MARK_PROXY_EGRESS,
  MARK_PROXY_EGRESS_EPID,
  MARK_PROXY_INGRESS,
  MARK_PROXY_TO_WORLD,
  TC_INDEX_FROM_EGRESS_PROXY,
  TC_INDEX_FROM_INGRESS_PROXY,
} from './constants.js';
import {
  DROP_EP_NOT_READY,
  DROP_NO_TUNNEL_ENDPOINT,
  DROP_UNKNOWN_L3,
  DROP_UNROUTABLE,
  DROP_UNSUPPORTED_L2,
} from './drop-reasons.js';
import type { Flow } from './flow.js';
import type { ProgramInstance } from './instance.js';
import { DEBUG_INHERIT_IDENTITY } from './steps/debug.js';
import { encapsulate, hasTunnelEndpoint, skipsTunnel, toTunnel } from './steps/encapsulation.js';
import {
  etherType,
  IP_NONE,
  IP_V6,
  ipVersion,
  locateL4,
  readIp,
  refuseUntrackedFragments,
} from './steps/headers.js';
import * as hostFirewall from './steps/host-firewall.js';
import { classifyIcmpv6, icmpv6Type, PASSES_FIREWALL } from './steps/icmpv6-classes.js';
import {
  inheritIdentity,
  ipcacheIdentity,
  isCluster,
  isHostEndpoint,
  isWorld,
  lookupEndpointAt,
  lookupIpcacheAt,
  worldOf,
} from './steps/identity.js';
import { answerAnnounced } from './steps/l2-announcements.js';
import { deliverLocally } from './steps/local-delivery.js';
import {
  debug,
  drop,
  FROM_HOST,
  FROM_PROXY,
  FROM_STACK,
  MONITOR_ALWAYS,
  REASON_ENCRYPTED,
  REASON_UNKNOWN,
  TO_STACK,
  trace,
} from './steps/notify.js';
import { CONTINUE } from './steps/outcome.js';
import { resolveSource } from './steps/source-identity.js';
import { TAIL_CALL_FAILED, tailCall } from './steps/tail-call.js';
import { isFromProxy } from './steps/tc-index.js';
import { findVtep, vtepEndpointAt } from './steps/vtep.js';

/** The stack sends to the cluster. */
export function fromHost(program: ProgramInstance, packet: PacketContext): number {
  const datapath = program.datapath;
  const features = program.features;
  if (features.bandwidthManager) packet.queueMapping = 0;
  const type = etherType(packet);
  if (type < 0) {
    if (features.hostFirewall) {
      return drop(program, packet, DROP_UNSUPPORTED_L2, EGRESS, IDENTITY_HOST, 0, 0, 0);
    }
    trace(program, packet, TO_STACK, IDENTITY_HOST, 0, 0, 0, REASON_UNKNOWN, 0, null);
    return TC_ACT_OK;
  }
  const magic = packet.mark & MARK_MAGIC_MASK;
  if (features.l7LoadBalancer && magic === MARK_PROXY_EGRESS_EPID) {
    return continueInPod(program, packet, 0);
  }
  const identity = inheritIdentity(packet, worldOf(datapath, type));
  if (features.debug) debug(program, packet, DEBUG_INHERIT_IDENTITY, identity, 0, 0);
  const isProxy = magic === MARK_PROXY_INGRESS || magic === MARK_PROXY_EGRESS;
  if (features.ipsec && magic === MARK_ENCRYPT) return sendEncrypted(program, packet, type, identity);
  packet.clearControlBlock();
  packet.tcClassid = 0;
  const point = isProxy ? FROM_PROXY : FROM_HOST;
  const version = ipVersion(datapath, type);
  if (version === IP_NONE) return sendNonIp(program, packet, type, identity, point);
  const flow = datapath.flow;
  const error = readIp(datapath, packet, flow, version === IP_V6);
  if (error < 0) return drop(program, packet, error, INGRESS, identity, 0, 0, 0);
  const label = resolveSource(program, packet, flow, identity, true);
  const source = flow.ipcacheLabel;
  const ifindex = packet.ingressIfindex;
  trace(program, packet, point, source, 0, 0, ifindex, REASON_UNKNOWN, MONITOR_ALWAYS, null);
  flow.extendedError = 0;
  const outcome = route(program, packet, flow, label, source);
  return outcome < 0 ? drop(program, packet, outcome, INGRESS, label, 0, 0, flow.extendedError) : outcome;
}

/** The L7 load balancer sends for a pod, whose id the mark holds: the pod's egress policy goes on. */
export function continueInPod(program: ProgramInstance, packet: PacketContext, sourceLabel: number): number {
  const datapath = program.datapath;
  const lxcId = packet.mark >>> 16;
  packet.mark = 0;
  const called = tailCall(datapath, datapath.egressCallPolicy, packet, lxcId);
  if (called !== TAIL_CALL_FAILED) return called;
  return drop(program, packet, DROP_EP_NOT_READY, EGRESS, sourceLabel, 0, 0, 0);
}

/** What XFRM has encrypted: native routing needs nothing more, a tunnel its outer header. */
function sendEncrypted(
  program: ProgramInstance,
  packet: PacketContext,
  type: number,
  identity: number,
): number {
  const datapath = program.datapath;
  const ifindex = packet.ingressIfindex;
  trace(program, packet, FROM_STACK, identity, 0, 0, ifindex, REASON_ENCRYPTED, 0, null);
  if (!program.features.tunnelMode) return TC_ACT_OK;
  const version = ipVersion(datapath, type);
  if (version === IP_NONE) return TC_ACT_OK;
  const flow = datapath.flow;
  const error = readIp(datapath, packet, flow, version === IP_V6);
  if (error < 0) return drop(program, packet, error, EGRESS, identity, 0, 0, 0);
  const destinationAt = flow.l3At + flow.family.destinationOffset;
  const at = lookupIpcacheAt(datapath, flow.family, packet, destinationAt, 0);
  if (!hasTunnelEndpoint(program, at)) {
    return drop(program, packet, DROP_NO_TUNNEL_ENDPOINT, EGRESS, identity, 0, 0, 0);
  }
  packet.mark = 0;
  return toTunnel(program, packet, at, identity, 0, REASON_ENCRYPTED, 0);
}

function sendNonIp(
  program: ProgramInstance,
  packet: PacketContext,
  type: number,
  identity: number,
  point: number,
): number {
  const features = program.features;
  const ifindex = packet.ingressIfindex;
  trace(program, packet, point, 0, 0, 0, ifindex, REASON_UNKNOWN, MONITOR_ALWAYS, null);
  if (type === ethernet.TYPE_ARP)
    return features.l2Announcements ? answerAnnounced(program, packet) : TC_ACT_OK;
  if (!features.hostFirewall) return TC_ACT_OK;
  return drop(program, packet, DROP_UNKNOWN_L3, INGRESS, identity, 0, 0, 0);
}

/** Where an IP packet goes: a verdict or a drop reason. `source` is what the ipcache says of the sender. */
function route(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  label: number,
  source: number,
): number {
  const error = refuseUntrackedFragments(packet, flow);
  if (error < 0) return error;
  if (program.features.hostFirewall) {
    const guarded = protectOthers(program, packet, flow, label, source);
    if (guarded !== CONTINUE) return guarded;
  }
  let magic = MARK_IDENTITY;
  if (isFromProxy(program, packet, TC_INDEX_FROM_INGRESS_PROXY)) magic = MARK_PROXY_INGRESS;
  if (isFromProxy(program, packet, TC_INDEX_FROM_EGRESS_PROXY)) magic = MARK_PROXY_EGRESS;
  const local = toLocalEndpoint(program, packet, flow, label, magic);
  return local === CONTINUE ? toOtherNode(program, packet, flow, label, magic !== MARK_IDENTITY) : local;
}

/** Egress policy of the host endpoint: CONTINUE, a verdict (to the proxy), or a drop reason. */
function protectOthers(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  label: number,
  source: number,
): number {
  if (flow.family.isV6) {
    const error = locateL4(packet, flow);
    if (error < 0) return error;
    const type = icmpv6Type(packet, flow);
    if (type < 0) return type;
    const message = classifyIcmpv6(type);
    if (message < 0) return message;
    if (message === PASSES_FIREWALL) return CONTINUE;
  }
  const enforced = hostFirewall.lookupHostEgress(program, packet, flow, label, source);
  if (enforced !== hostFirewall.ENFORCED) return enforced < 0 ? enforced : CONTINUE;
  const error = hostFirewall.refuseZeroRemote(flow);
  if (error < 0) return error;
  return hostFirewall.decideHostEgress(program, packet, flow, label === IDENTITY_HOST);
}

/** `magic` is the mark by which a pod's device (endpoint routes) learns who sent the packet. */
function toLocalEndpoint(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  label: number,
  magic: number,
): number {
  const datapath = program.datapath;
  const destinationAt = flow.l3At + flow.family.destinationOffset;
  const endpointAt = lookupEndpointAt(datapath, flow.family, packet, destinationAt);
  if (endpointAt < 0) return CONTINUE;
  if (isHostEndpoint(datapath, endpointAt)) return toStack(program, packet);
  return deliverLocally(program, packet, flow, endpointAt, label, INGRESS, magic, true, false, 0);
}

/** To the other end of the pair, where the stack routes it. */
function toStack(program: ProgramInstance, packet: PacketContext): number {
  ethernet.putDestination(packet.bytes, packet.start, program.datapath.constants.netMac, 0);
  return TC_ACT_OK;
}

function toOtherNode(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  label: number,
  fromProxy: boolean,
): number {
  const datapath = program.datapath;
  const features = program.features;
  const family = flow.family;
  const destinationAt = flow.l3At + family.destinationOffset;
  if (features.vtep && !family.isV6) {
    const vtep = findVtep(program, packet, destinationAt);
    if (vtep >= 0) return toVtep(program, packet, flow, vtep, label);
  }
  const at = lookupIpcacheAt(datapath, family, packet, destinationAt, 0);
  if (features.tunnelMode && hasTunnelEndpoint(program, at) && !skipsTunnel(program, at)) {
    const identity = ipcacheIdentity(datapath, at);
    return toTunnel(program, packet, at, label, identity, REASON_UNKNOWN, MONITOR_ALWAYS);
  }
  if (at < 0) return DROP_UNROUTABLE;
  const identity = ipcacheIdentity(datapath, at);
  if (!fromProxy && isWorld(datapath, identity)) return DROP_UNROUTABLE;
  if (features.ipsec && !features.tunnelMode && fromProxy && !isCluster(datapath, identity)) {
    packet.mark = MARK_PROXY_TO_WORLD;
  }
  return toStack(program, packet);
}

function toVtep(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  vtepAt: number,
  label: number,
): number {
  return encapsulate(
    program,
    packet,
    program.datapath.vtep.bytes,
    vtepEndpointAt(vtepAt),
    false,
    label,
    flow.family.worldIdentity,
    IDENTITY_WORLD,
    REASON_UNKNOWN,
    MONITOR_ALWAYS,
  );
}
