/** DSR, on the backend's node: a request that brings the service's address along is remembered, for the replies. */
import { BPF_ANY } from '../../engine/maps/map.js';
import type { PacketContext } from '../../engine/packet.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ipv6 from '../../engine/wire/ipv6.js';
import * as tcp from '../../engine/wire/tcp.js';
import { DROP_CT_INVALID_HDR, DROP_INVALID, DROP_INVALID_EXTHDR } from '../drop-reasons.js';
import { DSR_MODE_GENEVE } from '../features.js';
import { CT_ESTABLISHED, CT_NEW, type Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as ct from '../tables/conntrack.js';
import * as dsr from '../tables/dsr.js';
import * as conntrack from './conntrack.js';
import { insertEntry } from './snat-mapping.js';

const NOT_DSR = 0;
const IS_DSR = 1;

const MAXIMUM_HEADERS = 4;

/**
 * Whether the packet belongs to a DSR flow: 1 (remembered), 0, or a drop reason. `flow.isDsr` says that it brought
 * the service's address. The tuple has the packet's ports (packet layout).
 */
export function receiveDsr(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  conntrack.useNodeMaps(flow);
  let isSyn = false;
  if (flow.protocol === ipv4.PROTOCOL_TCP) {
    if (flow.l4At + tcp.FLAGS_OFFSET + 1 > packet.end) return DROP_CT_INVALID_HDR;
    isSyn = (tcp.flags(packet.bytes, flow.l4At) & tcp.SYN) !== 0;
    if (!isSyn) return findDsrEntry(program, flow) < 0 ? NOT_DSR : trackDsr(program, packet, flow, false);
  }
  const found = readServiceAddress(program, packet, flow);
  if (found < 0) return found;
  if (found !== 0) return trackDsr(program, packet, flow, true);
  if (isSyn) forgetDsr(flow);
  return NOT_DSR;
}

/** The flow's main conntrack entry, as the request made it, that is marked as DSR: its offset, or -1. */
function findDsrEntry(program: ProgramInstance, flow: Flow): number {
  const map = flow.conntrackMap;
  const at = map.lookup(replyKey(program, flow, true), 0);
  if (at < 0 || (map.words[(at >> 2) + ct.FLAGS] & ct.FLAG_DSR_INTERNAL) === 0) return -1;
  return at;
}

/**
 * A new connection that brings no address is to be no DSR one any more. Cilium looks for it under the tuple as the
 * packet has it, where only a connection from the backend to the client would be, so this seldom finds anything.
 */
function forgetDsr(flow: Flow): void {
  flow.tuple[flow.family.metaWord] = flow.protocol | (ct.TUPLE_OUT << 8);
  const at = flow.conntrackMap.lookup(flow.tuple, 0);
  if (at >= 0) flow.conntrackMap.words[(at >> 2) + ct.FLAGS] &= ~ct.FLAG_DSR_INTERNAL;
}

/**
 * Key of the tuple with the backend as its source: as conntrack has it (the ports crossed), or as a NAT map has the
 * backend's reply.
 */
function replyKey(program: ProgramInstance, flow: Flow, isConntrack: boolean): Int32Array {
  const family = flow.family;
  const key = program.datapath.keys.tuple;
  const tuple = flow.tuple;
  const n = family.addressWords;
  for (let i = 0; i < n; i++) {
    key[i] = tuple[n + i];
    key[n + i] = tuple[i];
  }
  const ports = tuple[family.portsWord];
  key[family.portsWord] = isConntrack ? (ports << 16) | (ports >>> 16) : ports;
  key[family.metaWord] = flow.protocol | (ct.TUPLE_OUT << 8);
  return key;
}

/**
 * Conntrack of the flow and, for a new one, the NAT entry that gives its replies the service's address. IS_DSR or a
 * drop reason; without an address at hand a flow that is new by now is one.
 */
function trackDsr(program: ProgramInstance, packet: PacketContext, flow: Flow, hasAddress: boolean): number {
  const family = flow.family;
  flow.isDsr = true;
  const natKey = replyKey(program, flow, false);
  flow.tuple[family.metaWord] = flow.protocol | (ct.TUPLE_OUT << 8);
  const status = conntrack.lookupTuple(
    program,
    packet,
    flow,
    conntrack.CT_EGRESS,
    conntrack.SCOPE_FORWARD,
    conntrack.KIND_DSR,
    0,
  );
  if (status < 0) return status;
  const restarts = status === CT_ESTABLISHED && hasAddress && flow.protocol === ipv4.PROTOCOL_TCP;
  if (status !== CT_NEW && !restarts) return IS_DSR;
  if (!hasAddress || flow.frontendPort === 0) return DROP_INVALID;
  const error = conntrack.create(
    program,
    packet,
    flow,
    conntrack.CT_EGRESS,
    ct.FLAG_DSR_INTERNAL,
    0,
    family.worldIdentity,
    0,
    false,
  );
  return error < 0 ? error : rememberService(program, flow, natKey);
}

function rememberService(program: ProgramInstance, flow: Flow, key: Int32Array): number {
  const { frontendAddress, frontendPort } = flow;
  const error = insertEntry(
    program,
    flow,
    flow.family.snat,
    key,
    BPF_ANY,
    frontendAddress,
    0,
    frontendPort,
    0,
  );
  return error < 0 ? error : IS_DSR;
}

/** The service's address that the packet carries, into `flow.frontend*`: 1, 0 for none, or a drop reason. */
function readServiceAddress(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  if (program.features.dsrMode === DSR_MODE_GENEVE) return readGeneve(packet, flow);
  return flow.family.isV6 ? readExtensionHeaders(packet, flow) : readIpv4Option(packet, flow);
}

function readGeneve(packet: PacketContext, flow: Flow): number {
  const option = packet.receivedOption;
  if (packet.receivedOptionResult <= 0 || !dsr.isGeneveOption(option, 0)) return 0;
  flow.frontendPort = dsr.readGeneveOption(option, 0, flow.frontendAddress, flow.family.addressWords);
  return 1;
}

function readIpv4Option(packet: PacketContext, flow: Flow): number {
  const bytes = packet.bytes;
  const at = flow.l3At + ipv4.HEADER_LENGTH;
  if (ipv4.headerLength(bytes, flow.l3At) < ipv4.HEADER_LENGTH + dsr.IPV4_OPTION_LENGTH) return 0;
  if (at + dsr.IPV4_OPTION_LENGTH > packet.end) return DROP_INVALID;
  if (!dsr.isIpv4Option(bytes, at)) return 0;
  flow.frontendAddress[0] = dsr.ipv4OptionAddress(bytes, at);
  flow.frontendPort = dsr.ipv4OptionPort(bytes, at);
  return 1;
}

/** Looks at the extension headers up to the one that it is. */
function readExtensionHeaders(packet: PacketContext, flow: Flow): number {
  const bytes = packet.bytes;
  let at = flow.l3At + ipv6.HEADER_LENGTH;
  let next = ipv6.nextHeader(bytes, flow.l3At);
  for (let i = 0; i < MAXIMUM_HEADERS; i++) {
    if (next === ipv6.NEXT_NONE) return DROP_INVALID_EXTHDR;
    if (!ipv6.isExtension(next)) return 0;
    if (!ipv6.fitsExtension(at, packet.end)) return DROP_INVALID;
    if (next === ipv6.NEXT_DESTINATION_OPTIONS) {
      const fits = at + dsr.IPV6_HEADER_LENGTH <= packet.end;
      if (fits && dsr.isIpv6Header(bytes, at)) {
        flow.frontendPort = dsr.readIpv6Header(bytes, at, flow.frontendAddress);
        return 1;
      }
    }
    const length = ipv6.extensionLength(bytes, at, next);
    next = ipv6.extensionNextHeader(bytes, at);
    at += length;
  }
  return DROP_INVALID_EXTHDR;
}
