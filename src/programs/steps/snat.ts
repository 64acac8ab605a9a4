import type { PacketContext } from '../../engine/packet.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';

/** What a packet's source is to become. One object per datapath, filled anew for each packet. */
export class SnatTarget {
  /** Raw words of the new source address. */
  readonly address = new Int32Array(4);
  minimumPort = 0;
  maximumPort = 0;
  fromLocalEndpoint = false;
  egressGateway = false;
  needsConntrack = false;
  clusterId = 0;
}

/** SNAT, forward: 0, NAT_NOT_NEEDED, or a drop reason (`flow.extendedError`). */
export function snatForward(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  target: SnatTarget,
): number {
  throw new Error(`not there yet ${program.kind} ${packet.length} ${flow.l3At} ${target.clusterId}`);
}

/** SNAT, reverse: 0, NAT_NOT_NEEDED, DROP_NAT_NO_MAPPING (tolerated by callers), or another drop reason. */
export function snatReverse(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  minimumPort: number,
  maximumPort: number,
): number {
  throw new Error(
    `not there yet ${program.kind} ${packet.length} ${flow.l3At} ${minimumPort} ${maximumPort}`,
  );
}
