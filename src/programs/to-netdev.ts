/** to-netdev: what leaves through a native device. Host firewall, egress gateway, encryption, NAT. */
import { TC_ACT_OK, TC_ACT_REDIRECT, TC_ACT_SHOT } from '../engine/hooks/verdict.js';
import type { PacketContext } from '../engine/packet.js';
import * as ethernet from '../engine/wire/ethernet.js';
import {
  EGRESS,
  IDENTITY_HOST,
  MARK_EGRESS_GATEWAY_DONE,
  MARK_ENCRYPT,
  MARK_HOST,
  MARK_IDENTITY,
  MARK_MAGIC_MASK,
  MARK_OVERLAY,
  MARK_PROXY_EGRESS_EPID,
  MARK_SNAT_DONE,
} from './constants.js';
import { DROP_UNKNOWN_L3, DROP_UNSUPPORTED_L2 } from './drop-reasons.js';
import { haveEncapsulation } from './features.js';
import type { Flow } from './flow.js';
import { continueInPod } from './from-host.js';
import type { ProgramInstance } from './instance.js';
import { isPaced } from './steps/bandwidth.js';
import { redirectToGateway } from './steps/egress-gateway.js';
import { etherType, IP_NONE, IP_V6, ipVersion, locateL4, readIp } from './steps/headers.js';
import { encapsulateHealth } from './steps/health.js';
import * as hostFirewall from './steps/host-firewall.js';
import { classifyIcmpv6, icmpv6Type, PASSES_FIREWALL } from './steps/icmpv6-classes.js';
import { markIdentity } from './steps/identity.js';
import { encryptRedirect } from './steps/ipsec.js';
import { egressNat } from './steps/nat-egress.js';
import { drop, REASON_ENCRYPTED, REASON_UNKNOWN, TO_NETWORK, trace } from './steps/notify.js';
import { CONTINUE } from './steps/outcome.js';
import { resolveSource } from './steps/source-identity.js';
import { filterVlan } from './steps/vlan-filter.js';
import { isWireguardMark, refuseUnencrypted, wireguardRedirect } from './steps/wireguard-redirect.js';

/** A packet leaves the node. */
export function toNetdev(program: ProgramInstance, packet: PacketContext): number {
  const flow = program.datapath.flow;
  packet.clearControlBlock();
  flow.extendedError = 0;
  flow.traceReason = REASON_UNKNOWN;
  flow.traceMonitor = 0;
  flow.localLabel = sourceOf(program, packet.mark);
  flow.remoteLabel = 0;
  const outcome = send(program, packet, flow);
  if (outcome === CONTINUE) return leave(program, packet, flow);
  if (outcome >= 0) return outcome;
  return drop(program, packet, outcome, EGRESS, flow.localLabel, 0, 0, flow.extendedError);
}

/** The sender's identity as far as the mark tells it. */
function sourceOf(program: ProgramInstance, mark: number): number {
  if (program.features.wireguard && isWireguardMark(mark)) return IDENTITY_HOST;
  switch (mark & MARK_MAGIC_MASK) {
    case MARK_HOST:
    case MARK_OVERLAY:
      return IDENTITY_HOST;
    case MARK_IDENTITY:
      return markIdentity(mark);
    case MARK_EGRESS_GATEWAY_DONE:
      return program.features.egressGateway ? markIdentity(mark) : 0;
    default:
      return 0;
  }
}

function leave(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const ifindex = program.config.interfaceIfindex;
  const { localLabel, remoteLabel, traceReason, traceMonitor } = flow;
  trace(program, packet, TO_NETWORK, localLabel, remoteLabel, 0, ifindex, traceReason, traceMonitor, null);
  return TC_ACT_OK;
}

/** CONTINUE (let it leave), a verdict, or a drop reason. */
function send(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const features = program.features;
  const vlan = filterVlan(program, packet);
  if (vlan !== CONTINUE) return vlan;
  const magic = packet.mark & MARK_MAGIC_MASK;
  if (features.l7LoadBalancer && magic === MARK_PROXY_EGRESS_EPID) {
    return continueInPod(program, packet, flow.localLabel);
  }
  let outcome = CONTINUE;
  if (features.hostFirewall && magic !== MARK_SNAT_DONE) {
    outcome = protectOthers(program, packet, flow);
    if (outcome !== CONTINUE) return outcome;
  }
  if (features.egressGateway && magic !== MARK_EGRESS_GATEWAY_DONE) {
    outcome = toGateway(program, packet, flow);
    if (outcome !== CONTINUE) return outcome;
  }
  if (features.bandwidthManager && !isPaced(program, packet)) return TC_ACT_SHOT;
  if (features.ipsec || features.wireguard) {
    outcome = encrypt(program, packet, flow);
    if (outcome !== CONTINUE) return outcome;
  }
  if (features.healthCheck) {
    outcome = encapsulateHealth(program, packet, flow);
    if (outcome === TC_ACT_REDIRECT) leave(program, packet, flow);
    if (outcome !== CONTINUE) return outcome;
  }
  if (!features.nodePort || isTranslated(program, packet.mark)) return CONTINUE;
  return egressNat(program, packet, flow, flow.localLabel, 0, false, TO_NETWORK);
}

/** NAT has been done, or is not for this packet: it is an outer one. */
function isTranslated(program: ProgramInstance, mark: number): boolean {
  const magic = mark & MARK_MAGIC_MASK;
  if (magic === MARK_SNAT_DONE) return true;
  if (program.features.wireguard && isWireguardMark(mark)) return true;
  return magic === MARK_OVERLAY && haveEncapsulation(program.features);
}

/** Egress policy of the host endpoint: CONTINUE, a verdict (to the proxy), or a drop reason. */
function protectOthers(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const datapath = program.datapath;
  const type = etherType(packet);
  if (type < 0) return DROP_UNSUPPORTED_L2;
  const version = ipVersion(datapath, type);
  if (version === IP_NONE) return type === ethernet.TYPE_ARP ? CONTINUE : DROP_UNKNOWN_L3;
  let error = readIp(datapath, packet, flow, version === IP_V6);
  if (error < 0) return error;
  if (version === IP_V6) {
    error = locateL4(packet, flow);
    if (error < 0) return error;
    const message = icmpv6Type(packet, flow);
    if (message < 0) return message;
    const icmpClass = classifyIcmpv6(message);
    if (icmpClass < 0) return icmpClass;
    if (icmpClass === PASSES_FIREWALL) return CONTINUE;
  }
  const start = flow.localLabel === IDENTITY_HOST ? IDENTITY_HOST : 0;
  const label = resolveSource(program, packet, flow, start, true);
  const enforced = hostFirewall.lookupHostEgress(program, packet, flow, label, flow.ipcacheLabel);
  if (enforced !== hostFirewall.ENFORCED) return enforced < 0 ? enforced : CONTINUE;
  return hostFirewall.decideHostEgress(program, packet, flow, label === IDENTITY_HOST);
}

/** Pods whose traffic leaves the cluster elsewhere: CONTINUE, a verdict (to the tunnel), or a drop reason. */
function toGateway(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const datapath = program.datapath;
  if (flow.localLabel === IDENTITY_HOST) return CONTINUE;
  const type = etherType(packet);
  const version = type < 0 ? IP_NONE : ipVersion(datapath, type);
  if (version === IP_NONE) return CONTINUE;
  const error = readIp(datapath, packet, flow, version === IP_V6);
  return error < 0 ? error : redirectToGateway(program, packet, flow);
}

/** CONTINUE, a verdict (to what encrypts), or a drop reason. */
function encrypt(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const features = program.features;
  if (features.ipsec) {
    if ((packet.mark & MARK_MAGIC_MASK) === MARK_ENCRYPT) flow.traceReason |= REASON_ENCRYPTED;
    else {
      const outcome = encryptRedirect(program, packet, flow, flow.localLabel);
      if (outcome !== CONTINUE) return outcome;
    }
  }
  if (!features.wireguard) return CONTINUE;
  if (isWireguardMark(packet.mark)) flow.traceReason |= REASON_ENCRYPTED;
  else {
    const outcome = wireguardRedirect(program, packet, flow, flow.localLabel);
    if (outcome !== CONTINUE) return outcome;
  }
  if (!features.encryptionStrictMode) return CONTINUE;
  const error = refuseUnencrypted(program, packet, flow);
  return error < 0 ? error : CONTINUE;
}
