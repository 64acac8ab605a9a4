import { addLinkHeader } from '../../engine/link-header.js';
import type { PacketContext } from '../../engine/packet.js';
import { i32 } from '../../engine/wire/bytes.js';
import { IDENTITY_HOST, IDENTITY_REMOTE_NODE, IDENTITY_WORLD } from '../constants.js';
import { DROP_WRITE_ERROR } from '../drop-reasons.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as ipcache from '../tables/ipcache.js';
import { DEBUG_ENCAP } from './debug.js';
import { isWorld, lookupIpcacheAt } from './identity.js';
import { debug, TO_OVERLAY, trace } from './notify.js';
import { sendThroughTunnel } from './tunnel-key.js';
import { writeTunnelHeader } from './xdp-encapsulation.js';

/**
 * Sends the packet through the tunnel device to the endpoint of an ipcache entry: trace, tunnel key and option,
 * redirect. With `optionLength` the caller has filled `packet.tunnelOption`. In XDP the header is written into the
 * frame instead, and CONTINUE is answered: the outer packet is to be forwarded.
 */
export function toTunnel(
  program: ProgramInstance,
  packet: PacketContext,
  ipcacheAt: number,
  sourceLabel: number,
  destinationLabel: number,
  reason: number,
  monitor: number,
  optionLength = 0,
): number {
  const bytes = program.datapath.ipcache.bytes;
  const v6 = (bytes[ipcacheAt + ipcache.FLAGS] & ipcache.FLAG_IPV6_TUNNEL_ENDPOINT) !== 0;
  return encapsulate(
    program,
    packet,
    bytes,
    ipcacheAt + ipcache.TUNNEL_ENDPOINT,
    v6,
    sourceLabel,
    destinationLabel,
    -1,
    reason,
    monitor,
    optionLength,
  );
}

/**
 * As `toTunnel`, to the endpoint address at `endpoint[endpointAt]` (raw). `networkId` overrides the identity in the
 * header when it is not -1 (VTEP).
 */
export function encapsulate(
  program: ProgramInstance,
  packet: PacketContext,
  endpoint: Uint8Array,
  endpointAt: number,
  v6: boolean,
  sourceLabel: number,
  destinationLabel: number,
  networkId: number,
  reason: number,
  monitor: number,
  optionLength = 0,
): number {
  // The host's own traffic is a remote node's to the receiver.
  const source = sourceLabel === IDENTITY_HOST ? IDENTITY_REMOTE_NODE : sourceLabel;
  const ifindex = program.isXdp ? 0 : program.features.encapIfindex;
  if (packet.layer3Device !== 0 && !addLinkHeader(packet)) return DROP_WRITE_ERROR;
  if (program.features.debug && !v6) {
    debug(program, packet, DEBUG_ENCAP, i32(endpoint, endpointAt), source, 0);
  }
  trace(program, packet, TO_OVERLAY, source, destinationLabel, 0, ifindex, reason, monitor, null);
  const id = networkId >= 0 ? networkId : isWorld(program.datapath, source) ? IDENTITY_WORLD : source;
  if (program.isXdp) return writeTunnelHeader(program, packet, endpoint, endpointAt, v6, id, optionLength);
  sendThroughTunnel(packet, id, endpoint, endpointAt, v6);
  if (optionLength > 0) packet.setTunnelOption(optionLength);
  return packet.redirect(ifindex, 0);
}

/** The ipcache entry sends its address through a tunnel: it has an endpoint and does not say to skip it. */
function isTunnelled(program: ProgramInstance, ipcacheAt: number): boolean {
  if (ipcacheAt < 0) return false;
  const flags = program.datapath.ipcache.bytes[ipcacheAt + ipcache.FLAGS];
  return (flags & ipcache.FLAG_HAS_TUNNEL_ENDPOINT) !== 0 && (flags & ipcache.FLAG_SKIP_TUNNEL) === 0;
}

/** The ipcache entry that sends the packet's destination, in a cluster, through a tunnel; -1 when none does. */
export function tunnelTowards(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  clusterId: number,
): number {
  if (!program.features.tunnelMode) return -1;
  const { family } = flow;
  const at = lookupIpcacheAt(
    program.datapath,
    family,
    packet,
    flow.l3At + family.destinationOffset,
    clusterId,
  );
  return isTunnelled(program, at) ? at : -1;
}

/** The entry says that its address is reached without a tunnel. */
export function skipsTunnel(program: ProgramInstance, ipcacheAt: number): boolean {
  if (ipcacheAt < 0) return false;
  return (program.datapath.ipcache.bytes[ipcacheAt + ipcache.FLAGS] & ipcache.FLAG_SKIP_TUNNEL) !== 0;
}

/** The entry has a tunnel endpoint, whatever the skip flag says. */
export function hasTunnelEndpoint(program: ProgramInstance, ipcacheAt: number): boolean {
  if (ipcacheAt < 0) return false;
  return (program.datapath.ipcache.bytes[ipcacheAt + ipcache.FLAGS] & ipcache.FLAG_HAS_TUNNEL_ENDPOINT) !== 0;
}
