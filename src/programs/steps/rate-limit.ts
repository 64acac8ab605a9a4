/** Token buckets in `cilium_ratelimit`: answers to services without backend, and events. */
import { BPF_ANY, BPF_NOEXIST } from '../../engine/maps/map.js';
import type { ProgramInstance } from '../instance.js';
import { addU64, readU64, writeU64 } from '../tables/u64.js';

const USAGE_ICMPV6 = 1;
const USAGE_EVENTS = 2;
const TOPUP_INTERVAL_NS = 1e9;
const ICMPV6_RATE = 100;
const ICMPV6_BURST = 1000;

/** A token for an ICMPv6 answer out of the device: 100 a second, 1,000 in a burst. */
export function takeIcmpv6Token(program: ProgramInstance, ifindex: number): boolean {
  return take(program, USAGE_ICMPV6, ifindex, ICMPV6_RATE, ICMPV6_BURST);
}

/** A token for an event of this node. */
export function takeEventToken(program: ProgramInstance): boolean {
  const features = program.features;
  return take(program, USAGE_EVENTS, 0, features.eventsRateLimit, features.eventsBurstLimit);
}

function take(program: ProgramInstance, usage: number, key: number, rate: number, burst: number): boolean {
  const datapath = program.datapath;
  const map = datapath.rateLimit;
  const keys = datapath.keys.small;
  const now = datapath.clock.nowNs;
  keys[0] = usage;
  keys[1] = key;
  const at = map.lookup(keys, 0);
  if (at < 0) {
    const value = map.insert(keys, 0, BPF_ANY);
    if (value < 0) return false;
    writeU64(map.words, value >> 2, now);
    writeU64(map.words, (value >> 2) + 2, rate - 1);
    // The counter of refusals starts to exist with the bucket.
    datapath.rateLimitMetrics.insert(keys, 0, BPF_NOEXIST);
    return true;
  }
  const base = at >> 2;
  const since = now - readU64(map.words, base);
  let tokens = readU64(map.words, base + 2);
  if (since > TOPUP_INTERVAL_NS) {
    const remainder = since % TOPUP_INTERVAL_NS;
    tokens = Math.min(tokens + rate * Math.floor(since / TOPUP_INTERVAL_NS), burst);
    writeU64(map.words, base, now - remainder);
    writeU64(map.words, base + 2, tokens);
  }
  if (tokens > 0) {
    writeU64(map.words, base + 2, tokens - 1);
    return true;
  }
  keys[0] = usage;
  const dropped = datapath.rateLimitMetrics.insert(keys, 0, BPF_ANY);
  if (dropped >= 0) addU64(datapath.rateLimitMetrics.words, dropped >> 2, 1);
  return false;
}
