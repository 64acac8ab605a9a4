import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CaptureClock } from '../../src/engine/capture-clock.js';
import { Clock } from '../../src/engine/clock.js';
import * as fate from '../../src/engine/fate.js';
import { HOOK_NAMES, HOOK_TCX_INGRESS } from '../../src/engine/hooks/order.js';
import { STEP_NAMES } from '../../src/engine/observer.js';
import { MAC_LXC_A, MAC_POD_A, program, TestNode } from './network.js';

const A_TO_B = `${MAC_LXC_A}${MAC_POD_A}08004500001e00000000401166cd0a0000010a00000200350009000a00006869`;

test('the capture clock starts at its base, follows the capture and never goes back', () => {
  const clock = new Clock();
  const capture = new CaptureClock(clock);
  assert.equal(clock.nowSeconds, 1000);
  capture.advance(1_700_000_000, 999_999_999);
  assert.equal(clock.nowNs, 1000e9);
  capture.advance(1_700_000_002, 5);
  assert.equal(clock.nowNs, 1001e9 + 6);
  capture.advance(1_700_000_001, 0);
  assert.equal(clock.nowNs, 1001e9 + 6);
  capture.advance(0, 0);
  capture.advance(1_700_000_100, 999_999_999);
  assert.equal(clock.nowSeconds, 1100);
});

test('an observer sees every step of a walk', () => {
  const t = new TestNode();
  t.lxcA.attach(
    HOOK_TCX_INGRESS,
    program('pass', () => -1),
  );
  const seen: string[] = [];
  const name = (index: number): string => t.network.devices[index]?.name ?? 'stack';
  t.walker.observer = {
    started: (_, device) => seen.push(`start ${name(device)}`),
    hookEntered: (_, device, hook, i) => seen.push(`enter ${name(device)} ${HOOK_NAMES[hook]} ${i}`),
    hookLeft: (_, device, hook, i, verdict) =>
      seen.push(`leave ${name(device)} ${HOOK_NAMES[hook]} ${i} ${verdict}`),
    forwarded: (_, from, to, how) => seen.push(`${name(from)} > ${name(to)} ${STEP_NAMES[how]}`),
    ended: (_, kind, device, reason) => seen.push(`${fate.FATE_NAMES[kind]} ${name(device)} ${reason}`),
  };
  t.walker.receive(t.slot(A_TO_B), t.lxcA);
  assert.deepEqual(seen, [
    'start lxca',
    'enter lxca tcx ingress 0',
    'leave lxca tcx ingress 0 -1',
    'lxca > lxcb route',
    'lxcb > eth0 peer',
    'delivered eth0 0',
  ]);
});
