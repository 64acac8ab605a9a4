/** The WireGuard device's programs: from-wireguard (decrypted packets arrive) and to-wireguard (packets to encrypt). */
import type { HookProgram } from '../engine/hooks/program.js';
import { TC_ACT_OK } from '../engine/hooks/verdict.js';
import type { PacketContext } from '../engine/packet.js';
import * as ethernet from '../engine/wire/ethernet.js';
import {
  EGRESS,
  INGRESS,
  MARK_IDENTITY,
  MARK_MAGIC_MASK,
  MARK_OVERLAY,
  TC_INDEX_SKIP_NODEPORT,
} from './constants.js';
import type { Flow } from './flow.js';
import type { ProgramInstance } from './instance.js';
import { etherType, IP_NONE, IP_V6, ipVersion, readIp, refuseUntrackedFragments } from './steps/headers.js';
import { ipcacheIdentity, lookupIpcacheAt, markIdentity } from './steps/identity.js';
import { deliverToPod } from './steps/local-delivery.js';
import { egressNat } from './steps/nat-egress.js';
import { nodePortIngress } from './steps/nodeport-ingress.js';
import { drop, FROM_CRYPTO, MONITOR_ALWAYS, REASON_UNKNOWN, TO_CRYPTO, trace } from './steps/notify.js';
import { CONTINUE } from './steps/outcome.js';
import { runIngress } from './steps/recirculate.js';
import { takeTcIndexBit } from './steps/tc-index.js';

/** The two programs of the WireGuard device, by their kernel names. */
export function wireguardPrograms(program: ProgramInstance): {
  readonly fromWireguard: HookProgram;
  readonly toWireguard: HookProgram;
} {
  return {
    fromWireguard: { name: 'cil_from_wireguard', run: (packet) => fromWireguard(program, packet) },
    toWireguard: { name: 'cil_to_wireguard', run: (packet) => toWireguard(program, packet) },
  };
}

/** A decrypted packet arrives; it has no link header. */
function fromWireguard(program: ProgramInstance, packet: PacketContext): number {
  const datapath = program.datapath;
  const flow = datapath.flow;
  if (program.features.nodePort) packet.tcIndex &= ~TC_INDEX_SKIP_NODEPORT;
  packet.clearControlBlock();
  const version = ipVersion(datapath, etherType(packet));
  let label = 0;
  if (version !== IP_NONE) {
    const error = readIp(datapath, packet, flow, version === IP_V6);
    if (error < 0) return drop(program, packet, error, INGRESS, 0, 0, 0, 0);
    label = senderOf(program, packet, flow);
    packet.cb0 = label;
  }
  const ifindex = packet.ingressIfindex;
  trace(program, packet, FROM_CRYPTO, label, 0, 0, ifindex, REASON_UNKNOWN, MONITOR_ALWAYS, null);
  return version === IP_NONE ? TC_ACT_OK : runIngress(program, packet, flow, version === IP_V6, accept);
}

/** The sender's identity by its address: WireGuard has checked that it is the peer's. */
function senderOf(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const datapath = program.datapath;
  if (!program.config.secctxFromIpcache) return flow.family.worldIdentity;
  const at = lookupIpcacheAt(datapath, flow.family, packet, flow.l3At + flow.family.sourceOffset, 0);
  return at < 0 ? flow.family.worldIdentity : ipcacheIdentity(datapath, at);
}

/** A verdict, a drop reason, or RECIRCULATE_*. */
function accept(program: ProgramInstance, packet: PacketContext, flow: Flow, v6: boolean): number {
  const features = program.features;
  let error = readIp(program.datapath, packet, flow, v6);
  if (error < 0) return error;
  if (!v6) {
    error = refuseUntrackedFragments(packet, flow);
    if (error < 0) return error;
  }
  if (features.nodePort && !takeTcIndexBit(packet, TC_INDEX_SKIP_NODEPORT)) {
    const outcome = nodePortIngress(program, packet, flow, flow.localLabel);
    if (outcome !== CONTINUE) return outcome;
    error = readIp(program.datapath, packet, flow, v6);
    if (error < 0) return error;
  }
  if (!features.hostRouting) return TC_ACT_OK;
  const outcome = deliverToPod(program, packet, flow, flow.localLabel, false);
  return outcome === CONTINUE ? TC_ACT_OK : outcome;
}

/** A packet is to be encrypted. Replies of this node's backends leave as the service here. */
function toWireguard(program: ProgramInstance, packet: PacketContext): number {
  const flow = program.datapath.flow;
  const magic = packet.mark & MARK_MAGIC_MASK;
  const label = magic === MARK_IDENTITY ? markIdentity(packet.mark) : 0;
  packet.clearControlBlock();
  flow.extendedError = 0;
  flow.traceReason = REASON_UNKNOWN;
  flow.traceMonitor = 0;
  const type = etherType(packet);
  const isIp = type === ethernet.TYPE_IPV4 || type === ethernet.TYPE_IPV6;
  if (program.features.nodePort && magic !== MARK_OVERLAY && isIp) {
    const outcome = egressNat(program, packet, flow, label, 0, true, TO_CRYPTO);
    if (outcome < 0) return drop(program, packet, outcome, EGRESS, label, 0, 0, flow.extendedError);
    if (outcome !== CONTINUE) return outcome;
  }
  const ifindex = program.config.interfaceIfindex;
  trace(program, packet, TO_CRYPTO, label, 0, 0, ifindex, flow.traceReason, flow.traceMonitor, null);
  return TC_ACT_OK;
}
