/** Expected texts are those of bpftool 7.8 for maps without BTF. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createMap } from '../../../src/engine/maps/create-map.js';
import { dumpEntries, dumpText } from '../../../src/engine/maps/dump.js';
import { loadBpftoolDump } from '../../../src/engine/maps/load-dump.js';
import type { BpfMap, MapSpec, MapType } from '../../../src/engine/maps/map.js';
import { recordsOf } from '../../../src/engine/maps/records.js';
import { entriesHex, setHex } from '../../support/map-hex.js';

function map(type: MapType, keySize: number, valueSize: number, more: Partial<MapSpec> = {}): BpfMap {
  return createMap({ name: 'm', type, keySize, valueSize, maxEntries: 8, ...more });
}

function filled(made: BpfMap, ...entries: readonly (readonly [key: string, value: string])[]): BpfMap {
  for (const [key, value] of entries) assert.equal(setHex(made, key, value), 0);
  return made;
}

describe('dumps as text', () => {
  test('key and value in one line', () => {
    const made = filled(map('hash', 4, 8), ['01000000', '0102030405060708']);
    assert.equal(dumpText(made), 'key: 01 00 00 00  value: 01 02 03 04 05 06 07 08\nFound 1 element\n');
  });

  test('more than 24 bytes together take two lines; every eighth byte is set apart', () => {
    const made = filled(map('hash', 12, 16), ['000102030405060708090a0b', '00'.repeat(16)]);
    assert.equal(
      dumpText(made),
      'key: 00 01 02 03 04 05 06 07  08 09 0a 0b\n' +
        'value: 00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00\nFound 1 element\n',
    );
  });

  test('a key or value of more than 16 bytes makes blocks', () => {
    const made = filled(map('hash', 14, 36), [
      '010000010af400d50b9600500601',
      `${'00'.repeat(16)}0a0000000000000005040000000000009bea0e01`,
    ]);
    assert.equal(
      dumpText(made),
      `key:
01 00 00 01 0a f4 00 d5  0b 96 00 50 06 01
value:
00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00
0a 00 00 00 00 00 00 00  05 04 00 00 00 00 00 00
9b ea 0e 01
Found 1 element
`,
    );
  });

  test('per-CPU values, one per CPU', () => {
    const made = filled(map('percpu_hash', 4, 8, { cpus: 2 }), ['07000000', 'ff00000000000000']);
    assert.equal(
      dumpText(made),
      'key:\n07 00 00 00\nvalue (CPU 00): ff 00 00 00 00 00 00 00\n' +
        'value (CPU 01): 00 00 00 00 00 00 00 00\nFound 1 element\n',
    );
  });

  test('nothing, program arrays with their set elements, perf event arrays with none', () => {
    assert.equal(dumpText(map('hash', 4, 8)), 'Found 0 elements\n');
    const programs = filled(map('prog_array', 4, 4), ['06000000', '0d000000']);
    assert.equal(dumpText(programs), 'key: 06 00 00 00  value: 0d 00 00 00\nFound 1 element\n');
    const events = map('perf_event_array', 4, 4, { maxEntries: 1 });
    assert.equal(dumpText(events), 'key: 00 00 00 00\nvalue:\nUnknown error 524\nFound 0 elements\n');
    assert.deepEqual(dumpEntries(events), [
      { key: ['0x00', '0x00', '0x00', '0x00'], value: { error: 'Unknown error 524' } },
    ]);
  });
});

test('an LPM trie is walked most specific first, in post-order', () => {
  const made = map('lpm_trie', 8, 1);
  for (const key of ['000000000a000000', '180000000a000100', '100000000a000000', '200000000a000109']) {
    setHex(made, key, '00');
  }
  setHex(made, '200000000a000001', '00');
  assert.deepEqual(
    recordsOf(made).map(({ key }) => Buffer.from(key).toString('hex')),
    ['200000000a000001', '200000000a000109', '180000000a000100', '100000000a000000', '000000000a000000'],
  );
});

describe('dumps taken in', () => {
  test('come out as they went in', () => {
    const dump = [
      { key: ['0x01', '0x00', '0x00', '0x0a'], value: ['0x00', '0xff'] },
      { key: ['0x02', '0x00', '0x00', '0x0a'], value: ['0x10', '0x7f'] },
    ];
    const made = map('lru_hash', 4, 2);
    assert.equal(loadBpftoolDump(made, dump), 2);
    assert.deepEqual(entriesHex(made), [
      { key: '0100000a', value: '00ff' },
      { key: '0200000a', value: '107f' },
    ]);
    assert.deepEqual(dumpEntries(made), dump);
  });

  test('per-CPU values and BTF fields beside the bytes', () => {
    const dump = [
      {
        key: ['0x01', '0x00', '0x00', '0x00'],
        values: [
          { cpu: 0, value: ['0x05'] },
          { cpu: 1, value: ['0x06'] },
        ],
      },
    ];
    const made = map('percpu_array', 4, 1, { cpus: 2, maxEntries: 2 });
    assert.equal(loadBpftoolDump(made, [{ ...dump[0], formatted: { key: 1 } }]), 1);
    assert.deepEqual(dumpEntries(made)[1], dump[0]);
  });

  test('what is wrong is named with its place', () => {
    const made = map('hash', 2, 1, { maxEntries: 1 });
    const load = (json: unknown) => () => loadBpftoolDump(made, json);
    const entry = { key: ['0x00', '0x01'], value: ['0x02'] };
    assert.throws(load({}), {
      message: 'map m: a dump is a list of entries (bpftool -j map dump), this is a object',
    });
    assert.throws(load([1]), { message: 'map m: entry 1 is a number, not an object with key and value' });
    assert.throws(load([entry, { key: ['0x00'], value: ['0x00'] }]), {
      message: "map m: entry 2: key has 1 bytes, the map's have 2: is it the dump of another map?",
    });
    assert.throws(load([{ key: ['0x00', '256'], value: ['0x00'] }]), {
      message: 'map m: entry 1: key: "256" is not a byte such as "0x0a"',
    });
    assert.throws(load([{ key: ['0x00', '0x00'], value: 5 }]), {
      message: 'map m: entry 1: value is a number, not a list such as ["0x0a","0xf4"]',
    });
    assert.throws(load([entry, { ...entry, key: ['0x00', '0x02'] }]), {
      message: 'map m: entry 2: the map is full (1 entries): declare it larger',
    });
    const perCpu = map('percpu_hash', 2, 1);
    assert.throws(() => loadBpftoolDump(perCpu, [{ ...entry, values: [{ cpu: 3, value: ['0x01'] }] }]), {
      message: 'map m: entry 1: CPU 3, but the map is declared for 1: make it with more cpus',
    });
  });
});
