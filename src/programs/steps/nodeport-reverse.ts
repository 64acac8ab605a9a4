import type { PacketContext } from '../../engine/packet.js';
import { EGRESS, INGRESS, TC_INDEX_SKIP_HOST_FIREWALL, TC_INDEX_SKIP_NODEPORT } from '../constants.js';
import { DROP_NAT_NO_MAPPING, NAT_NOT_NEEDED } from '../drop-reasons.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import { forwardByFib } from './forward.js';
import { hostIngress } from './host-firewall.js';
import { noteSnatDone } from './nodeport-marks.js';
import { reverseDnat, seesGatewayReplies } from './nodeport-reply.js';
import { drop, MONITOR_ALWAYS, REASON_UNKNOWN } from './notify.js';
import { CONTINUE, RECIRCULATE_IPV4, RECIRCULATE_IPV6 } from './outcome.js';
import { snatReverse } from './snat.js';

/**
 * A packet to no service may be the reply to something that left under this node's address: SNAT is undone, then the
 * service translation of a reply that is not for this node. Answers a verdict (drops are reported here), or
 * RECIRCULATE_*: whoever it is for now is to be found by the program, which skips NodePort then. A reply of a host
 * behind the NAT46/64 gateway goes to its client at once.
 */
export function reverseTranslate(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  isGatewayReply: boolean,
): number {
  const family = flow.family;
  // By index: taking the pair apart runs an iterator.
  const range = program.datapath.constants.natPortRange;
  flow.traceReason = REASON_UNKNOWN;
  flow.traceMonitor = MONITOR_ALWAYS;
  const status = snatReverse(program, packet, flow, range[0], range[1]);
  if (status >= 0) {
    noteSnatDone(program, packet);
    if (knowsReplies(program, family.isV6)) {
      const verdict = toClient(program, packet, flow, isGatewayReply);
      if (verdict !== CONTINUE) return verdict;
    }
  } else if (status !== NAT_NOT_NEEDED && status !== DROP_NAT_NO_MAPPING) {
    return drop(program, packet, status, INGRESS, 0, 0, 0, flow.extendedError);
  }
  packet.tcIndex |= TC_INDEX_SKIP_NODEPORT;
  return family.isV6 ? RECIRCULATE_IPV6 : RECIRCULATE_IPV4;
}

/** With DSR alone backends answer clients themselves; the egress gateway has replies for pods elsewhere. */
function knowsReplies(program: ProgramInstance, v6: boolean): boolean {
  const features = program.features;
  if (!features.dsr || features.dsrHybrid) return true;
  return seesGatewayReplies(program, v6);
}

function toClient(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  isGatewayReply: boolean,
): number {
  const hasFirewall = program.features.hostFirewall && program.kind === 'host';
  if (hasFirewall) {
    const refused = hostIngress(program, packet, flow, 0);
    if (refused < 0) {
      return drop(program, packet, refused, INGRESS, flow.remoteLabel, 0, 0, flow.extendedError);
    }
    packet.tcIndex |= TC_INDEX_SKIP_HOST_FIREWALL;
    flow.traceMonitor = MONITOR_ALWAYS;
  }
  const verdict = isGatewayReply
    ? forwardByFib(program, packet, flow, true)
    : reverseDnat(program, packet, flow, 0);
  if (verdict < 0) {
    return drop(program, packet, verdict, hasFirewall ? EGRESS : INGRESS, 0, 0, 0, flow.extendedError);
  }
  if (verdict !== CONTINUE) packet.queueMapping = 0;
  return verdict;
}
