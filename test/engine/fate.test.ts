import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fate from '../../src/engine/fate.js';

test('reasons are numbered as they are named', () => {
  const names: readonly (readonly [number, string])[] = [
    [fate.NO_REASON_GIVEN, 'dropped by a program without a reason'],
    [fate.MARTIAN_SOURCE, 'martian source address'],
    [fate.NETFILTER_DROP, 'dropped by a netfilter chain'],
    [fate.SCOPE_EXCEEDED, 'link-local source: not forwarded'],
    [fate.MARTIAN_DESTINATION, 'martian destination address'],
    [fate.LOST_ON_LINK, 'lost on the link'],
    [fate.LINK_QUEUE_FULL, 'queue of the link is full'],
  ];
  for (const [reason, name] of names) assert.equal(fate.engineReasonName(reason), name);
});
