import { TC_ACT_OK } from '../../engine/hooks/verdict.js';
import type { PacketContext } from '../../engine/packet.js';
import * as vlan from '../../engine/wire/vlan.js';
import { DROP_VLAN_FILTERED } from '../drop-reasons.js';
import type { ProgramInstance } from '../instance.js';
import { CONTINUE } from './outcome.js';

/**
 * A packet whose VLAN tag the device has taken off belongs to a network that is not Cilium's: TC_ACT_OK when the
 * node's filter lets that VLAN through on this device, else DROP_VLAN_FILTERED. CONTINUE for an untagged packet.
 */
export function filterVlan(program: ProgramInstance, packet: PacketContext): number {
  if (packet.vlanPresent === 0) return CONTINUE;
  const id = packet.vlanTci & vlan.IDENTIFIER_MASK;
  if (id === 0) return CONTINUE;
  const allowed = program.datapath.constants.vlanFilter.get(packet.ifindex);
  return allowed?.has(id) ? TC_ACT_OK : DROP_VLAN_FILTERED;
}
