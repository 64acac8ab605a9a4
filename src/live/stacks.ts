/** The stacks of those who have no real one: nodes, routers, and pods and hosts that nothing is bound to. */
import type { Namespace } from '../engine/namespace.js';
import { HostStack } from '../engine/stack/host-stack.js';
import type { BuiltTopology } from '../topologies/built.js';
import { type Binding, boundDevices, outletOf } from './binding.js';

/** They answer ARP, neighbour discovery and echo requests, send ICMP errors, and ask for neighbours. */
export class Stacks {
  readonly #stacks: readonly HostStack[];
  readonly #built: BuiltTopology;

  constructor(built: BuiltTopology, bindings: readonly Binding[]) {
    const { walker, clock, network } = built;
    this.#built = built;
    const real = new Set<Namespace>(
      bindings
        .flatMap((binding) => boundDevices(built, binding))
        .map((device) => outletOf(device).namespace)
        .filter(({ isHost }) => !isHost),
    );
    this.#stacks = network.namespaces
      .filter((namespace) => !real.has(namespace))
      .map((namespace) => {
        const known = namespace.localDelivery;
        return known instanceof HostStack ? known : new HostStack(namespace, walker.output, clock);
      });
  }

  /** Asks again for neighbours that have not answered; a few times in a second, between walks. */
  poll(): void {
    for (const stack of this.#stacks) {
      if (stack.resolver.pending.some(({ hasFailed }) => !hasFailed)) stack.poll();
    }
    this.#built.walker.output.walkWaiting();
  }
}
