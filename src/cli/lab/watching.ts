/** A datapath thread's part of `--monitor` and `--record`: takes down what there is to see of walks, and sends it off. */
import type { WalkObserver } from '../../engine/observer.js';
import type { PacketContext } from '../../engine/packet.js';
import type { WalkWatcher } from '../../live/forwarder.js';
import type { Watch } from '../../live/runtime.js';
import type { WalkBatch } from '../../live/thread-messages.js';
import { WalkStreamWriter } from '../../live/walk-stream.js';
import type { BuiltNode, BuiltTopology } from '../../topologies/built.js';
import { WalkRecorder } from '../replay/recording.js';

/** Plain data: it goes to the datapath threads. */
export interface WatchOptions {
  readonly records: boolean;
  readonly monitors: boolean;
  /** By worker: bytes that were sent off and have not been read. Behind that characters that wait to be printed. Int32. */
  readonly unread: SharedArrayBuffer;
}

/** With this much unread the monitor reads no more events: the ring overflows, which it tells. */
const EVENTS_UNREAD = 1 << 20;
/** With this much unread frames are not read: a recording has all. */
const RECORDS_UNREAD = 1 << 26;
/** Between two words to whoever puts the workers' records in order. */
const WORD_NS = 40e6;

export interface Sender {
  readonly worker: number;
  readonly workers: number;
  send(batch: WalkBatch): void;
}

/** What a thread is watched by, and what is to be done at its end. */
export function openWatch(
  options: WatchOptions,
  { worker, workers, send }: Sender,
): { watch: Watch; finish: () => void } {
  const stream = new WalkStreamWriter();
  const unread = new Int32Array(options.unread);
  let generation = -1;
  let frames = 0;
  const sendOff = (untilNs: number): void => {
    const bytes = stream.take();
    Atomics.add(unread, worker, bytes.length);
    send({ worker, generation, untilNs, bytes });
  };
  return {
    watch: (built) => {
      // What is left is of the topology before.
      if (stream.length > 0) sendOff(built.clock.nowNs);
      generation++;
      return new Watching(built, options, stream, {
        isFull: () => Atomics.load(unread, worker) + Atomics.load(unread, workers) > EVENTS_UNREAD,
        waitForReader: (limit) => {
          for (let now = Atomics.load(unread, worker); now > limit; now = Atomics.load(unread, worker)) {
            Atomics.wait(unread, worker, now);
          }
        },
        send: sendOff,
        isAlone: workers === 1,
        // The same for no two frames of all workers.
        nextFrame: () => frames++ * workers + worker + 1,
      });
    },
    finish: () => sendOff(Number.POSITIVE_INFINITY),
  };
}

interface Desk {
  /** No more events are wanted at the moment. */
  isFull(): boolean;
  /** Waits until no more than `limit` bytes are unread. */
  waitForReader(limit: number): void;
  /** Sends the stream's records off; all walks before `untilNs` are among them by then. */
  send(untilNs: number): void;
  readonly isAlone: boolean;
  nextFrame(): number;
}

class Watching implements WalkWatcher {
  readonly #built: BuiltTopology;
  readonly #options: WatchOptions;
  readonly #stream: WalkStreamWriter;
  readonly #desk: Desk;
  readonly #recorder: WalkRecorder | null;
  /** The walk at hand was shown elsewhere. */
  #isMuted = false;
  #wordNs = 0;
  /** By row of the nodes: events that were read and not sent off. */
  readonly #lost: number[];

  constructor(built: BuiltTopology, options: WatchOptions, stream: WalkStreamWriter, desk: Desk) {
    this.#built = built;
    this.#options = options;
    this.#stream = stream;
    this.#desk = desk;
    this.#lost = built.nodes.map(() => 0);
    this.#recorder = options.records ? new WalkRecorder(stream, built, this) : null;
    for (const { datapath } of built.nodes) datapath.events.mode = 'queue';
    // As an observer it takes a node's events program by program, so that those of several nodes stay in order.
    built.walker.observer = this.#recorder ?? (built.nodes.length > 1 ? this.#observer() : null);
  }

  begin(isShared: boolean): void {
    this.#isMuted = isShared;
    this.#stream.timeNs = this.#built.clock.nowNs;
    // Times are put to records as they leave the stream.
    if (!isShared) this.#recorder?.begin(this.#desk.nextFrame(), 0, 0, 0);
  }

  ended(): void {
    if (!this.#isMuted) this.#recorder?.write();
    for (const node of this.#built.nodes) this.#drain(node);
    this.#isMuted = false;
  }

  roundEnded(): void {
    const { nowNs } = this.#built.clock;
    const isLate = !this.#desk.isAlone && nowNs - this.#wordNs > WORD_NS;
    if (this.#stream.length === 0 && !isLate) return;
    this.#wordNs = nowNs;
    this.#desk.send(nowNs + 1);
    if (this.#options.records) this.#desk.waitForReader(RECORDS_UNREAD);
  }

  /** Takes the record at `at` that was just read from the node's ring. */
  take(node: BuiltNode, at: number): void {
    const ring = node.datapath.events;
    this.#note(node, ring.lostBefore, at, ring.length);
  }

  #note(node: BuiltNode, lost: number, at: number, length: number): void {
    if (this.#isMuted || !this.#options.monitors) return;
    const row = this.#built.nodes.indexOf(node);
    const allLost = lost + this.#lost[row];
    if (this.#recorder !== null && this.#desk.isFull()) {
      // A recording reads the ring all the same.
      this.#lost[row] = allLost + (length > 0 ? 1 : 0);
      return;
    }
    this.#lost[row] = 0;
    this.#stream.event(row, allLost, node.datapath.events.bytes, at, length);
  }

  #drain(node: BuiltNode): void {
    if (this.#desk.isFull()) return;
    const ring = node.datapath.events;
    for (let at = ring.read(); at >= 0; at = ring.read()) this.take(node, at);
    if (ring.lostBefore > 0) this.#note(node, ring.lostBefore, 0, 0);
  }

  #observer(): WalkObserver {
    const built = this.#built;
    return {
      hookLeft: (_packet: PacketContext, deviceIndex: number) => {
        const node = built.findNode(built.network.devices[deviceIndex].namespace);
        if (node !== null) this.#drain(node);
      },
      started: () => {},
      hookEntered: () => {},
      forwarded: () => {},
      ended: () => {},
    };
  }
}
