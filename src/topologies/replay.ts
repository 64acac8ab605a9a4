/**
 * Walks captured frames through a built topology: places each, restores what its capture cut off, walks it, and holds
 * what came out against the capture where the capture shows that too.
 */
import { CaptureClock } from '../engine/capture-clock.js';
import type { Device } from '../engine/device.js';
import { ENTER_SEND } from '../engine/entry.js';
import { DELIVERED, DROPPED, FRAME_TOO_LONG, NO_FREE_SLOT, TRANSMITTED } from '../engine/fate.js';
import { LATE, OWN } from '../engine/flights.js';
import { JUMBO_FRAME_LIMIT } from '../engine/frame-arena.js';
import type { PacketContext } from '../engine/packet.js';
import type { BuiltTopology } from './built.js';
import { compareFrames, DIFFERENCE_NAMES, DIFFERS_LINK, ipFrameLength } from './frame-compare.js';
import {
  LEFT_OUT,
  PLACED_BACK,
  PLACED_IN,
  PLACED_OUTPUT,
  Placement,
  type PlacementOptions,
} from './placement.js';
import { RecentOutputs } from './recent-outputs.js';

/** Is shown each frame `bytes[start .. end)` as it enters the network, before its walk. */
export interface EntryTap {
  enter(bytes: Uint8Array, start: number, end: number): void;
}

/** Frames that end in a replay besides those that its walks began with. */
export interface OtherFrames {
  /** One that waited when its own walk was over (fate UNDER_WAY). */
  late(fate: number, device: Device, reason: number): void;
  /** One that the stack of a node or router made. */
  own(fate: number): void;
}

/** Result of a comparison when the walk did not end where the frame was captured. */
export const NOT_THERE = -1;

class ReplayCounters {
  frames = 0;
  /** Walked from where they were captured, and from where they came from. */
  walkedIn = 0;
  walkedBack = 0;
  /** Not walked: outputs of the node that a walk had given out too, outputs that none had, and the rest. */
  outputsMatched = 0;
  outputsUnmatched = 0;
  leftOut = 0;
  /** Frames that the capture had cut and that were filled with zeros to their length. */
  restored = 0;
  /** Of those walked back: equal to the capture, equal behind the link header, different, dropped or gone elsewhere. */
  matched = 0;
  matchedButLink = 0;
  different = 0;
  notThere = 0;
  /** By the rows of DIFFERENCE_NAMES. */
  readonly differences = new Float64Array(DIFFERENCE_NAMES.length);
}

export class Replay {
  readonly built: BuiltTopology;
  readonly placement: Placement;
  readonly counters = new ReplayCounters();
  tap: EntryTap | null = null;
  /** Is told what became of frames besides those of the capture. */
  others: OtherFrames | null = null;

  /** Of the last frame: how it was placed (PLACED_, LEFT_OUT). */
  placed = LEFT_OUT;
  /** Fate and drop reason, when it was walked; the walker has the device. */
  fate = DROPPED;
  reason = 0;
  /** DIFFERS_ bits or NOT_THERE, after PLACED_BACK. */
  comparison = 0;
  /** Slot of the frame as its walk left it, until the next frame; -1 when there is none. */
  handle = -1;

  readonly #clock: CaptureClock;
  readonly #outputs = new RecentOutputs();
  /** Frames of more than one device: what came out at one may have gone in at another. */
  #severalDevices = false;
  #capturedFirst: Device | null = null;
  #source: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(this.#source.buffer);

  constructor(built: BuiltTopology, options: PlacementOptions) {
    this.built = built;
    this.placement = new Placement(built, options);
    built.walker.copyEnded = (packet, fate, device, reason, origin) => {
      if (origin === LATE) this.others?.late(fate, device, reason);
      else if (origin === OWN) this.others?.own(fate);
      if (fate === DELIVERED || fate === TRANSMITTED) this.#remember(device, packet);
    };
    this.#clock = new CaptureClock(built.clock, built.clock.nowNs > 0 ? built.clock.nowNs : undefined);
  }

  /**
   * Takes the frame at `bytes[at]`, of which the capture has `length` bytes out of `originalLength`, at its time since
   * 1970. Answers how it was placed; the other results are in the fields.
   */
  frame(
    bytes: Uint8Array,
    at: number,
    length: number,
    originalLength: number,
    seconds: number,
    nanoseconds: number,
  ): number {
    const { counters, placement } = this;
    this.#freeSlot();
    this.#clock.advance(seconds, nanoseconds);
    this.built.agent.poll();
    counters.frames++;
    this.reason = 0;
    this.comparison = 0;
    this.placed = placement.place(bytes, at, length);
    this.#noteDevice();
    if (this.placed === PLACED_BACK || this.placed === PLACED_OUTPUT) {
      if (this.#outputs.take(bytes, at, length)) {
        counters.outputsMatched++;
        this.placed = PLACED_OUTPUT;
        return PLACED_OUTPUT;
      }
    }
    if (this.placed === PLACED_BACK || this.placed === PLACED_IN) {
      this.#walk(bytes, at, length, originalLength);
    } else this.#countUnwalked();
    return this.placed;
  }

  #walk(bytes: Uint8Array, at: number, length: number, originalLength: number): void {
    const { counters, placement } = this;
    const { walker } = this.built;
    const { arena } = walker;
    const handle = this.#copy(bytes, at, length, originalLength);
    if (handle < 0) return;
    const start = arena.start[handle];
    if (this.placed === PLACED_BACK) {
      this.placed = placement.prepare(arena.bytes, start, start + arena.length[handle]);
      if (this.placed !== PLACED_BACK) {
        this.#countUnwalked();
        return;
      }
      counters.walkedBack++;
    } else {
      if (placement.foreignLink) placement.adoptLink(arena.bytes, start);
      counters.walkedIn++;
    }
    if (this.tap !== null) this.tap.enter(arena.bytes, start, start + arena.length[handle]);
    this.fate =
      placement.entry === ENTER_SEND
        ? walker.send(handle, placement.namespace, placement.mark)
        : walker.receive(handle, placement.device);
    this.reason = walker.reason;
    if (this.placed === PLACED_BACK) this.#compare(handle, bytes, at, length, originalLength);
    this.#rememberOutput(handle);
  }

  /** The slot that holds the frame in its original length, or -1 when there is none for it: a drop. */
  #copy(bytes: Uint8Array, at: number, length: number, originalLength: number): number {
    const { walker } = this.built;
    if (bytes !== this.#source) {
      this.#source = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    const isCut = originalLength > length && originalLength <= JUMBO_FRAME_LIMIT;
    if (isCut) this.counters.restored++;
    this.handle = walker.arena.put(this.#view, at, length, isCut ? originalLength : length);
    if (this.handle < 0) {
      const reason = length > JUMBO_FRAME_LIMIT ? FRAME_TOO_LONG : NO_FREE_SLOT;
      this.placed = PLACED_IN;
      this.counters.walkedIn++;
      this.fate = walker.refuse(this.placement.captured, reason);
      this.reason = reason;
    }
    return this.handle;
  }

  #countUnwalked(): void {
    if (this.placed === PLACED_OUTPUT) this.counters.outputsUnmatched++;
    else this.counters.leftOut++;
  }

  /** Holds what a walk gave out against the frame that the capture has. */
  #compare(handle: number, bytes: Uint8Array, at: number, length: number, originalLength: number): void {
    const { counters, built } = this;
    if (!this.#endedWhereCaptured()) {
      this.comparison = NOT_THERE;
      counters.notThere++;
      return;
    }
    const { arena } = built.walker;
    // A stack cuts padding off; it is no part of the packet.
    const packetLength = Math.min(length, ipFrameLength(bytes, at, length));
    // Of a frame that the capture cut, only what it has can be compared.
    const walkedLength =
      originalLength > length ? Math.min(arena.length[handle], length) : arena.length[handle];
    this.comparison = compareFrames(arena.bytes, arena.start[handle], walkedLength, bytes, at, packetLength);
    if (this.comparison === 0) {
      counters.matched++;
      return;
    }
    if (this.comparison === DIFFERS_LINK) {
      counters.matchedButLink++;
      return;
    }
    counters.different++;
    for (let i = 0; i < DIFFERENCE_NAMES.length; i++) {
      if ((this.comparison & DIFFERENCE_NAMES[i][0]) !== 0) counters.differences[i]++;
    }
  }

  /** Out of the device that the capture was taken at: to the pod behind it, or away from the node. */
  #endedWhereCaptured(): boolean {
    const { device } = this.built.walker;
    const { captured } = this.placement;
    if (this.fate === TRANSMITTED) return device === captured;
    return this.fate === DELIVERED && device === captured.peer;
  }

  /** A frame that comes back out where it went in (ARP and ICMP answers), or that another device may show as well. */
  #rememberOutput(handle: number): void {
    if (this.fate !== DELIVERED && this.fate !== TRANSMITTED) return;
    const { device, arena } = this.built.walker;
    if (!this.#severalDevices && device !== this.placement.device.peer) return;
    this.#outputs.remember(arena.bytes, arena.start[handle], arena.length[handle]);
  }

  /** The same for what stacks send, and for copies. */
  #remember(device: Device, { bytes, start, length }: PacketContext): void {
    if (this.#severalDevices || device === this.placement.device || device === this.placement.device.peer) {
      this.#outputs.remember(bytes, start, length);
    }
  }

  #noteDevice(): void {
    const { captured } = this.placement;
    if (this.#capturedFirst === null) this.#capturedFirst = captured;
    else if (captured !== this.#capturedFirst) this.#severalDevices = true;
  }

  #freeSlot(): void {
    if (this.handle >= 0) this.built.walker.arena.free(this.handle);
    this.handle = -1;
  }
}
