/** SNAT mappings: the pair of entries that a translated flow has, how a port is found, how one half brings back the other. */
import { BPF_ANY, BPF_NOEXIST, type BpfMap } from '../../engine/maps/map.js';
import type { PacketContext } from '../../engine/packet.js';
import { swap16 } from '../../engine/wire/bytes.js';
import { DROP_NAT_NO_MAPPING } from '../drop-reasons.js';
import { CT_NEW, type Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import type { SnatTarget } from '../snat-target.js';
import * as nat from '../tables/nat.js';
import { writeU64 } from '../tables/u64.js';
import * as conntrack from './conntrack.js';
import { signalNatFull } from './notify.js';

/** Retries after which the agent is told that ports run out. */
const SIGNAL_THRESHOLD = 16;

/** The SNAT map of a cluster, 0 and the own one being the node's; null when the cluster has none. */
export function snatMap(program: ProgramInstance, flow: Flow, clusterId: number): BpfMap | null {
  const family = flow.family;
  if (clusterId === 0 || clusterId === program.datapath.constants.clusterId) return family.snat;
  const key = program.datapath.keys.small;
  key[0] = clusterId;
  const at = family.perClusterSnat.lookup(key, 0);
  return at < 0 ? null : family.perClusterSnat.inner(at);
}

/** `keys.nat` from the tuple (packet layout), with the given flags. NAT keys have the ports the other way round. */
export function natKey(program: ProgramInstance, flow: Flow, flags: number): Int32Array {
  const key = program.datapath.keys.nat;
  const family = flow.family;
  const tuple = flow.tuple;
  if (!family.isV6) {
    key[0] = tuple[0];
    key[1] = tuple[1];
    key[2] = (tuple[2] << 16) | (tuple[2] >>> 16);
    key[3] = flow.protocol | (flags << 8);
    return key;
  }
  for (let i = 0; i < 8; i++) key[i] = tuple[i];
  key[8] = (tuple[8] << 16) | (tuple[8] >>> 16);
  key[9] = flow.protocol | (flags << 8);
  return key;
}

/** Writes a fresh value: what the end at `end` becomes (address words, then `port` raw). */
function writeEntry(
  program: ProgramInstance,
  map: BpfMap,
  at: number,
  address: Int32Array,
  word: number,
  port: number,
  needsConntrack: number,
  addressWords: number,
): void {
  const words = map.words;
  const base = at >> 2;
  const end = base + nat.valueWords(addressWords);
  for (let i = base; i < end; i++) words[i] = 0;
  writeU64(words, base + nat.CREATED, program.datapath.clock.nowSeconds);
  words[base + nat.NEEDS_CONNTRACK] = needsConntrack;
  for (let i = 0; i < addressWords; i++) words[base + nat.ADDRESS + i] = address[word + i];
  words[base + nat.ADDRESS + addressWords] = port;
}

/** Inserts the entry for `key`; 0, or DROP_NAT_NO_MAPPING with the errno as extended error. See `writeEntry`. */
export function insertEntry(
  program: ProgramInstance,
  flow: Flow,
  map: BpfMap,
  key: Int32Array,
  flags: number,
  address: Int32Array,
  word: number,
  port: number,
  needsConntrack: number,
): number {
  const at = map.insert(key, 0, flags);
  if (at < 0) {
    flow.extendedError = at;
    return DROP_NAT_NO_MAPPING;
  }
  writeEntry(program, map, at, address, word, port, needsConntrack, flow.family.addressWords);
  return 0;
}

/** `keys.natPartner`: what answers to `keys.nat` (OUT) come as, once its source is `address` and `port` (raw). */
function incomingKey(
  program: ProgramInstance,
  flow: Flow,
  address: Int32Array,
  word: number,
  port: number,
): Int32Array {
  const out = program.datapath.keys.nat;
  const key = program.datapath.keys.natPartner;
  const meta = flow.protocol | (nat.TUPLE_IN << 8);
  if (!flow.family.isV6) {
    key[0] = address[word];
    key[1] = out[0];
    key[2] = port | (out[2] << 16);
    key[3] = meta;
    return key;
  }
  for (let i = 0; i < 4; i++) {
    key[i] = address[word + i];
    key[4 + i] = out[i];
  }
  key[8] = port | (out[8] << 16);
  key[9] = meta;
  return key;
}

/**
 * The port (raw) that the flow of `flow.tuple` (packet layout) has after SNAT to `target`: that of its mapping, or
 * of a new one. Conntrack follows the flow when the target asks for it. Below 0 a drop reason.
 */
export function mapSource(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  target: SnatTarget,
  map: BpfMap,
): number {
  const family = flow.family;
  const n = family.addressWords;
  const out = natKey(program, flow, nat.TUPLE_OUT);
  const outAt = map.lookup(out, 0);
  const needsConntrack = target.needsConntrack ? 1 : 0;
  if (target.needsConntrack) {
    const error = followFlow(program, packet, flow);
    if (error < 0) return error;
  }
  if (outAt < 0) return allocate(program, flow, target, map, needsConntrack);
  const words = map.words;
  const base = outAt >> 2;
  const port = words[base + nat.ADDRESS + n] & 0xffff;
  const partner = incomingKey(program, flow, words, base + nat.ADDRESS, port);
  let same = words[base + nat.NEEDS_CONNTRACK] === needsConntrack;
  if (words[base + nat.ADDRESS] !== target.address[0]) same = false;
  for (let i = 1; same && i < n; i++) same = words[base + nat.ADDRESS + i] === target.address[i];
  if (same) {
    if (map.lookup(partner, 0) >= 0) return port;
    const sourcePort = out[family.portsWord] >>> 16;
    const error = insertEntry(program, flow, map, partner, BPF_ANY, out, n, sourcePort, needsConntrack);
    return error < 0 ? error : port;
  }
  map.delete(out, 0);
  map.delete(partner, 0);
  return allocate(program, flow, target, map, needsConntrack);
}

/** Conntrack of the flow as it is before SNAT, seen as sent. 0 or a drop reason. */
function followFlow(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  flow.tuple[flow.family.metaWord] = flow.protocol;
  conntrack.useNodeMaps(flow);
  const status = conntrack.lookupTuple(
    program,
    packet,
    flow,
    conntrack.CT_EGRESS,
    conntrack.SCOPE_FORWARD,
    conntrack.KIND_ANY,
    0,
  );
  if (status < 0) return status;
  flow.traceReason = status;
  flow.traceMonitor = flow.monitor;
  if (status !== CT_NEW) return 0;
  return conntrack.create(program, packet, flow, conntrack.CT_EGRESS, 0, 0, 0, 0, false);
}

/** Scales 16 random bits into the target's range. */
function clamp(target: SnatTarget, value: number): number {
  return target.minimumPort + ((value * (target.maximumPort - target.minimumPort + 1)) >>> 16);
}

/**
 * Finds a free port for `keys.nat` and writes both entries. The source port is kept when it is in the range and
 * free; then a random one is tried, then those above it.
 */
function allocate(
  program: ProgramInstance,
  flow: Flow,
  target: SnatTarget,
  map: BpfMap,
  needsConntrack: number,
): number {
  const datapath = program.datapath;
  const family = flow.family;
  const n = family.addressWords;
  const out = datapath.keys.nat;
  const sourcePort = out[family.portsWord] >>> 16;
  let port = swap16(sourcePort);
  if (port < target.minimumPort || port > target.maximumPort)
    port = clamp(target, datapath.random.next() & 0xffff);
  const limit = datapath.constants.natCollisionRetries;
  const partner = incomingKey(program, flow, target.address, 0, 0);
  let retries = 0;
  let answer = DROP_NAT_NO_MAPPING;
  while (retries < limit) {
    partner[family.portsWord] = (partner[family.portsWord] & ~0xffff) | swap16(port);
    const at = map.insert(partner, 0, BPF_NOEXIST);
    if (at >= 0) {
      writeEntry(program, map, at, out, n, sourcePort, needsConntrack, n);
      answer = swap16(port);
      break;
    }
    port = clamp(target, (retries === 0 ? datapath.random.next() : port + 1) & 0xffff);
    retries++;
  }
  countRetries(flow, retries);
  if (answer >= 0) {
    const error = insertEntry(
      program,
      flow,
      map,
      out,
      BPF_NOEXIST,
      target.address,
      0,
      answer,
      needsConntrack,
    );
    if (error < 0) {
      map.delete(partner, 0);
      answer = error;
    }
  }
  if (retries > SIGNAL_THRESHOLD) signalNatFull(program, family.isV6 ? 1 : 0);
  return answer;
}

const retriesKey = new Int32Array(1);

/** Histogram of collisions; its last element counts those that gave up. */
function countRetries(flow: Flow, retries: number): void {
  const histogram = flow.family.snatRetries;
  retriesKey[0] = retries;
  const at = histogram.lookup(retriesKey, 0);
  if (at >= 0) histogram.words[at >> 2]++;
}

/**
 * What the destination of an answer to `flow.tuple` (packet layout) becomes: 0 and it stands in `keys.natPartner`
 * as source of the flow's OUT key, whose entry is restored when it is gone. Else DROP_NAT_NO_MAPPING or another
 * drop reason.
 */
export function mapDestination(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  map: BpfMap,
): number {
  const family = flow.family;
  const n = family.addressWords;
  const incoming = natKey(program, flow, nat.TUPLE_IN);
  const at = map.lookup(incoming, 0);
  if (at < 0) return DROP_NAT_NO_MAPPING;
  const words = map.words;
  const base = at >> 2;
  const needsConntrack = words[base + nat.NEEDS_CONNTRACK];
  const out = program.datapath.keys.natPartner;
  for (let i = 0; i < n; i++) {
    out[i] = incoming[n + i];
    out[n + i] = words[base + nat.ADDRESS + i];
  }
  const port = words[base + nat.ADDRESS + n] & 0xffff;
  const ports = incoming[family.portsWord];
  out[family.portsWord] = (ports >>> 16) | (port << 16);
  out[family.metaWord] = flow.protocol | (nat.TUPLE_OUT << 8);
  if (map.lookup(out, 0) < 0) {
    const error = insertEntry(program, flow, map, out, BPF_ANY, incoming, 0, ports & 0xffff, needsConntrack);
    if (error < 0) return error;
  }
  return needsConntrack === 0 ? 0 : followAnswer(program, packet, flow);
}

/** Conntrack of the answer as it is after translation; nothing is created. 0 or a drop reason. */
function followAnswer(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const family = flow.family;
  const out = program.datapath.keys.natPartner;
  const tuple = flow.tuple;
  const n = family.addressWords;
  for (let i = 0; i < n; i++) {
    tuple[i] = out[n + i];
    tuple[n + i] = out[i];
  }
  tuple[family.portsWord] = out[family.portsWord];
  tuple[family.metaWord] = flow.protocol;
  conntrack.useNodeMaps(flow);
  const status = conntrack.lookupTuple(
    program,
    packet,
    flow,
    conntrack.CT_INGRESS,
    conntrack.SCOPE_REVERSE,
    conntrack.KIND_ANY,
    0,
  );
  if (status < 0) return status;
  flow.traceReason = status;
  flow.traceMonitor = flow.monitor;
  return 0;
}
