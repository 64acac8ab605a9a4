/** What the numbers and addresses of a topology are called. */
import { FIRST_ENGINE_REASON } from '../engine/fate.js';
import { identityName, reservedLabel } from '../programs/tables/names.js';
import type { BuiltTopology } from './built.js';
import { prefixText } from './identities.js';

export class Names {
  readonly #topology: BuiltTopology;
  readonly #identities = new Map<number, string>();
  /** Pods by `NODE/ID`: endpoint ids are a node's own. */
  readonly #endpoints = new Map<string, string>();
  readonly #services = new Map<string, string>();
  readonly #addresses = new Map<string, string>();

  constructor(topology: BuiltTopology) {
    this.#topology = topology;
    const { plan } = topology;
    for (const { planned } of topology.pods) {
      const others = this.#identities.get(planned.identity);
      this.#identities.set(
        planned.identity,
        others === undefined ? planned.name : `${others}, ${planned.name}`,
      );
      this.#endpoints.set(`${planned.node}/${planned.endpointId}`, planned.name);
      for (const address of planned.addresses) this.#addresses.set(addressKey(address), planned.name);
    }
    for (const { prefix, identity } of plan.outside) this.#identities.set(identity, prefixText(prefix));
    for (const { address, port, protocol, name } of plan.services) {
      this.#services.set(serviceKey(address, port, protocol), name);
    }
    for (const { name, devices } of [...plan.nodes, ...plan.routers, ...plan.hosts]) {
      for (const { addresses } of devices) {
        for (const { address } of addresses) this.#addresses.set(addressKey(address), name);
      }
    }
  }

  /** `10001 (pod1)`, `world`. */
  identity(number: number): string {
    if (reservedLabel(number) !== null) return identityName(number);
    const pods = this.#identities.get(number);
    return pods === undefined ? `identity ${number}` : `identity ${number} (${pods})`;
  }

  /** `pod1`, `world`; empty for an identity of nobody here. */
  identityOwner(number: number): string {
    return reservedLabel(number) === null ? (this.#identities.get(number) ?? '') : identityName(number);
  }

  /** `1001 (pod1)`. */
  endpoint(node: string, id: number): string {
    const pod = this.#endpoints.get(`${node}/${id}`);
    return pod === undefined ? String(id) : `${id} (${pod})`;
  }

  /** `pod1`; empty for an endpoint that is no pod's. */
  endpointOwner(node: string, id: number): string {
    return this.#endpoints.get(`${node}/${id}`) ?? '';
  }

  /** The name of the service with this frontend; empty when there is none. */
  service(address: Uint8Array, port: number, protocol: number): string {
    return this.#services.get(serviceKey(address, port, protocol)) ?? '';
  }

  /** As `service`, also for a node port at one of the nodes' own addresses. */
  frontend(address: Uint8Array, port: number, protocol: number): string {
    const own = this.service(address, port, protocol);
    return own !== '' ? own : this.service(new Uint8Array(address.length), port, protocol);
  }

  /** The pod, node or router that has the address; empty when none does. */
  owner(address: Uint8Array): string {
    return this.#addresses.get(addressKey(address)) ?? '';
  }

  /** `Policy denied (133)`, `no route`: the number where users know it from Cilium. */
  reason(reason: number): string {
    const name = this.#topology.dropReasonName(reason);
    return reason < FIRST_ENGINE_REASON ? `${name} (${reason})` : name;
  }
}

function addressKey(address: Uint8Array): string {
  return address.join('.');
}

function serviceKey(address: Uint8Array, port: number, protocol: number): string {
  return `${addressKey(address)}:${port}/${protocol}`;
}
