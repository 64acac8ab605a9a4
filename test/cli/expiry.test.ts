/** Connections that expire during a replay, as users see it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { repositoryRoot } from '../support/repository.js';
import { lab, packetwalk } from './run.js';

const FILE_HEADER = 24;
const RECORD_HEADER = 16;

/** The capture with its first frame once more, an hour later. */
function withPause(): Uint8Array {
  const capture = readFileSync(path.join(repositoryRoot, lab('life-of-a-packet-pod1.pcap')));
  const length = capture.readUInt32LE(FILE_HEADER + 8);
  const again = Buffer.from(capture.subarray(FILE_HEADER, FILE_HEADER + RECORD_HEADER + length));
  again.writeUInt32LE(again.readUInt32LE(0) + 3600, 0);
  return Buffer.concat([capture, again]);
}

const ARGUMENTS = ['replay', '-', '-t', 'life-of-a-packet'];

test('connections expire in a long pause, and the summary counts them', () => {
  const { stdout } = packetwalk([...ARGUMENTS, '--json'], withPause());
  const { expired, mapEntries } = JSON.parse(stdout);
  assert.deepEqual(expired, [{ node: 'node1', connections: 11, mappings: 0 }]);
  assert.deepEqual(mapEntries[0], { node: 'node1', map: 'cilium_ct4_global', created: 6, total: 0 });
  const words = packetwalk(ARGUMENTS, withPause()).stdout.split('\n');
  assert.ok(words.includes('  expired      node1: 11 connections'), words.join('\n'));
});

test('--keep-expired', () => {
  const { stdout } = packetwalk([...ARGUMENTS, '--json', '--keep-expired'], withPause());
  const { expired, mapEntries } = JSON.parse(stdout);
  assert.deepEqual(expired, []);
  assert.equal(mapEntries[0].total, 6);
});
