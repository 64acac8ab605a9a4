/**
 * NAT of what leaves the node: replies of local backends get their frontend's address back, then what is to be
 * masqueraded gets the node's.
 */
import { TC_ACT_OK } from '../../engine/hooks/verdict.js';
import type { PacketContext } from '../../engine/packet.js';
import { i32le } from '../../engine/wire/bytes.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import { EGRESS } from '../constants.js';
import { NAT_NOT_NEEDED } from '../drop-reasons.js';
import type { Features } from '../features.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import type { SnatTarget } from '../snat-target.js';
import * as endpoints from '../tables/endpoints.js';
import { leaveByOtherDevice, reverseTranslate, TRANSLATED } from './backend-reply.js';
import { isPortProtocol } from './fragments.js';
import { etherType, locateL4, readIp, rememberSource } from './headers.js';
import { lookupEndpointAt } from './identity.js';
import { decideMasquerade, isReply, masquerades, REPLY } from './masquerade.js';
import { markSnatDone } from './nodeport-marks.js';
import { drop, MONITOR_ALWAYS, REASON_UNKNOWN, trace } from './notify.js';
import { CONTINUE } from './outcome.js';
import { snatForward } from './snat.js';

/**
 * Egress NAT of a packet that leaves the node. CONTINUE: the caller goes on to its own trace (context in
 * `flow.traceReason`, `flow.traceMonitor`); a verdict: ended, trace or drop event sent; below 0: a drop reason for
 * the caller to report. `point` is the trace point of the program.
 */
export function egressNat(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  sourceLabel: number,
  clusterId: number,
  reverseOnly: boolean,
  point: number,
): number {
  const features = program.features;
  const type = etherType(packet);
  const v6 = type === ethernet.TYPE_IPV6;
  if (!(v6 ? features.ipv6 : type === ethernet.TYPE_IPV4 && features.ipv4)) {
    leaveParameters(packet, sourceLabel, clusterId, reverseOnly);
    return CONTINUE;
  }
  leaveParameters(packet, 0, 0, false);
  if (!isOwnProgram(program, features)) {
    return translate(program, packet, flow, v6, sourceLabel, clusterId, reverseOnly, point);
  }
  flow.traceReason = REASON_UNKNOWN;
  flow.traceMonitor = MONITOR_ALWAYS;
  flow.extendedError = 0;
  const outcome = translate(program, packet, flow, v6, sourceLabel, clusterId, reverseOnly, point);
  if (outcome < 0) return drop(program, packet, outcome, EGRESS, sourceLabel, 0, 0, flow.extendedError);
  return outcome === CONTINUE ? pass(program, packet, flow, sourceLabel, point, null) : outcome;
}

/** The programs of IPv4 and IPv6 take their parameters from the control block; what is not for them keeps them there. */
function leaveParameters(
  packet: PacketContext,
  sourceLabel: number,
  clusterId: number,
  reverseOnly: boolean,
): void {
  packet.cb0 = sourceLabel;
  packet.cb1 = clusterId;
  packet.cb2 = reverseOnly ? 1 : 0;
}

/** Cilium makes egress NAT a program of its own where the caller's would grow too large. Its trace is its own then. */
function isOwnProgram(program: ProgramInstance, features: Features): boolean {
  if (features.ipv4 && features.ipv6) return true;
  if (program.kind === 'host' && (features.hostFirewall || features.egressGateway)) return true;
  return features.clusterAwareAddressing && features.interClusterSnat;
}

/** The trace that ends a program of its own. */
function pass(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  sourceLabel: number,
  point: number,
  shown: Flow | null,
): number {
  const ifindex = program.config.interfaceIfindex;
  trace(program, packet, point, sourceLabel, 0, 0, ifindex, flow.traceReason, flow.traceMonitor, shown);
  return TC_ACT_OK;
}

/** CONTINUE, a verdict (ended and told), or a drop reason. */
function translate(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  v6: boolean,
  sourceLabel: number,
  clusterId: number,
  reverseOnly: boolean,
  point: number,
): number {
  let error = readIp(program.datapath, packet, flow, v6);
  if (error < 0) return error;
  error = locateL4(packet, flow);
  if (error < 0) return error;
  const outcome = reverseTranslate(program, packet, flow, reverseOnly);
  if (outcome !== CONTINUE && outcome !== TRANSLATED) return outcome;
  if (reverseOnly) return CONTINUE;
  if (outcome === TRANSLATED) {
    if (program.kind === 'host') markSnatDone(packet);
    return CONTINUE;
  }
  return hasSnatProgram(program, flow)
    ? snatProgram(program, packet, flow, sourceLabel, clusterId, point)
    : CONTINUE;
}

/** With DSR alone nobody's address is translated on the way out, unless something else asks for it. */
function hasSnatProgram(program: ProgramInstance, flow: Flow): boolean {
  const features = program.features;
  if (!features.dsr || features.dsrHybrid) return true;
  if (masquerades(program, flow)) return true;
  return features.clusterAwareAddressing && features.interClusterSnat;
}

/** The SNAT program: reports its drops and traces itself. Answers the verdict. */
function snatProgram(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  sourceLabel: number,
  clusterId: number,
  point: number,
): number {
  flow.traceReason = REASON_UNKNOWN;
  flow.traceMonitor = 0;
  flow.extendedError = 0;
  for (let i = 0; i < 4; i++) flow.originalSource[i] = 0;
  const outcome = snat(program, packet, flow, clusterId);
  if (outcome < 0) return drop(program, packet, outcome, EGRESS, sourceLabel, 0, 0, flow.extendedError);
  return outcome === CONTINUE ? pass(program, packet, flow, sourceLabel, point, flow) : outcome;
}

function snat(program: ProgramInstance, packet: PacketContext, flow: Flow, clusterId: number): number {
  const datapath = program.datapath;
  const range = datapath.constants.natPortRange;
  const target = datapath.snatTarget;
  target.reset(range[0], range[1]);
  target.clusterId = clusterId;
  const host = program.kind === 'host';
  let endpointAt = -1;
  if (host && (program.features.egressGateway || masquerades(program, flow))) {
    endpointAt = lookupEndpointAt(datapath, flow.family, packet, flow.l3At + flow.family.sourceOffset);
  }
  if (endpointAt >= 0 && !flow.family.isV6 && masquerades(program, flow)) {
    const outcome = leaveByParent(program, packet, flow, endpointAt);
    if (outcome !== CONTINUE) return outcome;
  }
  if (!(isPortProtocol(program, flow.protocol) && isOwnAddress(program, packet, flow, target))) {
    const needed = decideMasquerade(program, packet, flow, target, endpointAt);
    if (needed === NAT_NOT_NEEDED) return CONTINUE;
    if (needed < 0) return needed;
    if (host && target.egressGateway) {
      const outcome = leaveByEgressDevice(program, packet, flow, target);
      if (outcome !== CONTINUE) return outcome;
    }
  }
  rememberSource(packet, flow);
  const result = snatForward(program, packet, flow, target);
  if (result === NAT_NOT_NEEDED) return CONTINUE;
  if (result < 0) return result;
  if (host) markSnatDone(packet);
  return CONTINUE;
}

/**
 * A pod with a network interface of its own (ENI): what it answers leaves by the device that its address belongs
 * to. CONTINUE, a verdict, or a drop reason.
 */
function leaveByParent(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  endpointAt: number,
): number {
  const datapath = program.datapath;
  const parent = datapath.endpoints.words[(endpointAt + endpoints.PARENT_IFINDEX) >> 2];
  if (parent === 0 || parent === program.config.interfaceIfindex) return CONTINUE;
  const reply = isReply(program, packet, flow);
  if (reply < 0) return reply;
  if (reply !== REPLY) return CONTINUE;
  ethernet.putSource(packet.bytes, packet.start, datapath.constants.nativeDeviceMac(parent), 0);
  return packet.redirect(parent, 0);
}

/**
 * The packet has an address that SNAT gives to others too, so its port must be reserved: the gateway's address in
 * tunnels, the node's on the direct routing device. Fills the target.
 */
function isOwnAddress(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  target: SnatTarget,
): boolean {
  const constants = program.datapath.constants;
  const family = flow.family;
  let own: number | Uint8Array;
  if (program.kind === 'overlay' && program.features.tunnelMode) {
    own = family.isV6 ? program.config.routerIpv6 : constants.ipv4Gateway;
  } else if (program.kind === 'host' && constants.directRoutingIfindex === program.config.interfaceIfindex) {
    own = family.isV6 ? constants.ipv6DirectRouting : constants.ipv4DirectRouting;
  } else {
    return false;
  }
  const at = flow.l3At + family.sourceOffset;
  for (let i = 0; i < family.addressWords; i++) {
    const word = typeof own === 'number' ? own : i32le(own, 4 * i);
    if (packet.view.getInt32(at + 4 * i, true) !== word) return false;
    target.address[i] = word;
  }
  target.needsConntrack = true;
  return true;
}

/** Egress gateway traffic on the wrong device goes to the right one, untranslated. */
function leaveByEgressDevice(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  target: SnatTarget,
): number {
  const configured = program.datapath.constants.egressIfindex;
  if (configured !== 0) {
    return configured === program.config.interfaceIfindex
      ? CONTINUE
      : packet.redirectNeigh(configured, null, 0, 0);
  }
  return leaveByOtherDevice(program, packet, flow, target.address, 0, packet.ifindex);
}
