import type { PacketContext } from '../../engine/packet.js';
import { IDENTITY_HOST } from '../constants.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import { debugIdentityAt } from './debug.js';
import { ipcacheIdentity, isReserved, lookupIpcacheAt } from './identity.js';

/**
 * Identity of the sender of a packet that arrives at a node device. `start` is what the mark says (from the host)
 * or 0; the ipcache knows better unless it says "host". `flow.ipcacheLabel` is what the ipcache says, 0 for nothing.
 * From a network without trust in addresses (`secctxFromIpcache` off) everybody is the world.
 */
export function resolveSource(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  start: number,
  fromHost: boolean,
): number {
  const datapath = program.datapath;
  let identity = start;
  flow.ipcacheLabel = 0;
  if (isReserved(datapath, start)) {
    const sourceAt = flow.l3At + flow.family.sourceOffset;
    const at = lookupIpcacheAt(datapath, flow.family, packet, sourceAt, 0);
    if (at >= 0) {
      flow.ipcacheLabel = ipcacheIdentity(datapath, at);
      if (flow.ipcacheLabel !== IDENTITY_HOST) identity = flow.ipcacheLabel;
    }
    if (program.features.debug) debugIdentityAt(program, packet, flow.family, sourceAt, at >= 0, identity);
  }
  return fromHost || program.config.secctxFromIpcache ? identity : flow.family.worldIdentity;
}
