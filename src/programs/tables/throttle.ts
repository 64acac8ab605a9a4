/**
 * Bandwidth limits of endpoints (`cilium_throttle`). Key words: endpoint id, direction. Value words below; the third
 * u64 means one thing per direction.
 */
export const DIRECTION_EGRESS = 0;
export const DIRECTION_INGRESS = 1;

/** u64 each: bytes per second, last departure or refill (ns), longest wait (egress, ns) or tokens (ingress, bytes). */
export const BYTES_PER_SECOND = 0;
export const LAST_NS = 2;
export const HORIZON_NS = 4;
export const TOKENS = 4;
/** Priority of the packets + 1, 0 for unset. */
export const PRIORITY = 6;
