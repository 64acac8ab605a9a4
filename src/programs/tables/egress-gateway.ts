/**
 * Egress gateway policies (`cilium_egress_gw_policy_v4`, `..._v6`), longest prefix of (pod, destination). Key words:
 * prefix length, pod's address (1 or 4), destination (1 or 4). Value: the egress address (1 or 4 words), then the
 * gateway node's IPv4 address.
 */

/** Prefix lengths of a full key. */
export const FULL_PREFIX_V4 = 64;
export const FULL_PREFIX_V6 = 256;

/** Gateway addresses (raw words) that are none: 0.0.0.0, and 0.0.0.1 for a destination that the policy excludes. */
export const NO_GATEWAY = 0;
export const EXCLUDED = 0x01000000;
