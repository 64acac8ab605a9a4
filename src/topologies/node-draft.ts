import type { Prefix } from '../engine/address-text.js';
import type { Route } from '../engine/stack/route-table.js';
import type { PlannedRule } from './check-rules.js';
import { NumberPool, networkAddress, Register } from './check-text.js';
import type { CiliumConfig } from './cilium-config.js';
import { type FaultList, type Path, suggestion } from './faults.js';
import type { Identities } from './identities.js';
import type { KeptNumbers } from './kept-numbers.js';
import type { PlannedDevice, PlannedNeighbour, PlannedNode, PlannedPod, PlannedRoute } from './plan.js';
import type { NodeSpec } from './spec.js';
import type { PlannedSysctl } from './sysctls.js';
import { CILIUM_VERSION, IPROUTE2_VERSION } from './version.js';

const FIRST_ENDPOINT_ID = 101;
/** Interface index 1 is the loopback's. */
const FIRST_IFINDEX = 2;

/** What all nodes of a topology share while they are checked. */
export interface ClusterDraft {
  readonly faults: FaultList;
  readonly addresses: Register;
  readonly podNames: Register;
  readonly identities: Identities;
  readonly numbers: KeptNumbers;
}

/** A node while it is checked: what is known of it so far. */
export class NodeDraft {
  readonly spec: NodeSpec;
  readonly path: Path;
  readonly number: number;
  readonly cluster: ClusterDraft;
  readonly faults: FaultList;
  readonly config: CiliumConfig;
  readonly ifindexes: NumberPool;
  readonly endpointIds: NumberPool;
  attachment: PlannedNode['attachment'] = 'tcx';
  ciliumVersion = CILIUM_VERSION;
  iproute2 = IPROUTE2_VERSION;
  configMap: PlannedNode['configMap'] = {};
  podPrefixes: readonly Prefix[] = [];
  internalAddresses: readonly Uint8Array[] = [];
  ciliumInternalAddresses: readonly Uint8Array[] = [];
  readonly programIds = new Register('the program id');
  readonly devices: PlannedDevice[] = [];
  readonly #byName = new Map<string, PlannedDevice>();
  readonly routes: PlannedRoute[] = [];
  readonly rules: PlannedRule[] = [];
  sysctls: readonly PlannedSysctl[] = [];
  /** Prefixes of all routes, as texts. */
  readonly #routed = new Set<string>();
  readonly neighbours: PlannedNeighbour[] = [];
  readonly pods: PlannedPod[] = [];

  /** `number` is the node's own among all machines, which makes its MACs; `path` its place in the topology. */
  constructor(spec: NodeSpec, number: number, path: Path, cluster: ClusterDraft, config: CiliumConfig) {
    this.spec = spec;
    this.number = number;
    this.path = path;
    this.cluster = cluster;
    this.faults = cluster.faults;
    this.config = config;
    this.ifindexes = new NumberPool(FIRST_IFINDEX, cluster.numbers.pool(`ifindex ${spec.name}`));
    this.endpointIds = new NumberPool(FIRST_ENDPOINT_ID, cluster.numbers.pool(`endpoint ${spec.name}`));
  }

  device(name: string): PlannedDevice | undefined {
    return this.#byName.get(name);
  }

  addDevice(device: PlannedDevice): void {
    this.devices.push(device);
    if (!this.#byName.has(device.name)) this.#byName.set(device.name, device);
  }

  /** The device, or a fault at `path`. */
  requireDevice(name: string, path: Path): PlannedDevice | undefined {
    const device = this.device(name);
    if (device === undefined) {
      const names = this.devices.map((other) => other.name);
      const hint = suggestion(name, names) || `; it has ${names.join(', ') || 'none'}`;
      this.faults.error(path, `${this.spec.name} has no device ${name}${hint}`);
    }
    return device;
  }

  /** Devices that Cilium's programs for the outside are on: the physical ones that the configuration names. */
  get nativeDevices(): readonly PlannedDevice[] {
    const patterns = this.config.devices;
    return this.devices.filter(
      ({ name, kind }) =>
        kind === 'physical' &&
        (patterns.length === 0 ||
          patterns.some((pattern) =>
            pattern.endsWith('+') ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
          )),
    );
  }

  /** Adds a route of the agent's making, unless the topology declares one to the same prefix itself. */
  addAgentRoute(route: Route): void {
    const prefix = networkAddress({ address: route.prefix, length: route.prefixLength });
    if (!this.#routed.has(routeKey({ ...route, prefix }))) this.addRoute({ ...route, prefix });
  }

  addRoute(route: PlannedRoute): void {
    this.routes.push(route);
    if (route.table === undefined) this.#routed.add(routeKey(route));
  }

  /** A locally administered MAC that no other device of the topology is given. */
  makeMac(ifindex: number): Uint8Array {
    // Interface indexes take 20 bits; the four above them are for the numbers of nodes from 256 on.
    const third = (ifindex >> 16) | ((this.number >> 8) << 4);
    return Uint8Array.of(0x02, 0x70, this.number, third, ifindex >> 8, ifindex);
  }
}

function routeKey({ prefix, prefixLength }: Route): string {
  return `${prefix.join('.')}/${prefixLength}`;
}
