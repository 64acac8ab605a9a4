import type { BpfMap } from '../engine/maps/map.js';
import type { MapOfMaps } from '../engine/maps/map-of-maps.js';
import * as ethernet from '../engine/wire/ethernet.js';

/**
 * What IPv4 and IPv6 differ in for steps that are otherwise the same: how many words an address has, where the
 * fields of a tuple key stand, which maps hold the family's state. A step takes the family instead of being
 * written twice.
 */
export class Family {
  readonly isV6: boolean;
  /** Words of an address, 1 or 4. A tuple key is daddr, saddr, the ports word, the protocol/flags word. */
  readonly addressWords: number;
  readonly portsWord: number;
  readonly metaWord: number;
  readonly etherType: number;
  /** ICMP (1) or ICMPv6 (58). */
  readonly icmpProtocol: number;
  /** Where addresses stand in the IP header. */
  readonly sourceOffset: number;
  readonly destinationOffset: number;
  readonly headerLength: number;
  /** ipcache and endpoint keys: the family byte (1, 2), and the prefix length of a full ipcache lookup. */
  readonly keyFamily: number;
  readonly ipcachePrefix: number;
  /** Identity of the world in a node that speaks both families; 2 in a node of one family. */
  readonly worldIdentity: number;
  readonly fragmentTracking: boolean;

  readonly conntrackTcp: BpfMap;
  readonly conntrackAny: BpfMap;
  readonly services: BpfMap;
  readonly backends: BpfMap;
  readonly reverseNat: BpfMap;
  readonly affinity: BpfMap;
  readonly maglev: MapOfMaps;
  readonly sourceRange: BpfMap;
  readonly skipLoadBalancer: BpfMap;
  readonly reverseSockets: BpfMap;
  readonly fragments: BpfMap;
  readonly snat: BpfMap;
  readonly snatRetries: BpfMap;
  readonly perClusterSnat: MapOfMaps;
  readonly ipMasqueradeAgent: BpfMap;
  readonly neighbours: BpfMap;
  /** Sources that the prefilter drops: by prefix, and single addresses. */
  readonly prefilterPrefixes: BpfMap;
  readonly prefilterAddresses: BpfMap;
  readonly egressPolicies: BpfMap;
  readonly health: BpfMap;
  readonly srv6Vrf: BpfMap;
  readonly srv6Policy: BpfMap;
  readonly perClusterConntrackTcp: MapOfMaps;
  readonly perClusterConntrackAny: MapOfMaps;

  constructor(
    version: 4 | 6,
    map: (name: string) => BpfMap,
    worldIdentity: number,
    fragmentTracking: boolean,
  ) {
    const v6 = version === 6;
    this.isV6 = v6;
    this.addressWords = v6 ? 4 : 1;
    this.portsWord = this.addressWords * 2;
    this.metaWord = this.portsWord + 1;
    this.etherType = v6 ? ethernet.TYPE_IPV6 : ethernet.TYPE_IPV4;
    this.icmpProtocol = v6 ? 58 : 1;
    this.sourceOffset = v6 ? 8 : 12;
    this.destinationOffset = v6 ? 24 : 16;
    this.headerLength = v6 ? 40 : 20;
    this.keyFamily = v6 ? 2 : 1;
    this.ipcachePrefix = v6 ? 160 : 64;
    this.worldIdentity = worldIdentity;
    this.fragmentTracking = fragmentTracking;
    this.conntrackTcp = map(`cilium_ct${version}_global`);
    this.conntrackAny = map(`cilium_ct_any${version}_global`);
    this.services = map(`cilium_lb${version}_services_v2`);
    this.backends = map(`cilium_lb${version}_backends_v3`);
    this.reverseNat = map(`cilium_lb${version}_reverse_nat`);
    this.affinity = map(`cilium_lb${version}_affinity`);
    this.maglev = map(`cilium_lb${version}_maglev`) as MapOfMaps;
    this.sourceRange = map(`cilium_lb${version}_source_range`);
    this.reverseSockets = map(`cilium_lb${version}_reverse_sk`);
    this.skipLoadBalancer = map(`cilium_skip_lb${version}`);
    this.fragments = map(`cilium_ipv${version}_frag_datagrams`);
    this.snat = map(`cilium_snat_v${version}_external`);
    this.snatRetries = map(`cilium_snat_v${version}_alloc_retries`);
    this.perClusterSnat = map(`cilium_per_cluster_snat_v${version}_external`) as MapOfMaps;
    this.ipMasqueradeAgent = map(`cilium_ipmasq_v${version}`);
    this.neighbours = map(`cilium_nodeport_neigh${version}`);
    this.health = map(`cilium_lb${version}_health`);
    this.prefilterPrefixes = map(`cilium_cidr_v${version}_dyn`);
    this.prefilterAddresses = map(`cilium_cidr_v${version}_fix`);
    this.egressPolicies = map(`cilium_egress_gw_policy_v${version}`);
    this.srv6Vrf = map(`cilium_srv6_vrf_v${version}`);
    this.srv6Policy = map(`cilium_srv6_policy_v${version}`);
    this.perClusterConntrackTcp = map(`cilium_per_cluster_ct_tcp${version}`) as MapOfMaps;
    this.perClusterConntrackAny = map(`cilium_per_cluster_ct_any${version}`) as MapOfMaps;
  }
}
