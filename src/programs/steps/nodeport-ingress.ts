import type { PacketContext } from '../../engine/packet.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';

/**
 * NodePort on the way in. CONTINUE: the packet goes on, possibly rewritten to a local backend (headers must be read
 * again); RECIRCULATE_*: it is to be looked at again from its IP header; a verdict: ended (redirected, answered,
 * punted, or dropped with the drop reported); below 0: a drop reason for the caller to report (ingress, `label`).
 */
export function nodePortIngress(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  label: number,
): number {
  throw new Error(`not there yet ${program.kind} ${packet.length} ${flow.l3At} ${label}`);
}
