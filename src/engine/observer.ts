import type { PacketContext } from './packet.js';

/** How a frame came from one device to the next. */
export const BY_ROUTE = 0;
export const BY_REDIRECT = 1;
export const BY_REDIRECT_INGRESS = 2;
export const BY_REDIRECT_PEER = 3;
export const BY_REDIRECT_NEIGHBOUR = 4;
/** Over the pair of a veth, or the wire between two devices. */
export const BY_PEER = 5;
/** XDP_TX and XDP redirects, which pass the egress hooks by. */
export const BY_XDP = 6;
/** Into a tunnel's outer packet, and out of it. */
export const BY_ENCAPSULATION = 7;
export const BY_DECAPSULATION = 8;
/** Over a segment to another machine. */
export const BY_LINK = 9;
export const BY_MIRRED = 10;
/** Netfilter's fwd. */
export const BY_NETFILTER = 11;
export const BY_BRIDGE = 12;

export const STEP_NAMES: readonly string[] = [
  'route',
  'redirect',
  'redirect to ingress',
  'redirect_peer',
  'redirect_neigh',
  'peer',
  'xdp',
  'encapsulate',
  'decapsulate',
  'link',
  'mirred',
  'netfilter fwd',
  'bridge',
];

/**
 * Sees a walk step by step. Devices are rows of `Network.devices`; `program` is the position in the device's chain.
 * The packet must not be changed. A run without observer pays one branch per step.
 */
export interface WalkObserver {
  /** A frame begins its walk at a device, or in a namespace's stack (`deviceIndex` -1). */
  started(packet: PacketContext, deviceIndex: number, namespaceIndex: number): void;
  hookEntered(packet: PacketContext, deviceIndex: number, hook: number, program: number): void;
  hookLeft(packet: PacketContext, deviceIndex: number, hook: number, program: number, verdict: number): void;
  /** The frame goes on to a device; `from` is -1 when a stack sent it. */
  forwarded(packet: PacketContext, fromIndex: number, toIndex: number, how: number): void;
  /** A copy has been made of a packet; it walks as `copy`, with calls of its own. */
  copied?(packet: PacketContext, copy: PacketContext, deviceIndex: number): void;
  /** The walk is over; `reason` is 0 unless the fate is DROPPED. */
  ended(packet: PacketContext, fate: number, deviceIndex: number, reason: number): void;
}
