/**
 * Small maps that the agent fills from a node's configuration: VTEP networks (`cilium_vtep_map`), L2 announcements
 * (`cilium_l2_responder_v4`), bandwidth limits (`cilium_throttle`), addresses that pods reach past a service
 * (`cilium_skip_lb4`, `_v6`), SRv6 (`cilium_srv6_vrf_…`, `_policy_…`, `_sid`), and what the agent tells the programs
 * about itself (`cilium_runtime_config`).
 */
import type { Prefix } from '../../engine/address-text.js';
import type { BpfMap } from '../../engine/maps/map.js';
import { keyStruct, valueStruct, writeEntry } from './entry.js';
import * as throttle from './throttle.js';
import { writeU64 } from './u64.js';

const VTEP_ENDPOINT = 8;

/** `network` and `endpoint` are IPv4 addresses, `mac` is the endpoint's own. */
export function writeVtep(map: BpfMap, network: Uint8Array, mac: Uint8Array, endpoint: Uint8Array): void {
  writeEntry(map, keyStruct(4).copy(0, network), valueStruct(16).copy(0, mac).copy(VTEP_ENDPOINT, endpoint));
}

/** The node answers ARP for `address` (IPv4) on the device; its answers are counted from 0. */
export function writeAnnouncement(map: BpfMap, address: Uint8Array, ifindex: number): void {
  writeEntry(map, keyStruct(8).copy(0, address).u32le(4, ifindex), valueStruct(8));
}

export interface BandwidthLimit {
  readonly endpointId: number;
  /** DIRECTION_EGRESS or DIRECTION_INGRESS of throttle.ts. */
  readonly direction: number;
  /** 0: no limit, a priority alone. */
  readonly bytesPerSecond: number;
  /** Egress: nanoseconds that a packet may have to wait. */
  readonly horizonNs: number;
  /** Priority of the endpoint's packets + 1, 0 for unset. */
  readonly priority: number;
}

export function writeBandwidthLimit(map: BpfMap, limit: BandwidthLimit): void {
  const value = valueStruct(map.spec.valueSize);
  writeU64(value.words, throttle.BYTES_PER_SECOND, limit.bytesPerSecond);
  writeU64(value.words, throttle.HORIZON_NS, limit.horizonNs);
  value.u32le(4 * throttle.PRIORITY, limit.priority);
  writeEntry(map, keyStruct(8).u32le(0, limit.endpointId).u8(4, limit.direction), value);
}

/** The pod with that cookie (low and high word) reaches `address` itself, not what it is redirected to. */
export function writeSkippedService(
  map: BpfMap,
  netnsCookie: readonly [number, number],
  address: Uint8Array,
  port: number,
): void {
  const portAt = address.length === 4 ? 12 : 28;
  const key = keyStruct(map.spec.keySize)
    .u32le(0, netnsCookie[0])
    .u32le(4, netnsCookie[1])
    .copy(8, address)
    .u16(portAt, port);
  writeEntry(map, key, valueStruct(1));
}

/** Packets of `source` to the destination belong to a VRF. */
export function writeSrv6Vrf(map: BpfMap, source: Uint8Array, destination: Prefix, vrf: number): void {
  const { length } = source;
  const key = keyStruct(map.spec.keySize)
    .u32le(0, 8 * length + destination.length)
    .copy(4, source)
    .copy(4 + length, destination.address);
  writeEntry(map, key, valueStruct(4).u32le(0, vrf));
}

/** Packets of a VRF to the destination go to the segment (16 bytes). */
export function writeSrv6Policy(map: BpfMap, vrf: number, destination: Prefix, segment: Uint8Array): void {
  const key = keyStruct(map.spec.keySize)
    .u32le(0, 32 + destination.length)
    .u32le(4, vrf)
    .copy(8, destination.address);
  writeEntry(map, key, valueStruct(16).copy(0, segment));
}

/** What comes to the segment is of a VRF. */
export function writeSrv6Segment(map: BpfMap, segment: Uint8Array, vrf: number): void {
  writeEntry(map, keyStruct(16).copy(0, segment), valueStruct(4).u32le(0, vrf));
}

/** When the agent was last alive: monotonic nanoseconds. */
export function writeAgentLiveness(map: BpfMap, nowNs: number): void {
  const value = valueStruct(8);
  writeU64(value.words, 0, nowNs);
  writeEntry(map, keyStruct(4).u32le(0, 1), value);
}
