/**
 * Conntrack lookup as Cilium does it: per direction, the reverse tuple tried first, in the map of the protocol and the
 * cluster. What a hit does to the entry, and how entries are made, is in conntrack-entry.ts.
 */
import type { BpfMap } from '../../engine/maps/map.js';
import type { MapOfMaps } from '../../engine/maps/map-of-maps.js';
import type { PacketContext } from '../../engine/packet.js';
import * as icmp from '../../engine/wire/icmp.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as tcp from '../../engine/wire/tcp.js';
import { EGRESS, INGRESS, SERVICE } from '../constants.js';
import {
  DROP_CT_INVALID_HDR,
  DROP_CT_NO_MAP_FOUND,
  DROP_CT_UNKNOWN_PROTO,
  DROP_INVALID,
} from '../drop-reasons.js';
import { CT_ESTABLISHED, CT_NEW, CT_RELATED, CT_REPLY, type Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as entry from '../tables/conntrack.js';
import { ACTION_CLOSE, ACTION_CREATE, ACTION_NONE, CT_EGRESS, CT_SERVICE, probe } from './conntrack-entry.js';
import { debugConntrackLookup, debugConntrackVerdict } from './debug.js';
import { isPortProtocol, loadPorts } from './fragments.js';
import * as icmpKinds from './icmp-kinds.js';

export {
  CT_EGRESS,
  CT_INGRESS,
  CT_SERVICE,
  create,
  KIND_ANY,
  KIND_DSR,
  KIND_NODEPORT,
  KIND_NODEPORT_OR_DSR,
  KIND_SERVICE,
} from './conntrack-entry.js';

export const SCOPE_FORWARD = 0;
export const SCOPE_REVERSE = 1;
export const SCOPE_BOTH = 2;

/** Metric reason of a fragment that conntrack looked at. */
const REASON_FRAGMENT = 9;

/** Chooses the node's own conntrack maps for the flow's protocol: TCP has its own. */
export function useNodeMaps(flow: Flow): void {
  const family = flow.family;
  flow.conntrackMap = flow.protocol === ipv4.PROTOCOL_TCP ? family.conntrackTcp : family.conntrackAny;
  flow.relatedMap = family.conntrackAny;
}

/**
 * Chooses the conntrack maps of a remote cluster, so that pods of one address in two clusters do not mix; the
 * node's own for cluster 0 and its own cluster. 0 or DROP_CT_NO_MAP_FOUND.
 */
export function useClusterMaps(program: ProgramInstance, flow: Flow, clusterId: number): number {
  useNodeMaps(flow);
  if (!program.features.clusterAwareAddressing) return 0;
  if (clusterId === 0 || clusterId === program.datapath.constants.clusterId) return 0;
  const family = flow.family;
  const any = innerMap(program, family.perClusterConntrackAny, clusterId);
  const tcpMap = innerMap(program, family.perClusterConntrackTcp, clusterId);
  if (any === null || tcpMap === null) return DROP_CT_NO_MAP_FOUND;
  flow.conntrackMap = flow.protocol === ipv4.PROTOCOL_TCP ? tcpMap : any;
  flow.relatedMap = any;
  return 0;
}

function innerMap(program: ProgramInstance, outer: MapOfMaps, clusterId: number): BpfMap | null {
  const key = program.datapath.keys.small;
  key[0] = clusterId;
  const at = outer.lookup(key, 0);
  return at < 0 ? null : outer.inner(at);
}

function metricDirection(direction: number): number {
  if (direction === CT_SERVICE) return SERVICE;
  return direction === CT_EGRESS ? EGRESS : INGRESS;
}

/**
 * Ports, or what stands for them in an ICMP message, into the tuple (packet layout), and RELATED for an ICMP
 * error. 0 or a drop reason.
 */
export function extractPorts(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  direction: number,
): number {
  if (isPortProtocol(program, flow.protocol)) {
    return loadPorts(program, packet, flow, metricDirection(direction));
  }
  if (flow.protocol !== flow.family.icmpProtocol) return DROP_CT_UNKNOWN_PROTO;
  if (flow.isFragment) return DROP_INVALID;
  const at = flow.l4At;
  if (at + 1 > packet.end) return DROP_CT_INVALID_HDR;
  const kind = icmpKinds.classify(flow.family, icmp.type(packet.bytes, at));
  const words = flow.tuple;
  const portsWord = flow.family.portsWord;
  words[portsWord] = 0;
  if (kind === icmpKinds.ERROR) {
    words[flow.family.metaWord] |= entry.TUPLE_RELATED << 8;
  } else if (kind !== icmpKinds.OTHER) {
    if (at + 6 > packet.end) return DROP_CT_INVALID_HDR;
    const identifier = icmp.identifierRaw(packet.bytes, at);
    words[portsWord] = kind === icmpKinds.ECHO_REQUEST ? identifier : identifier << 16;
  }
  return 0;
}

/** The remote address of the tuple as a lookup left it is all zero: Cilium takes such a tuple for missing. */
export function lacksRemote(flow: Flow): boolean {
  const n = flow.family.addressWords;
  for (let i = n; i < 2 * n; i++) if (flow.tuple[i] !== 0) return false;
  return true;
}

/** Swaps the tuple's addresses and ports; with `flip` its IN bit too. */
export function reverseTuple(flow: Flow, flip: boolean): void {
  const words = flow.tuple;
  if (!flow.family.isV6) {
    const word = words[0];
    words[0] = words[1];
    words[1] = word;
    words[2] = (words[2] << 16) | (words[2] >>> 16);
    if (flip) words[3] ^= entry.TUPLE_IN << 8;
    return;
  }
  for (let i = 0; i < 4; i++) {
    const word = words[i];
    words[i] = words[i + 4];
    words[i + 4] = word;
  }
  const ports = words[flow.family.portsWord];
  words[flow.family.portsWord] = (ports << 16) | (ports >>> 16);
  if (flip) words[flow.family.metaWord] ^= entry.TUPLE_IN << 8;
}

/**
 * Whether the packet (tuple filled, without ports) answers a connection that came in: 1 or 0, or a drop reason of the
 * ports. Nothing is counted or refreshed.
 */
export function isReply(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const words = flow.tuple;
  const metaWord = flow.family.metaWord;
  words[metaWord] = flow.protocol;
  const error = extractPorts(program, packet, flow, CT_EGRESS);
  if (error < 0) return error;
  words[metaWord] = flow.protocol | (entry.TUPLE_IN << 8);
  useNodeMaps(flow);
  return flow.conntrackMap.lookup(words, 0) >= 0 ? 1 : 0;
}

/**
 * Looks the flow's connection up. The tuple holds the packet's addresses and protocol in packet layout; ports
 * are loaded here. Answers CT_NEW..CT_RELATED or a drop reason; fills the flow's `entry*` and `monitor`. The
 * tuple stays in the layout of the last probe: forward for NEW and ESTABLISHED, packet layout for REPLY.
 */
export function lookup(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  direction: number,
  scope: number,
  kind: number,
): number {
  const words = flow.tuple;
  const metaWord = flow.family.metaWord;
  // The reverse direction is tried first, so the tuple starts with the other side's bit.
  const flags =
    scope === SCOPE_FORWARD
      ? direction === CT_EGRESS
        ? entry.TUPLE_OUT
        : entry.TUPLE_IN
      : direction === CT_EGRESS
        ? entry.TUPLE_IN
        : entry.TUPLE_OUT;
  words[metaWord] = flow.protocol | (flags << 8);
  const error = extractPorts(program, packet, flow, direction);
  if (error < 0) return error;
  return lookupTuple(program, packet, flow, direction, scope, kind, 0);
}

/**
 * As `lookup`, for a tuple that has its ports and flags already. `wantedRevNat` is what KIND_SERVICE must carry
 * (KIND_NODEPORT: 0 accepts any).
 */
export function lookupTuple(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  direction: number,
  scope: number,
  kind: number,
  wantedRevNat: number,
): number {
  const datapath = program.datapath;
  if (flow.isFragment && flow.family.fragmentTracking) {
    datapath.metrics.count(REASON_FRAGMENT, metricDirection(direction), packet.end - packet.start);
  }
  let action = ACTION_NONE;
  flow.tcpFlags = 0;
  const isTcp = flow.protocol === ipv4.PROTOCOL_TCP;
  if (isTcp && !flow.isLaterFragment) {
    if (flow.l4At + 14 > packet.end) return DROP_CT_INVALID_HDR;
    const flags = tcp.flags(packet.bytes, flow.l4At);
    flow.tcpFlags = flags;
    if ((flags & (tcp.FIN | tcp.RST)) !== 0) action = ACTION_CLOSE;
    else if ((flags & tcp.SYN) !== 0) action = ACTION_CREATE;
  }
  if (scope === SCOPE_FORWARD) reverseTuple(flow, false);
  if (program.features.debug) debugConntrackLookup(program, packet, flow, direction, scope);
  flow.monitor = 0;
  flow.entryFlags = 0;
  flow.entryRevNat = 0;
  let status: number;
  if (scope !== SCOPE_FORWARD) {
    if (probe(program, packet, flow, direction, action, kind, wantedRevNat)) {
      status = (flow.tuple[flow.family.metaWord] & (entry.TUPLE_RELATED << 8)) !== 0 ? CT_RELATED : CT_REPLY;
      if (program.features.debug) debugConntrackVerdict(program, packet, status, flow.entryRevNat);
      return status;
    }
    if (scope === SCOPE_REVERSE) {
      if (program.features.debug) debugConntrackVerdict(program, packet, CT_NEW, wantedRevNat);
      return CT_NEW;
    }
    reverseTuple(flow, true);
  }
  status = probe(program, packet, flow, direction, action, kind, wantedRevNat) ? CT_ESTABLISHED : CT_NEW;
  if (program.features.debug) {
    debugConntrackVerdict(program, packet, status, status === CT_NEW ? wantedRevNat : flow.entryRevNat);
  }
  return status;
}
