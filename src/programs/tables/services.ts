/**
 * Services (`cilium_lb4_services_v2`, `cilium_lb6_services_v2`). Key words: frontend address (1 or 4), port (raw) |
 * slot << 16, protocol | scope << 8. Slot 0 is the service, slots 1..count its backends. The value is three words.
 */
export const SCOPE_EXTERNAL = 0;
export const SCOPE_INTERNAL = 1;

/** Words of the value. */
export const BACKEND_ID = 0;
export const AFFINITY_AND_ALGORITHM = 0;
export const L7_PROXY_PORT = 0;
export const COUNT_AND_REV_NAT = 1;
export const FLAGS = 2;

export const AFFINITY_TIMEOUT_MASK = 0xffffff;
export const ALGORITHM_SHIFT = 24;
export const ALGORITHM_RANDOM = 1;
export const ALGORITHM_MAGLEV = 2;

/** Bits of the flags word: the first byte, then the second. */
export const EXTERNAL_IP = 1;
export const NODEPORT = 2;
export const EXTERNAL_LOCAL_SCOPE = 4;
export const HOSTPORT = 8;
export const AFFINITY = 16;
export const LOADBALANCER = 32;
export const ROUTABLE = 64;
export const SOURCE_RANGE = 128;
export const LOCAL_REDIRECT = 1 << 8;
export const NAT_46X64 = 2 << 8;
export const L7_LOADBALANCER = 4 << 8;
/** With HOSTPORT: frontend on the loopback; else: an L7 proxy is to take the punted packet. */
export const LOOPBACK_OR_L7_DELEGATE = 8 << 8;
export const INTERNAL_LOCAL_SCOPE = 16 << 8;
export const TWO_SCOPES = 32 << 8;
/** In slot 0: source ranges deny instead of allow. */
export const SOURCE_RANGE_DENY = 64 << 8;
export const FORWARDING_MODE_DSR = 128 << 8;
export const FLAG_BITS = 0xffff;
