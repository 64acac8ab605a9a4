/** IPsec: the marks by which programs and the kernel's XFRM tell each other what is to be en- and decrypted. */
import { PACKET_HOST } from '../../engine/device.js';
import { TC_ACT_OK } from '../../engine/hooks/verdict.js';
import { BPF_F_INGRESS, type PacketContext } from '../../engine/packet.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ipv6 from '../../engine/wire/ipv6.js';
import {
  IDENTITY_HOST,
  MARK_DECRYPT,
  MARK_ENCRYPT,
  MARK_MAGIC_MASK,
  MARK_OVERLAY,
  MARK_OVERLAY_ENCRYPTED,
} from '../constants.js';
import { DROP_NO_NODE_ID, DROP_UNSUPPORTED_L2 } from '../drop-reasons.js';
import type { Family } from '../family.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as ipcache from '../tables/ipcache.js';
import * as nodes from '../tables/nodes.js';
import { hasTunnelEndpoint } from './encapsulation.js';
import { etherType, IP_NONE, IP_V6, ipVersion, readIp } from './headers.js';
import { ipcacheIdentity, isCluster, isRemoteNode, lookupIpcacheAt, markIdentity } from './identity.js';
import { lookupNode, nodeId } from './nodes.js';
import { CONTINUE } from './outcome.js';

/** An IP packet (its header unread) whose payload is ESP. */
export function carriesEsp(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  version: number,
): boolean {
  if (version === IP_NONE) return false;
  return readIp(program.datapath, packet, flow, version === IP_V6) >= 0 && isEsp(packet, flow);
}

/** The packet's own IP header says ESP; extension headers are not looked behind. */
export function isEsp(packet: PacketContext, flow: Flow): boolean {
  const next = flow.family.isV6
    ? ipv6.nextHeader(packet.bytes, flow.l3At)
    : ipv4.protocol(packet.bytes, flow.l3At);
  return next === ipv4.PROTOCOL_ESP;
}

/** Mark that asks XFRM to decrypt what a node sent. */
export function decryptMark(nodeId: number): number {
  return MARK_DECRYPT | (nodeId << 16);
}

/** Id of the node that sent the packet, 0 when it is not known. */
export function sendingNode(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const family = flow.family;
  return nodeId(program, lookupNode(program, family, packet.bytes, flow.l3At + family.sourceOffset));
}

/**
 * ESP packets get the mark that makes XFRM decrypt them; what comes back decrypted (the mark says so) goes to the
 * host device, or with endpoint routes to the stack. A verdict, or DROP_NO_NODE_ID. from-netdev goes on whatever the
 * verdict, with the redirect already asked for.
 */
export function decrypt(program: ProgramInstance, packet: PacketContext, flow: Flow, type: number): number {
  const features = program.features;
  const version = ipVersion(program.datapath, type);
  if (version === IP_NONE) return TC_ACT_OK;
  const decrypted = (packet.mark & MARK_MAGIC_MASK) === MARK_DECRYPT;
  if (readIp(program.datapath, packet, flow, version === IP_V6) < 0) {
    packet.mark = 0;
    return TC_ACT_OK;
  }
  if (decrypted) {
    packet.mark = 0;
    if (features.endpointRoutes) return TC_ACT_OK;
    return packet.redirect(program.datapath.constants.hostIfindex, 0);
  }
  if (!isEsp(packet, flow)) return TC_ACT_OK;
  const sender = sendingNode(program, packet, flow);
  if (sender === 0) return DROP_NO_NODE_ID;
  packet.mark = decryptMark(sender);
  packet.changeType(PACKET_HOST);
  return TC_ACT_OK;
}

/** Keys count from 1 to 15 and start over. */
const LAST_SPI = 15;

/** The older of two keys, which both nodes still have: the smaller, but 15 where the other is 1 already. */
function agreedSpi(own: number, peer: number): number {
  if (own === LAST_SPI) return peer === 1 ? LAST_SPI : peer;
  if (peer === LAST_SPI) return own === 1 ? LAST_SPI : own;
  return own < peer ? own : peer;
}

/**
 * Traffic between pods of different nodes goes back into the host stack with the mark that makes XFRM encrypt it:
 * CONTINUE when it stays as it is, a verdict, or a drop reason.
 */
export function encryptRedirect(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  sourceLabel: number,
): number {
  const datapath = program.datapath;
  const features = program.features;
  const mark = packet.mark;
  const type = etherType(packet);
  if (type < 0) return DROP_UNSUPPORTED_L2;
  if (features.tunnelMode && (mark & 0xff00) === MARK_OVERLAY_ENCRYPTED) return CONTINUE;
  const version = ipVersion(datapath, type);
  if (version === IP_NONE) return CONTINUE;
  const error = readIp(datapath, packet, flow, version === IP_V6);
  if (error < 0) return error;
  const family = flow.family;
  const destinationAt = flow.l3At + family.destinationOffset;
  if (features.tunnelMode && (mark & MARK_MAGIC_MASK) === MARK_OVERLAY) {
    return toXfrm(program, packet, family, packet.bytes, destinationAt, markIdentity(mark));
  }
  let label = sourceLabel;
  const destination = lookupIpcacheAt(datapath, family, packet, destinationAt, 0);
  const hasEndpoint = hasTunnelEndpoint(program, destination);
  const destinationLabel = destination < 0 ? 0 : ipcacheIdentity(datapath, destination);
  if (label === 0) {
    const source = lookupIpcacheAt(datapath, family, packet, flow.l3At + family.sourceOffset, 0);
    if (source < 0) return CONTINUE;
    label = ipcacheIdentity(datapath, source);
  }
  if (!hasEndpoint || isEsp(packet, flow)) return CONTINUE;
  if (!isEncryptable(program, label) || !isEncryptable(program, destinationLabel)) return CONTINUE;
  const v6Endpoint =
    (datapath.ipcache.bytes[destination + ipcache.FLAGS] & ipcache.FLAG_IPV6_TUNNEL_ENDPOINT) !== 0;
  const endpointFamily = v6Endpoint ? datapath.ipv6 : datapath.ipv4;
  const endpointAt = destination + ipcache.TUNNEL_ENDPOINT;
  return toXfrm(program, packet, endpointFamily, datapath.ipcache.bytes, endpointAt, label);
}

/** Pods of the cluster; not the host, not other nodes, not the world. */
function isEncryptable(program: ProgramInstance, label: number): boolean {
  return label !== IDENTITY_HOST && isCluster(program.datapath, label) && !isRemoteNode(label);
}

function toXfrm(
  program: ProgramInstance,
  packet: PacketContext,
  family: Family,
  endpoint: Uint8Array,
  endpointAt: number,
  label: number,
): number {
  const datapath = program.datapath;
  const constants = datapath.constants;
  const nodeAt = lookupNode(program, family, endpoint, endpointAt);
  const peer = nodeId(program, nodeAt);
  if (peer === 0) return DROP_NO_NODE_ID;
  const key = datapath.keys.small;
  key[0] = 0;
  const stateAt = datapath.encryptState.lookup(key, 0);
  const own = stateAt < 0 ? 0 : datapath.encryptState.bytes[stateAt];
  const spi = agreedSpi(own, nodes.spi(datapath.nodes.words[nodeAt >> 2]));
  packet.mark = MARK_ENCRYPT | (spi << 12) | (peer << 16);
  packet.cb4 = label;
  packet.cb0 = packet.mark;
  ethernet.putDestination(packet.bytes, packet.start, constants.netMac, 0);
  return packet.redirect(constants.netIfindex, BPF_F_INGRESS);
}
