/** External VXLAN endpoints (VTEP): networks outside the cluster that a tunnel leads to. */
import { TC_ACT_OK } from '../../engine/hooks/verdict.js';
import type { PacketContext } from '../../engine/packet.js';
import * as arpHeader from '../../engine/wire/arp.js';
import { i32le } from '../../engine/wire/bytes.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import { EGRESS, IDENTITY_REMOTE_NODE, IDENTITY_WORLD, INGRESS } from '../constants.js';
import { DROP_NO_TUNNEL_KEY, DROP_UNKNOWN_L3 } from '../drop-reasons.js';
import { CT_REPLY } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as arp from './arp.js';
import { encapsulate } from './encapsulation.js';
import { lookupEndpointAt } from './identity.js';
import { drop, MONITOR_ALWAYS, TO_STACK, trace } from './notify.js';
import { hasReceivedIpv4Key } from './tunnel-key.js';

/** Value of `cilium_vtep_map`: MAC (8 bytes), endpoint address. */
const MAC = 0;
const ENDPOINT = 8;

/** Entry of the network that an address (raw word) is in, -1 for none. */
function lookupVtep(program: ProgramInstance, address: number): number {
  const key = program.datapath.keys.small;
  key[0] = address & program.features.vtepMask;
  return program.datapath.vtep.lookup(key, 0);
}

function hasEndpoint(program: ProgramInstance, entryAt: number): boolean {
  return program.datapath.vtep.words[(entryAt + ENDPOINT) >> 2] !== 0;
}

/**
 * The external VXLAN endpoint of the address at `addressAt`: offset of its entry, or -1. The frame's destination
 * MAC becomes the endpoint's.
 */
export function findVtep(program: ProgramInstance, packet: PacketContext, addressAt: number): number {
  const map = program.datapath.vtep;
  const at = lookupVtep(program, i32le(packet.bytes, addressAt));
  if (at < 0) return -1;
  const word = at >> 2;
  const hasMac = map.words[word + (MAC >> 2)] !== 0 || map.words[word + (MAC >> 2) + 1] !== 0;
  if (!hasMac || !hasEndpoint(program, at)) return -1;
  ethernet.putDestination(packet.bytes, packet.start, map.bytes, at + MAC);
  return at;
}

/** The address at `addressAt` is in a network behind an external VXLAN endpoint. */
export function isFromVtep(program: ProgramInstance, packet: PacketContext, addressAt: number): boolean {
  const at = lookupVtep(program, i32le(packet.bytes, addressAt));
  return at >= 0 && hasEndpoint(program, at);
}

/** Where the entry holds the endpoint's address. */
export function vtepEndpointAt(entryAt: number): number {
  return entryAt + ENDPOINT;
}

/**
 * An external endpoint asks through the tunnel who has a pod's address: we do. What is no such request goes to the
 * stack.
 */
export function answerVtepArp(program: ProgramInstance, packet: PacketContext): number {
  const datapath = program.datapath;
  const mac = program.config.interfaceMac;
  if (!hasReceivedIpv4Key(packet)) return drop(program, packet, DROP_NO_TUNNEL_KEY, INGRESS, 0, 0, 0, 0);
  const at = findAsker(program, packet);
  if (at < 0) {
    trace(program, packet, TO_STACK, 0, 0, 0, packet.ingressIfindex, CT_REPLY, MONITOR_ALWAYS, null);
    return TC_ACT_OK;
  }
  arp.answer(packet, mac);
  if (!hasEndpoint(program, at)) return drop(program, packet, DROP_UNKNOWN_L3, EGRESS, 0, 0, 0, 0);
  return encapsulate(
    program,
    packet,
    datapath.vtep.bytes,
    vtepEndpointAt(at),
    false,
    IDENTITY_REMOTE_NODE,
    datapath.ipv4.worldIdentity,
    IDENTITY_WORLD,
    CT_REPLY,
    MONITOR_ALWAYS,
  );
}

/** Entry of the network whose endpoint asks for a pod of this node, -1 when this is no such request. */
function findAsker(program: ProgramInstance, packet: PacketContext): number {
  const datapath = program.datapath;
  if (!arp.isBroadcastRequest(packet)) return -1;
  const message = arp.arpAt(packet);
  const targetAt = arpHeader.targetAddressAt(message);
  if (lookupEndpointAt(datapath, datapath.ipv4, packet, targetAt) < 0) return -1;
  return lookupVtep(program, arpHeader.senderAddress(packet.bytes, message));
}
