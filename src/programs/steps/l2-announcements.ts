import { TC_ACT_OK } from '../../engine/hooks/verdict.js';
import type { PacketContext } from '../../engine/packet.js';
import * as arpHeader from '../../engine/wire/arp.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import type { ProgramInstance } from '../instance.js';
import { addU64, readU64 } from '../tables/u64.js';
import * as arp from './arp.js';

/** Element of `cilium_runtime_config` in which the agent notes when it was last alive (monotonic ns). */
const AGENT_LIVENESS = 1;

/**
 * Answers ARP requests for service addresses that this node announces on the device, while the agent that holds the
 * announcement's lease is alive. Everything else is left to the stack.
 */
export function answerAnnounced(program: ProgramInstance, packet: PacketContext): number {
  const datapath = program.datapath;
  const key = datapath.keys.small;
  key[0] = AGENT_LIVENESS;
  const livenessAt = datapath.runtimeConfig.lookup(key, 0);
  const liveness = livenessAt < 0 ? 0 : readU64(datapath.runtimeConfig.words, livenessAt >> 2);
  if (liveness === 0) return TC_ACT_OK;
  if (datapath.clock.nowNs - liveness > datapath.constants.l2AnnouncementLivenessNs) return TC_ACT_OK;
  const mac = program.config.interfaceMac;
  if (!arp.isRequest(packet)) return TC_ACT_OK;
  if (!ethernet.isBroadcast(packet.bytes, packet.start) && !arp.isFor(packet, mac)) return TC_ACT_OK;
  key[0] = arpHeader.targetAddress(packet.bytes, arp.arpAt(packet));
  key[1] = packet.ingressIfindex;
  const announcements = datapath.l2Responder;
  const at = announcements.lookup(key, 0);
  if (at < 0) return TC_ACT_OK;
  arp.answer(packet, mac);
  const verdict = packet.redirect(packet.ifindex, 0);
  addU64(announcements.words, at >> 2, 1);
  return verdict;
}
