/**
 * A checked topology: what the spec declares with everything filled in that it leaves out (interface indexes, MACs,
 * endpoint ids, identities, routes), addresses as bytes. The builder turns it into a network.
 */
import type { Prefix } from '../engine/address-text.js';
import type { DeviceKind } from '../engine/device.js';
import type { LinkOptions } from '../engine/link.js';
import type { Route } from '../engine/stack/route-table.js';
import type { PolicyKey } from '../programs/tables/policy.js';
import type { PlannedRule } from './check-rules.js';
import type { CiliumConfig } from './cilium-config.js';
import type { Path } from './faults.js';
import type { KeptNumbers } from './kept-numbers.js';
import type { PlannedSysctl } from './sysctls.js';
import type { Version } from './version.js';

/** What is known of a loaded program besides what it does. */
export interface PlannedProgram {
  readonly id: number | null;
  /** 16 hex digits. */
  readonly tag: string | null;
}

export interface PlannedDevice {
  readonly name: string;
  readonly kind: DeviceKind;
  readonly ifindex: number;
  readonly mac: Uint8Array;
  readonly mtu: number;
  readonly up: boolean;
  readonly noArp: boolean;
  readonly acceptLocal: boolean;
  readonly addresses: readonly Prefix[];
  /** Name of the other end, on the same node. */
  readonly peer: string | null;
  /** By name: `cil_from_container`. */
  readonly programs: ReadonlyMap<string, PlannedProgram>;
}

/** A route, in a table of its own or in main (and local, by its kind). */
export interface PlannedRoute extends Route {
  readonly table?: number;
}

/** What a machine routes and answers by. */
export interface PlannedKernel {
  readonly devices: readonly PlannedDevice[];
  readonly routes: readonly PlannedRoute[];
  readonly rules: readonly PlannedRule[];
  readonly neighbours: readonly PlannedNeighbour[];
  readonly sysctls: readonly PlannedSysctl[];
}

export interface PlannedNeighbour {
  readonly ifindex: number;
  readonly address: Uint8Array;
  readonly mac: Uint8Array;
}

export type ServerKind = 'http' | 'dns' | 'tcp-echo' | 'udp-echo';

export interface PlannedServer {
  readonly kind: ServerKind;
  readonly port: number;
}

/** Limits of a pod; 0 for none. */
export interface PlannedBandwidth {
  readonly egressBytesPerSecond: number;
  readonly ingressBytesPerSecond: number;
  readonly priority: number;
}

export interface PlannedPod {
  readonly path: Path;
  readonly name: string;
  readonly node: string;
  readonly labels: Readonly<Record<string, string>>;
  /** One address per family. */
  readonly addresses: readonly Uint8Array[];
  readonly mac: Uint8Array;
  /** The device on the host's side; the pod's own is eth0. */
  readonly device: PlannedDevice;
  /** Of the pod's own device. */
  readonly ifindex: number;
  /** Name of the pod's network namespace on the node; null for none. */
  readonly netns: string | null;
  readonly gateways: readonly Uint8Array[];
  readonly neighbours: readonly Omit<PlannedNeighbour, 'ifindex'>[];
  readonly endpointId: number;
  readonly identity: number;
  readonly bandwidth: PlannedBandwidth | null;
  /** Null: what its services lead to. */
  readonly serves: readonly PlannedServer[] | null;
}

export interface PlannedNode extends PlannedKernel {
  readonly path: Path;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly config: CiliumConfig;
  /** The keys that were given, as the ConfigMap has them. */
  readonly configMap: Readonly<Record<string, string>>;
  /** Names and listings are those of this version. */
  readonly ciliumVersion: Version;
  readonly iproute2: Version;
  /** How programs are attached to devices: by tcx links or as tc filters. */
  readonly attachment: 'tcx' | 'tc';
  readonly podPrefixes: readonly Prefix[];
  /** The node's addresses in the cluster, and those of cilium_host; at most one per family. */
  readonly internalAddresses: readonly Uint8Array[];
  readonly ciliumInternalAddresses: readonly Uint8Array[];
  /** Those of all its devices. */
  readonly addresses: readonly Uint8Array[];
  /** Those that the programs for the outside are attached to, and the one that other nodes are reached by. */
  readonly nativeDevices: readonly PlannedDevice[];
  readonly directRoutingDevice: PlannedDevice | null;
  readonly pods: readonly PlannedPod[];
  readonly hostEndpointId: number;
  readonly serves: readonly PlannedServer[];
  /** Folder of map dumps, or null. */
  readonly maps: string | null;
}

export interface PlannedBackend {
  readonly id: number;
  readonly address: Uint8Array;
  readonly port: number;
  readonly protocol: number;
  readonly state: number;
  /** Of a pod: its node. */
  readonly node: string | null;
}

/** One frontend of a service. */
export interface PlannedService {
  readonly name: string;
  /** All zero for a port of the node's own addresses. */
  readonly address: Uint8Array;
  readonly port: number;
  readonly protocol: number;
  /** Of the service: the port's name, empty for none, and its number at addresses that are not the nodes'. */
  readonly portName: string;
  readonly portNumber: number;
  /** SCOPE_ of the services map. */
  readonly scope: number;
  /** Bits of the services map's flags. */
  readonly flags: number;
  /** ALGORITHM_ of the services map; 0 the node's. */
  readonly algorithm: number;
  /** Of the L7 proxy; 0 none. */
  readonly proxyPort: number;
  /** Only backends on the node itself. */
  readonly localOnly: boolean;
  /** The one node that has the frontend; null for all. */
  readonly node: string | null;
  /** Nodes where something else takes its place; null for none. */
  readonly notOn: ReadonlySet<string> | null;
  readonly affinitySeconds: number;
  readonly sourceRanges: readonly Prefix[];
  readonly backends: readonly PlannedBackend[];
}

/** A prefix outside the cluster with its identity. */
export interface PlannedPrefix {
  readonly prefix: Prefix;
  readonly identity: number;
}

export interface PlannedPolicyEntry extends PolicyKey {
  readonly deny: boolean;
  /** Type of the authentication that is required; 0 none. */
  readonly authType: number;
  /** The rule says so itself. */
  readonly explicitAuth: boolean;
  /** Name of the policy whose rule it comes from; null for what is open by default. */
  readonly policy: string | null;
  /** Of an entry without a policy: why it is there. */
  readonly openBecause: string;
}

/** What the policy map of an endpoint gets. */
export interface PlannedPolicy {
  readonly entries: readonly PlannedPolicyEntry[];
  /** Names of the policies because of which what no entry allows is denied; none where nothing is. */
  readonly ingressBy: readonly string[];
  readonly egressBy: readonly string[];
}

/** Devices on one wire or switch. */
export interface PlannedLink {
  readonly name: string;
  readonly devices: readonly { readonly machine: string; readonly device: string }[];
  /** Null for a wire that costs nothing. */
  readonly options: LinkOptions | null;
}

export interface PlannedRouter extends PlannedKernel {
  readonly path: Path;
  readonly name: string;
}

/** A machine without Cilium that answers. */
export interface PlannedHost extends PlannedRouter {
  /** Name of its link; null for a host outside. */
  readonly link: string | null;
  /** `NODE/DEVICE` by which alone it is reached; null for any that leads outside. */
  readonly behind: string | null;
  /** Of the way to a host outside. */
  readonly options: LinkOptions | null;
  readonly names: readonly string[];
  readonly serves: readonly PlannedServer[];
}

/** A service's address that a node answers ARP for. */
export interface PlannedAnnouncement {
  readonly node: string;
  readonly address: Uint8Array;
  readonly ifindex: number;
}

/** A frontend that an endpoint reaches past its local redirect. */
export interface PlannedSkip {
  readonly node: string;
  readonly endpointId: number;
  readonly address: Uint8Array;
  readonly port: number;
}

export interface PlannedSrv6 {
  readonly vrfs: readonly {
    readonly id: number;
    readonly source: Uint8Array;
    readonly destination: Prefix;
  }[];
  readonly policies: readonly {
    readonly vrf: number;
    readonly destination: Prefix;
    readonly segment: Uint8Array;
  }[];
  readonly segments: readonly {
    readonly node: string;
    readonly segment: Uint8Array;
    readonly vrf: number;
  }[];
}

/** kube-proxy in its iptables mode, on every node. */
export interface PlannedKubeProxy {
  /** The pods' addresses: what comes from elsewhere to a cluster address is masqueraded. */
  readonly clusterPrefixes: readonly Prefix[];
  /** All that goes to a cluster address is. */
  readonly masqueradeAll: boolean;
}

export interface PlannedEgressGateway {
  /** Addresses of the pods. */
  readonly sources: readonly Uint8Array[];
  readonly destinations: readonly Prefix[];
  readonly excluded: readonly Prefix[];
  /** Node, its IPv4 address in the cluster, and the addresses that the packets get there, one per family. */
  readonly gateway: string;
  readonly gatewayAddress: Uint8Array;
  readonly egressAddresses: readonly Uint8Array[];
}

export interface Plan {
  readonly name: string;
  readonly numbers: KeptNumbers;
  readonly nodes: readonly PlannedNode[];
  readonly links: readonly PlannedLink[];
  readonly routers: readonly PlannedRouter[];
  readonly hosts: readonly PlannedHost[];
  readonly services: readonly PlannedService[];
  readonly kubeProxy: PlannedKubeProxy | null;
  readonly outside: readonly PlannedPrefix[];
  /** Of each pod, by its name. */
  readonly policies: ReadonlyMap<string, PlannedPolicy>;
  /** Of each node's host endpoint, by the node's name. */
  readonly hostPolicies: ReadonlyMap<string, PlannedPolicy>;
  readonly egressGateways: readonly PlannedEgressGateway[];
  readonly announcements: readonly PlannedAnnouncement[];
  readonly redirectSkips: readonly PlannedSkip[];
  readonly srv6: PlannedSrv6;
  /** What ip-masq-agent exempts, and what the prefilter drops. */
  readonly notMasqueraded: readonly Prefix[];
  readonly prefiltered: readonly Prefix[];
}
