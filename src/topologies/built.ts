import type { Clock } from '../engine/clock.js';
import type { Device } from '../engine/device.js';
import {
  engineReasonName,
  FIRST_ENGINE_REASON,
  FIRST_OWN_REASON,
  FRAME_TOO_LONG,
  NO_FREE_SLOT,
  REASON_COUNT,
} from '../engine/fate.js';
import { JUMBO_FRAME_LIMIT } from '../engine/frame-arena.js';
import type { SocketHooks } from '../engine/hooks/socket.js';
import type { BpfMap } from '../engine/maps/map.js';
import type { Namespace } from '../engine/namespace.js';
import type { Netfilter } from '../engine/netfilter/netfilter.js';
import type { Network } from '../engine/network.js';
import type { Node } from '../engine/node.js';
import { HostStack } from '../engine/stack/host-stack.js';
import type { Walker } from '../engine/walker.js';
import type { Datapath } from '../programs/datapath.js';
import { reasonText } from '../programs/drop-reasons.js';
import { Agent } from './agent.js';
import type { Plan, PlannedHost, PlannedNode, PlannedPod } from './plan.js';
import { ProxyIntake } from './proxy-intake.js';
import { applySysctls } from './sysctls.js';

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
  /** Of the host endpoint. */
  readonly hostPolicyMap: BpfMap;
  /** The kernel's conntrack and iptables, where it masquerades; null where nothing asks for them. */
  readonly netfilter: Netfilter | null;
  /** The programs at the cgroup of everything on the node; null where services are translated packet by packet only. */
  readonly socketHooks: SocketHooks | null;
}

export interface BuiltHost {
  readonly planned: PlannedHost;
  readonly node: Node;
}

/** What became of a frame: fate, drop reason (else 0), the device where its walk ended, and the frame as it was then. */
export interface WalkResult {
  readonly fate: number;
  readonly reason: number;
  readonly device: Device;
  readonly frame: Uint8Array;
}

/** A topology that runs: the network, what walks frames through it, and each node's datapath. */
export class BuiltTopology {
  readonly plan: Plan;
  readonly network: Network;
  readonly walker: Walker;
  readonly clock: Clock;
  readonly nodes: readonly BuiltNode[];
  readonly hosts: readonly BuiltHost[];
  /** Of all nodes; whoever drives the run polls it as the clock moves. */
  readonly agent: Agent;
  /** By row of the nodes: packets that came to where an L7 proxy takes over. */
  readonly proxies: readonly ProxyIntake[];
  /** Of the nodes and routers: what their kernels say themselves. */
  readonly stacks: readonly HostStack[];
  readonly #byNode: ReadonlyMap<Node, BuiltNode>;
  readonly #ownReasons: string[] = [];

  constructor(
    plan: Plan,
    walker: Walker,
    clock: Clock,
    nodes: readonly BuiltNode[],
    hosts: readonly BuiltHost[],
  ) {
    this.plan = plan;
    this.network = walker.network;
    this.walker = walker;
    this.clock = clock;
    this.nodes = nodes;
    this.#byNode = new Map(nodes.map((node) => [node.node, node]));
    this.hosts = hosts;
    this.proxies = nodes.map(({ node }) => {
      const intake = new ProxyIntake();
      node.host.transparent = intake;
      return intake;
    });
    this.stacks = walker.network.nodes.map(({ host }) => new HostStack(host, walker.output, clock));
    for (const { name, sysctls } of [...plan.nodes, ...plan.routers, ...plan.hosts]) {
      applySysctls(this.stacks.find(({ namespace }) => namespace.name === name)!, sysctls);
    }
    this.agent = new Agent(
      clock,
      nodes.map(({ datapath, planned }) => ({ datapath, config: planned.config })),
      this.stacks,
    );
  }

  get pods(): readonly BuiltPod[] {
    return this.nodes.flatMap((node) => node.pods);
  }

  /** The run is over: what waits for a neighbour is dropped. */
  finish(): void {
    for (const stack of this.stacks) stack.abandon();
  }

  /** The node that a namespace is on; null for that of a router or a host. */
  findNode(namespace: Namespace): BuiltNode | null {
    return this.#byNode.get(namespace.node) ?? null;
  }

  /** As `findNode`, for the namespaces of nodes and pods. */
  nodeOf(namespace: Namespace): BuiltNode {
    return this.findNode(namespace)!;
  }

  /**
   * Walks one frame that arrives at a device, and answers what became of it. For single questions: a capture is walked
   * by `Replay`, which allocates nothing per frame.
   */
  walk(device: Device, frame: Uint8Array): WalkResult {
    const { walker } = this;
    this.agent.poll();
    const { arena } = walker;
    const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    const handle = arena.put(view, 0, frame.length);
    if (handle < 0) walker.refuse(device, frame.length > JUMBO_FRAME_LIMIT ? FRAME_TOO_LONG : NO_FREE_SLOT);
    else walker.receive(handle, device);
    const start = handle < 0 ? 0 : arena.start[handle];
    const end = handle < 0 ? 0 : start + arena.length[handle];
    if (handle >= 0) arena.free(handle);
    return {
      fate: walker.fate,
      reason: walker.reason,
      device: walker.device,
      frame: arena.bytes.slice(start, end),
    };
  }

  /**
   * A number for a drop reason of a program that is not Cilium's; the same name has the same number. Throws RangeError
   * when there are too many.
   */
  ownReason(name: string): number {
    const known = this.#ownReasons.indexOf(name);
    if (known >= 0) return FIRST_OWN_REASON + known;
    const reason = FIRST_OWN_REASON + this.#ownReasons.length;
    if (reason >= REASON_COUNT) throw new RangeError(`no number left for drop reason "${name}"`);
    this.#ownReasons.push(name);
    return reason;
  }

  /** `DEVICE` or `NODE/DEVICE`; null when there is none or more than one. */
  device(name: string): Device | null {
    return this.network.device(name);
  }

  /** `pod1` for a pod's namespace, the node's name for its own. */
  namespaceName(index: number): string {
    return this.network.namespaces[index].name;
  }

  /** A drop reason as users read it: Cilium's monitor text for the programs' reasons, else as who gave it calls it. */
  dropReasonName(reason: number): string {
    if (reason >= FIRST_OWN_REASON) return this.#ownReasons[reason - FIRST_OWN_REASON] ?? `reason ${reason}`;
    return reason < FIRST_ENGINE_REASON ? reasonText(reason) : engineReasonName(reason);
  }
}
