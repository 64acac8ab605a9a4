/** The counters of a running lab by their names. */
import { engineReasonName, FATE_NAMES, FIRST_ENGINE_REASON } from '../../engine/fate.js';
import { PORT_COUNTER_NAMES } from '../../io/live/live-port.js';
import type { Binding } from '../../live/binding.js';
import type { DatapathGroup } from '../../live/datapath-group.js';
import {
  BUSY_NS,
  COPIES,
  HANDED_OVER,
  HANDOVER_LOST,
  MERGED,
  NO_SLOTS,
  ORIGINATED,
  ROUNDS,
  SHARED_WALKS,
  STRANGERS,
  UNBOUND,
  WALKED,
} from '../../live/statistics.js';
import { reasonText } from '../../programs/drop-reasons.js';

export interface PortStatus {
  /** `NODE/DEVICE`, of several the first. */
  readonly device: string;
  /** `tap:eth0`, with the namespace that it is in. */
  readonly port: string;
  readonly namespace: string | null;
  /** By PORT_COUNTER_NAMES; those that are 0 are left out. */
  readonly counters: Readonly<Record<string, number>>;
}

export interface Status {
  readonly name: string;
  readonly topology: string;
  readonly walked: number;
  readonly copies: number;
  /** By nodes' own stacks. */
  readonly originated: number;
  /** Datagrams that were walked in the frame of another. */
  readonly merged: number;
  readonly fates: Readonly<Record<string, number>>;
  /** By the reason's name. */
  readonly dropped: Readonly<Record<string, number>>;
  /** Lost outside of the datapath, by cause. */
  readonly lost: Readonly<Record<string, number>>;
  readonly ports: readonly PortStatus[];
  readonly workers: number;
  /** Frames that went from one worker to another. */
  readonly handedOver: number;
  /** Times that datapath threads woke up, and nanoseconds that they were busy, all together. */
  readonly rounds: number;
  readonly busyNs: number;
}

export function statusOf(
  name: string,
  topology: string,
  bindings: readonly Binding[],
  group: DatapathGroup,
): Status {
  const { loop, fates, dropped } = group;
  const ports = bindings.map((binding) => ({
    device: binding.devices[0],
    port: `${binding.port.plugin}:${binding.port.name}`,
    namespace: binding.port.namespace ?? null,
    counters: counted(PORT_COUNTER_NAMES, group.port(binding) ?? []),
  }));
  return {
    name,
    topology,
    // What all workers get, as the answers of neighbours, is one frame and its copies.
    walked: loop[WALKED] - loop[SHARED_WALKS],
    copies: loop[COPIES] + loop[SHARED_WALKS],
    originated: loop[ORIGINATED],
    merged: loop[MERGED],
    fates: Object.fromEntries(FATE_NAMES.map((fate, i) => [fate, fates[i]])),
    dropped: Object.fromEntries(
      [...dropped.entries()]
        .filter(([, count]) => count > 0)
        .map(([reason, count]) => [reasonName(reason), count]),
    ),
    lost: counted(
      [
        'no free frame slot',
        'at a device without interface',
        'for a MAC that nobody has',
        'from worker to worker',
      ],
      [loop[NO_SLOTS], loop[UNBOUND], loop[STRANGERS], loop[HANDOVER_LOST]],
    ),
    ports,
    workers: group.threads.length,
    handedOver: loop[HANDED_OVER],
    rounds: loop[ROUNDS],
    busyNs: loop[BUSY_NS],
  };
}

function counted(names: readonly string[], counts: ArrayLike<number>): Record<string, number> {
  return Object.fromEntries(
    names.map((name, i) => [name, counts[i]] as const).filter(([, count]) => count > 0),
  );
}

export function reasonName(reason: number): string {
  return reason < FIRST_ENGINE_REASON ? `${reasonText(reason)} (${reason})` : engineReasonName(reason);
}
