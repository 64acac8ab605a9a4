/** Which packets leave the node with an address of the node, or of the egress gateway, instead of their own. */
import type { PacketContext } from '../../engine/packet.js';
import { i32le, standsAt, swap32 } from '../../engine/wire/bytes.js';
import { DROP_CT_UNKNOWN_PROTO, DROP_NO_EGRESS_IP, NAT_NOT_NEEDED } from '../drop-reasons.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import type { SnatTarget } from '../snat-target.js';
import * as endpoints from '../tables/endpoints.js';
import * as conntrack from './conntrack.js';
import { hasGateway, lacksEgressAddress, lookupPacketPolicy } from './egress-gateway.js';
import { skipsTunnel } from './encapsulation.js';
import { readTuple } from './headers.js';
import { ipcacheIdentity, isCluster, isRemoteNode, lookupIpcacheAt } from './identity.js';

/** Masquerading of the flow's family is on in this object. */
export function masquerades(program: ProgramInstance, flow: Flow): boolean {
  return flow.family.isV6 ? program.features.masqueradeIpv6 : program.features.masqueradeIpv4;
}

/**
 * Decides on SNAT of a packet that leaves, and fills the target: 0 when it is to be translated, NAT_NOT_NEEDED, or
 * a drop reason. Only the native device's program masquerades; the tunnel device's does it for other clusters.
 * `endpointAt` is the local endpoint of the packet's source, -1 when there is none.
 */
export function decideMasquerade(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  target: SnatTarget,
  endpointAt: number,
): number {
  const features = program.features;
  if (program.kind === 'overlay') return decideInterCluster(program, flow, target);
  if (program.kind !== 'host') return NAT_NOT_NEEDED;
  const masquerade = masquerades(program, flow);
  if (!masquerade && !features.egressGateway) return NAT_NOT_NEEDED;
  if (masquerade && isMasqueradeAddress(program, packet, flow)) {
    masqueradeAddress(program, flow, target);
    target.needsConntrack = true;
    return 0;
  }
  const datapath = program.datapath;
  const family = flow.family;
  const destinationAt = flow.l3At + family.destinationOffset;
  if (endpointAt >= 0) {
    target.fromLocalEndpoint = true;
    const reply = isReply(program, packet, flow);
    if (reply < 0) return reply;
    if (reply === REPLY) return NAT_NOT_NEEDED;
  }
  const ipcacheAt = lookupIpcacheAt(datapath, family, packet, destinationAt, 0);
  const identity = ipcacheAt < 0 ? 0 : ipcacheIdentity(datapath, ipcacheAt);
  if (features.egressGateway && (ipcacheAt < 0 || !isCluster(datapath, identity))) {
    const policyAt = lookupPacketPolicy(program, packet, flow);
    if (policyAt >= 0 && hasGateway(flow, policyAt)) return useEgressAddress(flow, policyAt, target);
  }
  if (!masquerade || isExcluded(program, packet, flow)) return NAT_NOT_NEEDED;
  if (endpointAt >= 0) {
    const flags = datapath.endpoints.words[(endpointAt + endpoints.FLAGS) >> 2];
    if ((flags & endpoints.FLAG_HOST) !== 0) return NAT_NOT_NEEDED;
  }
  if (isExemptByAgent(program, packet, flow)) return NAT_NOT_NEEDED;
  // In tunnel mode a node is reached outside the tunnel, so its address does not know the pods.
  if (ipcacheAt >= 0 && isRemoteNode(identity) && (!features.tunnelMode || skipsTunnel(program, ipcacheAt))) {
    return NAT_NOT_NEEDED;
  }
  if (endpointAt < 0) return NAT_NOT_NEEDED;
  masqueradeAddress(program, flow, target);
  return 0;
}

/** Pods of other clusters may have the address of one of ours: ours then get one that all clusters know. */
function decideInterCluster(program: ProgramInstance, flow: Flow, target: SnatTarget): number {
  const features = program.features;
  const constants = program.datapath.constants;
  if (!features.clusterAwareAddressing || !features.interClusterSnat || flow.family.isV6)
    return NAT_NOT_NEEDED;
  if (target.clusterId === 0 || target.clusterId === constants.clusterId) return NAT_NOT_NEEDED;
  target.address[0] = constants.ipv4InterClusterSnat;
  target.fromLocalEndpoint = true;
  return 0;
}

/** Answers of `isReply` beside drop reasons. */
const NO_REPLY = 0;
export const REPLY = 1;

/** REPLY when the packet's connection came in from where it goes. Unknown protocols have no connections. */
export function isReply(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  readTuple(packet, flow);
  const reply = conntrack.isReply(program, packet, flow);
  return reply === DROP_CT_UNKNOWN_PROTO ? NO_REPLY : reply;
}

function isMasqueradeAddress(program: ProgramInstance, packet: PacketContext, flow: Flow): boolean {
  const at = flow.l3At + flow.family.sourceOffset;
  if (!flow.family.isV6) return packet.view.getInt32(at, true) === program.config.natIpv4Masquerade;
  return standsAt(packet.bytes, at, program.config.natIpv6Masquerade);
}

function masqueradeAddress(program: ProgramInstance, flow: Flow, target: SnatTarget): void {
  const config = program.config;
  if (flow.family.isV6) {
    for (let i = 0; i < 4; i++) target.address[i] = i32le(config.natIpv6Masquerade, 4 * i);
  } else {
    target.address[0] = config.natIpv4Masquerade;
  }
}

/** The policy's egress address; conntrack follows what comes from pods of other nodes, whose programs did not see us. */
function useEgressAddress(flow: Flow, policyAt: number, target: SnatTarget): number {
  const family = flow.family;
  if (lacksEgressAddress(flow, policyAt)) return DROP_NO_EGRESS_IP;
  const words = family.egressPolicies.words;
  for (let i = 0; i < family.addressWords; i++) target.address[i] = words[(policyAt >> 2) + i];
  target.egressGateway = true;
  target.needsConntrack = !target.fromLocalEndpoint;
  return 0;
}

/** The destination is in the range that is never masqueraded: the pods', or what the node routes natively. */
function isExcluded(program: ProgramInstance, packet: PacketContext, flow: Flow): boolean {
  const constants = program.datapath.constants;
  const at = flow.l3At + flow.family.destinationOffset;
  if (flow.family.isV6) {
    const { address, prefixLength } = constants.ipv6MasqueradeExclusion;
    return hasPrefix(packet.bytes, at, address, prefixLength);
  }
  const { address, prefixLength } = constants.ipv4MasqueradeExclusion;
  const mask = prefixLength === 0 ? 0 : -1 << (32 - prefixLength);
  return ((packet.view.getInt32(at, true) ^ address) & swap32(mask)) === 0;
}

function hasPrefix(bytes: Uint8Array, at: number, prefix: Uint8Array, length: number): boolean {
  const whole = length >> 3;
  for (let i = 0; i < whole; i++) if (bytes[at + i] !== prefix[i]) return false;
  const rest = length & 7;
  return rest === 0 || ((bytes[at + whole] ^ prefix[whole]) & (0xff00 >> rest)) === 0;
}

/** ip-masq-agent lists destinations that are not masqueraded. */
function isExemptByAgent(program: ProgramInstance, packet: PacketContext, flow: Flow): boolean {
  const family = flow.family;
  if (!(family.isV6 ? program.features.ipMasqAgentIpv6 : program.features.ipMasqAgentIpv4)) return false;
  const key = program.datapath.keys.lpm;
  const n = family.addressWords;
  key[0] = 32 * n;
  const at = flow.l3At + family.destinationOffset;
  for (let i = 0; i < n; i++) key[1 + i] = i32le(packet.bytes, at + 4 * i);
  return family.ipMasqueradeAgent.lookup(key, 0) >= 0;
}
