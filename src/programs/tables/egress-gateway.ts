/**
 * Egress gateway policies (`cilium_egress_gw_policy_v4`, `_v6`), longest prefix. Key words: prefix length, pod
 * address, destination. Value words: the address to leave with (1 or 4), then the gateway node's IPv4 address.
 */

/** Prefix lengths of a full key: both addresses. */
export const FULL_PREFIX_V4 = 64;
export const FULL_PREFIX_V6 = 256;

/** Gateways that are none (raw words): no node is chosen (0.0.0.0), the destination is excluded (0.0.0.1). */
export const GATEWAY_NONE = 0;
export const GATEWAY_EXCLUDED = 0x01000000;

export const EGRESS_ADDRESS = 0;

/** Word of the gateway in a value whose address has `addressWords`. */
export function gatewayWord(addressWords: number): number {
  return addressWords;
}
