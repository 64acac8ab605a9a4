/**
 * Backends (`cilium_lb4_backends_v3`, `cilium_lb6_backends_v3`) by u32 id. Value words: address (1 or 4), then the
 * word below, then cluster id | zone << 16.
 */
import type { BpfMap } from '../../engine/maps/map.js';
import { keyStruct, valueStruct, writeEntry } from './entry.js';

/** Of the word behind the address: port (raw), protocol, state. */
export function port(word: number): number {
  return word & 0xffff;
}

/** The word behind the address of an active backend. */
export function portAndProtocol(portRaw: number, protocol: number): number {
  return portRaw | (protocol << 16);
}

export const STATE_ACTIVE = 0;
export const STATE_TERMINATING = 1;
export const STATE_QUARANTINED = 2;
export const STATE_MAINTENANCE = 3;

/** By state, as specs and listings name them. */
export const STATE_NAMES = ['active', 'terminating', 'quarantined', 'maintenance'] as const;

export function state(word: number): number {
  return word >>> 24;
}

/** Of the last word. */
export function clusterId(word: number): number {
  return word & 0xffff;
}

export function zone(word: number): number {
  return (word >> 16) & 0xff;
}

export interface Backend {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  /** 0 keeps the packet's. */
  readonly port: number;
  /** IP protocol number; 0 any. */
  readonly protocol: number;
  /** One of STATE_; default active. */
  readonly state?: number;
  readonly clusterId?: number;
  readonly zone?: number;
}

/** Writes `cilium_lb4_backends_v3` or `cilium_lb6_backends_v3`, as the map's value size says. */
export function writeBackend(map: BpfMap, id: number, backend: Backend): void {
  const at = backend.address.length;
  const value = valueStruct(map.spec.valueSize)
    .copy(0, backend.address)
    .u16(at, backend.port)
    .u8(at + 2, backend.protocol)
    .u8(at + 3, backend.state ?? STATE_ACTIVE)
    .u16le(at + 4, backend.clusterId ?? 0)
    .u8(at + 6, backend.zone ?? 0);
  writeEntry(map, keyStruct(4).u32le(0, id), value);
}
