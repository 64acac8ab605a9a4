import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  FrameArena,
  OWES_CHECKSUM,
  OWES_SEGMENTS,
  OWES_TCP_SEGMENTS,
  OWES_UDP_SEGMENTS,
} from '../../../src/engine/frame-arena.js';
import { Offloads } from '../../../src/engine/offload/offloads.js';
import { Segmenter } from '../../../src/engine/offload/segmenter.js';
import { fromHex, toHex } from '../../support/hex.js';
import * as frames from './frames.js';

const TCP_OFFSET = 16;
const UDP_OFFSET = 6;

interface Owing {
  readonly arena: FrameArena;
  readonly handle: number;
}

function put(hex: string, owes: number, transportAt: number, offset: number, segmentSize = 40): Owing {
  const arena = new FrameArena(4, 1);
  const bytes = fromHex(hex);
  const handle = arena.put(new DataView(bytes.buffer), 0, bytes.length);
  arena.owes[handle] = owes;
  arena.checksumAt[handle] = arena.start[handle] + transportAt;
  arena.checksumOffset[handle] = offset;
  arena.segmentSize[handle] = segmentSize;
  return { arena, handle };
}

const hexOf = ({ arena, handle }: Owing): string =>
  toHex(arena.bytes, arena.start[handle], arena.length[handle]);

function segmentsOf(frame: Owing): string[] {
  const offloads = new Offloads();
  assert.ok(offloads.settle(frame.arena, frame.handle));
  const segmenter = new Segmenter();
  segmenter.begin(frame.arena, frame.handle, offloads.headerLength(frame.arena, frame.handle));
  const segments: string[] = [];
  for (let count = segmenter.next(offloads.layers); count > 0; count = segmenter.next(offloads.layers)) {
    for (let i = 0; i < count; i++)
      segments.push(hexOf({ arena: segmenter.arena, handle: segmenter.handles[i] }));
    segmenter.release(count);
  }
  return segments;
}

const TCP = OWES_CHECKSUM | OWES_TCP_SEGMENTS;
const UDP = OWES_CHECKSUM | OWES_UDP_SEGMENTS;

test('TCP over IPv4 is cut: sequence, identification with carry, FIN and PSH last, CWR first', () => {
  assert.deepEqual(segmentsOf(put(frames.TCP4, TCP, 34, TCP_OFFSET)), frames.TCP4_SEGMENTS);
});

test('TCP over IPv6 is cut', () => {
  assert.deepEqual(segmentsOf(put(frames.TCP6, TCP, 54, TCP_OFFSET)), frames.TCP6_SEGMENTS);
});

test('UDP is cut into datagrams with a length each', () => {
  assert.deepEqual(segmentsOf(put(frames.UDP4, UDP, 34, UDP_OFFSET)), frames.UDP4_SEGMENTS);
});

test('TCP in VXLAN is cut: outer lengths and identifications, no outer checksum', () => {
  assert.deepEqual(segmentsOf(put(frames.VXLAN, TCP, 84, TCP_OFFSET)), frames.VXLAN_SEGMENTS);
});

test('TCP in Geneve with an option over IPv6 is cut: outer checksums', () => {
  assert.deepEqual(segmentsOf(put(frames.GENEVE, TCP, 132, TCP_OFFSET)), frames.GENEVE_SEGMENTS);
});

test('a long frame is cut in several goes', () => {
  const frame = put(frames.TCP4, TCP, 34, TCP_OFFSET, 1);
  const segments = segmentsOf(frame);
  assert.equal(segments.length, 100);
  assert.equal(segments[99].slice(-2), frames.TCP4.slice(-2));
});

test('a partial checksum is completed', () => {
  const frame = put(frames.TCP4, OWES_CHECKSUM, 34, TCP_OFFSET);
  const offloads = new Offloads();
  assert.ok(offloads.settle(frame.arena, frame.handle));
  assert.equal(hexOf(frame), frames.TCP4);
  offloads.complete(frame.arena, frame.handle);
  assert.equal(hexOf(frame), frames.TCP4_COMPLETE);
  assert.equal(frame.arena.owes[frame.handle], 0);
});

test('whatever programs left in the field, it holds the pseudo-header of the frame as it leaves', () => {
  // Destination 10.0.2.20:80 has become 172.16.0.9:8080, and the field what an incremental update made of it.
  const bytes = fromHex(frames.TCP4_TRANSLATED);
  bytes.set(fromHex('dead'), 50);
  const frame = put(toHex(bytes), TCP, 34, TCP_OFFSET);
  assert.ok(new Offloads().settle(frame.arena, frame.handle));
  assert.equal(hexOf(frame), frames.TCP4_TRANSLATED);
});

test('a tunnel put in front moves nothing, and its own checksum needs no look at the payload', () => {
  const bytes = fromHex(frames.GENEVE);
  bytes.set(fromHex('1234'), 60);
  const frame = put(toHex(bytes), TCP, 132, TCP_OFFSET);
  assert.ok(new Offloads().settle(frame.arena, frame.handle));
  assert.equal(hexOf(frame), frames.GENEVE_SETTLED);
});

test('a frame that a program has made an ICMP error of owes nothing', () => {
  const inner = frames.TCP4.slice(28, 28 + 2 * 28);
  const icmp = `${frames.TCP4.slice(0, 28)}4500003800000000400165a10a0002140a00010a0300000000000000${inner}`;
  const frame = put(icmp, TCP, 62, TCP_OFFSET);
  assert.equal(new Offloads().settle(frame.arena, frame.handle), false);
  assert.equal(frame.arena.owes[frame.handle], 0);
  assert.equal(hexOf(frame), icmp);
});

test('what nobody said is found out: a bare pseudo-header sum, and more than a frame may have', () => {
  const detect = (hex: string, limit: number): number => {
    const frame = put(hex, 0, 0, 0, 0);
    new Offloads().detect(frame.arena, frame.handle, limit);
    return frame.arena.owes[frame.handle] === 0
      ? 0
      : frame.arena.owes[frame.handle] | (frame.arena.segmentSize[frame.handle] << 8);
  };
  assert.equal(detect(frames.TCP4, 1514), OWES_CHECKSUM);
  assert.equal(detect(frames.TCP4, 106), TCP | (40 << 8));
  assert.equal(detect(frames.UDP4, 1514), OWES_CHECKSUM);
  assert.equal(detect(frames.VXLAN, 1514), OWES_CHECKSUM);
  assert.equal(detect(frames.TCP4_COMPLETE, 1514), 0);
  assert.equal(detect(frames.TCP4_SEGMENTS[0], 1514), 0);
  assert.equal(detect('ffffffffffff0200000000010806000108000604', 1514), 0);
});

test('a slot that is used again owes nothing; a copy owes the same', () => {
  const { arena, handle } = put(frames.TCP4, TCP, 34, TCP_OFFSET);
  const copy = arena.allocate(166);
  arena.copyOwed(handle, copy, arena.start[copy] - arena.start[handle]);
  assert.equal(arena.owes[copy] & OWES_SEGMENTS, OWES_TCP_SEGMENTS);
  assert.equal(arena.checksumAt[copy], arena.start[copy] + 34);
  arena.free(handle);
  assert.equal(arena.owes[arena.allocate(60)], 0);
});
