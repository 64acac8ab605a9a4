import type { PacketContext } from '../../engine/packet.js';
import { INGRESS } from '../constants.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import { drop } from './notify.js';
import { RECIRCULATE_IPV4, RECIRCULATE_IPV6 } from './outcome.js';

/** The part of a program that looks at an IP packet: a verdict, a drop reason, or RECIRCULATE_*. */
export type IngressStep = (
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  v6: boolean,
) => number;

/**
 * Runs a program's IP part on a packet with its sender's identity in cb[0], again for each translation that changes
 * what the packet is about. The identity stands in `flow.localLabel`, which the part may correct; drops are reported
 * under it. Answers the verdict.
 */
export function runIngress(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  v6: boolean,
  step: IngressStep,
): number {
  let asV6 = v6;
  for (;;) {
    flow.localLabel = packet.cb0;
    packet.cb0 = 0;
    flow.extendedError = 0;
    const outcome = step(program, packet, flow, asV6);
    if (outcome !== RECIRCULATE_IPV4 && outcome !== RECIRCULATE_IPV6) {
      if (outcome >= 0) return outcome;
      return drop(program, packet, outcome, INGRESS, flow.localLabel, 0, 0, flow.extendedError);
    }
    asV6 = outcome === RECIRCULATE_IPV6;
  }
}
