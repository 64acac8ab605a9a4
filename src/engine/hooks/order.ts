/**
 * The hooks that a frame meets, in this order:
 *
 *   received by a driver   native XDP                       (the frame has no skb yet)
 *   on the way up          generic XDP
 *                          the outer VLAN tag goes out of the frame
 *                          packet sockets of all protocols  (what tcpdump sees)
 *                          tcx ingress, then clsact ingress
 *                          netfilter ingress
 *                          bridge, where the device is a port of one
 *                          packet sockets of one protocol, and the stack: prerouting, route, forward or input
 *   on the way down        the stack: output, postrouting, neighbour
 *                          netfilter egress
 *                          tcx egress, then clsact egress
 *                          packet sockets of all protocols
 *                          the outer VLAN tag goes into the frame
 *                          driver
 *
 * What leads elsewhere:
 *
 *   tc redirect, clone_redirect, mirred to egress   the target's way down, without netfilter egress, at once
 *   tc redirect, clone_redirect to ingress          the target's way up from generic XDP on, when the frame in hand is done
 *   tc redirect_peer                                the peer's way up from generic XDP on, at once
 *   mirred to ingress                               the target's way up; from an ingress hook at once
 *   tc redirect_neigh                               link addresses from the neighbour table, then as redirect to egress
 *   netfilter fwd, dup                              the target's way down with all its hooks
 *   XDP_TX, XDP redirect                            the target's driver: no hook, no packet socket sees it leave
 *
 * A frame that tc or mirred have redirected is not shown to generic XDP again before it has passed a device's ingress.
 */

/** Places where a program can be attached; numbers index `HOOK_NAMES`. */
export const HOOK_XDP = 0;
export const HOOK_TCX_INGRESS = 1;
export const HOOK_CLSACT_INGRESS = 2;
export const HOOK_TCX_EGRESS = 3;
export const HOOK_CLSACT_EGRESS = 4;
export const HOOK_XDP_GENERIC = 5;
export const HOOK_NETFILTER_INGRESS = 6;
export const HOOK_NETFILTER_EGRESS = 7;

export function isIngressHook(hook: number): boolean {
  return hook !== HOOK_TCX_EGRESS && hook !== HOOK_CLSACT_EGRESS && hook !== HOOK_NETFILTER_EGRESS;
}

export function isXdpHook(hook: number): boolean {
  return hook === HOOK_XDP || hook === HOOK_XDP_GENERIC;
}

export const HOOK_NAMES: readonly string[] = [
  'xdp',
  'tcx ingress',
  'clsact ingress',
  'tcx egress',
  'clsact egress',
  'xdp generic',
  'netfilter ingress',
  'netfilter egress',
];
