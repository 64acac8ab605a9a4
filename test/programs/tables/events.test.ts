import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decodeEvent,
  policyMatchText,
  tracePointText,
  traceReasonText,
} from '../../../src/programs/tables/events.js';
import { fromHex } from '../../support/hex.js';

/** Records as Cilium's programs sent them; of the frame only what the test needs. */
const MARGIN = 8;

function decode(recordHex: string) {
  const record = fromHex(recordHex);
  const bytes = new Uint8Array(MARGIN + record.length);
  bytes.set(record, MARGIN);
  return decodeEvent(bytes, MARGIN, record.length);
}

test('a drop: no route, with the FIB result as extended error', () => {
  const record =
    '01a96500 00000000 36000000 36000200 e9030000 d1070000 00000000 00000001 15000000 00000000 0a00';
  assert.deepEqual(decode(record), {
    kind: 'drop',
    source: 101,
    hash: 0,
    originalLength: 54,
    capturedLength: 54,
    frameAt: MARGIN + 40,
    reason: 169,
    sourceIdentity: 1001,
    destinationIdentity: 2001,
    destinationId: 0,
    line: 0,
    file: 0,
    extendedError: 1,
    ifindex: 21,
    flags: 0,
  });
});

test('an extended error is signed', () => {
  const record = '018b6500 00000000 36000000 36000200 e9030000 00000000 00000000 000000ea 15000000 00000000';
  const event = decode(record);
  assert.equal(event.kind === 'drop' && event.extendedError, -22);
});

test('a trace to a local endpoint', () => {
  const record =
    '04006600 00000000 36000000 36000100 e9030000 ea030000 6600 0080 16000000 0af5010a 00000000 00000000 00000000';
  assert.deepEqual(decode(record), {
    kind: 'trace',
    source: 102,
    hash: 0,
    originalLength: 54,
    capturedLength: 54,
    frameAt: MARGIN + 48,
    point: 0,
    sourceIdentity: 1001,
    destinationIdentity: 1002,
    destinationId: 102,
    reason: 0,
    encrypted: false,
    flags: 0x80,
    ifindex: 22,
    originalAddressAt: MARGIN + 32,
  });
});

test('the encrypted bit is no part of a trace reason', () => {
  const record = `04036500 00000000 36000000 36000100 e9030000 01000000 0000 82 00 00000000 ${'00'.repeat(16)}`;
  const event = decode(record);
  assert.ok(event.kind === 'trace');
  assert.equal(event.encrypted, true);
  assert.equal(traceReasonText(event.reason), 'reply');
  assert.equal(tracePointText(event.point), 'to-stack');
});

test('a policy verdict: denied by a rule for everything from an identity', () => {
  const record = '05006500 00000000 2e000000 2e000100 02000000 4bffffff 0000 01 09 00000000 0a000000';
  assert.deepEqual(decode(record), {
    kind: 'policy-verdict',
    source: 101,
    hash: 0,
    originalLength: 46,
    capturedLength: 46,
    frameAt: MARGIN + 32,
    remoteIdentity: 2,
    verdict: -181,
    destinationPort: 0,
    protocol: 1,
    direction: 1,
    isIpv6: false,
    match: 1,
    audited: false,
    authentication: 0,
  });
  assert.equal(policyMatchText(1), 'L3-Only');
});

test('a debug message and a capture', () => {
  assert.deepEqual(decode('02086500 00000000 24040000 00000000 00000000'), {
    kind: 'debug',
    source: 101,
    hash: 0,
    type: 8,
    arguments: [1060, 0, 0],
  });
  assert.deepEqual(decode('03046500 00000000 2a000000 2a000100 15000000 00000000 0a00'), {
    kind: 'capture',
    source: 101,
    hash: 0,
    originalLength: 42,
    capturedLength: 42,
    frameAt: MARGIN + 24,
    type: 4,
    arguments: [21, 0],
  });
});

test('a record that is cut short or of another type is unknown', () => {
  assert.deepEqual(decode('02086500 00000000 24040000 00000000 000000'), { kind: 'unknown', type: 2 });
  assert.deepEqual(decode(`81${'00'.repeat(60)}`), { kind: 'unknown', type: 0x81 });
  assert.deepEqual(decode(''), { kind: 'unknown', type: 0 });
});

test('numbers without a text are printed as they are', () => {
  assert.equal(tracePointText(14), '14');
  assert.equal(traceReasonText(9), '9');
  assert.equal(policyMatchText(7), 'unknown');
});
