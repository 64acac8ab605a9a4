import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createMap } from '../../../src/engine/maps/create-map.js';
import { BPF_ANY, BPF_EXIST, BPF_NOEXIST, type BpfMap } from '../../../src/engine/maps/map.js';
import { deleteHex, entriesHex, getHex, setHex } from '../../support/map-hex.js';
import { mapSuite } from './map-suite.js';

for (const keySize of [8, 12, 20, 24, 36]) {
  mapSuite({
    spec: { type: 'lpm_trie', keySize, valueSize: 8 },
    key: (i) => {
      const words = new Int32Array(keySize / 4);
      words[0] = (keySize - 4) * 8;
      words[1] = i << 16;
      words[keySize / 4 - 1] ^= i;
      return words;
    },
    whenFull: -28,
    flags: 'all',
  });
}
/** Prefixes of one address, a length each. */
mapSuite({
  spec: { type: 'lpm_trie', keySize: 260, valueSize: 1 },
  key: (i) => {
    const words = new Int32Array(65).fill(0x12345678);
    words[0] = i;
    return words;
  },
  whenFull: -28,
  flags: 'all',
});

function trie(keySize = 8, maxEntries = 64): BpfMap {
  return createMap({ name: 'routes', type: 'lpm_trie', keySize, valueSize: 1, maxEntries });
}

describe('lpm_trie', () => {
  test('the longest prefix wins', () => {
    const map = trie();
    setHex(map, '00000000' + '00000000', '01');
    setHex(map, '08000000' + '0a000000', '02');
    setHex(map, '10000000' + '0a010000', '03');
    setHex(map, '17000000' + '0a010200', '04');
    setHex(map, '20000000' + '0a010203', '05');
    assert.equal(getHex(map, '20000000' + '0a010203'), '05');
    assert.equal(getHex(map, '20000000' + '0a010204'), '04');
    assert.equal(getHex(map, '20000000' + '0a0103ff'), '04');
    assert.equal(getHex(map, '20000000' + '0a010403'), '03');
    assert.equal(getHex(map, '20000000' + '0aff0203'), '02');
    assert.equal(getHex(map, '20000000' + '0b010203'), '01');
  });

  test("entries longer than the lookup key's prefix do not match", () => {
    const map = trie();
    setHex(map, '08000000' + '0a000000', '02');
    setHex(map, '10000000' + '0a010000', '03');
    assert.equal(getHex(map, '10000000' + '0a010203'), '03');
    assert.equal(getHex(map, '0f000000' + '0a010203'), '02');
    assert.equal(getHex(map, '07000000' + '0a010203'), undefined);
  });

  test('a prefix longer than the key is no lookup and no update', () => {
    const map = trie();
    setHex(map, '00000000' + '00000000', '01');
    assert.equal(getHex(map, '21000000' + '0a010203'), undefined);
    assert.equal(getHex(map, 'ffffffff' + '0a010203'), undefined);
    assert.equal(setHex(map, '21000000' + '0a010203', '01'), -22);
    assert.equal(deleteHex(map, 'ffffffff' + '0a010203'), -22);
    assert.equal(map.size, 1);
  });

  test('bits behind the prefix do not count, and are kept as given', () => {
    const map = trie();
    setHex(map, '0c000000' + '0a1fffff', '01');
    assert.deepEqual(entriesHex(map), [{ key: '0c0000000a1fffff', value: '01' }]);
    assert.equal(getHex(map, '20000000' + '0a100000'), '01');
    assert.equal(getHex(map, '20000000' + '0a200000'), undefined);
    assert.equal(setHex(map, '0c000000' + '0a110000', '02', BPF_NOEXIST), -17);
    assert.equal(setHex(map, '0c000000' + '0a110022', '03', BPF_EXIST), 0);
    assert.deepEqual(entriesHex(map), [{ key: '0c0000000a110022', value: '03' }]);
    assert.equal(deleteHex(map, '0c000000' + '0a1abcde'), 0);
    assert.equal(map.size, 0);
    assert.equal(getHex(map, '20000000' + '0a100000'), undefined);
  });

  test('a data part that is no whole word', () => {
    const map = trie(9);
    setHex(map, '24000000' + '0a01020310', '01');
    assert.equal(getHex(map, '28000000' + '0a0102031f'), '01');
    assert.equal(getHex(map, '28000000' + '0a0102032f'), undefined);
    assert.equal(setHex(map, '29000000' + '0a01020310', '01'), -22);
  });

  test('policy keys: identity, direction, protocol, port', () => {
    const map = trie(12);
    setHex(map, '40000000' + '9a020000' + '00' + '06' + '0050', '01');
    setHex(map, '3c000000' + '9a020000' + '00' + '06' + '1f90', '02'); // ports 8080-8095
    setHex(map, '30000000' + '9a020000' + '00' + '06' + '0000', '03');
    setHex(map, '28000000' + '9a020000' + '00' + '00' + '0000', '04');
    setHex(map, '28000000' + '00000000' + '01' + '00' + '0000', '05');
    assert.equal(getHex(map, '40000000' + '9a020000' + '00060050'), '01');
    assert.equal(getHex(map, '40000000' + '9a020000' + '00061f9f'), '02');
    assert.equal(getHex(map, '40000000' + '9a020000' + '00061fa0'), '03');
    assert.equal(getHex(map, '40000000' + '9a020000' + '00110035'), '04');
    assert.equal(getHex(map, '40000000' + '9a020000' + '01060050'), undefined);
    assert.equal(getHex(map, '40000000' + '00000000' + '01060050'), '05');
  });

  test('does what a list of prefixes does', () => {
    const prefix = fc.tuple(
      fc.constantFrom(0, 1, 8, 31, 32, 33, 63, 64, 65, 95, 96, 97, 127, 128, 129, 136),
      fc.array(fc.nat(3), { minLength: 5, maxLength: 5 }),
    );
    const operation = fc.tuple(fc.nat(3), prefix, fc.nat(2), fc.nat(255));
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 150, size: 'max' }), fc.integer(), (operations, seed) => {
        const map = createMap(
          { name: 'routes', type: 'lpm_trie', keySize: 21, valueSize: 1, maxEntries: 20 },
          { seed },
        );
        const model = new Map<string, { length: number; bits: string; given: string; value: number }>();
        for (const [what, [length, spread], flags, value] of operations) {
          // Few different bits, at both ends of a byte in each word, so that prefixes meet.
          const data = new Uint8Array(17);
          for (let i = 0; i < 5; i++) data[i * 4] = (spread[i] & 1) | ((spread[i] & 2) << 6);
          const given = Buffer.from(data).toString('hex');
          const bits = [...data].map((byte) => byte.toString(2).padStart(8, '0')).join('');
          const words = new Int32Array(6);
          new Uint8Array(words.buffer).set(data, 4);
          words[0] = length;
          const exact = bits.slice(0, length);
          const known = model.get(exact);
          if (what === 0) {
            assert.equal(map.delete(words, 0), known === undefined ? -2 : 0);
            model.delete(exact);
          } else if (what === 1) {
            let best: { length: number; value: number } | undefined;
            for (const entry of model.values()) {
              if (entry.length > length || !bits.startsWith(entry.bits)) continue;
              if (best === undefined || entry.length > best.length) best = entry;
            }
            const offset = map.lookup(words, 0);
            assert.equal(offset < 0 ? undefined : map.bytes[offset], best?.value);
          } else {
            const answer = map.update(words, 0, Uint8Array.of(value), 0, flags);
            let expected = 0;
            if (known !== undefined && flags === BPF_NOEXIST) expected = -17;
            else if (known === undefined && flags === BPF_EXIST) expected = -2;
            else if (known === undefined && model.size === 20) expected = -28;
            else model.set(exact, { length, bits: exact, given, value });
            assert.equal(answer, expected);
          }
          assert.equal(map.size, model.size);
        }
        const entries = [...model.values()].map((entry) => ({
          key: `${entry.length.toString(16).padStart(2, '0')}000000${entry.given}`,
          value: entry.value.toString(16).padStart(2, '0'),
        }));
        assert.deepEqual(
          entriesHex(map),
          entries.sort((a, b) => (a.key < b.key ? -1 : 1)),
        );
      }),
    );
  });

  test('growing and shrinking, every prefix is found all the time', () => {
    const map = trie(8, 32);
    const key = (i: number) => Int32Array.of(32 - (i % 3) * 8, 0x0a | (i << 8));
    for (let round = 0; round < 3; round++) {
      const live = new Set<number>();
      const check = () => {
        for (let i = 0; i < 32; i++) {
          const offset = map.lookup(Int32Array.of(32, 0x0a | (i << 8)), 0);
          assert.equal(offset < 0 ? -1 : map.bytes[offset], live.has(i) ? i : -1);
        }
      };
      for (let i = 0; i < 32; i++) {
        const inserted = map.insert(key(i), 0, BPF_NOEXIST);
        map.bytes[inserted] = i;
        live.add(i);
        check();
      }
      for (let i = 0; i < 32; i++) {
        const which = (i * 5 + round) & 31;
        assert.equal(map.delete(key(which), 0), 0);
        live.delete(which);
        check();
      }
    }
  });

  test('lengths that come and go leave room for others', () => {
    const map = trie(5, 32);
    for (let i = 0; i < 16; i++) map.insert(Int32Array.of(7, i << 1), 0, BPF_ANY);
    for (let i = 0; i < 20; i++) {
      map.insert(Int32Array.of(8, 200), 0, BPF_ANY);
      map.delete(Int32Array.of(8, 200), 0);
    }
    setHex(map, '01000000' + '80', '11');
    assert.equal(getHex(map, '08000000' + 'c8'), '11');
  });

  test('clear forgets the lengths too', () => {
    const map = trie();
    setHex(map, '20000000' + '0a010203', '05');
    map.clear();
    assert.equal(getHex(map, '20000000' + '0a010203'), undefined);
    const key = Int32Array.of(8, 0x0a);
    assert.ok(map.insert(key, 0, BPF_ANY) >= 0);
    assert.equal(getHex(map, '20000000' + '0a010203'), '00');
  });
});
