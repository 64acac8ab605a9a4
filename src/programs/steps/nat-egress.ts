import type { PacketContext } from '../../engine/packet.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';

/**
 * Egress NAT of a packet that leaves the node. CONTINUE: the caller goes on to its own trace (context in
 * `flow.traceReason`, `flow.traceMonitor`); a verdict: ended, trace or drop event sent; below 0: a drop reason for
 * the caller to report. `point` is the trace point of the program.
 */
export function egressNat(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  sourceLabel: number,
  clusterId: number,
  reverseOnly: boolean,
  point: number,
): number {
  throw new Error(
    `not there yet ${program.kind} ${packet.length} ${flow.l3At} ${sourceLabel} ${clusterId} ${reverseOnly} ${point}`,
  );
}
