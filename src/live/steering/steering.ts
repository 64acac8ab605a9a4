/**
 * Several workers, each with maps of its own. The rule by which conntrack, NAT and LRU stay right: a flow is one worker's,
 * both directions and as long as it lives.
 *
 * - It is the worker's that gets its first frame, as a table says that all share; by its fingerprint, which is the same
 *   for both directions. So it is where the kernel's own hash brings it, and stays there.
 * - A frame that a worker sends under another fingerprint (translated, or out of a tunnel) makes that one the worker's as
 *   well, before the frame leaves: its answer cannot be earlier.
 * - A frame that came to another worker is handed over. On TAPs that is seldom: the kernel gives the frames of a flow to
 *   the queue that last wrote frames of it, and those of a flow that nothing is written of by hash.
 * - NAT ports are parted, so that two workers never give the same one.
 * - With session affinity a client's flows to a service are one worker's: then addresses decide who gets a new flow.
 * - Later fragments go where the first one went.
 */
import type { FrameArena } from '../../engine/frame-arena.js';
import {
  FIRST_FRAGMENT,
  FLOW,
  FlowKey,
  FOR_ALL,
  LATER_FRAGMENT,
  NO_FLOW,
  type TunnelPorts,
} from './flow-key.js';
import { COPY, Handover } from './handover.js';
import { OwnerTable } from './owner-table.js';

export const FOR_ALL_WORKERS = -1;

/** What a topology says of its flows. */
export interface SteeringRule extends TunnelPorts {
  /** The addresses of a new flow decide whose it is. */
  readonly byAddresses: boolean;
}

/** Plain data, the same for all workers. */
export interface SteeringSetup {
  readonly workers: number;
  readonly owners: SharedArrayBuffer;
  /** By writer, then by reader. */
  readonly rings: readonly (readonly SharedArrayBuffer[])[];
  /** By worker, a cache line each: 1 while it sleeps, or is about to. */
  readonly asleep: SharedArrayBuffer;
  readonly rule: SteeringRule;
}

const CACHE_LINE_WORDS = 16;

export function steeringSetup(workers: number, rule: SteeringRule): SteeringSetup {
  const rings = Array.from({ length: workers }, () =>
    Array.from({ length: workers }, () => new Handover().memory),
  );
  const asleep = new SharedArrayBuffer(4 * CACHE_LINE_WORDS * workers);
  return { workers, owners: new OwnerTable().memory, rings, asleep, rule };
}

/** One worker's part. */
export class Steering {
  /** Frames that were handed over, and those that were lost since a ring was full. */
  handedOver = 0;
  lost = 0;
  readonly worker: number;
  readonly workers: number;
  readonly #owners: OwnerTable;
  readonly #outgoing: readonly Handover[];
  readonly #incoming: readonly Handover[];
  readonly #asleep: Int32Array;
  /** By worker: it has frames that it may not know of. */
  readonly #isToWake: Uint8Array;
  #rule: SteeringRule;
  #key!: FlowKey;

  constructor(setup: SteeringSetup, worker: number) {
    this.worker = worker;
    this.workers = setup.workers;
    this.#owners = new OwnerTable(setup.owners);
    this.#outgoing = setup.rings[worker].map((memory) => new Handover(memory));
    this.#incoming = setup.rings.map((readers) => new Handover(readers[worker]));
    this.#asleep = new Int32Array(setup.asleep);
    this.#isToWake = new Uint8Array(setup.workers);
    this.#rule = setup.rule;
    this.use(setup.rule);
  }

  /**
   * From now on by this rule. Answers whether it differs from the one before: flows that it gives to somebody else are to
   * be claimed by who has them.
   */
  use(rule: SteeringRule): boolean {
    const before = this.#rule;
    this.#rule = rule;
    this.#key = new FlowKey(rule);
    return (
      before.tunnelPort !== rule.tunnelPort ||
      before.isGeneve !== rule.isGeneve ||
      before.wireguardPort !== rule.wireguardPort ||
      before.byAddresses !== rule.byAddresses
    );
  }

  /** Whose frame it is: a worker, or FOR_ALL_WORKERS. */
  ownerOf(arena: FrameArena, handle: number, second: number): number {
    const key = this.#key;
    const start = arena.start[handle];
    const kind = key.read(arena.bytes, start, start + arena.length[handle]);
    if (kind === NO_FLOW) return this.worker;
    if (kind === FOR_ALL) return FOR_ALL_WORKERS;
    if (kind === LATER_FRAGMENT) {
      const known = this.#owners.lookup(key.datagramLow, key.datagramHigh);
      return known >= 0 ? known : this.worker;
    }
    const claimed = this.#owners.lookup(key.low, key.high);
    if (claimed >= 0) this.#owners.touch(second);
    const owner = claimed >= 0 ? claimed : this.#ownerOfNew(second);
    if (kind === FIRST_FRAGMENT) this.#owners.claim(key.datagramLow, key.datagramHigh, owner, second);
    return owner;
  }

  /** To be called before a frame leaves: its answers are this worker's. */
  claim(arena: FrameArena, handle: number, second: number): void {
    const key = this.#key;
    const start = arena.start[handle];
    const kind = key.read(arena.bytes, start, start + arena.length[handle]);
    if (kind === FLOW || kind === FIRST_FRAGMENT) this.#claim(second);
  }

  /** A flow that this worker has in its maps, by its two addresses and ports (see FlowKey.take), is its own. */
  claimTuple(
    bytes: Uint8Array,
    at: number,
    words: number,
    protocol: number,
    firstPort: number,
    secondPort: number,
    second: number,
  ): void {
    this.#key.take(bytes, at, words, protocol, firstPort, secondPort);
    this.#claim(second);
  }

  #claim(second: number): void {
    const { low, high } = this.#key;
    const claimed = this.#owners.lookup(low, high);
    if (claimed === this.worker) this.#owners.touch(second);
    else if (claimed >= 0 || !this.#rule.byAddresses || this.#byAddresses() !== this.worker) {
      this.#owners.claim(low, high, this.worker, second);
    }
  }

  /** Whoever gets its first frame; of two that do at the same time, the one that the table has first. */
  #ownerOfNew(second: number): number {
    if (this.#rule.byAddresses) return this.#byAddresses();
    const { low, high } = this.#key;
    this.#owners.claim(low, high, this.worker, second);
    const owner = this.#owners.lookup(low, high);
    return owner >= 0 ? owner : this.worker;
  }

  /** Gives a copy of a frame that came by port `row` to another worker; the slot stays the caller's. */
  handOver(arena: FrameArena, handle: number, row: number, worker: number): void {
    if (!this.#outgoing[worker].put(arena, handle, row)) {
      this.lost++;
      return;
    }
    this.handedOver++;
    this.#isToWake[worker] = 1;
  }

  handOverToAll(arena: FrameArena, handle: number, row: number): void {
    for (let worker = 0; worker < this.workers; worker++) {
      if (worker !== this.worker) this.handOver(arena, handle, row | COPY, worker);
    }
  }

  /** Whether others have handed over frames that wait. */
  get hasFrames(): boolean {
    for (let worker = 0; worker < this.workers; worker++) {
      if (worker !== this.worker && !this.#incoming[worker].isEmpty) return true;
    }
    return false;
  }

  /**
   * Takes what others have handed over: `take` gets each frame, the row of the port that it came by, and whether it is a
   * copy of one that all workers get.
   */
  collect(arena: FrameArena, take: (handle: number, row: number, isCopy: boolean) => void): void {
    for (let worker = 0; worker < this.workers; worker++) {
      if (worker === this.worker) continue;
      const ring = this.#incoming[worker];
      for (let row = ring.nextRow; row >= 0; row = ring.nextRow) {
        const handle = ring.take(arena);
        if (handle >= 0) take(handle, row & ~COPY, (row & COPY) !== 0);
        else this.lost++;
      }
    }
  }

  /** To be called before sleeping: false when frames wait. From here on others wake this worker. */
  mayRest(): boolean {
    const asleep = this.worker * CACHE_LINE_WORDS;
    Atomics.store(this.#asleep, asleep, 1);
    if (!this.hasFrames) return true;
    Atomics.store(this.#asleep, asleep, 0);
    return false;
  }

  /** It has woken up by itself. */
  rise(): void {
    Atomics.store(this.#asleep, this.worker * CACHE_LINE_WORDS, 0);
  }

  /** Wakes those who have got frames and sleep; who does not sleep looks before it does. */
  wake(wakeWorker: (worker: number) => void): void {
    for (let worker = 0; worker < this.workers; worker++) {
      if (this.#isToWake[worker] === 0) continue;
      this.#isToWake[worker] = 0;
      if (Atomics.exchange(this.#asleep, worker * CACHE_LINE_WORDS, 0) === 1) wakeWorker(worker);
    }
  }

  #byAddresses(): number {
    return (this.#key.addresses >>> 0) % this.workers;
  }
}
