/** How a walk ends: exactly one fate per frame, and for a drop one reason. */

/** Reached a pod: the stack of a network namespace other than a node's own. */
export const DELIVERED = 0;
/** Left through a device that leads out of the network. */
export const TRANSMITTED = 1;
/** Taken by a node's own stack: local sockets, ARP, multicast. */
export const CONSUMED = 2;
export const DROPPED = 3;
export const FATE_COUNT = 4;

export const FATE_NAMES: readonly string[] = ['delivered', 'transmitted', 'consumed', 'dropped'];

/** Not a fate: the frame waits (for a neighbour's link address, on a link) and walks on later. */
export const UNDER_WAY = FATE_COUNT;

/**
 * Drop reasons share one number space: 1 .. 255 are Cilium's (`PacketContext.dropReason`), 256 .. 383 the engine's,
 * and from 384 on those that programs of a user's own have names for.
 */
export const FIRST_ENGINE_REASON = 256;
export const FIRST_OWN_REASON = 384;

const NAMES = [
  'dropped by a program without a reason',
  'taken by a program',
  'frame too short for an Ethernet header',
  'frame too long',
  'no free frame slot',
  'device is down',
  'no such device',
  'device discards',
  'not for us: other destination MAC',
  'no VLAN device',
  'no protocol handler',
  'invalid IP header',
  'IP header checksum',
  'IP packet is cut short',
  'martian source address',
  'no route',
  'route: blackhole',
  'route: unreachable',
  'route: prohibited',
  'forwarding is disabled',
  'TTL exceeded',
  'fragmentation needed and forbidden (DF)',
  'frame is longer than the device takes',
  'no neighbour',
  'redirect to a device without peer in another namespace',
  'redirect without target',
  'no link header at the device',
  'aborted by an XDP program',
  'more hops than the engine follows: a loop',
  'reverse path: another device leads to the source (rp_filter)',
  'tunnel: no key says where to',
  'tunnel: invalid header',
  'dropped by a netfilter chain',
  'XDP frame for a veth whose other end has no native XDP',
  'no bridge port to forward to',
  "WireGuard: the destination is among no peer's allowed IPs",
  "WireGuard: the source is not among the peer's allowed IPs",
  'WireGuard: encrypted, and the key is not here',
  'too many packets wait for the neighbour',
  'link-local source: not forwarded',
  'martian destination address',
  'lost on the link',
  'queue of the link is full',
] as const;

export const NO_REASON_GIVEN = 256;
export const TAKEN_BY_PROGRAM = 257;
export const FRAME_TOO_SHORT = 258;
export const FRAME_TOO_LONG = 259;
export const NO_FREE_SLOT = 260;
export const DEVICE_DOWN = 261;
export const NO_DEVICE = 262;
export const DEVICE_DISCARDS = 263;
export const OTHER_HOST = 264;
export const NO_VLAN_DEVICE = 265;
export const NO_PROTOCOL_HANDLER = 266;
export const INVALID_IP_HEADER = 267;
export const IP_CHECKSUM = 268;
export const IP_TRUNCATED = 269;
export const MARTIAN_SOURCE = 270;
export const NO_ROUTE = 271;
export const ROUTE_BLACKHOLE = 272;
export const ROUTE_UNREACHABLE = 273;
export const ROUTE_PROHIBITED = 274;
export const FORWARDING_DISABLED = 275;
export const TTL_EXCEEDED = 276;
export const FRAGMENTATION_NEEDED = 277;
export const FRAME_OVER_MTU = 278;
export const NO_NEIGHBOUR = 279;
export const NO_PEER = 280;
export const NO_REDIRECT_TARGET = 281;
export const NO_LINK_HEADER = 282;
export const XDP_ABORT = 283;
export const LOOP = 284;
export const REVERSE_PATH = 285;
export const NO_TUNNEL_KEY = 286;
export const TUNNEL_HEADER = 287;
export const NETFILTER_DROP = 288;
export const XDP_NOT_ACCEPTED = 289;
export const NO_BRIDGE_PORT = 290;
export const NO_WIREGUARD_PEER = 291;
export const NOT_AN_ALLOWED_IP = 292;
export const ENCRYPTED = 293;
export const NEIGHBOUR_QUEUE_FULL = 294;
export const SCOPE_EXCEEDED = 295;
export const MARTIAN_DESTINATION = 296;
export const LOST_ON_LINK = 297;
export const LINK_QUEUE_FULL = 298;

/** Size of a table indexed by drop reason. */
export const REASON_COUNT = 512;

/** The engine's name for a reason from 256 on. */
export function engineReasonName(reason: number): string {
  return NAMES[reason - FIRST_ENGINE_REASON] ?? `reason ${reason}`;
}
