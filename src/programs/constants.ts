/** Cilium's numbers that several steps share (identities, verdict internals, marks). Drop reasons: drop-reasons.ts. */

/** Reserved security identities. */
export const IDENTITY_HOST = 1;
export const IDENTITY_WORLD = 2;
export const IDENTITY_REMOTE_NODE = 6;
export const IDENTITY_KUBE_APISERVER = 7;
export const IDENTITY_WORLD_IPV4 = 9;
export const IDENTITY_WORLD_IPV6 = 10;

/** Directions of metrics, drops and policy. */
export const INGRESS = 1;
export const EGRESS = 2;
export const SERVICE = 3;

/** skb->mark: the magic in bits 8..11 and whole-mark values. */
export const MARK_MAGIC_MASK = 0x0f00;
export const MARK_TO_PROXY = 0x0200;
export const MARK_CLUSTER_ID = 0x0200;
export const MARK_SNAT_DONE = 0x0300;
export const MARK_HEALTH_DONE = 0x0300;
export const MARK_OVERLAY = 0x0400;
export const MARK_OVERLAY_ENCRYPTED = 0x1400;
export const MARK_EGRESS_GATEWAY_DONE = 0x0500;
export const MARK_PROXY_TO_WORLD = 0x0800;
export const MARK_PROXY_EGRESS_EPID = 0x0900;
export const MARK_PROXY_INGRESS = 0x0a00;
export const MARK_PROXY_EGRESS = 0x0b00;
export const MARK_HOST = 0x0c00;
export const MARK_DECRYPT = 0x0d00;
/** Socket mark of the load balancer's health checks. */
export const MARK_HEALTH = 0x0d00;
export const MARK_ENCRYPT = 0x0e00;
export const MARK_WIREGUARD_ENCRYPTED = 0x1e00;
export const MARK_IDENTITY = 0x0f00;

/** tc_index bits. */
export const TC_INDEX_FROM_INGRESS_PROXY = 1;
export const TC_INDEX_FROM_EGRESS_PROXY = 2;
export const TC_INDEX_SKIP_NODEPORT = 4;
export const TC_INDEX_SKIP_HOST_FIREWALL = 16;

/** cb[3] of a packet that the L7 load balancer sent on behalf of a pod. */
export const FROM_HOST_L7_LB = 0xfacade42 | 0;

/** TTL and hop limit of what programs make themselves (IPDEFTTL). */
export const DEFAULT_HOP_LIMIT = 64;
