/**
 * One conntrack entry: what a packet that finds it does to it (counters, lifetime, closing, reports), and how a new one
 * starts. Lifetimes are only written here; the garbage collector enforces them.
 */
import { BPF_ANY, type BpfMap } from '../../engine/maps/map.js';
import type { PacketContext } from '../../engine/packet.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as tcp from '../../engine/wire/tcp.js';
import { DROP_CT_CREATE_FAILED } from '../drop-reasons.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as entry from '../tables/conntrack.js';
import { addU64 } from '../tables/u64.js';
import { debugConntrackCreated, debugConntrackMatch } from './debug.js';
import { signalConntrackFull } from './notify.js';

/** Whose view of the connection. The numbers are those of debug events. */
export const CT_EGRESS = 0;
export const CT_INGRESS = 1;
export const CT_SERVICE = 2;

/** Kinds of entry that a lookup accepts; another kind counts as no entry. */
export const KIND_ANY = 0;
export const KIND_NODEPORT = 1;
export const KIND_DSR = 2;
export const KIND_SERVICE = 3;
export const KIND_NODEPORT_OR_DSR = 4;

const MONITOR = 128;

/** What a packet's TCP flags ask for. */
export const ACTION_NONE = 0;
export const ACTION_CREATE = 1;
export const ACTION_CLOSE = 2;

/** One probe with the tuple as it stands: finds, counts, refreshes, closes or reopens the entry. True for a hit. */
export function probe(
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
  } else if (program.features.conntrackByDirection) countDirection(packet, words, base, direction);
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
  } else if (program.features.conntrackByDirection) {
    // The entry for ICMP errors began as a copy of the other one, counters and all.
    countDirection(packet, words, base, direction);
    if (!counted) words[base + entry.FLAGS] |= entry.FLAG_SEEN_NON_SYN;
  }
  return true;
}

function countDirection(packet: PacketContext, words: Int32Array, base: number, direction: number): void {
  if (direction === CT_SERVICE) return;
  const isReceived = direction === CT_INGRESS;
  addU64(words, base + (isReceived ? entry.RX_PACKETS : entry.TX_PACKETS), 1);
  addU64(words, base + (isReceived ? entry.RX_BYTES : entry.TX_BYTES), packet.end - packet.start);
}
