/**
 * Policy map of an endpoint (`cilium_policy_v2_<id>`): who may talk to it, longest prefix of
 * (identity, direction, protocol, port). Key words: prefix length, identity, direction | protocol << 8 | port << 16
 * (port raw). Value: proxy port, flags, authentication, priority in two words.
 */
import type { BpfMap } from '../../engine/maps/map.js';
import { keyStruct, valueStruct, writeEntry } from './entry.js';

/** Bits of a key that are always compared: identity and direction. */
export const STATIC_PREFIX = 40;
export const FULL_PREFIX = 64;

/** Identity of a key that is about all of them. */
export const IDENTITY_ANY = 0;

export const DIRECTION_INGRESS = 0;
export const DIRECTION_EGRESS = 1;

/** First value word. */
export const DENY = 1 << 16;
const PREFIX_SHIFT = 19;
const PREFIX_MASK = 0x1f;
const AUTH_SHIFT = 24;
const AUTH_MASK = 0x7f;
const EXPLICIT_AUTH = 1 << 31;

/** Proxy port, raw network order; 0 none. */
export function proxyPort(first: number): number {
  return first & 0xffff;
}

/** How many bits of protocol and port the entry compares: 0, 8, or 9..24. */
export function prefixLength(first: number): number {
  return (first >> PREFIX_SHIFT) & PREFIX_MASK;
}

export function authType(first: number): number {
  return (first >> AUTH_SHIFT) & AUTH_MASK;
}

export function hasExplicitAuthType(first: number): boolean {
  return (first & EXPLICIT_AUTH) !== 0;
}

/** Proxy port priority, from the second value word. */
export function proxyPortPriority(second: number): number {
  return second & 0xff;
}

/** What an entry is about. */
export interface PolicyKey {
  /** Remote identity; 0 any. */
  readonly identity: number;
  readonly egress: boolean;
  /** 0 any; then `port` is 0 too. */
  readonly protocol: number;
  /** Port, or ICMP type. */
  readonly port: number;
  /** Leading bits of the port that count: 0 (any port) to 16. */
  readonly portBits: number;
}

export interface PolicyEntry {
  readonly deny?: boolean;
  readonly proxyPort?: number;
  readonly proxyPortPriority?: number;
  readonly authType?: number;
  readonly explicitAuth?: boolean;
}

export function writePolicyEntry(map: BpfMap, about: PolicyKey, entry: PolicyEntry): void {
  const bits = about.protocol === 0 ? 0 : 8 + about.portBits;
  const key = keyStruct(12)
    .u32le(0, STATIC_PREFIX + bits)
    .u32le(4, about.identity)
    .u8(8, about.egress ? DIRECTION_EGRESS : DIRECTION_INGRESS)
    .u8(9, about.protocol)
    .u16(10, about.port);
  const auth = entry.authType ?? 0;
  const value = valueStruct(8)
    .u16(0, entry.proxyPort ?? 0)
    .u8(2, (entry.deny ? 1 : 0) | (bits << 3))
    .u8(3, auth | (entry.explicitAuth ? 0x80 : 0))
    .u8(4, entry.proxyPortPriority ?? 0);
  writeEntry(map, key, value);
}
