import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ArrayMap } from '../../../src/engine/maps/array-map.js';
import { createMap } from '../../../src/engine/maps/create-map.js';
import { HashMap } from '../../../src/engine/maps/hash-map.js';
import { BPF_ANY, type MapType } from '../../../src/engine/maps/map.js';
import { recordsOf } from '../../../src/engine/maps/records.js';
import { toHex } from '../../support/hex.js';
import { getHex, setHex } from '../../support/map-hex.js';

function perCpu(type: MapType, cpus: number): HashMap | ArrayMap {
  const map = createMap({ name: 'counters', type, keySize: 4, valueSize: 16, maxEntries: 2, cpus });
  assert.ok(map instanceof HashMap || map instanceof ArrayMap);
  return map;
}

for (const type of ['percpu_hash', 'lru_percpu_hash', 'percpu_array'] as const) {
  describe(`per CPU: ${type}`, () => {
    test('each CPU has its own copy', () => {
      const map = perCpu(type, 3);
      map.insert(Int32Array.of(1), 0, BPF_ANY);
      for (let cpu = 0; cpu < 3; cpu++) {
        map.cpu = cpu;
        assert.equal(getHex(map, '01000000'), '00'.repeat(16));
        assert.equal(setHex(map, '01000000', `0${cpu + 1}${'00'.repeat(15)}`), 0);
      }
      for (const cpu of [1, 0, 2]) {
        map.cpu = cpu;
        assert.equal(map.cpu, cpu);
        assert.equal(getHex(map, '01000000'), `0${cpu + 1}${'00'.repeat(15)}`);
      }
    });

    test('a listing has the values of all CPUs, whichever is current', () => {
      const map = perCpu(type, 2);
      setHex(map, '01000000', `ffffffff01000000${'0500000000000000'}`);
      map.cpu = 1;
      setHex(map, '01000000', `0100000000000000${'0600000000000000'}`);
      for (const cpu of [0, 1]) {
        map.cpu = cpu;
        const { values } = recordsOf(map).find(({ key }) => key[0] === 1)!;
        assert.deepEqual(
          values.map((value) => toHex(value)),
          ['ffffffff010000000500000000000000', '01000000000000000600000000000000'],
        );
      }
    });

    test('there are no other CPUs', () => {
      const map = perCpu(type, 2);
      for (const cpu of [2, -1]) {
        assert.throws(() => {
          map.cpu = cpu;
        }, /map counters: no CPU/);
      }
    });
  });
}

describe('per CPU', () => {
  test('a slot used again starts with zeros on all CPUs', () => {
    const map = perCpu('percpu_hash', 2);
    map.cpu = 1;
    setHex(map, '01000000', 'ff'.repeat(16));
    map.delete(Int32Array.of(1), 0);
    map.cpu = 0;
    setHex(map, '02000000', '01'.repeat(16));
    map.cpu = 1;
    assert.equal(getHex(map, '02000000'), '00'.repeat(16));
  });

  test('of other maps there is one value', () => {
    const map = createMap({ name: 'm', type: 'hash', keySize: 4, valueSize: 8, maxEntries: 2, cpus: 8 });
    setHex(map, '01000000', '0700000000000000');
    assert.deepEqual(
      recordsOf(map)[0].values.map((value) => toHex(value)),
      ['0700000000000000'],
    );
  });
});
