import type { Device } from './device.js';
import type { Namespace } from './namespace.js';
import type { Node } from './node.js';

/** Everything that frames walk through. Sealed when made: devices, namespaces and their numbers do not change. */
export class Network {
  readonly nodes: readonly Node[];
  /** All namespaces and devices; rows are what counters and observers go by. */
  readonly namespaces: readonly Namespace[];
  readonly devices: readonly Device[];

  constructor(nodes: readonly Node[]) {
    this.nodes = nodes;
    this.namespaces = nodes.flatMap((node) => [node.host, ...node.pods]);
    this.namespaces.forEach((namespace, index) => {
      namespace.index = index;
    });
    this.devices = this.namespaces.flatMap((namespace) => namespace.devices);
    this.devices.forEach((device, index) => {
      device.index = index;
    });
  }

  node(name: string): Node | null {
    return this.nodes.find((node) => node.name === name) ?? null;
  }

  /**
   * A device of a node's own namespace by `NODE/DEVICE`, or by `DEVICE` alone where only one node has it. Null when
   * there is none, or more than one.
   */
  device(name: string): Device | null {
    const slash = name.indexOf('/');
    if (slash >= 0) {
      return this.node(name.slice(0, slash))?.host.deviceNamed(name.slice(slash + 1)) ?? null;
    }
    const found = this.nodes.flatMap((node) => node.host.deviceNamed(name) ?? []);
    return found.length === 1 ? found[0] : null;
  }
}
