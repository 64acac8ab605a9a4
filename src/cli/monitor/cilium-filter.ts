/** Which events `cilium-dbg monitor` shows: `--type`, `--from`, `--to`, `--related-to`. */
import type { DatapathEvent } from '../../programs/tables/events.js';

/** Values of `--type`; those of an agent's own events are known and never occur. */
export const EVENT_TYPES = [
  'agent',
  'capture',
  'debug',
  'drop',
  'l7',
  'policy-verdict',
  'recorder',
  'trace',
  'trace-sock',
] as const;

export interface CiliumFilter {
  /** Empty lists let everything through. */
  readonly types: readonly string[];
  /** Endpoint ids. */
  readonly from: readonly number[];
  readonly to: readonly number[];
  readonly related: readonly number[];
}

export function matches({ types, from, to, related }: CiliumFilter, event: DatapathEvent): boolean {
  if (types.length > 0 && !types.includes(event.kind)) return false;
  if (event.kind === 'unknown' || event.kind === 'trace-sock') return true;
  const { source } = event;
  const destination = destinationOf(event);
  return (
    (from.length === 0 || from.includes(source)) &&
    (to.length === 0 || to.includes(destination)) &&
    (related.length === 0 || related.includes(source) || related.includes(destination))
  );
}

/** What `--to` is held against: endpoint ids, but of policy verdicts the remote identity's low half. */
function destinationOf(event: DatapathEvent): number {
  switch (event.kind) {
    case 'drop':
    case 'trace':
      return event.destinationId & 0xffff;
    case 'policy-verdict':
      return event.remoteIdentity & 0xffff;
    default:
      return 0;
  }
}
