/**
 * A checked topology: what the spec declares with everything filled in that it leaves out (interface indexes, MACs,
 * endpoint ids, identities, routes), addresses as bytes. The builder turns it into a network.
 */

import type { Prefix } from '../engine/address-text.js';
import type { DeviceKind } from '../engine/device.js';
import type { Route } from '../engine/stack/route-table.js';
import type { PolicyKey } from '../programs/tables/policy.js';
import type { CiliumConfig } from './cilium-config.js';
import type { Path } from './faults.js';

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
}

export interface PlannedNeighbour {
  readonly ifindex: number;
  readonly address: Uint8Array;
  readonly mac: Uint8Array;
}

export interface PlannedPod {
  readonly path: Path;
  readonly name: string;
  readonly node: string;
  readonly labels: Readonly<Record<string, string>>;
  /** One address per family. */
  readonly addresses: readonly Uint8Array[];
  readonly mac: Uint8Array;
  /** The device on the host's side; the pod's own is eth0 with ifindex 2. */
  readonly device: PlannedDevice;
  readonly gateways: readonly Uint8Array[];
  readonly endpointId: number;
  readonly identity: number;
}

export interface PlannedNode {
  readonly path: Path;
  readonly name: string;
  readonly config: CiliumConfig;
  /** How programs are attached to devices: by tcx links or as tc filters. */
  readonly attachment: 'tcx' | 'tc';
  readonly podPrefixes: readonly Prefix[];
  /** The node's addresses in the cluster, and those of cilium_host; at most one per family. */
  readonly internalAddresses: readonly Uint8Array[];
  readonly ciliumInternalAddresses: readonly Uint8Array[];
  readonly devices: readonly PlannedDevice[];
  readonly routes: readonly Route[];
  readonly neighbours: readonly PlannedNeighbour[];
  readonly pods: readonly PlannedPod[];
  readonly hostEndpointId: number;
}

export interface PlannedBackend {
  readonly id: number;
  readonly address: Uint8Array;
  readonly port: number;
  readonly protocol: number;
  readonly state: number;
}

export interface PlannedService {
  readonly name: string;
  readonly address: Uint8Array;
  readonly port: number;
  readonly protocol: number;
  readonly reverseNatId: number;
  /** Bits of the services map's flags. */
  readonly flags: number;
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
}

export interface Plan {
  readonly name: string;
  readonly nodes: readonly PlannedNode[];
  readonly services: readonly PlannedService[];
  readonly outside: readonly PlannedPrefix[];
  /** Entries of each pod's policy map, by pod name. */
  readonly policies: ReadonlyMap<string, readonly PlannedPolicyEntry[]>;
}
