/** The host firewall: the host endpoint's policy for what the node itself receives and sends. */
import { PACKET_HOST } from '../../engine/device.js';
import { BPF_F_INGRESS, type PacketContext } from '../../engine/packet.js';
import { swap16 } from '../../engine/wire/bytes.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import { EGRESS, IDENTITY_HOST, INGRESS } from '../constants.js';
import { DROP_INVALID_TC_BUFFER, DROP_POLICY_AUTH_REQUIRED } from '../drop-reasons.js';
import { CT_ESTABLISHED, CT_NEW, CT_RELATED, CT_REPLY, type Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as ct from '../tables/conntrack.js';
import { authenticate } from './authentication.js';
import * as conntrack from './conntrack.js';
import { locateL4, readTuple } from './headers.js';
import { ipcacheIdentity, lookupIpcacheAt } from './identity.js';
import { masquerades } from './masquerade.js';
import { TO_PROXY, trace } from './notify.js';
import { CONTINUE } from './outcome.js';
import * as policy from './policy.js';
import { toProxy } from './proxy.js';

/** Answers of the lookups, beside drop reasons. */
const NOT_ENFORCED = 0;
export const ENFORCED = 1;

/**
 * The host endpoint's ingress policy (lookup and verdict in one): 0 when it does not apply or allows, else a drop
 * reason. `startLabel` is the remote's identity where the ipcache knows none. The remote label that events and drops
 * show stands in `flow.remoteLabel` afterwards, the conntrack result in `flow.traceReason` and `flow.traceMonitor`.
 */
export function hostIngress(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  startLabel: number,
): number {
  flow.remoteLabel = startLabel;
  const enforced = lookupHostIngress(program, packet, flow);
  return enforced === ENFORCED ? decideHostIngress(program, packet, flow, startLabel) : enforced;
}

/** Looks the connection up when the packet is for the host: NOT_ENFORCED, ENFORCED, or a drop reason. */
export function lookupHostIngress(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const datapath = program.datapath;
  const family = flow.family;
  const at = lookupIpcacheAt(datapath, family, packet, flow.l3At + family.destinationOffset, 0);
  if (at < 0 || ipcacheIdentity(datapath, at) !== IDENTITY_HOST) return NOT_ENFORCED;
  return lookup(program, packet, flow, conntrack.CT_INGRESS);
}

/**
 * Looks the connection up when the host itself sends, or when the stack has masqueraded what a pod sent
 * (`ipcacheLabel` says that the source is a host address): NOT_ENFORCED, ENFORCED, or a drop reason.
 */
export function lookupHostEgress(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  sourceLabel: number,
  ipcacheLabel: number,
): number {
  if (sourceLabel !== IDENTITY_HOST) {
    if (masquerades(program, flow) || ipcacheLabel !== IDENTITY_HOST) return NOT_ENFORCED;
  }
  return lookup(program, packet, flow, conntrack.CT_EGRESS);
}

function lookup(program: ProgramInstance, packet: PacketContext, flow: Flow, direction: number): number {
  const error = locateL4(packet, flow);
  if (error < 0) return error;
  readTuple(packet, flow);
  conntrack.useNodeMaps(flow);
  const status = conntrack.lookup(program, packet, flow, direction, conntrack.SCOPE_BOTH, conntrack.KIND_ANY);
  if (status < 0) return status;
  flow.status = status;
  return ENFORCED;
}

/** Between lookup and verdict the tuple crosses a program boundary, where one without remote counts as missing. */
export function refuseZeroRemote(flow: Flow): number {
  return conntrack.lacksRemote(flow) ? DROP_INVALID_TC_BUFFER : 0;
}

/** The verdict for a packet whose lookup answered ENFORCED; see `hostIngress`. */
export function decideHostIngress(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  startLabel: number,
): number {
  const datapath = program.datapath;
  const family = flow.family;
  const status = flow.status;
  flow.traceReason = status;
  flow.traceMonitor = flow.monitor;
  const remoteAt = lookupIpcacheAt(datapath, family, packet, flow.l3At + family.sourceOffset, 0);
  const remoteLabel = remoteAt < 0 ? startLabel : ipcacheIdentity(datapath, remoteAt);
  flow.remoteLabel = remoteLabel;
  let verdict = 0;
  if (status === CT_NEW || status === CT_ESTABLISHED) {
    verdict = checkPolicy(program, packet, flow, INGRESS, remoteLabel, remoteAt);
    if (status === CT_NEW && verdict === 0) {
      const flags = flow.proxyPort !== 0 ? ct.FLAG_PROXY_REDIRECT : 0;
      const error = create(program, packet, flow, conntrack.CT_INGRESS, flags, remoteLabel);
      if (error < 0) return error;
    }
    policy.reportVerdict(program, packet, flow, remoteLabel, INGRESS, verdict);
  }
  // A packet that a pod's device redirected here is not marked as the host's own.
  packet.changeType(PACKET_HOST);
  return verdict;
}

/**
 * The verdict for a packet whose lookup answered ENFORCED: CONTINUE, a verdict (to the proxy), or a drop reason.
 * `isHost` is false for what the stack has masqueraded, which is only remembered so that replies pass.
 */
export function decideHostEgress(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  isHost: boolean,
): number {
  const datapath = program.datapath;
  const family = flow.family;
  const status = flow.status;
  flow.traceReason = status;
  flow.traceMonitor = flow.monitor;
  if (!isHost) {
    const error = status === CT_NEW ? create(program, packet, flow, conntrack.CT_EGRESS, 0, 0) : 0;
    return error < 0 ? error : CONTINUE;
  }
  if (status === CT_REPLY || status === CT_RELATED) return CONTINUE;
  const remoteAt = lookupIpcacheAt(datapath, family, packet, flow.l3At + family.destinationOffset, 0);
  const remoteLabel = remoteAt < 0 ? 0 : ipcacheIdentity(datapath, remoteAt);
  const verdict = checkPolicy(program, packet, flow, EGRESS, remoteLabel, remoteAt);
  if (status === CT_NEW && verdict === 0) {
    const flags = flow.proxyPort !== 0 ? ct.FLAG_PROXY_REDIRECT : 0;
    const error = create(program, packet, flow, conntrack.CT_EGRESS, flags, IDENTITY_HOST);
    if (error < 0) return error;
  }
  policy.reportVerdict(program, packet, flow, remoteLabel, EGRESS, verdict);
  if (verdict < 0) return verdict;
  return flow.proxyPort === 0 ? CONTINUE : hairpinToProxy(program, packet, flow);
}

/** Policy of the host endpoint with authentication. 0 or a drop reason. */
function checkPolicy(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  direction: number,
  remoteLabel: number,
  remoteAt: number,
): number {
  const verdict = policy.check(program, packet, flow, direction, IDENTITY_HOST, remoteLabel);
  if (verdict !== DROP_POLICY_AUTH_REQUIRED) return verdict;
  return authenticate(program, flow, IDENTITY_HOST, remoteLabel, remoteAt);
}

function create(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  direction: number,
  flags: number,
  sourceLabel: number,
): number {
  return conntrack.create(program, packet, flow, direction, flags, 0, sourceLabel, 0, true);
}

/** To the proxy that listens in the host's own stack, back in through cilium_host. */
function hairpinToProxy(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const constants = program.datapath.constants;
  const port = flow.proxyPort;
  const label = program.config.securityLabel;
  trace(program, packet, TO_PROXY, label, 0, swap16(port), 0, flow.traceReason, flow.traceMonitor, null);
  toProxy(program, packet, port);
  ethernet.putDestination(packet.bytes, packet.start, constants.hostMac, 0);
  return packet.redirect(constants.hostIfindex, BPF_F_INGRESS);
}
