import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createMap } from '../../src/engine/maps/create-map.js';
import { BPF_NOEXIST } from '../../src/engine/maps/map.js';
import { deleteHex, entriesHex, getHex, setHex } from './map-hex.js';

describe('hex', () => {
  const make = () => createMap({ name: 'nat', type: 'hash', keySize: 6, valueSize: 3, maxEntries: 2 });

  test('sets, gets, lists by key and deletes', () => {
    const map = make();
    assert.equal(setHex(map, 'ff0203040506', '0a0b0c'), 0);
    assert.equal(setHex(map, '0102030405FF', '0D0E0F'), 0);
    assert.equal(getHex(map, 'ff0203040506'), '0a0b0c');
    assert.equal(getHex(map, 'ff0203040507'), undefined);
    assert.deepEqual(entriesHex(map), [
      { key: '0102030405ff', value: '0d0e0f' },
      { key: 'ff0203040506', value: '0a0b0c' },
    ]);
    assert.equal(setHex(map, 'ff0203040506', '000000', BPF_NOEXIST), -17);
    assert.equal(setHex(map, 'ff0203040507', '000000'), -7);
    assert.equal(deleteHex(map, 'ff0203040506'), 0);
    assert.equal(deleteHex(map, 'ff0203040506'), -2);
  });

  test('text that is no key or value is refused by name', () => {
    const map = make();
    assert.throws(() => getHex(map, 'ff'), /map nat: key "ff" is not 6 bytes of hex/);
    assert.throws(() => getHex(map, 'ff020304050g'), /map nat: key/);
    assert.throws(() => setHex(map, 'ff0203040506', '0a0b'), /map nat: value "0a0b" is not 3 bytes of hex/);
  });
});
