/** from-netdev: what a native device receives. NodePort, host firewall, and delivery to the pods of this node. */
import { TC_ACT_OK } from '../engine/hooks/verdict.js';
import type { PacketContext } from '../engine/packet.js';
import * as ethernet from '../engine/wire/ethernet.js';
import * as icmpv6 from '../engine/wire/icmpv6.js';
import { INGRESS, MARK_DECRYPT, TC_INDEX_SKIP_HOST_FIREWALL, TC_INDEX_SKIP_NODEPORT } from './constants.js';
import { DROP_UNKNOWN_L3, DROP_UNSUPPORTED_L2 } from './drop-reasons.js';
import { haveEncapsulation } from './features.js';
import type { Flow } from './flow.js';
import type { ProgramInstance } from './instance.js';
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
import { answerSolicitation } from './steps/icmpv6-answers.js';
import { ASKS_POLICY, classifyIcmpv6, icmpv6Type, PASSES_FIREWALL } from './steps/icmpv6-classes.js';
import { decrypt } from './steps/ipsec.js';
import { answerAnnounced } from './steps/l2-announcements.js';
import { deliverToPod } from './steps/local-delivery.js';
import { nodePortIngress } from './steps/nodeport-ingress.js';
import { markSnatDone, TRANSFER_NO_SERVICE, TRANSFER_SNAT_DONE } from './steps/nodeport-marks.js';
import {
  drop,
  FROM_NETWORK,
  MONITOR_ALWAYS,
  REASON_ENCRYPTED,
  REASON_UNKNOWN,
  TO_STACK,
  trace,
} from './steps/notify.js';
import { CONTINUE } from './steps/outcome.js';
import { runIngress } from './steps/recirculate.js';
import { resolveSource } from './steps/source-identity.js';
import { decapsulateSrv6, isForSegment } from './steps/srv6.js';
import { takeTcIndexBit } from './steps/tc-index.js';
import { filterVlan } from './steps/vlan-filter.js';
import { isWireguard } from './steps/wireguard-redirect.js';

/** A packet arrives from the network. */
export function fromNetdev(program: ProgramInstance, packet: PacketContext): number {
  const features = program.features;
  const datapath = program.datapath;
  const vlan = filterVlan(program, packet);
  if (vlan !== CONTINUE) return vlan < 0 ? drop(program, packet, vlan, INGRESS, 0, 0, 0, 0) : vlan;
  if (features.nodePort) takeOverFromXdp(program, packet);
  const type = etherType(packet);
  if (type < 0) {
    if (features.hostFirewall) return drop(program, packet, DROP_UNSUPPORTED_L2, INGRESS, 0, 0, 0, 0);
    trace(program, packet, TO_STACK, 0, 0, 0, 0, REASON_UNKNOWN, 0, null);
    return TC_ACT_OK;
  }
  if (features.ipsec) {
    const verdict = decrypt(program, packet, datapath.flow, type);
    if (verdict < 0) return drop(program, packet, verdict, INGRESS, 0, 0, 0, 0);
    // A mark with a node id, which every decrypted-to-be packet has, does not end the program.
    if (packet.mark === MARK_DECRYPT) return TC_ACT_OK;
  }
  packet.clearControlBlock();
  packet.tcClassid = 0;
  const version = ipVersion(datapath, type);
  if (version === IP_NONE) return acceptNonIp(program, packet, type);
  const flow = datapath.flow;
  const error = readIp(datapath, packet, flow, version === IP_V6);
  if (error < 0) return drop(program, packet, error, INGRESS, 0, 0, 0, 0);
  packet.cb0 = resolveSource(program, packet, flow, 0, false);
  const source = flow.ipcacheLabel;
  const encrypted = features.wireguard && isWireguard(program, packet, flow, source);
  const reason = encrypted ? REASON_ENCRYPTED : REASON_UNKNOWN;
  trace(program, packet, FROM_NETWORK, source, 0, 0, packet.ingressIfindex, reason, MONITOR_ALWAYS, null);
  return runIngress(program, packet, flow, version === IP_V6, accept);
}

/** What the XDP program of this device has found out. */
function takeOverFromXdp(program: ProgramInstance, packet: PacketContext): void {
  packet.tcIndex &= ~TC_INDEX_SKIP_NODEPORT;
  if (!program.features.nodePortAcceleration) return;
  if ((packet.xdpMeta & TRANSFER_NO_SERVICE) !== 0) packet.tcIndex |= TC_INDEX_SKIP_NODEPORT;
  if ((packet.xdpMeta & TRANSFER_SNAT_DONE) !== 0 && haveEncapsulation(program.features))
    markSnatDone(packet);
}

function acceptNonIp(program: ProgramInstance, packet: PacketContext, type: number): number {
  const features = program.features;
  const ifindex = packet.ingressIfindex;
  trace(program, packet, FROM_NETWORK, 0, 0, 0, ifindex, REASON_UNKNOWN, MONITOR_ALWAYS, null);
  if (type === ethernet.TYPE_ARP)
    return features.l2Announcements ? answerAnnounced(program, packet) : TC_ACT_OK;
  return features.hostFirewall ? drop(program, packet, DROP_UNKNOWN_L3, INGRESS, 0, 0, 0, 0) : TC_ACT_OK;
}

/** A verdict, a drop reason, or RECIRCULATE_*. */
function accept(program: ProgramInstance, packet: PacketContext, flow: Flow, v6: boolean): number {
  const datapath = program.datapath;
  const features = program.features;
  let error = readIp(datapath, packet, flow, v6);
  if (error < 0) return error;
  error = refuseUntrackedFragments(packet, flow);
  if (error < 0) return error;
  let passesFirewall = false;
  if (v6) {
    const message = acceptIcmpv6(program, packet, flow);
    if (message !== ASKS_POLICY && message !== PASSES_FIREWALL) return message;
    passesFirewall = message === PASSES_FIREWALL;
  }
  if (!passesFirewall) {
    if (features.nodePort && !takeTcIndexBit(packet, TC_INDEX_SKIP_NODEPORT)) {
      const outcome = nodePortIngress(program, packet, flow, flow.localLabel);
      if (outcome !== CONTINUE) return outcome;
      error = readIp(datapath, packet, flow, v6);
      if (error < 0) return error;
    }
    if (features.hostFirewall && !takeTcIndexBit(packet, TC_INDEX_SKIP_HOST_FIREWALL)) {
      error = protectHost(program, packet, flow);
      if (error < 0) return error;
    }
  }
  if (v6 && features.srv6 && isForSegment(program, packet, flow)) {
    return decapsulateSrv6(program, packet, flow);
  }
  if (!features.hostRouting) return TC_ACT_OK;
  const outcome = deliverToPod(program, packet, flow, flow.localLabel, false);
  return outcome === CONTINUE ? TC_ACT_OK : outcome;
}

/** Neighbour solicitations end here; the firewall's class of the others, or a drop reason. */
function acceptIcmpv6(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const error = locateL4(packet, flow);
  if (error < 0) return error;
  const type = icmpv6Type(packet, flow);
  if (type < 0) return type;
  if (type === icmpv6.NEIGHBOUR_SOLICITATION) return answerSolicitation(program, packet, INGRESS, false);
  return program.features.hostFirewall ? classifyIcmpv6(type) : ASKS_POLICY;
}

/** Ingress policy of the host endpoint, for packets to an address of this node. 0 or a drop reason. */
function protectHost(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const enforced = hostFirewall.lookupHostIngress(program, packet, flow);
  if (enforced !== hostFirewall.ENFORCED) return enforced;
  const error = hostFirewall.refuseZeroRemote(flow);
  if (error < 0) return error;
  // Who is not in the ipcache is nobody in IPv4 and the world in IPv6.
  const startLabel = flow.family.isV6 ? flow.family.worldIdentity : 0;
  return hostFirewall.decideHostIngress(program, packet, flow, startLabel);
}
