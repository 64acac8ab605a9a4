import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { SlotTable } from '../../../src/engine/maps/slot-table.js';

/** A table with the worst hash there can be: the test says which cell a key wants. */
class CrowdedTable extends SlotTable {
  lookup(key: Int32Array, at: number): number {
    const cell = this.#find(key[at]);
    return cell < 0 ? -1 : this.valueAt(this.index[cell] & this.numberMask);
  }

  insert(key: Int32Array, at: number): number {
    const cell = this.#find(key[at]);
    if (cell >= 0) return this.valueAt(this.index[cell] & this.numberMask);
    const number = this.takeNumber();
    if (number === 0) return -7;
    this.place(number, hashOf(key[at]), key, at, ~cell);
    return this.valueAt(number);
  }

  delete(key: Int32Array, at: number): number {
    const cell = this.#find(key[at]);
    if (cell < 0) return -2;
    this.remove(cell);
    return 0;
  }

  #find(key: number): number {
    for (let cell = hashOf(key) & this.indexMask; ; cell = (cell + 1) & this.indexMask) {
      const word = this.index[cell];
      if (word === 0) return ~cell;
      if (this.words[((word & this.numberMask) - 1) * this.slotWords] === key) return cell;
    }
  }
}

/** Homes around the end of the index, so that probe runs overlap and wrap. */
function hashOf(key: number): number {
  return (key % 5) - 3;
}

describe('slot table', () => {
  test('probe runs that overlap and wrap stay whole under any inserts and deletes', () => {
    const operation = fc.tuple(fc.boolean(), fc.nat(19));
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200, size: 'max' }), (operations) => {
        const table = new CrowdedTable({ name: 't', type: 'hash', keySize: 4, valueSize: 4, maxEntries: 16 });
        const model = new Map<number, number>();
        for (const [remove, key] of operations) {
          const words = Int32Array.of(key);
          if (remove) {
            assert.equal(table.delete(words, 0), model.delete(key) ? 0 : -2);
          } else if (model.has(key) || model.size < 16) {
            const inserted = table.insert(words, 0);
            table.words[inserted >> 2] = key;
            model.set(key, key);
          } else {
            assert.equal(table.insert(words, 0), -7);
          }
          for (let other = 0; other < 20; other++) {
            const offset = table.lookup(Int32Array.of(other), 0);
            assert.equal(offset < 0 ? undefined : table.words[offset >> 2], model.get(other));
          }
        }
      }),
    );
  });
});
