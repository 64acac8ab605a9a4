/** Maps in hex text. */
import { BPF_ANY, type BpfMap } from '../../src/engine/maps/map.js';

export interface HexEntry {
  readonly key: string;
  readonly value: string;
}

/** A key as `(key, 0)` takes it. Throws when `hex` is not exactly `keySize` bytes. */
function keyFromHex(map: BpfMap, hex: string): Int32Array {
  const words = new Int32Array(map.keyWords);
  new Uint8Array(words.buffer).set(bytesFromHex(map, 'key', hex, map.spec.keySize));
  return words;
}

/** `update` in hex: 0 or a negative errno. Throws when key or value have not the map's sizes. */
export function setHex(map: BpfMap, keyHex: string, valueHex: string, flags = BPF_ANY): number {
  const value = bytesFromHex(map, 'value', valueHex, map.spec.valueSize);
  return map.update(keyFromHex(map, keyHex), 0, value, 0, flags);
}

/** The key's value (of the current CPU), or undefined. A lookup like any other: marks an LRU entry as used. */
export function getHex(map: BpfMap, keyHex: string): string | undefined {
  const offset = map.lookup(keyFromHex(map, keyHex), 0);
  return offset < 0 ? undefined : hexAt(map, offset, map.spec.valueSize);
}

/** `delete` in hex: 0 or a negative errno. */
export function deleteHex(map: BpfMap, keyHex: string): number {
  return map.delete(keyFromHex(map, keyHex), 0);
}

/** All entries (values of the current CPU), sorted by the bytes of the key. */
export function entriesHex(map: BpfMap): HexEntry[] {
  const entries: HexEntry[] = [];
  for (let cursor = map.next(-1); cursor >= 0; cursor = map.next(cursor)) {
    entries.push({
      key: hexAt(map, map.keyAt(cursor), map.spec.keySize),
      value: hexAt(map, map.valueAt(cursor), map.spec.valueSize),
    });
  }
  return entries.sort((a, b) => (a.key < b.key ? -1 : 1));
}

function hexAt(map: BpfMap, offset: number, length: number): string {
  return Buffer.from(map.bytes.buffer, map.bytes.byteOffset + offset, length).toString('hex');
}

function bytesFromHex(map: BpfMap, what: string, hex: string, size: number): Uint8Array {
  if (hex.length !== size * 2 || !/^[0-9a-f]*$/i.test(hex)) {
    throw new Error(`map ${map.spec.name}: ${what} "${hex}" is not ${size} bytes of hex`);
  }
  return Buffer.from(hex, 'hex');
}
