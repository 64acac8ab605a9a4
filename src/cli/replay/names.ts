/** What the numbers and addresses of a topology are called. */
import { FIRST_ENGINE_REASON } from '../../engine/fate.js';
import { identityName, reservedLabel } from '../../programs/tables/names.js';
import type { BuiltTopology } from '../../topologies/built.js';
import { endpointText } from './talk-text.js';

export class Names {
  readonly #topology: BuiltTopology;
  readonly #identities = new Map<number, string>();
  /** Pods by `NODE/ID`: endpoint ids are a node's own. */
  readonly #endpoints = new Map<string, string>();
  readonly #services = new Map<string, string>();

  constructor(topology: BuiltTopology) {
    this.#topology = topology;
    for (const { planned } of topology.pods) {
      const others = this.#identities.get(planned.identity);
      this.#identities.set(
        planned.identity,
        others === undefined ? planned.name : `${others}, ${planned.name}`,
      );
      this.#endpoints.set(`${planned.node}/${planned.endpointId}`, planned.name);
    }
    for (const { address, port, protocol, name } of topology.plan.services) {
      this.#services.set(serviceKey(address, port, protocol), name);
    }
  }

  /** `10001 (pod1)`, `world`. */
  identity(number: number): string {
    if (reservedLabel(number) !== null) return identityName(number);
    const pods = this.#identities.get(number);
    return pods === undefined ? `identity ${number}` : `identity ${number} (${pods})`;
  }

  /** `1001 (pod1)`. */
  endpoint(node: string, id: number): string {
    const pod = this.#endpoints.get(`${node}/${id}`);
    return pod === undefined ? String(id) : `${id} (${pod})`;
  }

  /** The name of the service with this frontend; empty when there is none. */
  service(address: Uint8Array, port: number, protocol: number): string {
    return this.#services.get(serviceKey(address, port, protocol)) ?? '';
  }

  /** `Policy denied (133)`, `no route`: the number where users know it from Cilium. */
  reason(reason: number): string {
    const name = this.#topology.dropReasonName(reason);
    return reason < FIRST_ENGINE_REASON ? `${name} (${reason})` : name;
  }
}

function serviceKey(address: Uint8Array, port: number, protocol: number): string {
  return `${endpointText(address, port)}/${protocol}`;
}
