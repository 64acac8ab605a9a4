/** The tunnel device's programs: from-overlay (what other nodes' tunnels bring) and to-overlay (what goes into ours). */
import { PACKET_HOST } from '../engine/device.js';
import type { HookProgram } from '../engine/hooks/program.js';
import { TC_ACT_OK, TC_ACT_SHOT } from '../engine/hooks/verdict.js';
import type { PacketContext } from '../engine/packet.js';
import * as ethernet from '../engine/wire/ethernet.js';
import * as ipv4 from '../engine/wire/ipv4.js';
import {
  EGRESS,
  IDENTITY_HOST,
  INGRESS,
  MARK_DECRYPT,
  MARK_IDENTITY,
  MARK_MAGIC_MASK,
  MARK_OVERLAY,
  MARK_OVERLAY_ENCRYPTED,
  MARK_SNAT_DONE,
  TC_INDEX_SKIP_NODEPORT,
} from './constants.js';
import {
  DROP_INVALID_IDENTITY,
  DROP_INVALID_VNI,
  DROP_NAT_NO_MAPPING,
  DROP_NO_NODE_ID,
  DROP_NO_TUNNEL_KEY,
  DROP_UNKNOWN_L3,
  DROP_UNROUTABLE,
  NAT_NOT_NEEDED,
} from './drop-reasons.js';
import type { Flow } from './flow.js';
import type { ProgramInstance } from './instance.js';
import { isPaced } from './steps/bandwidth.js';
import { leaveAsGateway } from './steps/egress-gateway.js';
import { decrementTtl, HOP_LIMIT_EXCEEDED } from './steps/forward.js';
import { etherType, IP_NONE, IP_V6, ipVersion, readIp, refuseUntrackedFragments } from './steps/headers.js';
import { answerTimeExceeded } from './steps/icmpv6-answers.js';
import {
  clusterOf,
  endpointFlags,
  identityMark,
  ipcacheIdentity,
  isRemoteNode,
  isWorld,
  lookupEndpointAt,
  lookupIpcacheAt,
  takeClusterId,
  worldOf,
} from './steps/identity.js';
import { carriesEsp, decryptMark, isEsp, sendingNode } from './steps/ipsec.js';
import { deliverLocally, deliverToPod } from './steps/local-delivery.js';
import { egressNat } from './steps/nat-egress.js';
import { nodePortIngress } from './steps/nodeport-ingress.js';
import {
  drop,
  FROM_OVERLAY,
  FROM_STACK,
  METRIC_PLAINTEXT,
  MONITOR_ALWAYS,
  REASON_ENCRYPTED,
  REASON_UNKNOWN,
  TO_OVERLAY,
  TO_STACK,
  trace,
} from './steps/notify.js';
import { CONTINUE } from './steps/outcome.js';
import { runIngress } from './steps/recirculate.js';
import { snatReverse } from './steps/snat.js';
import { takeTcIndexBit } from './steps/tc-index.js';
import { hasReceivedIpv4Key, hasReceivedKey, receivedIdentity } from './steps/tunnel-key.js';
import { answerVtepArp, isFromVtep } from './steps/vtep.js';
import * as endpoints from './tables/endpoints.js';

/** The two programs of the tunnel device, by their kernel names. */
export function overlayPrograms(program: ProgramInstance): {
  readonly fromOverlay: HookProgram;
  readonly toOverlay: HookProgram;
} {
  return {
    fromOverlay: { name: 'cil_from_overlay', run: (packet) => fromOverlay(program, packet) },
    toOverlay: { name: 'cil_to_overlay', run: (packet) => toOverlay(program, packet) },
  };
}

/** A packet came out of a tunnel; the tunnel's id is its sender's identity. */
function fromOverlay(program: ProgramInstance, packet: PacketContext): number {
  const datapath = program.datapath;
  const features = program.features;
  const flow = datapath.flow;
  packet.clearControlBlock();
  if (features.nodePort) packet.tcIndex &= ~TC_INDEX_SKIP_NODEPORT;
  const type = etherType(packet);
  if (type < 0) return TC_ACT_OK;
  const decrypted = (packet.mark & MARK_MAGIC_MASK) === MARK_DECRYPT;
  const version = ipVersion(datapath, type);
  let label = 0;
  if (version !== IP_NONE && !decrypted) {
    if (!hasReceivedKey(program, packet))
      return drop(program, packet, DROP_NO_TUNNEL_KEY, INGRESS, 0, 0, 0, 0);
    label = receivedIdentity(packet, worldOf(datapath, type));
    if (label === IDENTITY_HOST) {
      return drop(program, packet, DROP_INVALID_IDENTITY, INGRESS, IDENTITY_HOST, 0, 0, 0);
    }
    packet.cb0 = label;
  }
  const encrypted = features.ipsec && !decrypted && carriesEsp(program, packet, flow, version);
  const reason = encrypted ? REASON_ENCRYPTED : REASON_UNKNOWN;
  const monitor = encrypted ? 0 : MONITOR_ALWAYS;
  const point = decrypted ? FROM_STACK : FROM_OVERLAY;
  trace(program, packet, point, label, 0, 0, packet.ingressIfindex, reason, monitor, null);
  if (version !== IP_NONE) {
    const step = decrypted ? acceptDecrypted : acceptFromTunnel;
    return runIngress(program, packet, flow, version === IP_V6, false, step);
  }
  if (type === ethernet.TYPE_ARP && features.ipv4 && features.vtep) return answerVtepArp(program, packet);
  const isOtherFamily = type === ethernet.TYPE_IPV4 || type === ethernet.TYPE_IPV6;
  return isOtherFamily ? drop(program, packet, DROP_UNKNOWN_L3, INGRESS, 0, 0, 0, 0) : TC_ACT_OK;
}

function acceptFromTunnel(program: ProgramInstance, packet: PacketContext, flow: Flow, v6: boolean): number {
  return accept(program, packet, flow, v6, false);
}

function acceptDecrypted(program: ProgramInstance, packet: PacketContext, flow: Flow, v6: boolean): number {
  return accept(program, packet, flow, v6, true);
}

/** A verdict, a drop reason, or RECIRCULATE_*. `flow.localLabel` is the sender's identity as far as it is known. */
function accept(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  v6: boolean,
  decrypted: boolean,
): number {
  const features = program.features;
  let error = refuseUntrackedFragments(packet, flow);
  if (error < 0) return error;
  flow.isDsr = false;
  if (features.nodePort && !takeTcIndexBit(packet, TC_INDEX_SKIP_NODEPORT)) {
    const outcome = nodePortIngress(program, packet, flow, flow.localLabel);
    if (outcome !== CONTINUE) return outcome;
    error = readIp(program.datapath, packet, flow, v6);
    if (error < 0) return error;
  }
  if (!decrypted) {
    error = refuseMisplacedVtep(program, packet, flow);
    if (error < 0) return error;
    if (isForInterClusterSnat(program, packet, flow)) return fromOtherCluster(program, packet, flow);
  }
  identifySender(program, packet, flow, decrypted);
  if (features.ipsec) {
    const outcome = decrypt(program, packet, flow, decrypted);
    if (outcome !== CONTINUE) return outcome;
  }
  if (features.egressGateway) {
    const outcome = leaveAsGateway(program, packet, flow, flow.localLabel);
    if (outcome !== CONTINUE) return outcome;
  }
  const outcome = deliverToPod(program, packet, flow, flow.localLabel, true);
  if (outcome !== CONTINUE) return outcome;
  if (!v6) packet.mark = identityMark(MARK_IDENTITY, flow.localLabel);
  return toHost(program, packet, flow);
}

/** The tunnel id may say less than the ipcache: nodes send for others, and XFRM has decrypted what it was part of. */
function identifySender(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  decrypted: boolean,
): void {
  const datapath = program.datapath;
  const label = flow.localLabel;
  if (!decrypted && !isRemoteNode(label) && !(flow.isDsr && isWorld(datapath, label))) return;
  const sourceAt = flow.l3At + flow.family.sourceOffset;
  const at = lookupIpcacheAt(datapath, flow.family, packet, sourceAt, 0);
  if (at >= 0) flow.localLabel = ipcacheIdentity(datapath, at);
}

/** Networks behind external VXLAN endpoints are the world's, whatever the tunnel id says. 0 or DROP_INVALID_VNI. */
function refuseMisplacedVtep(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  if (!program.features.vtep || flow.family.isV6 || isWorld(program.datapath, flow.localLabel)) return 0;
  const sourceAt = flow.l3At + flow.family.sourceOffset;
  return isFromVtep(program, packet, sourceAt) ? DROP_INVALID_VNI : 0;
}

/** A packet of another cluster for the address that our pods have there. */
function isForInterClusterSnat(program: ProgramInstance, packet: PacketContext, flow: Flow): boolean {
  const features = program.features;
  if (!features.clusterAwareAddressing || !features.interClusterSnat || flow.family.isV6) return false;
  const constants = program.datapath.constants;
  const cluster = clusterOf(flow.localLabel);
  if (cluster === 0 || cluster === constants.clusterId) return false;
  return ipv4.destination(packet.bytes, flow.l3At) === constants.ipv4InterClusterSnat;
}

/** Gives the packet its pod's address again and delivers it. A verdict or a drop reason. */
function fromOtherCluster(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const datapath = program.datapath;
  const [minimum, maximum] = datapath.constants.natPortRange;
  let cluster = clusterOf(flow.localLabel);
  const status = snatReverse(program, packet, flow, minimum, maximum, cluster);
  if (status < 0) {
    if (status !== NAT_NOT_NEEDED && status !== DROP_NAT_NO_MAPPING) return status;
    cluster = 0;
  }
  const destinationAt = flow.l3At + flow.family.destinationOffset;
  const at = lookupEndpointAt(datapath, flow.family, packet, destinationAt);
  if (at < 0) return DROP_UNROUTABLE;
  if ((endpointFlags(datapath, at) & endpoints.FLAG_HOST) !== 0) return toHost(program, packet, flow);
  const label = flow.localLabel;
  return deliverLocally(program, packet, flow, at, label, INGRESS, MARK_IDENTITY, false, true, cluster);
}

/** What is to be decrypted goes to XFRM: a verdict, DROP_NO_NODE_ID, or CONTINUE. */
function decrypt(program: ProgramInstance, packet: PacketContext, flow: Flow, decrypted: boolean): number {
  if (decrypted) {
    packet.mark = 0;
    return CONTINUE;
  }
  if (!isEsp(packet, flow)) {
    program.datapath.metrics.count(METRIC_PLAINTEXT, INGRESS, packet.length);
    return CONTINUE;
  }
  const nodeId = sendingNode(program, packet, flow);
  if (nodeId === 0) return DROP_NO_NODE_ID;
  packet.mark = decryptMark(nodeId);
  packet.changeType(PACKET_HOST);
  const ifindex = packet.ingressIfindex;
  trace(program, packet, TO_STACK, flow.localLabel, 0, 0, ifindex, REASON_ENCRYPTED, 0, null);
  return TC_ACT_OK;
}

/** Into the host's stack, as if cilium_host had received it. A verdict or a drop reason. */
function toHost(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const constants = program.datapath.constants;
  const error = decrementTtl(packet, flow);
  if (error === HOP_LIMIT_EXCEEDED) return answerTimeExceeded(program, packet, INGRESS);
  if (error < 0) return error;
  ethernet.putSource(packet.bytes, packet.start, program.config.interfaceMac, 0);
  ethernet.putDestination(packet.bytes, packet.start, constants.hostMac, 0);
  return packet.redirect(constants.netIfindex, 0);
}

/** A packet goes into the tunnel. */
function toOverlay(program: ProgramInstance, packet: PacketContext): number {
  const datapath = program.datapath;
  const features = program.features;
  const flow = datapath.flow;
  const isTranslated = (packet.mark & MARK_MAGIC_MASK) === MARK_SNAT_DONE;
  packet.clearControlBlock();
  if (features.bandwidthManager && !isPaced(program, packet)) return TC_ACT_SHOT;
  const cluster = features.clusterAwareAddressing ? takeClusterId(packet) : 0;
  const type = etherType(packet);
  const label = hasReceivedIpv4Key(packet) ? receivedIdentity(packet, worldOf(datapath, packet.protocol)) : 0;
  const version = type < 0 ? IP_NONE : ipVersion(datapath, type);
  const encrypted = features.ipsec && carriesEsp(program, packet, flow, version);
  packet.mark = identityMark(encrypted ? MARK_OVERLAY_ENCRYPTED : MARK_OVERLAY, label);
  if (!features.nodePort || isTranslated) return TC_ACT_OK;
  flow.extendedError = 0;
  flow.traceReason = REASON_UNKNOWN;
  flow.traceMonitor = MONITOR_ALWAYS;
  const outcome = egressNat(program, packet, flow, label, cluster, false, TO_OVERLAY);
  if (outcome < 0) return drop(program, packet, outcome, EGRESS, label, 0, 0, flow.extendedError);
  return outcome === CONTINUE ? TC_ACT_OK : outcome;
}
