/** Who is behind an address: the ipcache, the local endpoints, and the identity a mark carries. */
import type { PacketContext } from '../../engine/packet.js';
import {
  IDENTITY_HOST,
  IDENTITY_KUBE_APISERVER,
  IDENTITY_REMOTE_NODE,
  IDENTITY_WORLD,
  IDENTITY_WORLD_IPV4,
  IDENTITY_WORLD_IPV6,
  MARK_CLUSTER_ID,
  MARK_ENCRYPT,
  MARK_HOST,
  MARK_IDENTITY,
  MARK_MAGIC_MASK,
  MARK_PROXY_EGRESS,
  MARK_PROXY_INGRESS,
  TC_INDEX_FROM_EGRESS_PROXY,
  TC_INDEX_FROM_INGRESS_PROXY,
} from '../constants.js';
import type { Datapath } from '../datapath.js';
import type { Family } from '../family.js';
import * as endpoints from '../tables/endpoints.js';
import * as ipcache from '../tables/ipcache.js';

const SCOPE_MASK = 0xff000000 | 0;
const SCOPE_REMOTE_NODE = 0x02000000;
const FIRST_CIDR_IDENTITY = 16777217;
const LAST_CIDR_IDENTITY = 16842751;
const CLUSTER_ID_MASK = 0xff;

/** Offset of the ipcache entry for the address at `words[at]` (raw), or -1. */
export function lookupIpcache(
  datapath: Datapath,
  family: Family,
  words: Int32Array,
  at: number,
  clusterId: number,
): number {
  const key = datapath.keys.ipcache;
  key[0] = family.ipcachePrefix;
  key[1] = clusterId | (family.keyFamily << ipcache.KEY_FAMILY_SHIFT);
  fillAddress(key, 2, family, words, at);
  if (!family.isV6) return datapath.ipcacheMemo.lookup(key, words[at], clusterId);
  return datapath.ipcache.lookup(key, 0);
}

/** As `lookupIpcache`, for the address at absolute offset `at` of the packet's memory. */
export function lookupIpcacheAt(
  datapath: Datapath,
  family: Family,
  packet: PacketContext,
  at: number,
  clusterId: number,
): number {
  return lookupIpcache(datapath, family, addressAt(datapath, family, packet, at), 0, clusterId);
}

/** Identity of an ipcache entry. */
export function ipcacheIdentity(datapath: Datapath, entryAt: number): number {
  return datapath.ipcache.words[(entryAt + ipcache.SECURITY_IDENTITY) >> 2];
}

/** Offset of the local endpoint with the address at `words[at]` (raw), or -1. */
export function lookupEndpoint(datapath: Datapath, family: Family, words: Int32Array, at: number): number {
  if (!family.isV6) return datapath.endpointMemo.lookup(words[at]);
  const key = datapath.keys.endpoint;
  fillAddress(key, 0, family, words, at);
  key[endpoints.KEY_FAMILY_WORD] = family.keyFamily;
  return datapath.endpoints.lookup(key, 0);
}

/** ENDPOINT_* flags of a local endpoint. */
export function endpointFlags(datapath: Datapath, endpointAt: number): number {
  return datapath.endpoints.words[(endpointAt + endpoints.FLAGS) >> 2];
}

export function endpointIdentity(datapath: Datapath, endpointAt: number): number {
  return datapath.endpoints.words[(endpointAt + endpoints.SECURITY_ID) >> 2];
}

/** As `lookupEndpoint`, for the address at absolute offset `at` of the packet's memory. */
export function lookupEndpointAt(
  datapath: Datapath,
  family: Family,
  packet: PacketContext,
  at: number,
): number {
  return lookupEndpoint(datapath, family, addressAt(datapath, family, packet, at), 0);
}

/** An address of the packet as raw words; they hold until the next is asked for. */
export function addressAt(datapath: Datapath, family: Family, packet: PacketContext, at: number): Int32Array {
  const words = datapath.keys.address;
  const view = packet.view;
  words[0] = view.getInt32(at, true);
  if (family.isV6) for (let i = 1; i < 4; i++) words[i] = view.getInt32(at + 4 * i, true);
  return words;
}

/** The endpoint is the node itself: the host, or an endpoint in the host's namespace. */
export function isHostEndpoint(datapath: Datapath, endpointAt: number): boolean {
  return (
    (endpointFlags(datapath, endpointAt) & (endpoints.FLAG_HOST | endpoints.FLAG_AT_HOST_NAMESPACE)) !== 0
  );
}

function fillAddress(key: Int32Array, word: number, family: Family, words: Int32Array, at: number): void {
  key[word] = words[at];
  if (family.isV6) {
    key[word + 1] = words[at + 1];
    key[word + 2] = words[at + 2];
    key[word + 3] = words[at + 3];
  } else {
    key[word + 1] = 0;
    key[word + 2] = 0;
    key[word + 3] = 0;
  }
}

/** Identity of the world for a packet of this EtherType; without one of its own for what is not IP. */
export function worldOf(datapath: Datapath, etherType: number): number {
  if (etherType === datapath.ipv4.etherType) return datapath.ipv4.worldIdentity;
  if (etherType === datapath.ipv6.etherType) return datapath.ipv6.worldIdentity;
  return IDENTITY_WORLD;
}

export function isRemoteNode(identity: number): boolean {
  return (
    identity === IDENTITY_REMOTE_NODE ||
    identity === IDENTITY_KUBE_APISERVER ||
    (identity & SCOPE_MASK) === SCOPE_REMOTE_NODE
  );
}

/** An identity that only this node (or its cluster's nodes) gives: a CIDR's, a remote node's. */
export function isLocalScope(identity: number): boolean {
  return (identity & SCOPE_MASK) !== 0;
}

/** Identities that a packet from the host may carry without being sure: unknown, host, world, remote nodes. */
export function isReserved(datapath: Datapath, identity: number): boolean {
  if (identity >>> 0 < 3 || isRemoteNode(identity)) return true;
  return isDual(datapath) && (identity === IDENTITY_WORLD_IPV4 || identity === IDENTITY_WORLD_IPV6);
}

export function isWorld(datapath: Datapath, identity: number): boolean {
  if (identity === 2) return true;
  return isDual(datapath) && (identity === IDENTITY_WORLD_IPV4 || identity === IDENTITY_WORLD_IPV6);
}

/** Part of the cluster: not the world, not a CIDR. */
export function isCluster(datapath: Datapath, identity: number): boolean {
  if (isWorld(datapath, identity)) return false;
  return identity < FIRST_CIDR_IDENTITY || identity > LAST_CIDR_IDENTITY;
}

function isDual(datapath: Datapath): boolean {
  return datapath.features.ipv4 && datapath.features.ipv6;
}

/** Identity that a mark carries: its upper half, with the cluster's bits from the lowest byte above. */
export function markIdentity(mark: number): number {
  return ((mark & 0xff) << 16) | (mark >>> 16);
}

/** Mark with a magic and an identity; replaces the whole mark. */
export function identityMark(magic: number, identity: number): number {
  return (magic & 0xff00) | (identity << 16) | ((identity >> 16) & 0xff);
}

/** Cluster that an identity belongs to. */
export function clusterOf(identity: number): number {
  return (identity >> 16) & CLUSTER_ID_MASK;
}

/**
 * Cluster id that a pod's program has left in the mark, which loses it; 0 for none. The test takes every magic with
 * that bit for a cluster id, "SNAT done" too.
 */
export function takeClusterId(packet: PacketContext): number {
  const mark = packet.mark;
  if ((mark & MARK_CLUSTER_ID) !== MARK_CLUSTER_ID) return 0;
  packet.mark = mark & ~(MARK_CLUSTER_ID | CLUSTER_ID_MASK);
  return mark & CLUSTER_ID_MASK;
}

/**
 * Identity of a packet that the host stack hands over, from its mark; a proxy's magic also sets its tc_index bit.
 * The mark is cleared. `fallback` is the world.
 */
export function inheritIdentity(packet: PacketContext, fallback: number): number {
  const mark = packet.mark;
  const magic = mark & MARK_MAGIC_MASK;
  packet.mark = 0;
  switch (magic) {
    case MARK_PROXY_INGRESS:
      packet.tcIndex |= TC_INDEX_FROM_INGRESS_PROXY;
      return markIdentity(mark);
    case MARK_PROXY_EGRESS:
      packet.tcIndex |= TC_INDEX_FROM_EGRESS_PROXY;
      return markIdentity(mark);
    case MARK_IDENTITY:
      return markIdentity(mark);
    case MARK_HOST:
      return IDENTITY_HOST;
    case MARK_ENCRYPT:
      return packet.cb4;
    default:
      return fallback;
  }
}
