/** Several ports that share an interface. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { FrameArena } from '../../../src/engine/frame-arena.js';
import { type LivePort, SENT } from '../../../src/io/live/live-port.js';
import { openPort } from '../../../src/io/live/open.js';
import { fromHex, toHex } from '../../support/hex.js';
import { RawLink, TestNamespace, whyNoInterfaces, whyNoTap } from '../../support/live-network.js';
import { frame, isTestFrame, NEAR_MAC } from './frames.js';

const FLOWS = 64;

/** A UDP packet without checksum between 10.0.0.2:(40000 + flow) and 10.0.0.1:53. */
function udpFrame(flow: number, toNear: boolean): Uint8Array {
  const bytes = frame(60, 0, toNear);
  bytes[23] = 17;
  bytes.set(fromHex('1489'), 24);
  const port = (40000 + flow).toString(16);
  bytes.set(fromHex(toNear ? `${port} 0035 001a 0000` : `0035 ${port} 001a 0000`), 34);
  return bytes;
}

const isUdp = (bytes: Uint8Array): boolean => bytes.length === 60 && bytes[23] === 17;

/** Flows of the frames that wait at a port, in either direction. */
async function flowsAt(port: LivePort): Promise<number[]> {
  const arena = new FrameArena(256, 2);
  const handles = new Int32Array(64);
  const flows: number[] = [];
  for (let quiet = 0; quiet < 5; quiet++) {
    const count = port.receive(arena, handles, 0, 64);
    if (count > 0) quiet = -1;
    for (let i = 0; i < count; i++) {
      const start = arena.start[handles[i]];
      const bytes = arena.bytes.subarray(start, start + arena.length[handles[i]]);
      const [from, to] = [(bytes[34] << 8) | bytes[35], (bytes[36] << 8) | bytes[37]];
      if (isUdp(bytes)) flows.push((from === 53 ? to : from) - 40000);
      arena.free(handles[i]);
    }
    await sleep(5);
  }
  return flows.sort((a, b) => a - b);
}

test('a fanout group gives both directions of a flow to the same port', {
  skip: whyNoInterfaces(),
}, async () => {
  const [near, distant] = [new TestNamespace(), new TestNamespace()];
  const ports: LivePort[] = [];
  try {
    near.addVeth('near0', distant, 'far0');
    const far = await RawLink.open(distant, 'far0');
    for (const ring of [false, true]) {
      const spec = { plugin: 'af-packet', name: 'near0', namespace: near.name, fanout: 7 } as const;
      ports.push(await openPort({ ...spec, ring }));
    }
    for (let flow = 0; flow < FLOWS; flow++) {
      far.send(udpFrame(flow, true));
      far.send(udpFrame(flow, false));
    }
    const [one, two] = [await flowsAt(ports[0]), await flowsAt(ports[1])];
    assert.ok(one.length > 0 && two.length > 0, 'both get some');
    const twice = (flows: readonly number[]): number[] =>
      flows.filter((flow, i) => flows.indexOf(flow) === i);
    assert.equal(one.length, 2 * twice(one).length);
    assert.equal(two.length, 2 * twice(two).length);
    assert.equal(one.length + two.length, 2 * FLOWS);
    far.close();
  } finally {
    for (const port of ports) port.close();
    for (const namespace of [near, distant]) namespace.dispose();
  }
});

test('queues of a TAP share its frames, and all send', { skip: whyNoTap() }, async () => {
  const namespace = new TestNamespace();
  const ports: LivePort[] = [];
  try {
    for (let i = 0; i < 2; i++) {
      ports.push(
        await openPort({
          plugin: 'tap',
          name: 'tap0',
          namespace: namespace.name,
          mac: NEAR_MAC,
          multiQueue: true,
        }),
      );
    }
    const far = await RawLink.open(namespace, 'tap0');
    for (let flow = 0; flow < FLOWS; flow++) far.send(udpFrame(flow, true));
    const [one, two] = [await flowsAt(ports[0]), await flowsAt(ports[1])];
    assert.ok(one.length > 0 && two.length > 0, 'both get some');
    assert.deepEqual(
      [...one, ...two].sort((a, b) => a - b),
      Array.from({ length: FLOWS }, (_, flow) => flow),
    );
    const arena = new FrameArena(4, 1);
    for (const [i, port] of ports.entries()) {
      const bytes = frame(60, i, false);
      port.send(arena, Int32Array.of(arena.put(new DataView(bytes.buffer), 0, 60)), 0, 1);
      assert.equal(port.counters[SENT], 1);
    }
    const seen = await far.receive(2, isTestFrame);
    assert.deepEqual(
      seen.map((bytes) => toHex(bytes)).sort(),
      [0, 1].map((i) => toHex(frame(60, i, false))),
    );
    far.close();
  } finally {
    for (const port of ports) port.close();
    namespace.dispose();
  }
});
