import assert from 'node:assert/strict';
import * as ethernet from '../../../src/engine/wire/ethernet.js';
import * as ipv4 from '../../../src/engine/wire/ipv4.js';
import * as ipv6 from '../../../src/engine/wire/ipv6.js';
import { fromHex, toHex } from '../../support/hex.js';

/** What a router made of a case: frames that came out, by device, and its connections as /proc/net/nf_conntrack has them. */
export interface CaseResult {
  readonly name: string;
  readonly outputs: readonly (readonly [device: string, hex: string])[];
  readonly connections: readonly string[];
}

/** Seconds that a listing of the kernel may come later than what it lists. */
const LATE = 3;
/** Type of service of the errors that a stack sends itself, whose identification is any number. */
const ERROR_SERVICE = 0xc0;

/** Compares what the model made of a case with what Linux did. */
export function checkResult(result: CaseResult, expected: CaseResult): void {
  checkOutputs(result, expected);
  const [ours, theirs] = [result, expected].map(({ connections }) => connections.map(split).sort(byText));
  assert.deepEqual(
    ours.map(([text]) => text),
    theirs.map(([text]) => text),
  );
  ours.forEach(([text, seconds], i) => {
    const early = seconds - theirs[i][1];
    assert.ok(early >= 0 && early <= LATE, `${text}: ${seconds} s, Linux ${theirs[i][1]}`);
  });
}

export function checkOutputs(result: CaseResult, expected: CaseResult): void {
  const [ours, theirs] = [result, expected].map(({ outputs }) => outputs.map(masked));
  assert.deepEqual(ours, theirs, 'frames that come out');
}

/** A line without its seconds, and these. */
function split(line: string): [string, number] {
  const parts = /^(\S+ +\d+ \S+ +\d+ )(\d+)(.*)$/.exec(line)!;
  return [parts[1] + parts[3], Number(parts[2])];
}

const byText = ([a]: [string, number], [b]: [string, number]): number => (a < b ? -1 : 1);

function masked([device, hex]: readonly [string, string]): readonly [string, string] {
  const frame = fromHex(hex);
  const at = ethernet.HEADER_LENGTH;
  if (ethernet.type(frame, 0) === ethernet.TYPE_IPV6) {
    // The flow label of what a kernel sends itself is a hash.
    ipv6.putTrafficClassAndFlowLabel(frame, at, ipv6.trafficClass(frame, at), 0);
    return [device, toHex(frame)];
  }
  const isOwn =
    ethernet.type(frame, 0) === ethernet.TYPE_IPV4 &&
    (ipv4.typeOfService(frame, at) & 0xe0) === ERROR_SERVICE;
  if (!isOwn) return [device, hex];
  ipv4.putIdentification(frame, at, 0);
  ipv4.putHeaderChecksum(frame, at, 0);
  return [device, toHex(frame)];
}
