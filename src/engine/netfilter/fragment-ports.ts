/**
 * The ports of fragmented packets. The kernel puts fragments together before it tracks them and takes them apart again
 * afterwards; here they pass one by one, and later ones are given the ports that the first one had.
 */
import { HashMap } from '../maps/hash-map.js';
import { BPF_ANY } from '../maps/map.js';
import { type PacketTuple, PORTS_WORD, PROTOCOL_WORD } from './tuple.js';

/** Packets whose fragments may be under way at a time. */
const PACKETS = 1024;
const KEY_WORDS = 10;

export class FragmentPorts {
  readonly #ports = new HashMap({
    name: 'fragments',
    type: 'lru_hash',
    keySize: KEY_WORDS * 4,
    valueSize: 4,
    maxEntries: PACKETS,
  });
  readonly #key = new Int32Array(KEY_WORDS);
  readonly #value = new Uint8Array(4);
  readonly #valueWords = new Int32Array(this.#value.buffer);

  /** Remembers the ports of a first fragment, or gives them to a later one. False when they are not known. */
  complete(tuple: PacketTuple): boolean {
    const key = this.#key;
    const { words } = tuple;
    for (let i = 0; i < PORTS_WORD; i++) key[i] = words[i];
    key[PORTS_WORD] = tuple.identification;
    key[PROTOCOL_WORD] = words[PROTOCOL_WORD];
    if (tuple.transportAt >= 0) {
      this.#valueWords[0] = words[PORTS_WORD];
      this.#ports.update(key, 0, this.#value, 0, BPF_ANY);
      return true;
    }
    const value = this.#ports.lookup(key, 0);
    if (value < 0) return false;
    words[PORTS_WORD] = this.#ports.words[value >> 2];
    return true;
  }
}
