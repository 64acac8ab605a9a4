import type { Clock } from '../engine/clock.js';
import type { Device } from '../engine/device.js';
import { engineReasonName, FIRST_ENGINE_REASON } from '../engine/fate.js';
import type { BpfMap } from '../engine/maps/map.js';
import type { Namespace } from '../engine/namespace.js';
import type { Network } from '../engine/network.js';
import type { Node } from '../engine/node.js';
import type { Walker } from '../engine/walker.js';
import type { Datapath } from '../programs/datapath.js';
import { reasonText } from '../programs/drop-reasons.js';
import type { Plan, PlannedNode, PlannedPod } from './plan.js';

export interface BuiltPod {
  readonly planned: PlannedPod;
  readonly namespace: Namespace;
  /** The device on the host's side, and the pod's own. */
  readonly device: Device;
  readonly eth0: Device;
  readonly policyMap: BpfMap;
}

export interface BuiltNode {
  readonly planned: PlannedNode;
  readonly node: Node;
  readonly datapath: Datapath;
  readonly pods: readonly BuiltPod[];
}

/** A topology that runs: the network, what walks frames through it, and each node's datapath. */
export class BuiltTopology {
  readonly plan: Plan;
  readonly network: Network;
  readonly walker: Walker;
  readonly clock: Clock;
  readonly nodes: readonly BuiltNode[];

  constructor(plan: Plan, walker: Walker, clock: Clock, nodes: readonly BuiltNode[]) {
    this.plan = plan;
    this.network = walker.network;
    this.walker = walker;
    this.clock = clock;
    this.nodes = nodes;
  }

  get pods(): readonly BuiltPod[] {
    return this.nodes.flatMap((node) => node.pods);
  }

  /** The node that a device's or pod's namespace is on. */
  nodeOf(namespace: Namespace): BuiltNode {
    return this.nodes.find((node) => node.node === namespace.node)!;
  }

  /** `DEVICE` or `NODE/DEVICE`; null when there is none or more than one. */
  device(name: string): Device | null {
    return this.network.device(name);
  }

  /** `pod1` for a pod's namespace, the node's name for its own. */
  namespaceName(index: number): string {
    return this.network.namespaces[index].name;
  }

  /** A drop reason as users read it: Cilium's monitor text for the programs' reasons, the engine's for its own. */
  dropReasonName(reason: number): string {
    return reason < FIRST_ENGINE_REASON ? reasonText(reason) : engineReasonName(reason);
  }
}
