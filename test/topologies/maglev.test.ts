import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maglevTable, murmur3 } from '../../src/topologies/maglev.js';

const TCP = 6;

test('MurmurHash3 x64 128: values of its reference implementation', () => {
  const hash = (text: string, seed: number): string[] =>
    murmur3(new TextEncoder().encode(text), seed).map((half) => half.toString(16).padStart(16, '0'));
  assert.deepEqual(hash('', 0), ['0000000000000000', '0000000000000000']);
  assert.deepEqual(hash('hello', 0), ['cbd8a7b341bd9b02', '5b1e906a48ae1d19']);
  assert.deepEqual(hash('The quick brown fox jumps over the lazy dog', 0), [
    'e34bbc7bbc071b6c',
    '7a433ca9c49a9347',
  ]);
});

test('the table that Cilium makes of the same backends, with weights', () => {
  // Run lengths that Cilium's own test of its tables expects: ID(COUNT).
  const expected =
    '2(5),3(1),2(3),1(1),2(2),0(1),2(1),3(1),2(1),3(1),2(1),1(1),2(7),1(1),2(14),3(1),2(1),' +
    '1(2),2(12),3(1),2(3),1(1),2(4),3(1),2(8),3(1),2(2),1(1),2(16),1(2),2(3),3(1),2(11),1(2),2(4),3(1),2(3),' +
    '1(1),2(4),3(1),2(1),0(1),1(1),2(8),1(1),2(7),1(1),2(4),3(1),2(1),3(1),2(9),1(2),2(5),1(1),2(7),3(1),2(1),' +
    '3(1),1(1),2(8),1(1),2(4),0(1),2(1),1(1),2(5),3(1),2(3),1(1),2(4),3(1),2(3),1(1),2(12),0(1),3(1),2(3),3(1),' +
    '2(4),3(1),2(2),1(1),2(7)';
  const backend = (id: number, last: number, weight: number) => ({
    id,
    address: Uint8Array.of(0, 0, 0, last),
    port: last,
    protocol: TCP,
    weight,
  });
  const table = maglevTable(
    [backend(0, 1, 2), backend(1, 3, 13), backend(2, 4, 111), backend(3, 5, 10)],
    251,
  );
  const runs: string[] = [];
  for (let i = 0, start = 0; i < table.length; i++) {
    if (i + 1 < table.length && table[i + 1] === table[i]) continue;
    runs.push(`${table[i]}(${i + 1 - start})`);
    start = i + 1;
  }
  assert.equal(runs.join(','), expected);
});

test('the order of backends does not matter, and one that goes leaves the others most of their slots', () => {
  const backends = [1, 2, 3].map((id) => ({
    id,
    address: Uint8Array.of(10, 0, 0, id),
    port: 80,
    protocol: TCP,
  }));
  const table = maglevTable(backends, 1021);
  assert.deepEqual(maglevTable([...backends].reverse(), 1021), table);
  const without = maglevTable(backends.slice(0, 2), 1021);
  const moved = table.filter((id, slot) => id !== 3 && without[slot] !== id).length;
  assert.ok(moved < 60, `${moved} slots moved`);
});
