/**
 * Policy map of an endpoint (`cilium_policy_v2_<id>`): who may talk to it, longest prefix of
 * (identity, direction, protocol, port). Key words: prefix length, identity, direction | protocol << 8 | port << 16
 * (port raw). Value: proxy port, flags, authentication, priority in two words.
 */

/** Bits of a key that are always compared: identity and direction. */
export const STATIC_PREFIX = 40;
export const FULL_PREFIX = 64;

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
