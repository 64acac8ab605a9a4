import type { BpfMap } from '../engine/maps/map.js';
import type { Family } from './family.js';

/** Conntrack lookup results. */
export const CT_NEW = 0;
export const CT_ESTABLISHED = 1;
export const CT_REPLY = 2;
export const CT_RELATED = 3;

/**
 * What the steps have learned of the packet at hand: where its headers are, its tuple, what conntrack and the
 * load balancer said. One object per datapath, overwritten packet by packet.
 */
export class Flow {
  family: Family;
  /** Absolute offsets of the IP header and of what follows it (and its extension headers). */
  l3At = 0;
  l4At = 0;
  /** L4 protocol. */
  protocol = 0;
  /** MF set or offset not 0; offset not 0 (no L4 header in this packet). */
  isFragment = false;
  isLaterFragment = false;
  /** IP identification as the fragment map keys it: raw, 16 bits (IPv4) or 32 (IPv6). */
  fragmentId = 0;
  /** Protocol that the fragment map keys: of the IPv6 fragment header, not of the last header. */
  fragmentProtocol = 0;

  /** Tuple key: daddr, saddr, dport | sport << 16, protocol | flags << 8, as raw little-endian words. */
  readonly tuple = new Int32Array(10);
  tcpFlags = 0;
  /** The tuple and headers are those of the packet at hand, left by the sender's side of a local delivery. */
  tupleRead = false;

  /** The conntrack maps of this packet: its protocol's, and where related entries go. */
  conntrackMap: BpfMap;
  relatedMap: BpfMap;

  /** Conntrack: result, monitor length for traces (0 or 128), state copied from the entry. */
  status = CT_NEW;
  monitor = 0;
  /** Byte offset of the entry found, -1 when there is none or it was not accepted. */
  entryAt = -1;
  entryRevNat = 0;
  /** The entry's flag bits as in conntrack.ts (FLAG_*). */
  entryFlags = 0;
  entryBackendId = 0;

  /** What the service step decided: reverse NAT index, loopback, proxy port (raw network order), cluster. */
  lbRevNat = 0;
  lbLoopback = false;
  lbProxyPort = 0;
  lbClusterId = 0;

  /** NodePort: the frontend as the client sees it, raw words and raw port. */
  readonly frontendAddress = new Int32Array(4);
  frontendPort = 0;
  /** XDP: absolute offset of the IPv4 header of the Geneve tunnel that the packet came in, -1 for none. */
  outerAt = -1;

  /** Policy: proxy port (raw), match type, audited, authentication type; extended error of the drop event. */
  proxyPort = 0;
  matchType = 0;
  audited = false;
  authType = 0;
  extendedError = 0;

  /** Identity that the ipcache knows for the source address, 0 when nobody asked or there is none (`resolveSource`). */
  ipcacheLabel = 0;

  /** NodePort: this packet carries the service address of a DSR request, or belongs to a flow that did. */
  isDsr = false;

  /** Node programs: the sender's identity as far as the program has learned it. */
  localLabel = 0;

  /** Host firewall: the remote identity it decided on. to-netdev: the destination's. */
  remoteLabel = 0;

  /** Trace context of a node program: reason and monitor length of the trace that ends it. */
  traceReason = 0;
  traceMonitor = 0;

  /** The source address before reverse NAT, for traces; 0 words when the trace shows none. */
  readonly originalSource = new Int32Array(4);

  constructor(family: Family) {
    this.family = family;
    this.conntrackMap = family.conntrackAny;
    this.relatedMap = family.conntrackAny;
  }
}
