/**
 * Feeds a capture into a topology, batch by batch: each frame is placed and walked by `Replay`, counted by path, and
 * shown to whoever asked (recording, listing). Nothing is allocated per frame unless somebody asked.
 */
import { ENTER_SEND } from '../../engine/entry.js';
import { DELIVERED, TRANSMITTED } from '../../engine/fate.js';
import { SMALL_FRAME_LIMIT } from '../../engine/frame-arena.js';
import { CaptureError } from '../../io/capture-error.js';
import { LINKTYPE_ETHERNET, linkTypeName } from '../../io/link-type.js';
import { PacketBatch } from '../../io/packet-batch.js';
import { type CaptureInterface, END, NOTHING_YET, type PacketSource } from '../../io/packet-source.js';
import { PLACED_BACK, PLACED_IN } from '../../topologies/placement.js';
import type { Replay } from '../../topologies/replay.js';
import type { Monitor } from '../monitor/monitor.js';
import { plural } from '../numbers.js';
import { Pace } from './pace.js';
import type { Progress } from './progress.js';
import type { WalkRecorder } from './recording.js';
import { Tally } from './tally.js';

/** Told of each walked frame that was selected, and when a batch of frames is over. */
export interface FrameListener {
  frame(number: number, seconds: number, nanoseconds: number, outcome: number): void;
  flush(): void;
}

export interface FeedOptions {
  readonly limit: number;
  /** Capture seconds per second; 0 for as fast as it goes. */
  readonly speed: number;
  /** Outcomes that are recorded and listed; bits of selection.ts. */
  readonly only: number;
  readonly recorder: WalkRecorder | null;
  readonly monitor: Monitor | null;
  readonly listener: ((tally: Tally) => FrameListener) | null;
  readonly progress: Progress | null;
  /** Paths that are kept; default as PathTable has it. */
  readonly pathRows?: number;
}

/** Batches of this many frames leave the event loop time for signals a thousand times a second. */
const BATCH_CAPACITY = 2048;

export class Feed {
  readonly tally: Tally;
  /** Frames read, and of those: cut by the capture's snap length, on a link that is not Ethernet. */
  read = 0;
  cut = 0;
  otherLink = 0;
  bytes = 0;
  /** Capture time of the first and last frame that has one. */
  firstSeconds = 0;
  firstNanoseconds = 0;
  lastSeconds = 0;
  lastNanoseconds = 0;
  elapsedSeconds = 0;
  interrupted = false;
  /** What is wrong with the capture, to be told at the end. */
  readonly faults: CaptureError[] = [];

  readonly #source: PacketSource;
  readonly #replay: Replay;
  readonly #options: FeedOptions;
  readonly #pace: Pace;
  readonly #listener: FrameListener | null;
  /** Somebody looks at each frame, so that it is counted at once. */
  readonly #isWatched: boolean;
  #interfaces: readonly CaptureInterface[] = [];
  #hasTime = false;
  /** Numbers of the first frames of their kind. */
  #firstCut = 0;
  #firstOtherLink = 0;
  #otherLinkType = 0;

  constructor(source: PacketSource, replay: Replay, options: FeedOptions) {
    this.#source = source;
    this.#replay = replay;
    this.#options = options;
    this.#pace = new Pace(options.speed);
    this.tally = new Tally(replay.built.walker, options.pathRows);
    this.#listener = options.listener === null ? null : options.listener(this.tally);
    this.#isWatched = this.#listener !== null || options.recorder !== null || options.monitor !== null;
    replay.tap = this.tally.log;
    replay.others = this.tally;
  }

  /** Walks frames until the capture ends, its fault, the limit, or an interrupt. */
  async run(): Promise<void> {
    const started = performance.now();
    const interrupt = (): void => {
      this.interrupted = true;
    };
    process.once('SIGINT', interrupt);
    process.once('SIGTERM', interrupt);
    try {
      await this.#run();
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      this.faults.push(error);
    } finally {
      this.tally.settle();
      this.#replay.built.finish();
      process.off('SIGINT', interrupt);
      process.off('SIGTERM', interrupt);
      this.#options.progress?.clear();
      this.elapsedSeconds = (performance.now() - started) / 1000;
    }
    this.#addFaults();
  }

  async #run(): Promise<void> {
    const source = this.#source;
    const { limit, speed, progress } = this.#options;
    const batch = new PacketBatch(BATCH_CAPACITY);
    while (!this.interrupted && this.read < limit) {
      const count = source.read(batch);
      if (count === END) return;
      if (count === NOTHING_YET) {
        await Promise.race([source.wait(), this.#pace.sleep()]);
        continue;
      }
      if (speed === 0) this.walk(batch);
      else await this.#walkInTime(batch);
      this.#flush();
      progress?.update(this.read);
      await turn();
    }
  }

  /** Walks a batch of the source, up to the limit. */
  walk(batch: PacketBatch): void {
    this.#interfaces = this.#source.interfaces;
    const count = Math.min(batch.count, this.#options.limit - this.read);
    for (let i = 0; i < count; i++) this.#walk(batch, i);
    this.tally.settle();
  }

  async #walkInTime(batch: PacketBatch): Promise<void> {
    this.#interfaces = this.#source.interfaces;
    const count = Math.min(batch.count, this.#options.limit - this.read);
    for (let i = 0; i < count && !this.interrupted; i++) {
      while (!this.interrupted && !this.#pace.isDue(batch.seconds[i], batch.nanoseconds[i])) {
        this.#flush();
        this.#options.progress?.update(this.read);
        await this.#pace.sleep();
      }
      this.#walk(batch, i);
    }
  }

  #walk(batch: PacketBatch, i: number): void {
    const seconds = batch.seconds[i];
    const nanoseconds = batch.nanoseconds[i];
    const number = ++this.read;
    this.#noteTime(seconds, nanoseconds);
    const link = this.#interfaces[batch.interfaceIndex[i]];
    if (link.linkType !== LINKTYPE_ETHERNET) {
      if (this.otherLink++ === 0) {
        this.#firstOtherLink = number;
        this.#otherLinkType = link.linkType;
      }
      return;
    }
    let captured = batch.capturedLength[i];
    let original = batch.originalLength[i];
    if (link.frameCheckLength !== 0 && original > link.frameCheckLength) {
      original -= link.frameCheckLength;
      captured = Math.min(captured, original);
    }
    this.bytes += original;
    if (captured < original && this.cut++ === 0) this.#firstCut = number;
    const { recorder, monitor } = this.#options;
    if (monitor !== null) monitor.setTime(seconds, nanoseconds);
    if (recorder !== null) recorder.begin(number, seconds, nanoseconds, original - captured);
    const replay = this.#replay;
    const placed = replay.frame(batch.bytes, batch.offset[i], captured, original, seconds, nanoseconds);
    if (placed !== PLACED_IN && placed !== PLACED_BACK) return;
    const full = this.#log();
    // There are few slots for long frames.
    if (full || this.#isWatched || original > SMALL_FRAME_LIMIT) this.tally.settle();
    if (!this.#isWatched) return;
    if (monitor !== null) monitor.poll();
    if ((this.tally.lastOutcome & this.#options.only) === 0) return;
    if (recorder !== null) recorder.write();
    if (this.#listener !== null) this.#listener.frame(number, seconds, nanoseconds, this.tally.lastOutcome);
  }

  #flush(): void {
    this.#listener?.flush();
    this.#options.monitor?.flush();
  }

  /** Leaves the frame that was walked last, and its slot, to be counted with others; true when there are enough. */
  #log(): boolean {
    const replay = this.#replay;
    const { placement, handle, fate } = replay;
    const { device } = replay.built.walker;
    const from = placement.device;
    const home = (fate === DELIVERED && device === from.peer) || (fate === TRANSMITTED && device === from);
    const entry = placement.entry === ENTER_SEND ? -1 : from.index;
    replay.handle = -1;
    return this.tally.log.add(handle, fate, replay.reason, entry, device.index, home);
  }

  #noteTime(seconds: number, nanoseconds: number): void {
    if (seconds === 0 && nanoseconds === 0) return;
    if (!this.#hasTime) {
      this.#hasTime = true;
      this.firstSeconds = seconds;
      this.firstNanoseconds = nanoseconds;
    }
    this.lastSeconds = seconds;
    this.lastNanoseconds = nanoseconds;
  }

  /** What the frames themselves showed to be wrong with the capture. */
  #addFaults(): void {
    const add = (fault: string, remedy: string): void => {
      this.faults.push(new CaptureError(this.#source.name, -1, fault, remedy));
    };
    if (this.otherLink > 0) {
      const frames = framesFrom(this.#firstOtherLink, this.otherLink);
      const type = linkTypeName(this.#otherLinkType);
      add(
        `${frames} of link type ${type}, not Ethernet`,
        'such frames are not walked; capture at an Ethernet device (tcpdump -i DEVICE)',
      );
    }
    if (this.cut > 0) {
      add(
        `${framesFrom(this.#firstCut, this.cut)} cut by the snap length`,
        'the missing bytes were walked as zeros; capture whole frames (tcpdump -s 0)',
      );
    }
    if (this.read === 0 && this.faults.length === 0 && !this.interrupted) {
      add('the capture holds no frames', 'check its filter and its device');
    }
  }
}

/** `frame 12 is`, `frame 12 and 3 others are`. */
function framesFrom(first: number, count: number): string {
  if (count === 1) return `frame ${first} is`;
  return `frame ${first} and ${plural(count - 1, 'other')} are`;
}

/** Lets signals and timers have their turn. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
