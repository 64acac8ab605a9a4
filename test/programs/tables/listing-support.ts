/** What tests of listings make their maps with. */
import { parseAddress, parseMac } from '../../../src/engine/address-text.js';
import { createMap } from '../../../src/engine/maps/create-map.js';
import type { BpfMap } from '../../../src/engine/maps/map.js';
import { MAP_SPECS, POLICY_MAP_SPEC } from '../../../src/programs/tables/map-specs.js';

/** A map of the datapath, small. */
export function map(name: string): BpfMap {
  return createMap({ ...(MAP_SPECS.get(name) ?? POLICY_MAP_SPEC), maxEntries: 16 });
}

export const ip = (text: string): Uint8Array => parseAddress(text)!;
export const mac = (text: string): Uint8Array => parseMac(text)!;

/** Little-endian number in hex. */
export function le(value: number, bytes: number): string {
  return Array.from({ length: bytes }, (_, i) =>
    (Math.floor(value / 2 ** (8 * i)) % 256).toString(16).padStart(2, '0'),
  ).join('');
}
