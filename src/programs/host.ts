/**
 * The node's programs: on native devices (from-netdev, to-netdev), on cilium_host and cilium_net (from-host, to-host),
 * and the host endpoint's policy, which pods' programs call.
 */
import { PACKET_HOST } from '../engine/device.js';
import type { HookProgram } from '../engine/hooks/program.js';
import { TC_ACT_OK } from '../engine/hooks/verdict.js';
import type { PacketContext } from '../engine/packet.js';
import * as ethernet from '../engine/wire/ethernet.js';
import {
  EGRESS,
  IDENTITY_HOST,
  INGRESS,
  MARK_ENCRYPT,
  MARK_MAGIC_MASK,
  MARK_PROXY_TO_WORLD,
  MARK_TO_PROXY,
} from './constants.js';
import { DROP_EP_NOT_READY, DROP_UNKNOWN_L3, DROP_UNSUPPORTED_L2 } from './drop-reasons.js';
import type { Flow } from './flow.js';
import { fromHost } from './from-host.js';
import { fromNetdev } from './from-netdev.js';
import type { ProgramInstance } from './instance.js';
import { CAPTURE_PROXY_POST } from './steps/debug.js';
import { etherType, IP_NONE, IP_V6, ipVersion, readIp } from './steps/headers.js';
import * as hostFirewall from './steps/host-firewall.js';
import { egressNat } from './steps/nat-egress.js';
import {
  debugCapture,
  drop,
  MONITOR_ALWAYS,
  REASON_UNKNOWN,
  TO_NETWORK,
  TO_STACK,
  trace,
} from './steps/notify.js';
import { CONTINUE } from './steps/outcome.js';
import { proxyMark } from './steps/proxy.js';
import { TAIL_CALL_FAILED, tailCall } from './steps/tail-call.js';
import { toNetdev } from './to-netdev.js';

/** The five programs of the node, by their kernel names. */
export function hostPrograms(program: ProgramInstance): {
  readonly fromNetdev: HookProgram;
  readonly toNetdev: HookProgram;
  readonly fromHost: HookProgram;
  readonly toHost: HookProgram;
  readonly hostPolicy: HookProgram;
} {
  return {
    fromNetdev: { name: 'cil_from_netdev', run: (packet) => fromNetdev(program, packet) },
    toNetdev: { name: 'cil_to_netdev', run: (packet) => toNetdev(program, packet) },
    fromHost: { name: 'cil_from_host', run: (packet) => fromHost(program, packet) },
    toHost: { name: 'cil_to_host', run: (packet) => toHost(program, packet) },
    hostPolicy: { name: 'cil_host_policy', run: (packet) => hostPolicy(program, packet) },
  };
}

/** A packet arrives at the host through cilium_net or cilium_host. */
function toHost(program: ProgramInstance, packet: PacketContext): number {
  const datapath = program.datapath;
  const features = program.features;
  const flow = datapath.flow;
  let magic = packet.cb0;
  const markMagic = packet.mark & MARK_MAGIC_MASK;
  if (markMagic === MARK_ENCRYPT || markMagic === MARK_TO_PROXY) magic = packet.mark;
  let label = 0;
  const encrypts = (magic & MARK_MAGIC_MASK) === MARK_ENCRYPT;
  if (encrypts) {
    packet.mark = magic;
    label = packet.cb4;
  } else if ((magic & 0xffff) === MARK_TO_PROXY) {
    packet.cb0 = 0;
    packet.mark = proxyMark(magic >>> 16);
    packet.changeType(PACKET_HOST);
    if (features.debug) debugCapture(program, packet, CAPTURE_PROXY_POST, magic >>> 16, 0);
    return TC_ACT_OK;
  }
  flow.extendedError = 0;
  flow.traceReason = REASON_UNKNOWN;
  flow.traceMonitor = 0;
  const type = etherType(packet);
  if (features.ipsec) {
    packet.changeType(PACKET_HOST);
    const isNet = program.config.interfaceIfindex === datapath.constants.netIfindex;
    if (!features.tunnelMode && packet.mark === 0 && isNet) packet.mark = MARK_PROXY_TO_WORLD;
    if (features.nodePort && (packet.mark & MARK_MAGIC_MASK) === MARK_ENCRYPT && type >= 0) {
      const outcome = egressNat(program, packet, flow, label, 0, true, TO_NETWORK);
      if (outcome < 0) return drop(program, packet, outcome, INGRESS, label, 0, 0, flow.extendedError);
      if (outcome !== CONTINUE) return outcome;
    }
  }
  if (features.hostFirewall) {
    if (type < 0) return drop(program, packet, DROP_UNSUPPORTED_L2, INGRESS, label, 0, 0, 0);
    const version = ipVersion(datapath, type);
    if (version !== IP_NONE) return enterHost(program, packet, flow, version === IP_V6, label);
    if (type !== ethernet.TYPE_ARP) return drop(program, packet, DROP_UNKNOWN_L3, INGRESS, label, 0, 0, 0);
  }
  const ifindex = datapath.constants.hostIfindex;
  trace(program, packet, TO_STACK, label, 0, 0, ifindex, REASON_UNKNOWN, 0, null);
  return TC_ACT_OK;
}

/** Ingress policy of the host endpoint for what reaches the host from its pods. */
function enterHost(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  v6: boolean,
  label: number,
): number {
  const datapath = program.datapath;
  flow.traceReason = REASON_UNKNOWN;
  flow.traceMonitor = v6 ? 0 : MONITOR_ALWAYS;
  packet.cb0 = label;
  packet.cb1 = 0;
  const error = admit(program, packet, flow, v6, label);
  const remote = flow.remoteLabel;
  if (error < 0) return drop(program, packet, error, INGRESS, remote, 0, 0, flow.extendedError);
  const ifindex = datapath.constants.hostIfindex;
  trace(program, packet, TO_STACK, remote, 0, 0, ifindex, flow.traceReason, flow.traceMonitor, null);
  return TC_ACT_OK;
}

/** Host ingress policy from the IP header on. 0 or a drop reason. */
function admit(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  v6: boolean,
  label: number,
): number {
  flow.remoteLabel = label;
  const error = readIp(program.datapath, packet, flow, v6);
  return error < 0 ? error : hostFirewall.hostIngress(program, packet, flow, label);
}

/**
 * The host endpoint's policy for pods with endpoint routes: cb[3] says whether the packet goes from the host to the pod
 * whose id cb[0] holds, or from the pod to the host.
 */
function hostPolicy(program: ProgramInstance, packet: PacketContext): number {
  if (!program.features.hostFirewall) return TC_ACT_OK;
  program.datapath.flow.extendedError = 0;
  return packet.cb3 !== 0 ? fromHostToPod(program, packet) : fromPodToHost(program, packet);
}

function fromHostToPod(program: ProgramInstance, packet: PacketContext): number {
  const datapath = program.datapath;
  const flow = datapath.flow;
  const lxcId = packet.cb0 & 0xffff;
  const outcome = checkEgress(program, packet, flow);
  if (outcome < 0) return drop(program, packet, outcome, EGRESS, IDENTITY_HOST, 0, 0, flow.extendedError);
  packet.cb0 = IDENTITY_HOST;
  packet.cb1 = 0;
  packet.cb2 = 0;
  packet.cb3 = 1;
  packet.cb4 = 0;
  const called = tailCall(datapath, datapath.callPolicy, packet, lxcId);
  if (called !== TAIL_CALL_FAILED) return called;
  return drop(program, packet, DROP_EP_NOT_READY, EGRESS, IDENTITY_HOST, 0, 0, 0);
}

/** Host egress policy; that it wants the packet at a proxy is not heeded here. A drop reason, or anything else. */
function checkEgress(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const type = etherType(packet);
  if (type < 0) return DROP_UNSUPPORTED_L2;
  const version = ipVersion(program.datapath, type);
  if (version === IP_NONE) return type === ethernet.TYPE_ARP ? 0 : DROP_UNKNOWN_L3;
  const error = readIp(program.datapath, packet, flow, version === IP_V6);
  if (error < 0) return error;
  const enforced = hostFirewall.lookupHostEgress(program, packet, flow, IDENTITY_HOST, 0);
  if (enforced !== hostFirewall.ENFORCED) return enforced;
  return hostFirewall.decideHostEgress(program, packet, flow, true);
}

function fromPodToHost(program: ProgramInstance, packet: PacketContext): number {
  const flow = program.datapath.flow;
  const label = packet.cb0;
  const type = etherType(packet);
  if (type < 0) return drop(program, packet, DROP_UNSUPPORTED_L2, INGRESS, label, 0, 0, 0);
  const version = ipVersion(program.datapath, type);
  if (version === IP_NONE) {
    if (type === ethernet.TYPE_ARP) return TC_ACT_OK;
    return drop(program, packet, DROP_UNKNOWN_L3, INGRESS, label, 0, 0, 0);
  }
  packet.cb0 = 0;
  packet.cb1 = 1;
  const error = admit(program, packet, flow, version === IP_V6, label);
  if (error >= 0) return TC_ACT_OK;
  return drop(program, packet, error, INGRESS, flow.remoteLabel, 0, 0, flow.extendedError);
}
