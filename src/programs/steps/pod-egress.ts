/** What becomes of a packet that a pod sent, after service translation: conntrack, egress policy, then its route. */
import type { PacketContext } from '../../engine/packet.js';
import { swap16 } from '../../engine/wire/bytes.js';
import { EGRESS } from '../constants.js';
import { DROP_INVALID_TC_BUFFER, DROP_POLICY_AUTH_REQUIRED } from '../drop-reasons.js';
import { CT_ESTABLISHED, CT_NEW, CT_RELATED, CT_REPLY, type Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as ct from '../tables/conntrack.js';
import { authenticate } from './authentication.js';
import * as conntrack from './conntrack.js';
import { DEBUG_L7_LB, debugIdentity, shownWord } from './debug.js';
import { isPortProtocol } from './fragments.js';
import { readTuple } from './headers.js';
import { ipcacheIdentity, lookupIpcache } from './identity.js';
import { replyFromNodePort } from './nodeport-reply.js';
import { debug, drop, MONITOR_ALWAYS, TO_NETWORK, TO_PROXY, trace } from './notify.js';
import { destinationWord, routePodPacket } from './pod-routes.js';
import * as policy from './policy.js';
import { toProxy } from './proxy.js';

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
  if (program.features.debug) debugRemote(program, packet, flow, ipcacheAt, destinationLabel);
  if (conntrack.lacksRemote(flow))
    return dropEgress(program, packet, flow, DROP_INVALID_TC_BUFFER, destinationLabel);

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
  const verdict = routePodPacket(program, packet, flow, ipcacheAt, destinationLabel, proxyPort, fromL7Lb);
  return verdict < 0 ? dropEgress(program, packet, flow, verdict, destinationLabel) : verdict;
}

function debugRemote(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  ipcacheAt: number,
  identity: number,
): void {
  const reverse = flow.status === CT_REPLY || flow.status === CT_RELATED;
  debugIdentity(program, packet, flow.family, shownWord(flow, !reverse), ipcacheAt >= 0, identity);
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
