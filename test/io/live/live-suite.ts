/** What every LivePort must do. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { FrameArena } from '../../../src/engine/frame-arena.js';
import {
  LINK_DOWN,
  type LivePort,
  NO_SLOT,
  OVERSIZE,
  PORT_DOWN,
  PORT_GONE,
  PORT_UP,
  RECEIVED,
  RECEIVED_BYTES,
  SENT,
  SENT_BYTES,
} from '../../../src/io/live/live-port.js';
import { LiveSink } from '../../../src/io/live/live-sink.js';
import { LiveSource } from '../../../src/io/live/live-source.js';
import { PacketBatch } from '../../../src/io/packet-batch.js';
import { END, NOTHING_YET } from '../../../src/io/packet-source.js';
import { toHex } from '../../support/hex.js';
import { frame, isTaggedTestFrame, isTestFrame, NEAR_MAC, tagged } from './frames.js';

/** A port of MAC NEAR_MAC, MTU 1500, and what is at the other end of its link. */
export interface PortUnderTest {
  readonly port: LivePort;
  readonly far: {
    send(frame: Uint8Array): void;
    /** The next `count` frames that `isWanted`; fewer when they do not come in time. */
    receive(count: number, isWanted: (frame: Uint8Array) => boolean): Promise<Uint8Array[]>;
  };
  /** Takes the interface down, up again, and away; absent where there is none. */
  readonly link?: { down(): void; up(): void; remove(): void };
  dispose(): void;
}

export interface PortTraits {
  /** Why the suite cannot run here. */
  readonly skip: string | false;
  /** Ethernet headers do not cross: frames are compared from the IP header on. */
  readonly ipOnly?: boolean;
}

const LENGTHS = [60, 590, 1514];
const BATCH = 64;

export function testPort(name: string, traits: PortTraits, open: () => Promise<PortUnderTest>): void {
  const comparedFrom = traits.ipOnly === true ? 14 : 0;
  const text = (frames: readonly Uint8Array[]): string[] => frames.map((one) => toHex(one, comparedFrom));

  /** For several system calls: a thread that changes its CPU in between lets frames overtake in the kernel. */
  const sorted = (frames: readonly Uint8Array[]): string[] => text(frames).sort();

  /** Opens a port, runs a test, and takes everything away again. */
  const withPort = (what: string, run: (under: PortUnderTest) => Promise<void>): void => {
    test(what, { skip: traits.skip, timeout: 30_000 }, async () => {
      const under = await open();
      try {
        await run(under);
      } finally {
        under.port.close();
        under.dispose();
      }
    });
  };

  async function receiveAll(
    port: LivePort,
    count: number,
    limit = BATCH,
    isWanted = isTestFrame,
  ): Promise<Uint8Array[]> {
    const arena = new FrameArena(128, 2);
    const handles = new Int32Array(limit + 1);
    const frames: Uint8Array[] = [];
    for (const end = Date.now() + 3000; frames.length < count && Date.now() < end; ) {
      const got = port.receive(arena, handles, 1, limit);
      assert.ok(got <= limit);
      if (got === 0) await sleep(2);
      for (let i = 1; i <= got; i++) {
        const start = arena.start[handles[i]];
        const bytes = arena.bytes.slice(start, start + arena.length[handles[i]]);
        if (isWanted(bytes)) frames.push(bytes);
        arena.free(handles[i]);
      }
    }
    return frames;
  }

  function sendAll(port: LivePort, frames: readonly Uint8Array[]): number {
    const arena = new FrameArena(frames.length, 2);
    const handles = Int32Array.from(frames, (bytes) =>
      arena.put(new DataView(bytes.buffer), 0, bytes.length),
    );
    return port.send(arena, handles, 0, handles.length);
  }

  const some = (count: number, toNear: boolean): Uint8Array[] =>
    Array.from({ length: count }, (_, i) => frame(LENGTHS[i % 3], i, toNear));

  describe(`live port: ${name}`, () => {
    withPort('tells what it is', async ({ port }) => {
      assert.deepEqual([port.state, port.mtu, toHex(port.mac)], [PORT_UP, 1500, toHex(NEAR_MAC)]);
    });

    withPort('receives frames whole and in order', async ({ port, far }) => {
      const frames = some(30, true);
      for (const one of frames) far.send(one);
      assert.deepEqual(text(await receiveAll(port, 30)), text(frames));
      assert.ok(port.counters[RECEIVED] >= 30);
      assert.ok(port.counters[RECEIVED_BYTES] >= 10 * (60 + 590 + 1514));
    });

    withPort('receives no more at a time than asked for', async ({ port, far }) => {
      const frames = some(9, true);
      for (const one of frames) far.send(one);
      assert.deepEqual(text(await receiveAll(port, 9, 2)), text(frames));
    });

    withPort('has nothing to receive when nothing comes', async ({ port }) => {
      assert.deepEqual(await receiveAll(port, 1), []);
    });

    withPort('sends frames whole and in order', async ({ port, far }) => {
      const frames = some(30, false);
      assert.equal(sendAll(port, frames), 30);
      assert.deepEqual(text(await far.receive(30, isTestFrame)), text(frames));
      assert.equal(port.counters[SENT], 30);
      assert.equal(port.counters[SENT_BYTES], 10 * (60 + 590 + 1514));
    });

    withPort('sends more frames at a time than a system call takes', async ({ port, far }) => {
      const frames = some(200, false);
      assert.equal(sendAll(port, frames), 200);
      assert.deepEqual(sorted(await far.receive(200, isTestFrame)), sorted(frames));
    });

    withPort('sends nothing longer than the MTU, and counts it', async ({ port, far }) => {
      const long = new Uint8Array(1515);
      long.set(frame(1514, 1, false));
      assert.equal(sendAll(port, [long, frame(60, 2, false)]), 1);
      assert.deepEqual(text(await far.receive(1, isTestFrame)), text([frame(60, 2, false)]));
      assert.equal(port.counters[OVERSIZE], 1);
    });

    if (traits.ipOnly !== true) {
      withPort('keeps VLAN tags, also on frames of full length', async ({ port, far }) => {
        const sent = LENGTHS.map((length) => tagged(frame(length, 7, false)));
        assert.equal(sendAll(port, sent), 3);
        assert.equal(port.counters[OVERSIZE], 0);
        const received = LENGTHS.map((length) => tagged(frame(length, 8, true)));
        for (const one of received) far.send(one);
        assert.deepEqual(text(await receiveAll(port, 3, BATCH, isTaggedTestFrame)), text(received));
      });
    }

    withPort('leaves frames where they are while the arena is full', async ({ port, far }) => {
      const full = new FrameArena(1, 0);
      full.allocate(60);
      far.send(frame(60, 1, true));
      await sleep(50);
      assert.equal(port.receive(full, new Int32Array(4), 0, 4), 0);
      assert.equal(port.counters[NO_SLOT], 1);
      assert.deepEqual(text(await receiveAll(port, 1)), text([frame(60, 1, true)]));
    });

    withPort('is closed once, and gone then', async ({ port }) => {
      port.close();
      port.close();
      assert.equal(port.state, PORT_GONE);
      port.refresh();
      assert.equal(port.receive(new FrameArena(4, 1), new Int32Array(4), 0, 4), 0);
      assert.equal(sendAll(port, [frame(60, 1, false)]), 0);
      assert.equal(port.counters[LINK_DOWN], 1);
    });

    withPort('is a PacketSource', async ({ port, far }) => {
      const source = await LiveSource.open(port);
      const batch = new PacketBatch(2);
      const frames = some(5, true);
      const seen: Uint8Array[] = [];
      setTimeout(() => {
        for (const one of frames) far.send(one);
      }, 20);
      const from = Date.now() / 1000 - 1;
      for (let turns = 0; seen.length < 5 && turns < 100; turns++) {
        const count = source.read(batch);
        if (count === NOTHING_YET) await source.wait();
        for (let i = 0; i < count; i++) {
          const bytes = batch.bytes.slice(batch.offset[i], batch.offset[i] + batch.capturedLength[i]);
          assert.ok(batch.seconds[i] >= from && batch.seconds[i] <= from + 60);
          if (isTestFrame(bytes)) seen.push(bytes);
        }
      }
      assert.deepEqual(text(seen), text(frames));
      source.close();
      source.close();
      assert.equal(source.read(batch), END);
      await source.wait();
    });

    withPort('is a PacketSink', async ({ port, far }) => {
      const sink = new LiveSink(port);
      assert.equal(sink.addInterface({ name: 'eth0' }), 0);
      assert.throws(() => sink.addInterface({ linkType: 101 }), /takes Ethernet frames, not link type 101/);
      const frames = some(100, false);
      for (const one of frames) {
        const room = new Uint8Array(one.length + 3);
        room.set(one, 3);
        sink.write(0, 0, 0, room, 3, one.length, one.length);
        room.fill(0);
      }
      sink.flush();
      assert.deepEqual(sorted(await far.receive(100, isTestFrame)), sorted(frames));
      sink.close();
      sink.close();
    });

    withPort('says that its interface is down, and works on when it is up again', async (under) => {
      if (under.link === undefined) return;
      const { port, far, link } = under;
      link.down();
      await sleep(50);
      const until = async (state: number): Promise<void> => {
        for (let i = 0; port.state !== state && i < 200; i++) {
          await receiveAll(port, 0);
          port.receive(new FrameArena(8, 1), new Int32Array(8), 0, 8);
          port.refresh();
          await sleep(10);
        }
        assert.equal(port.state, state);
      };
      await until(PORT_DOWN);
      assert.equal(sendAll(port, [frame(60, 1, false)]), 0);
      assert.equal(port.counters[LINK_DOWN], 1);
      link.up();
      await until(PORT_UP);
      far.send(frame(60, 2, true));
      assert.deepEqual(text(await receiveAll(port, 1)), text([frame(60, 2, true)]));
      assert.equal(sendAll(port, [frame(60, 3, false)]), 1);
    });

    withPort('says that its interface has vanished', async (under) => {
      if (under.link === undefined) return;
      const { port, link } = under;
      link.remove();
      await sleep(50);
      for (let i = 0; port.state !== PORT_GONE && i < 50; i++) {
        port.receive(new FrameArena(8, 1), new Int32Array(8), 0, 8);
        port.refresh();
        await sleep(10);
      }
      assert.equal(port.state, PORT_GONE);
      assert.equal(sendAll(port, [frame(60, 1, false)]), 0);
    });
  });
}
