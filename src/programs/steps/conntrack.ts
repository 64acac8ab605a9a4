/**
 * Conntrack lookup and creation, as Cilium keeps connections: per direction, with the reverse tuple tried first,
 * a related entry for ICMP errors, and lifetimes that only the garbage collector enforces.
 */
import { BPF_ANY, type BpfMap } from '../../engine/maps/map.js';
import type { MapOfMaps } from '../../engine/maps/map-of-maps.js';
import type { PacketContext } from '../../engine/packet.js';
import * as icmp from '../../engine/wire/icmp.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as tcp from '../../engine/wire/tcp.js';
import { EGRESS, INGRESS, SERVICE } from '../constants.js';
import {
  DROP_CT_CREATE_FAILED,
  DROP_CT_INVALID_HDR,
  DROP_CT_NO_MAP_FOUND,
  DROP_CT_UNKNOWN_PROTO,
  DROP_INVALID,
} from '../drop-reasons.js';
import { CT_ESTABLISHED, CT_NEW, CT_RELATED, CT_REPLY, type Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as entry from '../tables/conntrack.js';
import { addU64 } from '../tables/u64.js';
import {
  debugConntrackCreated,
  debugConntrackLookup,
  debugConntrackMatch,
  debugConntrackVerdict,
} from './debug.js';
import { isPortProtocol, loadPorts } from './fragments.js';
import * as icmpKinds from './icmp-kinds.js';
import { signalConntrackFull } from './notify.js';

/** Whose view of the connection. The numbers are those of debug events. */
export const CT_EGRESS = 0;
export const CT_INGRESS = 1;
export const CT_SERVICE = 2;

export const SCOPE_FORWARD = 0;
export const SCOPE_REVERSE = 1;
export const SCOPE_BOTH = 2;

/** Kinds of entry that a lookup accepts; another kind counts as no entry. */
export const KIND_ANY = 0;
export const KIND_NODEPORT = 1;
export const KIND_DSR = 2;
export const KIND_SERVICE = 3;
export const KIND_NODEPORT_OR_DSR = 4;

const MONITOR = 128;

const ACTION_NONE = 0;
const ACTION_CREATE = 1;
const ACTION_CLOSE = 2;

/** Metric reason of a fragment that conntrack looked at. */
const REASON_FRAGMENT = 9;

/** Chooses the node's own conntrack maps for the flow's protocol: TCP has its own. */
export function useNodeMaps(flow: Flow): void {
  const family = flow.family;
  flow.conntrackMap = flow.protocol === ipv4.PROTOCOL_TCP ? family.conntrackTcp : family.conntrackAny;
  flow.relatedMap = family.conntrackAny;
}

/**
 * Chooses the conntrack maps of a remote cluster, so that pods of one address in two clusters do not mix; the
 * node's own for cluster 0 and its own cluster. 0 or DROP_CT_NO_MAP_FOUND.
 */
export function useClusterMaps(program: ProgramInstance, flow: Flow, clusterId: number): number {
  useNodeMaps(flow);
  if (!program.features.clusterAwareAddressing) return 0;
  if (clusterId === 0 || clusterId === program.datapath.constants.clusterId) return 0;
  const family = flow.family;
  const any = innerMap(program, family.perClusterConntrackAny, clusterId);
  const tcpMap = innerMap(program, family.perClusterConntrackTcp, clusterId);
  if (any === null || tcpMap === null) return DROP_CT_NO_MAP_FOUND;
  flow.conntrackMap = flow.protocol === ipv4.PROTOCOL_TCP ? tcpMap : any;
  flow.relatedMap = any;
  return 0;
}

function innerMap(program: ProgramInstance, outer: MapOfMaps, clusterId: number): BpfMap | null {
  const key = program.datapath.keys.small;
  key[0] = clusterId;
  const at = outer.lookup(key, 0);
  return at < 0 ? null : outer.inner(at);
}

function metricDirection(direction: number): number {
  if (direction === CT_SERVICE) return SERVICE;
  return direction === CT_EGRESS ? EGRESS : INGRESS;
}

/**
 * Ports, or what stands for them in an ICMP message, into the tuple (packet layout), and RELATED for an ICMP
 * error. 0 or a drop reason.
 */
export function extractPorts(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  direction: number,
): number {
  if (isPortProtocol(program, flow.protocol)) {
    return loadPorts(program, packet, flow, metricDirection(direction));
  }
  if (flow.protocol !== flow.family.icmpProtocol) return DROP_CT_UNKNOWN_PROTO;
  if (flow.isFragment) return DROP_INVALID;
  const at = flow.l4At;
  if (at + 1 > packet.end) return DROP_CT_INVALID_HDR;
  const kind = icmpKinds.classify(flow.family, icmp.type(packet.bytes, at));
  const words = flow.tuple;
  const portsWord = flow.family.portsWord;
  words[portsWord] = 0;
  if (kind === icmpKinds.ERROR) {
    words[flow.family.metaWord] |= entry.TUPLE_RELATED << 8;
  } else if (kind !== icmpKinds.OTHER) {
    if (at + 6 > packet.end) return DROP_CT_INVALID_HDR;
    const identifier = icmp.identifierRaw(packet.bytes, at);
    words[portsWord] = kind === icmpKinds.ECHO_REQUEST ? identifier : identifier << 16;
  }
  return 0;
}

/** Swaps the tuple's addresses and ports; with `flip` its IN bit too. */
export function reverseTuple(flow: Flow, flip: boolean): void {
  const words = flow.tuple;
  if (!flow.family.isV6) {
    const word = words[0];
    words[0] = words[1];
    words[1] = word;
    words[2] = (words[2] << 16) | (words[2] >>> 16);
    if (flip) words[3] ^= entry.TUPLE_IN << 8;
    return;
  }
  for (let i = 0; i < 4; i++) {
    const word = words[i];
    words[i] = words[i + 4];
    words[i + 4] = word;
  }
  const ports = words[flow.family.portsWord];
  words[flow.family.portsWord] = (ports << 16) | (ports >>> 16);
  if (flip) words[flow.family.metaWord] ^= entry.TUPLE_IN << 8;
}

/**
 * Whether the packet (tuple filled, without ports) answers a connection that came in: 1 or 0, or a drop reason of the
 * ports. Nothing is counted or refreshed.
 */
export function isReply(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const words = flow.tuple;
  const metaWord = flow.family.metaWord;
  words[metaWord] = flow.protocol;
  const error = extractPorts(program, packet, flow, CT_EGRESS);
  if (error < 0) return error;
  words[metaWord] = flow.protocol | (entry.TUPLE_IN << 8);
  useNodeMaps(flow);
  return flow.conntrackMap.lookup(words, 0) >= 0 ? 1 : 0;
}

/**
 * Looks the flow's connection up. The tuple holds the packet's addresses and protocol in packet layout; ports
 * are loaded here. Answers CT_NEW..CT_RELATED or a drop reason; fills the flow's `entry*` and `monitor`. The
 * tuple stays in the layout of the last probe: forward for NEW and ESTABLISHED, packet layout for REPLY.
 */
export function lookup(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  direction: number,
  scope: number,
  kind: number,
): number {
  const words = flow.tuple;
  const metaWord = flow.family.metaWord;
  // The reverse direction is tried first, so the tuple starts with the other side's bit.
  const flags =
    scope === SCOPE_FORWARD
      ? direction === CT_EGRESS
        ? entry.TUPLE_OUT
        : entry.TUPLE_IN
      : direction === CT_EGRESS
        ? entry.TUPLE_IN
        : entry.TUPLE_OUT;
  words[metaWord] = flow.protocol | (flags << 8);
  const error = extractPorts(program, packet, flow, direction);
  if (error < 0) return error;
  return lookupTuple(program, packet, flow, direction, scope, kind, 0);
}

/**
 * As `lookup`, for a tuple that has its ports and flags already. `wantedRevNat` is what KIND_SERVICE must carry
 * (KIND_NODEPORT: 0 accepts any).
 */
export function lookupTuple(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  direction: number,
  scope: number,
  kind: number,
  wantedRevNat: number,
): number {
  const datapath = program.datapath;
  if (flow.isFragment && flow.family.fragmentTracking) {
    datapath.metrics.count(REASON_FRAGMENT, metricDirection(direction), packet.end - packet.start);
  }
  let action = ACTION_NONE;
  flow.tcpFlags = 0;
  const isTcp = flow.protocol === ipv4.PROTOCOL_TCP;
  if (isTcp && !flow.isLaterFragment) {
    if (flow.l4At + 14 > packet.end) return DROP_CT_INVALID_HDR;
    const flags = tcp.flags(packet.bytes, flow.l4At);
    flow.tcpFlags = flags;
    if ((flags & (tcp.FIN | tcp.RST)) !== 0) action = ACTION_CLOSE;
    else if ((flags & tcp.SYN) !== 0) action = ACTION_CREATE;
  }
  if (scope === SCOPE_FORWARD) reverseTuple(flow, false);
  if (program.features.debug) debugConntrackLookup(program, packet, flow, direction, scope);
  flow.monitor = 0;
  flow.entryFlags = 0;
  flow.entryRevNat = 0;
  let status: number;
  if (scope !== SCOPE_FORWARD) {
    if (probe(program, packet, flow, direction, action, kind, wantedRevNat)) {
      status = (flow.tuple[flow.family.metaWord] & (entry.TUPLE_RELATED << 8)) !== 0 ? CT_RELATED : CT_REPLY;
      if (program.features.debug) debugConntrackVerdict(program, packet, status, flow.entryRevNat);
      return status;
    }
    if (scope === SCOPE_REVERSE) {
      if (program.features.debug) debugConntrackVerdict(program, packet, CT_NEW, wantedRevNat);
      return CT_NEW;
    }
    reverseTuple(flow, true);
  }
  status = probe(program, packet, flow, direction, action, kind, wantedRevNat) ? CT_ESTABLISHED : CT_NEW;
  if (program.features.debug) {
    debugConntrackVerdict(program, packet, status, status === CT_NEW ? wantedRevNat : flow.entryRevNat);
  }
  return status;
}

/** One probe with the tuple as it stands: finds, counts, refreshes, closes or reopens the entry. True for a hit. */
function probe(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  direction: number,
  action: number,
  kind: number,
  wantedRevNat: number,
): boolean {
  flow.entryAt = -1;
  const map = flow.conntrackMap;
  const at = map.lookup(flow.tuple, 0);
  if (at < 0) {
    flow.monitor = MONITOR;
    return false;
  }
  const words = map.words;
  const base = at >> 2;
  const flagsWord = words[base + entry.FLAGS];
  const revNat = flagsWord >>> 16;
  if (kind !== KIND_ANY && !isKind(kind, flagsWord, revNat, wantedRevNat)) {
    flow.monitor = MONITOR;
    return false;
  }
  const now = program.datapath.clock.nowSeconds;
  if (program.features.debug) debugConntrackMatch(program, packet, words[base + entry.LIFETIME], revNat);
  const constants = program.datapath.constants;
  const closing = flagsWord & entry.CLOSING;
  if (
    direction === CT_SERVICE &&
    closing !== 0 &&
    (flow.tcpFlags & tcp.SYN) !== 0 &&
    words[base + entry.LAST_TX_REPORT] + constants.serviceCloseRebalanceSeconds <= now
  ) {
    flow.monitor = MONITOR;
    return false;
  }
  if (closing !== entry.CLOSING) flow.monitor = refresh(program, flow, words, base, direction, flow.tcpFlags);
  if (program.features.conntrackAccounting) {
    addU64(words, base + entry.PACKETS, 1);
    addU64(words, base + entry.BYTES, packet.end - packet.start);
  }
  if (action !== ACTION_NONE) {
    if (action === ACTION_CREATE) {
      if (closing !== 0) {
        words[base + entry.FLAGS] &= ~(entry.CLOSING | entry.FLAG_SEEN_NON_SYN);
        words[base + entry.FLAGS_SEEN] &= 0xffff;
        flow.monitor = refresh(program, flow, words, base, direction, flow.tcpFlags);
        return false;
      }
    } else {
      close(program, flow, words, base, direction);
    }
  }
  const state = words[base + entry.FLAGS];
  flow.entryAt = at;
  flow.entryRevNat = revNat;
  flow.entryFlags = state & entry.FLAG_BITS;
  if (direction === CT_SERVICE) flow.entryBackendId = words[base + entry.BACKEND_ID];
  return true;
}

function isKind(kind: number, flagsWord: number, revNat: number, wanted: number): boolean {
  if (kind === KIND_SERVICE) return revNat === wanted;
  if (kind !== KIND_NODEPORT && (flagsWord & entry.FLAG_DSR_INTERNAL) !== 0) return true;
  if (kind === KIND_DSR) return false;
  return (flagsWord & entry.FLAG_NODE_PORT) !== 0 && revNat !== 0 && (wanted === 0 || revNat === wanted);
}

/**
 * An RST closes both directions at once, a FIN its own; a service entry knows one direction only. (Cilium means
 * an RST to do so only before both SYNs were seen, but its test never succeeds.)
 */
function close(
  program: ProgramInstance,
  flow: Flow,
  words: Int32Array,
  base: number,
  direction: number,
): void {
  let bits = entry.CLOSING;
  if (direction !== CT_SERVICE && (flow.tcpFlags & tcp.RST) === 0) {
    bits = direction === CT_INGRESS ? entry.FLAG_RX_CLOSING : entry.FLAG_TX_CLOSING;
  }
  const flags = words[base + entry.FLAGS] | bits;
  words[base + entry.FLAGS] = flags;
  flow.monitor = MONITOR;
  if ((flags & entry.CLOSING) === entry.CLOSING) {
    const datapath = program.datapath;
    words[base + entry.LIFETIME] = datapath.clock.nowSeconds + datapath.constants.closeLifetimeSeconds;
    report(program, words, base, direction, flow.tcpFlags);
  }
}

/** Extends the entry's lifetime for a packet with these TCP flags and reports; answers the monitor length. */
function refresh(
  program: ProgramInstance,
  flow: Flow,
  words: Int32Array,
  base: number,
  direction: number,
  tcpFlags: number,
): number {
  const constants = program.datapath.constants;
  let lifetime: number;
  if (flow.protocol === ipv4.PROTOCOL_TCP) {
    let flags = words[base + entry.FLAGS];
    if ((tcpFlags & tcp.SYN) === 0 && (flags & entry.FLAG_SEEN_NON_SYN) === 0) {
      flags |= entry.FLAG_SEEN_NON_SYN;
      words[base + entry.FLAGS] = flags;
    }
    if ((flags & entry.FLAG_SEEN_NON_SYN) === 0) lifetime = constants.synLifetimeSeconds;
    else if (direction === CT_SERVICE) lifetime = constants.serviceTcpLifetimeSeconds;
    else lifetime = constants.tcpLifetimeSeconds;
  } else {
    lifetime =
      direction === CT_SERVICE ? constants.serviceOtherLifetimeSeconds : constants.otherLifetimeSeconds;
  }
  words[base + entry.LIFETIME] = program.datapath.clock.nowSeconds + lifetime;
  return report(program, words, base, direction, tcpFlags);
}

/** Whether monitors should hear of this packet: a new TCP flag, or the report interval has passed. */
function report(
  program: ProgramInstance,
  words: Int32Array,
  base: number,
  direction: number,
  tcpFlags: number,
): number {
  const datapath = program.datapath;
  const now = datapath.clock.nowSeconds;
  const ingress = direction === CT_INGRESS;
  const shift = ingress ? 24 : 16;
  const lastWord = base + (ingress ? entry.LAST_RX_REPORT : entry.LAST_TX_REPORT);
  const seen = words[base + entry.FLAGS_SEEN];
  const updated = seen | ((tcpFlags & datapath.features.conntrackReportFlags) << shift);
  if ((words[lastWord] >>> 0) + datapath.constants.reportIntervalSeconds < now || updated !== seen) {
    words[base + entry.FLAGS_SEEN] = updated;
    words[lastWord] = now;
    return MONITOR;
  }
  return 0;
}

/**
 * Creates the connection of `flow.tuple` (forward layout), and with `related` the entry under which ICMP errors
 * about it are found. `flagBits` are FLAG_* of the new entry. 0 or DROP_CT_CREATE_FAILED.
 */
export function create(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  direction: number,
  flagBits: number,
  revNat: number,
  sourceIdentity: number,
  backendId: number,
  related: boolean,
): number {
  const tuple = flow.tuple;
  if (related) {
    const key = program.datapath.keys.tuple;
    const metaWord = flow.family.metaWord;
    for (let i = 0; i < flow.family.portsWord; i++) key[i] = tuple[i];
    key[flow.family.portsWord] = 0;
    key[metaWord] = flow.family.icmpProtocol | (tuple[metaWord] & 0xff00) | (entry.TUPLE_RELATED << 8);
    if (
      !write(
        program,
        packet,
        flow,
        flow.relatedMap,
        key,
        direction,
        flagBits,
        revNat,
        sourceIdentity,
        0,
        false,
      )
    ) {
      return failCreate(program, flow);
    }
  }
  if (
    !write(
      program,
      packet,
      flow,
      flow.conntrackMap,
      tuple,
      direction,
      flagBits,
      revNat,
      sourceIdentity,
      backendId,
      true,
    )
  ) {
    return failCreate(program, flow);
  }
  if (program.features.debug) debugConntrackCreated(program, packet, flow, revNat, sourceIdentity);
  return 0;
}

function failCreate(program: ProgramInstance, flow: Flow): number {
  signalConntrackFull(program, flow.family.isV6 ? 1 : 0);
  return DROP_CT_CREATE_FAILED;
}

function write(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  map: BpfMap,
  key: Int32Array,
  direction: number,
  flagBits: number,
  revNat: number,
  sourceIdentity: number,
  backendId: number,
  counted: boolean,
): boolean {
  const at = map.insert(key, 0, BPF_ANY);
  if (at < 0) {
    flow.extendedError = at;
    return false;
  }
  const words = map.words;
  const base = at >> 2;
  for (let i = 0; i < entry.VALUE_WORDS; i++) words[base + i] = 0;
  words[base + entry.BACKEND_ID] = backendId;
  words[base + entry.FLAGS] = flagBits | (revNat << 16);
  words[base + entry.SOURCE_IDENTITY] = sourceIdentity;
  // A new connection starts with the SYN lifetime whatever its first packet was.
  refresh(program, flow, words, base, direction, flow.protocol === ipv4.PROTOCOL_TCP ? tcp.SYN : 0);
  if (counted && program.features.conntrackAccounting) {
    words[base + entry.PACKETS] = 1;
    words[base + entry.BYTES] = packet.end - packet.start;
  }
  return true;
}
