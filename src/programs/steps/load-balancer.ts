/** Service load balancing: finding the service, its connection, a backend, and translating to it. */
import { BPF_NOEXIST } from '../../engine/maps/map.js';
import type { PacketContext } from '../../engine/packet.js';
import * as ports from '../../engine/wire/ports.js';
import * as tcp from '../../engine/wire/tcp.js';
import { DROP_NO_SERVICE } from '../drop-reasons.js';
import { CT_NEW, type Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as backends from '../tables/backends.js';
import * as ct from '../tables/conntrack.js';
import * as services from '../tables/services.js';
import { addressKey, bindBackend, boundBackend } from './affinity.js';
import * as conntrack from './conntrack.js';
import { debugLoadBalancer, LB_BACKEND_MISSING, LB_SLOT, LB_SLOT_MISSING } from './debug.js';
import { maglevBackend } from './maglev.js';
import * as rewrite from './rewrite.js';
import { lookupBackend, serviceRevNat } from './service-entry.js';

const SELECTION_MAGLEV = 2;
const SELECTION_FIRST = 3;

/**
 * Finds the service of the tuple's destination (daddr, sport: packet layout). With `switchScope` a service of two
 * scopes answers with its internal one. Offset of the service's value, or -1. Leaves the key as it was at the hit,
 * since the slots are looked up with it.
 */
export function lookupService(program: ProgramInstance, flow: Flow, switchScope: boolean): number {
  const family = flow.family;
  const key = program.datapath.keys.service;
  const n = family.addressWords;
  const portWord = n;
  const protocolWord = n + 1;
  key[0] = flow.tuple[0];
  for (let i = 1; i < n; i++) key[i] = flow.tuple[i];
  key[portWord] = flow.tuple[family.portsWord] >>> 16;
  const protocol = program.features.serviceProtocolDifferentiation ? flow.protocol : 0;
  key[protocolWord] = protocol | (services.SCOPE_EXTERNAL << 8);
  const at = lookupWithAnyProtocol(program, flow, protocol, services.SCOPE_EXTERNAL);
  if (at < 0 || !switchScope) return at;
  if ((family.services.words[(at >> 2) + services.FLAGS] & services.TWO_SCOPES) === 0) return at;
  return lookupWithAnyProtocol(program, flow, protocol, services.SCOPE_INTERNAL);
}

function lookupWithAnyProtocol(
  program: ProgramInstance,
  flow: Flow,
  protocol: number,
  scope: number,
): number {
  const key = program.datapath.keys.service;
  const map = flow.family.services;
  const protocolWord = flow.family.addressWords + 1;
  key[protocolWord] = protocol | (scope << 8);
  const at = map.lookup(key, 0);
  if (at >= 0 || protocol === 0) return at;
  key[protocolWord] = scope << 8;
  return map.lookup(key, 0);
}

/**
 * The backend that this packet of a service goes to: offset in the backend map, or a drop reason. Keeps the
 * service's conntrack entry, session affinity and active-connection counters. The tuple is in packet layout.
 */
export function chooseBackend(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  serviceAt: number,
): number {
  const family = flow.family;
  const serviceWords = family.services.words;
  const serviceWord = serviceAt >> 2;
  const count = serviceWords[serviceWord + services.COUNT_AND_REV_NAT] & 0xffff;
  const revNat = serviceRevNat(flow, serviceAt);
  const features = program.features;
  const affinity =
    features.sessionAffinity && (serviceWords[serviceWord + services.FLAGS] & services.AFFINITY) !== 0;
  flow.tuple[family.metaWord] = flow.protocol | (ct.TUPLE_SERVICE << 8);
  conntrack.useNodeMaps(flow);
  const status = conntrack.lookupTuple(
    program,
    packet,
    flow,
    conntrack.CT_SERVICE,
    conntrack.SCOPE_REVERSE,
    conntrack.KIND_SERVICE,
    revNat,
  );
  if (status < 0) return status;
  let backendId = 0;
  let backendAt = -1;
  if (status === CT_NEW) {
    if (count === 0) return DROP_NO_SERVICE;
    if (affinity) {
      backendId = boundBackend(program, family, addressKey(program, flow, revNat), serviceAt, revNat);
      if (backendId !== 0) backendAt = findBackend(program, packet, flow, backendId);
    }
    if (backendAt < 0) {
      backendId = selectBackend(program, packet, flow, serviceAt, count, revNat);
      backendAt = findBackend(program, packet, flow, backendId);
      if (backendAt < 0) return DROP_NO_SERVICE;
    }
    const error = conntrack.create(
      program,
      packet,
      flow,
      conntrack.CT_SERVICE,
      0,
      revNat,
      0,
      backendId,
      false,
    );
    if (error < 0) return error;
    if (features.activeConnectionTracking) countOpened(program, flow, backendAt, revNat);
  } else {
    const entryAt = flow.entryAt;
    backendId = flow.entryBackendId;
    backendAt = findBackend(program, packet, flow, backendId);
    const isSyn = (flow.tcpFlags & tcp.SYN) !== 0;
    if (features.activeConnectionTracking && backendAt >= 0) {
      if (isSyn) countOpened(program, flow, backendAt, revNat);
      else if ((flow.tcpFlags & (tcp.FIN | tcp.RST)) !== 0) countClosed(program, flow, backendAt, revNat);
    }
    if (backendAt < 0 || (isSyn && !isActive(flow, backendAt))) {
      if (count === 0) return DROP_NO_SERVICE;
      backendId = selectBackend(program, packet, flow, serviceAt, count, revNat);
      backendAt = findBackend(program, packet, flow, backendId);
      if (backendAt < 0) return DROP_NO_SERVICE;
      const entryWord = entryAt >> 2;
      const words = flow.conntrackMap.words;
      words[entryWord + ct.BACKEND_ID] = backendId;
      words[entryWord + ct.BACKEND_ID + 1] = 0;
      words[entryWord + ct.FLAGS] = (words[entryWord + ct.FLAGS] & ct.FLAG_BITS) | (revNat << 16);
    }
  }
  if (affinity) bindBackend(program, family, addressKey(program, flow, revNat), backendId);
  flow.lbRevNat = revNat;
  if (features.clusterAwareAddressing) {
    flow.lbClusterId = backends.clusterId(family.backends.words[(backendAt >> 2) + family.addressWords + 1]);
  }
  return backendAt;
}

function isActive(flow: Flow, backendAt: number): boolean {
  const word = flow.family.backends.words[(backendAt >> 2) + flow.family.addressWords];
  return backends.state(word) === backends.STATE_ACTIVE;
}

function findBackend(program: ProgramInstance, packet: PacketContext, flow: Flow, id: number): number {
  const at = lookupBackend(program, flow.family, id);
  if (at < 0 && program.features.debug) debugLoadBalancer(program, packet, flow, LB_BACKEND_MISSING, id, 0);
  return at;
}

/** Id of a backend by the node's or the service's algorithm; 0 when there is none. The service key is at the hit. */
function selectBackend(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  serviceAt: number,
  count: number,
  revNat: number,
): number {
  const datapath = program.datapath;
  const features = program.features;
  let algorithm = program.kind === 'lxc' ? services.ALGORITHM_RANDOM : features.backendSelection;
  if (features.backendSelectionPerService) {
    const word = flow.family.services.words[(serviceAt >> 2) + services.AFFINITY_AND_ALGORITHM];
    algorithm = word >>> services.ALGORITHM_SHIFT;
    if (algorithm !== services.ALGORITHM_RANDOM && algorithm !== services.ALGORITHM_MAGLEV) return 0;
  }
  if (algorithm === SELECTION_MAGLEV) return maglevBackend(program, flow, serviceAt, revNat);
  const slot = algorithm === SELECTION_FIRST ? 1 : ((datapath.random.next() >>> 0) % count) + 1;
  const key = datapath.keys.service;
  const portWord = flow.family.addressWords;
  key[portWord] = (key[portWord] & 0xffff) | (slot << 16);
  if (features.debug) debugLoadBalancer(program, packet, flow, LB_SLOT, slot, key[portWord] & 0xffff);
  const at = flow.family.services.lookup(key, 0);
  if (at < 0) {
    if (features.debug)
      debugLoadBalancer(program, packet, flow, LB_SLOT_MISSING, slot, key[portWord] & 0xffff);
    return 0;
  }
  return flow.family.services.words[(at >> 2) + services.BACKEND_ID];
}

/** Key of the active-connection counters of (service, zone), or null for a backend without zone. */
function activeKey(
  program: ProgramInstance,
  flow: Flow,
  backendAt: number,
  revNat: number,
): Int32Array | null {
  const zone = backends.zone(flow.family.backends.words[(backendAt >> 2) + flow.family.addressWords + 1]);
  if (zone === 0) return null;
  const key = program.datapath.keys.small;
  key[0] = revNat | (zone << 16);
  return key;
}

function countOpened(program: ProgramInstance, flow: Flow, backendAt: number, revNat: number): void {
  const key = activeKey(program, flow, backendAt, revNat);
  if (key === null) return;
  const map = program.datapath.activeConnections;
  let at = map.lookup(key, 0);
  if (at < 0) at = map.insert(key, 0, BPF_NOEXIST);
  if (at >= 0) map.words[at >> 2]++;
}

function countClosed(program: ProgramInstance, flow: Flow, backendAt: number, revNat: number): void {
  const key = activeKey(program, flow, backendAt, revNat);
  if (key === null) return;
  const map = program.datapath.activeConnections;
  const at = map.lookup(key, 0);
  if (at >= 0) map.words[(at >> 2) + 1]++;
}

/**
 * Rewrites the packet to the backend: destination address and port, and for loopback the source address.
 * `servicePort` is raw. 0 or a drop reason; what was rewritten before the fault stays.
 */
export function translate(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  backendAt: number,
  servicePort: number,
): number {
  const family = flow.family;
  const words = family.backends.words;
  const word = backendAt >> 2;
  let difference = rewrite.putAddress(packet, flow, flow.l3At + family.destinationOffset, words, word, 0);
  if (flow.lbLoopback && program.config.serviceLoopbackIpv4 !== 0) {
    const key = program.datapath.keys.small;
    key[0] = program.config.serviceLoopbackIpv4;
    difference = rewrite.putAddress(packet, flow, flow.l3At + family.sourceOffset, key, 0, difference);
  }
  rewrite.correctHeader(packet, flow, difference);
  if (flow.isLaterFragment) return 0;
  const error = rewrite.correctL4(packet, flow, difference);
  if (error < 0) return error;
  const port = backends.port(words[word + family.addressWords]);
  if (port === 0 || port === servicePort) return 0;
  return rewrite.putPort(packet, flow, ports.DESTINATION_PORT_OFFSET, port);
}
