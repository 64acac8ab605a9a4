/** Which of a topology's policies is behind a decision of an endpoint's policy map. */
import type { BpfMap } from '../../engine/maps/map.js';
import { u16be, u32le } from '../../programs/tables/names.js';
import { STATIC_PREFIX } from '../../programs/tables/policy.js';
import type { BuiltTopology } from '../built.js';
import type { PlannedPolicy, PlannedPolicyEntry } from '../plan.js';

export interface PolicyOwner {
  /** `pod1`, or the node whose host endpoint it is. */
  readonly name: string;
  readonly policy: PlannedPolicy;
}

export class PolicyReasons {
  readonly #owners = new Map<BpfMap, PolicyOwner>();

  constructor(built: BuiltTopology) {
    const { plan } = built;
    for (const node of built.nodes) {
      const { name } = node.planned;
      const policy = plan.hostPolicies.get(name);
      if (policy !== undefined) this.#owners.set(node.hostPolicyMap, { name, policy });
      for (const { planned, policyMap } of node.pods) {
        const own = plan.policies.get(planned.name);
        if (own !== undefined) this.#owners.set(policyMap, { name: planned.name, policy: own });
      }
    }
  }

  owner(map: BpfMap): PolicyOwner | undefined {
    return this.#owners.get(map);
  }

  /** What an entry comes from, by its key in the map: policies by name, or why it is there without any. */
  originsOf(map: BpfMap, key: Uint8Array): { policies: readonly string[]; openBecause: string } {
    const entries = (this.#owners.get(map)?.policy.entries ?? []).filter((entry) => hasKey(entry, key));
    const policies = [...new Set(entries.flatMap(({ policy }) => policy ?? []))];
    return { policies, openBecause: entries.find(({ policy }) => policy === null)?.openBecause ?? '' };
  }

  /** Names of the policies because of which an endpoint denies what no entry allows. */
  enforcers(map: BpfMap, egress: boolean): readonly string[] {
    const policy = this.#owners.get(map)?.policy;
    return (egress ? policy?.egressBy : policy?.ingressBy) ?? [];
  }
}

function hasKey(entry: PlannedPolicyEntry, key: Uint8Array): boolean {
  const bits = entry.protocol === 0 ? 0 : 8 + entry.portBits;
  return (
    u32le(key, 0) === STATIC_PREFIX + bits &&
    u32le(key, 4) === entry.identity &&
    (key[8] & 1) === (entry.egress ? 1 : 0) &&
    key[9] === entry.protocol &&
    u16be(key, 10) === entry.port
  );
}
