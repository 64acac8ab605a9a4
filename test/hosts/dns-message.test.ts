import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readMessage, TYPE_A, writeQuestion, writeResponse } from '../../src/hosts/dns-message.js';
import { parseLiteral } from '../../src/hosts/tools/resolve.js';
import { bytesOf, hex } from './support.js';

/** RFC 1035 section 4.1, by hand: 43981 www.example.com A. */
const QUESTION = 'abcd 0100 0001 0000 0000 0000 03777777 076578616d706c65 03636f6d 00 0001 0001';
const RESPONSE =
  'abcd 8580 0001 0001 0000 0000 03777777 076578616d706c65 03636f6d 00 0001 0001 c00c 0001 0001 0000001e 0004 0a00020a';

test('a question', () => {
  const bytes = writeQuestion(0xabcd, 'www.example.com', TYPE_A);
  assert.equal(hex(bytes), QUESTION.replaceAll(' ', ''));
  const read = readMessage(bytes)!;
  assert.equal(read.name, 'www.example.com');
  assert.deepEqual([read.id, read.isResponse, read.recursionDesired], [0xabcd, false, true]);
});

test('a response', () => {
  const question = readMessage(bytesOf(QUESTION))!;
  const bytes = writeResponse(question, 0, [Uint8Array.of(10, 0, 2, 10)], 30);
  assert.equal(hex(bytes), RESPONSE.replaceAll(' ', ''));
  assert.deepEqual(readMessage(bytes)!.answers, [
    { lifetimeSeconds: 30, address: Uint8Array.of(10, 0, 2, 10) },
  ]);
});

test('what is cut short, or no message, is null or has the answers that are whole', () => {
  const whole = bytesOf(RESPONSE);
  for (let length = 0; length < whole.length; length++) {
    const read = readMessage(whole.slice(0, length));
    assert.ok(read === null || read.answers.length === 0);
  }
});

test('addresses as inet_aton reads them', () => {
  const cases: [string, string][] = [
    ['1.1', '01000001'],
    ['10.0.0.1', '0a000001'],
    ['10.1', '0a000001'],
    ['0x7f.1', '7f000001'],
    ['167772161', '0a000001'],
    ['1.2.258', '01020102'],
    ['010.0.0.1', '08000001'],
  ];
  for (const [text, expected] of cases) assert.equal(hex(parseLiteral(text)!), expected, text);
  for (const text of ['256.1', '1.2.3.256', '1.1.1.1.1', 'web', '1.one', ''])
    assert.equal(parseLiteral(text), null, text);
});
