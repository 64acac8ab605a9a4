/** Everything by which a trace calls things, and what it takes from a topology to say it. */
import type { PerfRing } from '../../engine/maps/perf-ring.js';
import type { ProgArray } from '../../engine/maps/prog-array.js';
import { type DatapathEvent, decodeEvent } from '../../programs/tables/events.js';
import type { BuiltNode, BuiltTopology } from '../built.js';
import { Names } from '../names.js';
import { PolicyReasons } from './policy-reasons.js';

export class TraceNames extends Names {
  readonly policies: PolicyReasons;

  constructor(built: BuiltTopology) {
    super(built);
    this.policies = new PolicyReasons(built);
  }

  /** `cil_lxc_policy of endpoint 2004 (pod4)`; `none` for an empty slot. */
  tailCall(node: BuiltNode | null, map: string, index: number): string {
    if (node === null) return '';
    const { datapath, planned } = node;
    const id = (datapath.map(map) as ProgArray).programAt(index);
    if (id < 0) return 'none';
    const { name } = datapath.programs[id];
    const owner = index === planned.hostEndpointId ? `${index} (host)` : this.endpoint(planned.name, index);
    return `${name} of endpoint ${owner}`;
  }

  /** Takes all records out of a ring. */
  events(ring: PerfRing): DatapathEvent[] {
    const events: DatapathEvent[] = [];
    for (let at = ring.read(); at >= 0; at = ring.read()) {
      events.push(decodeEvent(ring.bytes, at, ring.length));
    }
    return events;
  }
}
