import { BPF_NOEXIST, type BpfMap } from '../engine/maps/map.js';
import { zeroWords } from '../engine/maps/memory.js';
import { swap16 } from '../engine/wire/bytes.js';
import * as entry from './tables/policy.js';

/** Match types of verdict events: which part of the entry decided. */
export const MATCH_NONE = 0;
export const MATCH_L3_ONLY = 1;
export const MATCH_L3_L4 = 2;
const MATCH_L4_ONLY = 3;
export const MATCH_ALL = 4;
export const MATCH_L3_PROTO = 5;
const MATCH_PROTO_ONLY = 6;

const SLOTS = 256;
const SLOT_WORDS = 8;

/** Words of a decision: the question, then the answer. */
const REMOTE_LABEL = 0;
const KEY = 1;
const COUNTED_PORT = 2;
const VALID = 3;
/** First value word of the entry that decides, and of the one that lost (0 for none). */
export const CHOSEN = 4;
export const OTHER = 5;
/** Match type; MATCH_NONE when no entry matches. */
export const MATCH = 6;
/** Offset of the counters in `cilium_policystats`; 0 when nothing is counted. */
export const STATS = 7;

/**
 * What an endpoint's policy map says of (remote identity, direction, protocol, port), remembered: policy is asked
 * for every packet of a connection, and finding the entry takes two longest-prefix lookups and one for the
 * counters. A remembered answer costs a quarter of that. All is forgotten when the policy map changes or the
 * counters' map loses an entry.
 */
export class PolicyDecisions {
  readonly words = zeroWords(SLOTS * SLOT_WORDS);
  readonly stats: BpfMap;
  readonly #policy: BpfMap;
  readonly #source: number;
  readonly #counts: boolean;
  readonly #policyKey = new Int32Array(3);
  readonly #statsKey = new Int32Array(3);
  #policyChanges = -1;
  #statsRemovals = -1;

  /** `source` is the endpoint's id in the counters' keys. */
  constructor(policy: BpfMap, stats: BpfMap, source: number, counts: boolean) {
    this.#policy = policy;
    this.stats = stats;
    this.#source = source;
    this.#counts = counts;
  }

  /**
   * Word index of the decision in `words`. `key` is direction | protocol << 8 | port << 16 as policy keys hold it;
   * `countedPort` (raw) is the port that the counters show, which differs from the key's for ICMP rules.
   */
  find(remoteLabel: number, key: number, countedPort: number): number {
    const words = this.words;
    if (this.#policy.changes !== this.#policyChanges || this.stats.removals !== this.#statsRemovals) {
      words.fill(0);
      this.#policyChanges = this.#policy.changes;
      this.#statsRemovals = this.stats.removals;
    }
    const hash = Math.imul(remoteLabel ^ Math.imul(key, 0x2c1b3c6d), 0x297a2d39) >>> 24;
    const at = hash * SLOT_WORDS;
    if (
      words[at + VALID] !== 0 &&
      words[at + REMOTE_LABEL] === remoteLabel &&
      words[at + KEY] === key &&
      words[at + COUNTED_PORT] === countedPort
    ) {
      return at;
    }
    this.#decide(at, remoteLabel, key, countedPort);
    return at;
  }

  /**
   * The identity's own entry (L3) against the entry for any identity (L4): a denying L3 entry decides at once, then
   * a denying L4 entry, then the higher proxy priority, then the longer prefix.
   */
  #decide(at: number, remoteLabel: number, key: number, countedPort: number): void {
    const words = this.words;
    const values = this.#policy.words;
    const l3At = this.#lookup(remoteLabel, key);
    const l3 = l3At < 0 ? 0 : values[l3At >> 2];
    let l4At = -1;
    if (l3At < 0 || (l3 & entry.DENY) === 0) l4At = this.#lookup(0, key);
    const l4 = l4At < 0 ? 0 : values[l4At >> 2];
    words[at + REMOTE_LABEL] = remoteLabel;
    words[at + KEY] = key;
    words[at + COUNTED_PORT] = countedPort;
    words[at + VALID] = 1;
    words[at + MATCH] = MATCH_NONE;
    words[at + STATS] = 0;
    if (l3At < 0 && l4At < 0) return;
    const byL4 = l4At >= 0 && (l3At < 0 || (l4 & entry.DENY) !== 0 || winsOver(values, l4At, l3At));
    const chosen = byL4 ? l4 : l3;
    const length = entry.prefixLength(chosen);
    words[at + CHOSEN] = chosen;
    words[at + OTHER] = byL4 ? l3 : l4;
    words[at + MATCH] = byL4 ? matchOfL4(length) : matchOfL3(length);
    if (this.#counts) words[at + STATS] = this.#locateStats(byL4 ? 0 : remoteLabel, key, countedPort, length);
  }

  #lookup(label: number, key: number): number {
    const words = this.#policyKey;
    words[0] = entry.FULL_PREFIX;
    words[1] = label;
    words[2] = key;
    return this.#policy.lookup(words, 0);
  }

  /** Counters of the entry that decided, made when missing; 0 when the map refuses. */
  #locateStats(label: number, key: number, countedPort: number, prefixLength: number): number {
    const words = this.#statsKey;
    let port = 0;
    if (prefixLength > 8) {
      // The mask is of the port as a number; the key holds it in network order.
      const mask = (0xffff << (24 - prefixLength)) & 0xffff;
      port = swap16(swap16(countedPort) & mask);
    }
    words[0] = this.#source | (prefixLength << 24);
    words[1] = label;
    words[2] = (key & 1) | (prefixLength < 8 ? 0 : key & 0xff00) | (port << 16);
    let at = this.stats.lookup(words, 0);
    if (at < 0) at = this.stats.insert(words, 0, BPF_NOEXIST);
    return at < 0 ? 0 : at;
  }
}

function winsOver(values: Int32Array, l4At: number, l3At: number): boolean {
  const l4Priority = entry.proxyPortPriority(values[(l4At >> 2) + 1]);
  const l3Priority = entry.proxyPortPriority(values[(l3At >> 2) + 1]);
  if (l4Priority !== l3Priority) return l4Priority > l3Priority;
  return entry.prefixLength(values[l4At >> 2]) > entry.prefixLength(values[l3At >> 2]);
}

function matchOfL3(length: number): number {
  if (length > 8) return MATCH_L3_L4;
  return length > 0 ? MATCH_L3_PROTO : MATCH_L3_ONLY;
}

function matchOfL4(length: number): number {
  if (length === 0) return MATCH_ALL;
  return length <= 8 ? MATCH_PROTO_ONLY : MATCH_L4_ONLY;
}
