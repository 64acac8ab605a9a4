/** What a packet's tunnel told: the key with which it came out of (or is about to go into) the tunnel device. */
import type { PacketContext } from '../../engine/packet.js';
import { i32le } from '../../engine/wire/bytes.js';
import { IDENTITY_WORLD } from '../constants.js';
import type { ProgramInstance } from '../instance.js';
import * as tunnelKey from '../tables/tunnel-key.js';

/** The packet has a key of an IPv4 tunnel. */
export function hasReceivedIpv4Key(packet: PacketContext): boolean {
  return packet.receivedKeyResult >= 0 && packet.receivedKeyIsV6 === 0;
}

/** The packet has a key of a tunnel that this node takes part in. */
export function hasReceivedKey(program: ProgramInstance, packet: PacketContext): boolean {
  return packet.receivedKeyResult >= 0 && (packet.receivedKeyIsV6 === 0 || program.features.ipv6);
}

/** Identity that the key carries; the world, which has one identity there, becomes the packet family's. */
export function receivedIdentity(packet: PacketContext, world: number): number {
  const id = i32le(packet.receivedKey, tunnelKey.ID);
  return id === IDENTITY_WORLD ? world : id;
}
