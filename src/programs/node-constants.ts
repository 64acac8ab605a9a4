/** Numbers and addresses of one node that Cilium compiles into its programs. Times in seconds, MACs 6 bytes. */
import * as ethernet from '../engine/wire/ethernet.js';

export interface NodeConstants {
  readonly hostIfindex: number;
  readonly netIfindex: number;
  readonly hostMac: Uint8Array;
  readonly netMac: Uint8Array;
  /** MAC of a native device by interface index, for XDP redirects without neighbour. */
  readonly nativeDeviceMac: (ifindex: number) => Uint8Array;
  readonly hostEndpointId: number;
  readonly directRoutingIfindex: number;
  /** IPv4 addresses are raw words (the four bytes in memory order), IPv6 addresses 16 bytes. */
  readonly ipv4Gateway: number;
  readonly ipv4DirectRouting: number;
  readonly ipv6DirectRouting: Uint8Array;
  /**
   * Sources of IPIP packets are in these prefixes, the rest of the address hashed; word and 16 bytes. Null: all come
   * from the direct routing address.
   */
  readonly ipv4RssPrefix: { readonly address: number; readonly prefixLength: number } | null;
  readonly ipv6RssPrefix: { readonly address: Uint8Array; readonly prefixLength: number } | null;
  readonly ipv4MasqueradeExclusion: { readonly address: number; readonly prefixLength: number };
  readonly ipv6MasqueradeExclusion: { readonly address: Uint8Array; readonly prefixLength: number };
  readonly nodePortRange: readonly [number, number];
  readonly natPortRange: readonly [number, number];
  readonly natCollisionRetries: number;
  readonly tcpLifetimeSeconds: number;
  readonly otherLifetimeSeconds: number;
  readonly synLifetimeSeconds: number;
  readonly closeLifetimeSeconds: number;
  readonly serviceTcpLifetimeSeconds: number;
  readonly serviceOtherLifetimeSeconds: number;
  readonly serviceCloseRebalanceSeconds: number;
  readonly reportIntervalSeconds: number;
  readonly hashSeedIpv4: number;
  readonly hashSeedIpv6: number;
  readonly clusterId: number;
  readonly wireguardIfindex: number;
  readonly wireguardPort: number;
  readonly l2AnnouncementLivenessNs: number;
  /** IPIP devices through which load-balancer health checks reach backends. */
  readonly ipipIfindexIpv4: number;
  readonly ipipIfindexIpv6: number;
  /** Device that egress gateway traffic leaves through; 0 leaves that to the FIB. */
  readonly egressIfindex: number;
  /** Address that this node takes for pods of other clusters (inter-cluster SNAT). */
  readonly ipv4InterClusterSnat: number;
  /** Strict mode: addresses inside this network may meet only encrypted. */
  readonly strictModeNetwork: { readonly address: number; readonly prefixLength: number };
  /** The strict network overlaps with the nodes' own, whose traffic then is let through. */
  readonly strictModeOverlapsNodes: boolean;
  /** IPv4 address of the device that encrypts. */
  readonly ipv4EncryptInterface: number;
  /** Bytes of a frame that events carry at most. */
  readonly captureLength: number;
  /** VLAN ids allowed by interface index. */
  readonly vlanFilter: ReadonlyMap<number, ReadonlySet<number>>;
}

/** What the Cilium agent sets where the user says nothing. */
export const DEFAULT_CONSTANTS: NodeConstants = {
  hostIfindex: 0,
  netIfindex: 0,
  hostMac: ethernet.NO_ADDRESS,
  netMac: ethernet.NO_ADDRESS,
  nativeDeviceMac: () => ethernet.NO_ADDRESS,
  hostEndpointId: 0,
  directRoutingIfindex: 0,
  ipv4Gateway: 0,
  ipv4DirectRouting: 0,
  ipv6DirectRouting: new Uint8Array(16),
  ipv4RssPrefix: null,
  ipv6RssPrefix: null,
  ipv4MasqueradeExclusion: { address: 0, prefixLength: 32 },
  ipv6MasqueradeExclusion: { address: new Uint8Array(16), prefixLength: 128 },
  nodePortRange: [30000, 32767],
  natPortRange: [32768, 65535],
  natCollisionRetries: 32,
  tcpLifetimeSeconds: 8000,
  otherLifetimeSeconds: 60,
  synLifetimeSeconds: 60,
  closeLifetimeSeconds: 10,
  serviceTcpLifetimeSeconds: 8000,
  serviceOtherLifetimeSeconds: 60,
  serviceCloseRebalanceSeconds: 60,
  reportIntervalSeconds: 5,
  hashSeedIpv4: 0x92505688 | 0,
  hashSeedIpv6: 0x71dcda46 | 0,
  clusterId: 0,
  wireguardIfindex: 0,
  wireguardPort: 51871,
  l2AnnouncementLivenessNs: 3e9,
  ipipIfindexIpv4: 0,
  ipipIfindexIpv6: 0,
  egressIfindex: 0,
  ipv4InterClusterSnat: 0,
  strictModeNetwork: { address: 0, prefixLength: 0 },
  strictModeOverlapsNodes: false,
  ipv4EncryptInterface: 0,
  captureLength: 128,
  vlanFilter: new Map(),
};
