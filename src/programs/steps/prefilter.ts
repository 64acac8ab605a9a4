import type { PacketContext } from '../../engine/packet.js';
import { i32le } from '../../engine/wire/bytes.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';

/**
 * Whether the source is one that XDP drops: in a prefix (longest prefix match), or an address of its own. Neither is
 * counted nor told to anybody.
 */
export function isPrefiltered(program: ProgramInstance, packet: PacketContext, flow: Flow): boolean {
  const family = flow.family;
  const key = program.datapath.keys.lpm;
  const sourceAt = flow.l3At + family.sourceOffset;
  key[0] = 32 * family.addressWords;
  for (let i = 0; i < family.addressWords; i++) key[1 + i] = i32le(packet.bytes, sourceAt + 4 * i);
  return family.prefilterPrefixes.lookup(key, 0) >= 0 || family.prefilterAddresses.lookup(key, 0) >= 0;
}
