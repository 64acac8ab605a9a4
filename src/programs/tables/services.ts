/**
 * Services (`cilium_lb4_services_v2`, `cilium_lb6_services_v2`). Key words: frontend address (1 or 4), port (raw) |
 * slot << 16, protocol | scope << 8. Slot 0 is the service, slots 1..count its backends. The value is three words.
 */
import type { BpfMap } from '../../engine/maps/map.js';
import { keyStruct, type Struct, valueStruct, writeEntry } from './entry.js';

export const SCOPE_EXTERNAL = 0;
export const SCOPE_INTERNAL = 1;

/** Words of the value. */
export const BACKEND_ID = 0;
export const AFFINITY_AND_ALGORITHM = 0;
export const L7_PROXY_PORT = 0;
export const COUNT_AND_REV_NAT = 1;
export const FLAGS = 2;

export const AFFINITY_TIMEOUT_MASK = 0xffffff;
export const ALGORITHM_SHIFT = 24;
export const ALGORITHM_RANDOM = 1;
export const ALGORITHM_MAGLEV = 2;

/** Bits of the flags word: the first byte, then the second. */
export const EXTERNAL_IP = 1;
export const NODEPORT = 2;
export const EXTERNAL_LOCAL_SCOPE = 4;
export const HOSTPORT = 8;
export const AFFINITY = 16;
export const LOADBALANCER = 32;
export const ROUTABLE = 64;
export const SOURCE_RANGE = 128;
export const LOCAL_REDIRECT = 1 << 8;
export const NAT_46X64 = 2 << 8;
export const L7_LOADBALANCER = 4 << 8;
/** With HOSTPORT: frontend on the loopback; else: an L7 proxy is to take the punted packet. */
export const LOOPBACK_OR_L7_DELEGATE = 8 << 8;
export const INTERNAL_LOCAL_SCOPE = 16 << 8;
export const TWO_SCOPES = 32 << 8;
/** In slot 0: source ranges deny instead of allow. */
export const SOURCE_RANGE_DENY = 64 << 8;
export const FORWARDING_MODE_DSR = 128 << 8;
export const FLAG_BITS = 0xffff;

/** What clients talk to. */
export interface Frontend {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  readonly port: number;
  /** IP protocol number where services differ by protocol, else 0. */
  readonly protocol: number;
  /** One of SCOPE_; default external. */
  readonly scope?: number;
}

export interface Service {
  /** Backends in slots 1..backendCount; then come the quarantined ones. */
  readonly backendCount: number;
  readonly quarantinedCount?: number;
  readonly reverseNatId: number;
  /** Bits of the flags word. */
  readonly flags: number;
  readonly affinitySeconds?: number;
  /** One of ALGORITHM_, 0 for the node's. */
  readonly algorithm?: number;
  /** Of a service with L7_LOADBALANCER: its proxy's port, in place of affinity and algorithm. */
  readonly proxyPort?: number;
}

/** Writes slot 0, the service itself. */
export function writeService(map: BpfMap, frontend: Frontend, service: Service): void {
  const affinityAndAlgorithm =
    ((service.algorithm ?? 0) << ALGORITHM_SHIFT) | ((service.affinitySeconds ?? 0) & AFFINITY_TIMEOUT_MASK);
  const value = valueStruct(12).u32le(0, affinityAndAlgorithm);
  if (service.proxyPort) value.u32le(0, 0).u16(0, service.proxyPort);
  value
    .u16le(4, service.backendCount)
    .u16(6, service.reverseNatId)
    .u16le(8, service.flags)
    .u16le(10, service.quarantinedCount ?? 0);
  writeEntry(map, serviceKey(map, frontend, 0), value);
}

/** Writes one backend slot, from 1 on. */
export function writeServiceBackend(
  map: BpfMap,
  frontend: Frontend,
  slot: number,
  backendId: number,
  reverseNatId: number,
): void {
  const value = valueStruct(12).u32le(0, backendId).u16(6, reverseNatId);
  writeEntry(map, serviceKey(map, frontend, slot), value);
}

function serviceKey(map: BpfMap, frontend: Frontend, slot: number): Struct {
  const at = frontend.address.length;
  return keyStruct(map.spec.keySize)
    .copy(0, frontend.address)
    .u16(at, frontend.port)
    .u16le(at + 2, slot)
    .u8(at + 4, frontend.protocol)
    .u8(at + 5, frontend.scope ?? SCOPE_EXTERNAL);
}
