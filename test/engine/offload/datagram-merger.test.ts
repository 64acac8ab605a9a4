import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FrameArena, OWES_CHECKSUM, OWES_UDP_SEGMENTS } from '../../../src/engine/frame-arena.js';
import { DatagramMerger } from '../../../src/engine/offload/datagram-merger.js';
import { Offloads } from '../../../src/engine/offload/offloads.js';
import { Segmenter } from '../../../src/engine/offload/segmenter.js';
import { fromHex, toHex } from '../../support/hex.js';
import * as frames from './frames.js';

const UDP_OFFSET = 6;
const UDP4_AT = 34;
const UDP6_AT = 54;
const MTU = 1350;

/** Two datagrams to [fd00::14]:53 with 3 and 2 bytes, and what they make together. */
const ADDRESSES = 'fd00000000000000000000000000000afd000000000000000000000000000014';
const UDP6_FIRST = `02000000000202000000000186dd60000000000b1140${ADDRESSES}13880035000b0000616263`;
const UDP6_SECOND = `02000000000202000000000186dd60000000000a1140${ADDRESSES}13880035000a00006465`;
const UDP6_MERGED = `02000000000202000000000186dd60000000000d1140${ADDRESSES}13880035000d00006162636465`;

/** An arena with frames of a burst, each of which owes its checksum. */
class Burst {
  readonly arena = new FrameArena(16, 1);
  readonly handles = new Int32Array(16);
  count = 0;

  add(hex: string, udpAt = UDP4_AT, owes = OWES_CHECKSUM): this {
    const { arena } = this;
    const bytes = fromHex(hex);
    const handle = arena.put(new DataView(bytes.buffer), 0, bytes.length);
    arena.owes[handle] = owes;
    arena.checksumAt[handle] = arena.start[handle] + udpAt;
    arena.checksumOffset[handle] = UDP_OFFSET;
    this.handles[this.count++] = handle;
    return this;
  }

  merge(mtu = MTU): this {
    this.count = new DatagramMerger(this.arena, mtu, [8472]).merge(this.handles, this.count);
    return this;
  }

  hex(row: number): string {
    const { arena } = this;
    const handle = this.handles[row];
    return toHex(arena.bytes, arena.start[handle], arena.length[handle]);
  }

  /** As hex, after the frame has been made ready to leave. */
  settled(row: number): string {
    assert.ok(new Offloads().settle(this.arena, this.handles[row]));
    return this.hex(row);
  }
}

const [FIRST, SECOND, LAST] = frames.UDP4_SEGMENTS;

/** `hex` with other bytes from `at` on; the IPv4 header's checksum is not looked at. */
function changed(hex: string, at: number, bytes: string): string {
  return hex.slice(0, 2 * at) + bytes + hex.slice(2 * at + bytes.length);
}

describe('UDP datagrams of one burst', () => {
  test('become one frame that owes segments', () => {
    const burst = new Burst().add(FIRST).add(SECOND).add(LAST).merge();
    assert.equal(burst.count, 1);
    const [handle] = burst.handles;
    assert.equal(burst.arena.owes[handle], OWES_CHECKSUM | OWES_UDP_SEGMENTS);
    assert.equal(burst.arena.segmentSize[handle], 40);
    assert.equal(burst.settled(0), frames.UDP4);
  });

  test('are the same again when the frame is cut', () => {
    const { arena, handles } = new Burst().add(FIRST).add(SECOND).add(LAST).merge();
    const offloads = new Offloads();
    assert.ok(offloads.settle(arena, handles[0]));
    const segmenter = new Segmenter();
    segmenter.begin(arena, handles[0], offloads.headerLength(arena, handles[0]));
    assert.equal(segmenter.next(offloads.layers), 3);
    frames.UDP4_SEGMENTS.forEach((expected, i) => {
      const handle = segmenter.handles[i];
      const { start, length, bytes } = segmenter.arena;
      assert.equal(toHex(bytes, start[handle], length[handle]), expected);
    });
  });

  test('over IPv6 too', () => {
    const burst = new Burst().add(UDP6_FIRST, UDP6_AT).add(UDP6_SECOND, UDP6_AT).merge();
    assert.equal(burst.count, 1);
    assert.equal(burst.hex(0), UDP6_MERGED);
  });

  test('give their slots back', () => {
    const burst = new Burst();
    for (let round = 0; round < 10; round++) {
      burst.count = 0;
      for (let i = 0; i < 14; i++) burst.add(changed(FIRST, 18, (7 + i).toString(16).padStart(4, '0')));
      burst.merge();
      assert.equal(burst.count, 1);
      burst.arena.free(burst.handles[0]);
    }
    assert.equal(burst.arena.exhausted, 0);
  });

  test('end a run with a shorter one, behind which another run begins', () => {
    const third = changed(FIRST, 18, '000a');
    const fourth = changed(FIRST, 18, '000b');
    const burst = new Burst().add(FIRST).add(SECOND).add(LAST).add(third).add(fourth).merge();
    assert.equal(burst.count, 2);
    assert.equal(burst.arena.length[burst.handles[0]], 42 + 100);
    assert.equal(burst.arena.length[burst.handles[1]], 42 + 80);
  });

  test('leave other frames of the burst where they are', () => {
    const burst = new Burst()
      .add(frames.TCP4, UDP4_AT, 0)
      .add(FIRST)
      .add(SECOND)
      .add(frames.TCP4, UDP4_AT, 0)
      .add(LAST)
      .merge();
    assert.equal(burst.count, 4);
    assert.equal(burst.hex(0), frames.TCP4);
    assert.equal(burst.arena.length[burst.handles[1]], 42 + 80);
    assert.equal(burst.hex(2), frames.TCP4);
    assert.equal(burst.hex(3), LAST);
  });

  test('together are no longer than the smallest link takes', () => {
    const burst = new Burst();
    for (let i = 0; i < 14; i++) burst.add(changed(FIRST, 18, (7 + i).toString(16).padStart(4, '0')));
    burst.merge(28 + 5 * 40);
    assert.deepEqual(
      [...burst.handles.subarray(0, burst.count)].map((handle) => burst.arena.length[handle]),
      [42 + 200, 42 + 200, 42 + 160],
    );
  });

  const different: readonly (readonly [why: string, second: string, owes?: number])[] = [
    ['another identification than the next', changed(SECOND, 18, '0009')],
    ['another destination MAC', changed(SECOND, 5, '03')],
    ['another source MAC', changed(SECOND, 11, '02')],
    ['another type of service', changed(SECOND, 15, '01')],
    ['another hop limit', changed(SECOND, 22, '3f')],
    ['another source', changed(SECOND, 29, '0b')],
    ['another destination', changed(SECOND, 33, '15')],
    ['another source port', changed(SECOND, 35, '89')],
    ['another destination port', changed(SECOND, 37, '36')],
    ['other fragment bits', changed(SECOND, 20, '20')],
    ['a longer payload', `${changed(SECOND, 16, '0045')}ff`],
    ['bytes behind its packet', `${LAST.replace('0009', '0008')}00`],
    ['no payload', changed(SECOND, 16, '001c').slice(0, 84)],
    ['a checksum of its own', SECOND, 0],
    ['datagrams in it already', SECOND, OWES_CHECKSUM | OWES_UDP_SEGMENTS],
  ];
  for (const [why, second, owes] of different) {
    test(`stay apart: the second has ${why}`, () => {
      const burst = new Burst().add(FIRST).add(second, UDP4_AT, owes).merge();
      assert.equal(burst.count, 2);
      assert.deepEqual([burst.hex(0), burst.hex(1)], [FIRST, second]);
    });
  }

  const alone: readonly (readonly [why: string, change: (hex: string) => string])[] = [
    ['go to a group', (hex) => changed(hex, 0, '01')],
    ['go to a tunnel', (hex) => changed(hex, 36, '2118')],
    ['have a VLAN tag', (hex) => `${hex.slice(0, 24)}81000005${hex.slice(24)}`],
    ['have padding', (hex) => `${hex}00`],
  ];
  for (const [why, change] of alone) {
    test(`stay apart when they ${why}`, () => {
      const [first, second] = [FIRST, SECOND].map(change);
      const udpAt = UDP4_AT + (first.length - FIRST.length >= 8 ? 4 : 0);
      const burst = new Burst().add(first, udpAt).add(second, udpAt).merge();
      assert.equal(burst.count, 2);
      assert.deepEqual([burst.hex(0), burst.hex(1)], [first, second]);
    });
  }
});
