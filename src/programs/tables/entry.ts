/** Writing map entries from readable fields: the control plane's side, never on a packet's way. */
import { BPF_ANY, type BpfMap, E2BIG } from '../../engine/maps/map.js';

/** A key or value under construction, zeroed: bytes and, for keys, the same memory in words. */
export class Struct {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;

  constructor(size: number) {
    const memory = new ArrayBuffer((size + 3) & ~3);
    this.bytes = new Uint8Array(memory);
    this.words = new Int32Array(memory);
  }

  u8(at: number, value: number): this {
    this.bytes[at] = value;
    return this;
  }

  /** Host order, which is little-endian in all recorded maps. */
  u16le(at: number, value: number): this {
    this.bytes[at] = value;
    this.bytes[at + 1] = value >> 8;
    return this;
  }

  u32le(at: number, value: number): this {
    return this.u16le(at, value).u16le(at + 2, value >>> 16);
  }

  /** Network order. */
  u16(at: number, value: number): this {
    this.bytes[at] = value >> 8;
    this.bytes[at + 1] = value;
    return this;
  }

  copy(at: number, bytes: Uint8Array): this {
    for (let i = 0; i < bytes.length; i++) this.bytes[at + i] = bytes[i];
    return this;
  }
}

const keys: Struct[] = [];
const values: Struct[] = [];

/** A zeroed key of `size` bytes, until the next one of that size is asked for: a cluster's maps have millions. */
export function keyStruct(size: number): Struct {
  return reused(keys, size);
}

/** As `keyStruct`, for a value. */
export function valueStruct(size: number): Struct {
  return reused(values, size);
}

function reused(structs: Struct[], size: number): Struct {
  const known = structs[size];
  if (known === undefined) {
    structs[size] = new Struct(size);
    return structs[size];
  }
  known.words.fill(0);
  return known;
}

/** Writes the entry. Throws when the map is full or will not have it. */
export function writeEntry(map: BpfMap, key: Struct, value: Struct): void {
  const result = map.update(key.words, 0, value.bytes, 0, BPF_ANY);
  if (result === E2BIG) throw new RangeError(`${map.spec.name} is full (${map.spec.maxEntries} entries)`);
  if (result < 0) throw new Error(`${map.spec.name} refused an entry: errno ${-result}`);
}
