/** Keys of tunnels: what a packet came out of the tunnel device with, and what it goes into one with. */
import type { PacketContext } from '../../engine/packet.js';
import * as tunnelKey from '../../engine/tunnel-key.js';
import { copy, i32, i32le, put32le } from '../../engine/wire/bytes.js';
import { DEFAULT_HOP_LIMIT, IDENTITY_WORLD } from '../constants.js';
import type { ProgramInstance } from '../instance.js';

/** Gives the packet the key of a tunnel to the address at `remote[remoteAt]` (raw bytes). */
export function sendThroughTunnel(
  packet: PacketContext,
  id: number,
  remote: Uint8Array,
  remoteAt: number,
  v6: boolean,
): void {
  const key = packet.tunnelKey;
  key.fill(0);
  put32le(key, tunnelKey.ID, id);
  key[tunnelKey.TTL] = DEFAULT_HOP_LIMIT;
  if (v6) {
    copy(key, tunnelKey.REMOTE, remote, remoteAt, 16);
    packet.setTunnelKey(tunnelKey.SIZE_WITHOUT_SOURCE, tunnelKey.FLAG_IPV6);
  } else {
    // The helper takes IPv4 addresses in host order.
    put32le(key, tunnelKey.REMOTE, i32(remote, remoteAt));
    packet.setTunnelKey(tunnelKey.SIZE_WITHOUT_SOURCE, tunnelKey.FLAG_ZERO_CHECKSUM);
  }
}

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
