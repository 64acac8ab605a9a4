/** WireGuard: which traffic between nodes is sent through the encrypting device, and what may not go without it. */
import type { PacketContext } from '../../engine/packet.js';
import { swap16 } from '../../engine/wire/bytes.js';
import * as icmpv6 from '../../engine/wire/icmpv6.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ports from '../../engine/wire/ports.js';
import {
  IDENTITY_HOST,
  MARK_IDENTITY,
  MARK_MAGIC_MASK,
  MARK_OVERLAY,
  MARK_PROXY_EGRESS,
  MARK_PROXY_INGRESS,
  MARK_WIREGUARD_ENCRYPTED,
  TC_INDEX_FROM_EGRESS_PROXY,
  TC_INDEX_FROM_INGRESS_PROXY,
} from '../constants.js';
import { DROP_UNENCRYPTED_TRAFFIC, DROP_UNSUPPORTED_L2 } from '../drop-reasons.js';
import { haveEncapsulation } from '../features.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as ipcache from '../tables/ipcache.js';
import { etherType, IP_NONE, IP_V6, ipVersion, locateL4, readIp } from './headers.js';
import { icmpv6Type } from './icmpv6-classes.js';
import { identityMark, ipcacheIdentity, isCluster, isRemoteNode, lookupIpcacheAt } from './identity.js';
import { CONTINUE } from './outcome.js';

/** A packet that WireGuard has encrypted: the mark holds all bits of its magic. */
export function isWireguardMark(mark: number): boolean {
  return (mark & MARK_WIREGUARD_ENCRYPTED) === MARK_WIREGUARD_ENCRYPTED;
}

/** UDP between the WireGuard ports of two members of the cluster (the unknown identity counts as one). */
export function isWireguard(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  identity: number,
): boolean {
  if (locateL4(packet, flow) < 0) return false;
  if (flow.protocol !== ipv4.PROTOCOL_UDP || !isCluster(program.datapath, identity)) return false;
  const at = flow.l4At;
  if (at + ports.PORTS_LENGTH > packet.end) return false;
  const port = swap16(program.datapath.constants.wireguardPort);
  return (
    ports.sourcePortRaw(packet.bytes, at) === port && ports.destinationPortRaw(packet.bytes, at) === port
  );
}

/**
 * Sends what pods of the cluster exchange between nodes through the WireGuard device: CONTINUE when the packet stays
 * as it is, the redirect's verdict, or a drop reason.
 */
export function wireguardRedirect(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  sourceLabel: number,
): number {
  const datapath = program.datapath;
  const features = program.features;
  const magic = packet.mark & MARK_MAGIC_MASK;
  const type = etherType(packet);
  if (type < 0) return DROP_UNSUPPORTED_L2;
  const version = ipVersion(datapath, type);
  if (version === IP_NONE) return CONTINUE;
  let error = readIp(datapath, packet, flow, version === IP_V6);
  if (error < 0) return error;
  const family = flow.family;
  if (!family.isV6 && magic === MARK_OVERLAY && haveEncapsulation(features)) {
    return packet.redirect(datapath.constants.wireguardIfindex, 0);
  }
  if (family.isV6 && features.nodeEncryption) {
    // Neighbours find each other by addresses whose peers WireGuard does not know.
    error = locateL4(packet, flow);
    if (error < 0) return error;
    const message = icmpv6Type(packet, flow);
    if (message < 0) return message;
    if (message === icmpv6.NEIGHBOUR_ADVERTISEMENT) return CONTINUE;
  }
  const destinationAt = flow.l3At + family.destinationOffset;
  const destination = lookupIpcacheAt(datapath, family, packet, destinationAt, 0);
  const key = destination < 0 ? 0 : datapath.ipcache.bytes[destination + ipcache.KEY];
  let label = sourceLabel;
  if (label === 0) {
    const source = lookupIpcacheAt(datapath, family, packet, flow.l3At + family.sourceOffset, 0);
    if (source < 0) return CONTINUE;
    label = ipcacheIdentity(datapath, source);
  }
  if (!isFromProxy(program, packet, magic)) {
    if (label === IDENTITY_HOST && !features.nodeEncryption) return CONTINUE;
    if (!isCluster(datapath, label) || isRemoteNode(label)) return CONTINUE;
  }
  if (key === 0) return CONTINUE;
  packet.mark = identityMark(MARK_IDENTITY, label);
  return packet.redirect(datapath.constants.wireguardIfindex, 0);
}

/** A proxy speaks for a pod, whatever address it does so from. With node encryption it needs no exception. */
function isFromProxy(program: ProgramInstance, packet: PacketContext, magic: number): boolean {
  if (program.features.nodeEncryption) return false;
  if (magic === MARK_PROXY_INGRESS || magic === MARK_PROXY_EGRESS) return true;
  return (
    program.features.tunnelMode &&
    (packet.tcIndex & (TC_INDEX_FROM_INGRESS_PROXY | TC_INDEX_FROM_EGRESS_PROXY)) !== 0
  );
}

/**
 * Strict mode: what goes from one address of the strict network to another must not leave unencrypted. 0 or
 * DROP_UNENCRYPTED_TRAFFIC. IPv4 only.
 */
export function refuseUnencrypted(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const datapath = program.datapath;
  const constants = datapath.constants;
  if (etherType(packet) !== datapath.ipv4.etherType || !datapath.features.ipv4) return 0;
  const error = readIp(datapath, packet, flow, false);
  if (error < 0) return error;
  const source = ipv4.source(packet.bytes, flow.l3At);
  if (source === constants.ipv4Gateway || source === constants.ipv4EncryptInterface) return 0;
  if (program.features.tunnelMode || constants.strictModeOverlapsNodes) {
    const destinationAt = flow.l3At + flow.family.destinationOffset;
    const at = lookupIpcacheAt(datapath, flow.family, packet, destinationAt, 0);
    const identity = at < 0 ? 0 : ipcacheIdentity(datapath, at);
    if (identity === IDENTITY_HOST || isRemoteNode(identity)) return 0;
  }
  const network = constants.strictModeNetwork;
  const mask = ipv4.prefixMask(network.prefixLength);
  const destination = ipv4.destination(packet.bytes, flow.l3At);
  const inside = ((source ^ network.address) & mask) === 0 && ((destination ^ network.address) & mask) === 0;
  return inside ? DROP_UNENCRYPTED_TRAFFIC : 0;
}
