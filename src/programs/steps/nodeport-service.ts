/** A packet from outside to a service of this node: may it, which backend, and the way there. */
import { TC_ACT_OK } from '../../engine/hooks/verdict.js';
import type { PacketContext } from '../../engine/packet.js';
import { swap16 } from '../../engine/wire/bytes.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import { IDENTITY_HOST, TC_INDEX_SKIP_NODEPORT } from '../constants.js';
import {
  DROP_INVALID,
  DROP_INVALID_IDENTITY,
  DROP_IS_CLUSTER_IP,
  DROP_NO_SERVICE,
  DROP_NOT_IN_SRC_RANGE,
} from '../drop-reasons.js';
import { DSR_MODE_IPIP } from '../features.js';
import { CT_NEW, type Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as backends from '../tables/backends.js';
import * as ct from '../tables/conntrack.js';
import * as services from '../tables/services.js';
import * as conntrack from './conntrack.js';
import { CAPTURE_PROXY_POST } from './debug.js';
import { requestByDsr } from './dsr-request.js';
import { isLocalScope, lookupEndpoint } from './identity.js';
import { chooseBackend, translate } from './load-balancer.js';
import { isNat64Frontend, requestAsIpv6 } from './nat46-nodeport.js';
import { rememberNeighbour } from './neighbours.js';
import { answerNoService } from './no-service.js';
import { noteNoService } from './nodeport-marks.js';
import { requestBySnat } from './nodeport-remote.js';
import { debugCapture, TO_PROXY, trace } from './notify.js';
import { CONTINUE } from './outcome.js';
import { hairpinToProxy, toProxy } from './proxy.js';
import { isL7Delegate, serviceFlags, serviceRevNat } from './service-entry.js';
import { isInSourceRange } from './source-range.js';

/**
 * Admits the packet to the service and sends it on. The tuple is in packet layout, the service key at the hit. Outcomes
 * are those of `nodePortIngress`.
 */
export function toService(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  serviceAt: number,
  label: number,
): number {
  const features = program.features;
  const flags = serviceFlags(flow, serviceAt);
  if (features.sourceRangeCheck && (flags & services.SOURCE_RANGE) !== 0) {
    if (!isInSourceRange(program, flow, serviceRevNat(flow, serviceAt), flags)) return DROP_NOT_IN_SRC_RANGE;
  }
  if ((flags & services.ROUTABLE) === 0) return DROP_IS_CLUSTER_IP;
  if (features.l7LoadBalancer && (flags & services.L7_LOADBALANCER) !== 0) {
    const port = flow.family.services.words[(serviceAt >> 2) + services.L7_PROXY_PORT] & 0xffff;
    if (port !== 0) return toL7Proxy(program, packet, flow, port, label);
  }
  if (features.nat46x64 && (flags & services.NAT_46X64) !== 0 && !flow.family.isV6) {
    return requestAsIpv6(program, packet, flow, label);
  }
  return toBackend(program, packet, flow, serviceAt, flags, label);
}

/** An L7 service: the proxy on this node is to take the packet. XDP leaves that to the programs behind it. */
function toL7Proxy(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  port: number,
  label: number,
): number {
  if (program.isXdp) return CONTINUE;
  const features = program.features;
  const ifindex = program.config.interfaceIfindex;
  trace(program, packet, TO_PROXY, label, 0, swap16(port), ifindex, 0, 0, null);
  if (features.tproxy) return hairpinToProxy(program, packet, flow, port);
  const verdict = toProxy(program, packet, port);
  if (features.debug) debugCapture(program, packet, CAPTURE_PROXY_POST, port, 0);
  return verdict;
}

/** Chooses the backend and translates to it; one on this node gets the packet from the calling program. */
function toBackend(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  serviceAt: number,
  flags: number,
  label: number,
): number {
  const features = program.features;
  const family = flow.family;
  flow.frontendAddress[0] = flow.tuple[0];
  for (let i = 1; i < family.addressWords; i++) flow.frontendAddress[i] = flow.tuple[i];
  flow.frontendPort = flow.tuple[family.portsWord] >>> 16;
  const backendAt = chooseBackend(program, packet, flow, serviceAt);
  if (backendAt < 0) {
    if (backendAt !== DROP_NO_SERVICE || !features.noBackendResponse) return backendAt;
    packet.queueMapping = 0;
    return answerNoService(program, packet, flow);
  }
  const isLocal = lookupEndpoint(program.datapath, family, family.backends.words, backendAt >> 2) >= 0;
  if (isLocal && isL7Delegate(flags)) {
    packet.tcIndex |= TC_INDEX_SKIP_NODEPORT;
    return program.isXdp ? CONTINUE : TC_ACT_OK;
  }
  const usesDsr = features.dsr && forwardsByDsr(program, flow, flags);
  // The outer packet of IPIP has the backend's address. Of a local backend, too, the packet then keeps the frontend's.
  const keepsFrontend = usesDsr && features.dsrMode === DSR_MODE_IPIP;
  if (!keepsFrontend) {
    const error = translate(program, packet, flow, backendAt, flow.frontendPort);
    if (error < 0) return error;
  }
  moveTuple(flow, backendAt, keepsFrontend);
  if (!isLocal && (flags & services.HOSTPORT) !== 0) return DROP_INVALID;
  if (isLocal || !usesDsr) {
    const error = trackRequest(program, packet, flow, label);
    if (error < 0) return error;
  }
  if (!isLocal) return toRemoteBackend(program, packet, flow, flags, usesDsr);
  noteNoService(program, packet);
  return CONTINUE;
}

function toRemoteBackend(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  flags: number,
  usesDsr: boolean,
): number {
  packet.queueMapping = 0;
  if (usesDsr) return requestByDsr(program, packet, flow);
  rememberNeighbour(program, packet, flow);
  const translates = program.features.nat46x64 && (flags & services.NAT_46X64) !== 0;
  const toIpv4 = translates && isNat64Frontend(flow);
  return requestBySnat(program, packet, flow, flow.family.worldIdentity, toIpv4);
}

/** Whether a remote backend of this service gets the packet with the client's address, and answers the client itself. */
function forwardsByDsr(program: ProgramInstance, flow: Flow, flags: number): boolean {
  const features = program.features;
  if (!features.dsrHybrid) return true;
  if (features.dsrByUser) return (flags & services.FORWARDING_MODE_DSR) !== 0;
  return flow.protocol === ipv4.PROTOCOL_TCP;
}

/** The tuple follows the translation: to the backend, on its port. A packet that keeps the frontend keeps its port. */
function moveTuple(flow: Flow, backendAt: number, keepsPort: boolean): void {
  const family = flow.family;
  const words = family.backends.words;
  const word = backendAt >> 2;
  const n = family.addressWords;
  flow.tuple[0] = words[word];
  for (let i = 1; i < n; i++) flow.tuple[i] = words[word + i];
  const port = backends.port(words[word + n]);
  if (keepsPort || port === 0) return;
  flow.tuple[family.portsWord] = (flow.tuple[family.portsWord] & 0xffff) | (port << 16);
}

/** The connection from the client to the backend, so that replies find their way back through the service. */
function trackRequest(program: ProgramInstance, packet: PacketContext, flow: Flow, label: number): number {
  const features = program.features;
  const family = flow.family;
  flow.tuple[family.metaWord] = flow.protocol | (ct.TUPLE_OUT << 8);
  conntrack.useNodeMaps(flow);
  const revNat = flow.lbRevNat;
  const status = conntrack.lookupTuple(
    program,
    packet,
    flow,
    conntrack.CT_EGRESS,
    conntrack.SCOPE_FORWARD,
    conntrack.KIND_NODEPORT,
    revNat,
  );
  if (status !== CT_NEW) return status < 0 ? status : 0;
  // With SNAT between clusters the entry tells which cluster the client is in, so its identity must say so.
  if (features.interClusterSnat && (label === IDENTITY_HOST || isLocalScope(label))) {
    return DROP_INVALID_IDENTITY;
  }
  return conntrack.create(
    program,
    packet,
    flow,
    conntrack.CT_EGRESS,
    ct.FLAG_NODE_PORT,
    revNat,
    features.interClusterSnat ? label : family.worldIdentity,
    0,
    false,
  );
}
