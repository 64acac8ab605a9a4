import type { PacketContext } from '../../engine/packet.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';

/**
 * The host endpoint's ingress policy (lookup and verdict in one): 0 when it does not apply or allows, else a drop
 * reason. `startLabel` is the remote's identity where the ipcache knows none. The remote label that events and drops
 * show stands in `flow.remoteLabel` afterwards, the conntrack result in `flow.traceReason` and `flow.traceMonitor`.
 */
export function hostIngress(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  startLabel: number,
): number {
  throw new Error(`not there yet ${program.kind} ${packet.length} ${flow.l3At} ${startLabel}`);
}
