/** Services and their backends as the maps hold them, read back. Not for the packet path. */
import type { BpfMap } from '../../engine/maps/map.js';
import { recordsOf } from '../../engine/maps/records.js';
import { u16be, u16le, u32le } from './names.js';
import * as services from './services.js';

export interface StoredBackend {
  readonly id: number;
  readonly address: Uint8Array;
  readonly port: number;
  readonly protocol: number;
}

export interface StoredService {
  readonly reverseNatId: number;
  /** Bits of the flags word. */
  readonly flags: number;
  /** One of ALGORITHM_, 0 for the node's. */
  readonly algorithm: number;
  /** In the order of their slots; quarantined ones and those without an entry of their own are left out. */
  readonly backends: readonly StoredBackend[];
}

/** Of one family: `cilium_lb4_services_v2` and `cilium_lb4_backends_v3`, or those of IPv6. */
export function readServices(map: BpfMap, backends: BpfMap): StoredService[] {
  const length = map.spec.keySize === 12 ? 4 : 16;
  const byId = new Map(
    recordsOf(backends).map(({ key, value }) => {
      const id = u32le(key, 0);
      const address = value.slice(0, length);
      return [id, { id, address, port: u16be(value, length), protocol: value[length + 2] }];
    }),
  );
  const records = recordsOf(map);
  const frontendOf = (key: Uint8Array): string => `${key.slice(0, length + 2)},${key.slice(length + 4)}`;
  const slots = new Map(
    records.map(({ key, value }) => [`${frontendOf(key)} ${u16le(key, length + 2)}`, u32le(value, 0)]),
  );
  return records
    .filter(({ key }) => u16le(key, length + 2) === 0)
    .map(({ key, value }) => {
      const ids = Array.from({ length: u16le(value, 4) }, (_, i) => slots.get(`${frontendOf(key)} ${i + 1}`));
      return {
        reverseNatId: u16be(value, 6),
        flags: u16le(value, 8),
        algorithm: u32le(value, 0) >>> services.ALGORITHM_SHIFT,
        backends: ids.flatMap((id) => byId.get(id ?? 0) ?? []),
      };
    });
}
