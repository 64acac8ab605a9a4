/** What becomes of a packet for a pod: conntrack, reverse NAT of replies, ingress policy, delivery or the proxy. */
import { TC_ACT_OK } from '../../engine/hooks/verdict.js';
import type { PacketContext } from '../../engine/packet.js';
import { i32le, swap16 } from '../../engine/wire/bytes.js';
import { INGRESS, TC_INDEX_FROM_EGRESS_PROXY, TC_INDEX_FROM_INGRESS_PROXY } from '../constants.js';
import { DROP_INVALID_TC_BUFFER, DROP_POLICY_AUTH_REQUIRED } from '../drop-reasons.js';
import { CT_ESTABLISHED, CT_NEW, CT_RELATED, CT_REPLY, type Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as ct from '../tables/conntrack.js';
import { authenticate } from './authentication.js';
import * as conntrack from './conntrack.js';
import { locateL4, readIp, readTuple, rememberSource } from './headers.js';
import { lookupIpcacheAt } from './identity.js';
import { TO_LXC, TO_PROXY, trace } from './notify.js';
import { CONTINUE } from './outcome.js';
import * as policy from './policy.js';
import { reverseNat } from './reverse-nat.js';
import { isFromProxy } from './tc-index.js';

/** Answer of `decideIngress`: the packet goes to the L7 proxy at `flow.proxyPort`. */
export const TO_PROXY_PORT = CONTINUE + 16;

/** Reads the headers and looks the connection up from the receiver's side. 0 or a drop reason. */
export function trackIngress(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  v6: boolean,
): number {
  let error = readIp(program.datapath, packet, flow, v6);
  if (error < 0) return error;
  error = locateL4(packet, flow);
  if (error < 0) return error;
  readTuple(packet, flow);
  error = conntrack.useClusterMaps(program, flow, packet.cb2);
  if (error < 0) return error;
  flow.status = conntrack.lookup(
    program,
    packet,
    flow,
    conntrack.CT_INGRESS,
    conntrack.SCOPE_BOTH,
    conntrack.KIND_ANY,
  );
  return endTracking(flow);
}

/** As `trackIngress`, with the headers and the tuple that the sender's lookup on this node left. */
export function trackFromSender(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  flow.tupleRead = false;
  const error = conntrack.useClusterMaps(program, flow, packet.cb2);
  if (error < 0) return error;
  // Back to packet layout, without a direction.
  if (flow.status === CT_NEW || flow.status === CT_ESTABLISHED) conntrack.reverseTuple(flow, false);
  flow.tuple[flow.family.metaWord] &= ~(ct.TUPLE_IN << 8);
  flow.status = conntrack.lookupTuple(
    program,
    packet,
    flow,
    conntrack.CT_INGRESS,
    conntrack.SCOPE_BOTH,
    conntrack.KIND_ANY,
    0,
  );
  return endTracking(flow);
}

function endTracking(flow: Flow): number {
  // What is created from here on belongs to this node.
  conntrack.useNodeMaps(flow);
  return flow.status < 0 ? flow.status : 0;
}

/**
 * The ingress decision, shared by the policy program and to-container: TC_ACT_OK (deliver), TO_PROXY_PORT, or a
 * drop reason. `sourceLabel` is the sender's identity.
 */
export function decideIngress(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  sourceLabel: number,
  fromTunnel: boolean,
): number {
  rememberSource(packet, flow);
  if (conntrack.lacksRemote(flow)) return DROP_INVALID_TC_BUFFER;
  const status = flow.status;
  if (status === CT_REPLY || status === CT_RELATED) {
    if (returnsToProxy(program, packet, flow)) {
      flow.proxyPort = 0;
      return redirectToProxy(program, packet, flow, sourceLabel);
    }
    if (flow.entryRevNat !== 0) {
      const loopback = !flow.family.isV6 && (flow.entryFlags & ct.FLAG_LB_LOOPBACK) !== 0;
      const error = reverseNat(program, packet, flow, flow.entryRevNat, loopback);
      if (error < 0) return error;
    }
    return deliver(program, packet, flow, sourceLabel);
  }
  flow.proxyPort = 0;
  let loopback = false;
  if (isFromProxy(program, packet, TC_INDEX_FROM_INGRESS_PROXY)) {
    // The proxy has enforced the policy already.
  } else {
    loopback = isLoopback(program, packet, flow);
    if (!loopback) {
      const verdict = checkPolicy(program, packet, flow, sourceLabel);
      if (verdict < 0) return verdict;
    }
  }
  if (status === CT_NEW) {
    const error = createEntry(program, packet, flow, sourceLabel, fromTunnel, loopback);
    if (error < 0) return error;
  }
  if (flow.proxyPort !== 0) return redirectToProxy(program, packet, flow, sourceLabel);
  return deliver(program, packet, flow, sourceLabel);
}

/** The other side of this connection is a proxy of this node, so its replies go there. */
function returnsToProxy(program: ProgramInstance, packet: PacketContext, flow: Flow): boolean {
  if ((flow.entryFlags & ct.FLAG_FROM_L7_LB) !== 0) return true;
  if ((flow.entryFlags & ct.FLAG_PROXY_REDIRECT) === 0) return false;
  return !isFromProxy(program, packet, TC_INDEX_FROM_EGRESS_PROXY);
}

/** IPv4: the pod reached itself through a service; its egress entry says so. */
function isLoopback(program: ProgramInstance, packet: PacketContext, flow: Flow): boolean {
  if (flow.family.isV6 || !program.datapath.translatesPerPacket) return false;
  if (flow.status !== CT_NEW) return (flow.entryFlags & ct.FLAG_LB_LOOPBACK) !== 0;
  const source = i32le(packet.bytes, flow.l3At + flow.family.sourceOffset);
  if (source !== program.config.serviceLoopbackIpv4) return false;
  return (egressEntryFlags(program, flow) & ct.FLAG_LB_LOOPBACK) !== 0;
}

/** Flags of the entry that the sender's side made of this tuple, 0 without one. */
function egressEntryFlags(program: ProgramInstance, flow: Flow): number {
  const key = program.datapath.keys.tuple;
  const metaWord = flow.family.metaWord;
  for (let i = 0; i < metaWord; i++) key[i] = flow.tuple[i];
  key[metaWord] = flow.protocol | (ct.TUPLE_OUT << 8);
  const map = flow.conntrackMap;
  const at = map.lookup(key, 0);
  return at < 0 ? 0 : map.words[(at >> 2) + ct.FLAGS] & ct.FLAG_BITS;
}

function checkPolicy(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  sourceLabel: number,
): number {
  const label = program.config.securityLabel;
  let verdict = policy.check(program, packet, flow, INGRESS, label, sourceLabel);
  if (verdict === DROP_POLICY_AUTH_REQUIRED) {
    const sourceAt = flow.l3At + flow.family.sourceOffset;
    const ipcacheAt = lookupIpcacheAt(program.datapath, flow.family, packet, sourceAt, 0);
    if (ipcacheAt < 0) flow.authType = 0;
    else verdict = authenticate(program, flow, label, sourceLabel, ipcacheAt);
  }
  policy.reportVerdict(program, packet, flow, sourceLabel, INGRESS, verdict);
  return verdict;
}

function createEntry(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  sourceLabel: number,
  fromTunnel: boolean,
  loopback: boolean,
): number {
  const features = program.features;
  let flags =
    (loopback ? ct.FLAG_LB_LOOPBACK : 0) |
    (flow.proxyPort !== 0 ? ct.FLAG_PROXY_REDIRECT : 0) |
    (fromTunnel ? ct.FLAG_FROM_TUNNEL : 0);
  if (features.nodePort && (features.ipsec || (features.srv6 && !flow.family.isV6))) {
    flags |= egressEntryFlags(program, flow) & ct.FLAG_NODE_PORT;
  }
  return conntrack.create(program, packet, flow, conntrack.CT_INGRESS, flags, 0, sourceLabel, 0, true);
}

function deliver(program: ProgramInstance, packet: PacketContext, flow: Flow, sourceLabel: number): number {
  const config = program.config;
  trace(
    program,
    packet,
    TO_LXC,
    sourceLabel,
    config.securityLabel,
    config.endpointId,
    config.interfaceIfindex,
    flow.status,
    flow.monitor,
    flow,
  );
  return TC_ACT_OK;
}

function redirectToProxy(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  sourceLabel: number,
): number {
  const config = program.config;
  trace(
    program,
    packet,
    TO_PROXY,
    sourceLabel,
    config.securityLabel,
    swap16(flow.proxyPort),
    config.interfaceIfindex,
    flow.status,
    flow.monitor,
    flow,
  );
  return TO_PROXY_PORT;
}
