/**
 * Several workers, each with maps of its own. The rule by which conntrack, NAT and LRU stay right: a flow is one worker's,
 * both directions and as long as it lives.
 *
 * - Whose it is, its fingerprint says, which is the same for both directions.
 * - A frame that a worker sends under another fingerprint (translated, or out of a tunnel) makes that one the worker's as
 *   well, in a table that all share, before the frame leaves: its answer cannot be earlier.
 * - A frame that came to another worker is handed over. On TAPs that is seldom: the kernel gives the frames of a flow to
 *   the queue that last wrote frames of it.
 * - NAT ports are parted, so that two workers never give the same one.
 * - With session affinity a client's flows to a service are one worker's: then only addresses decide.
 * - Later fragments go where the first one went.
 */
import type { FrameArena } from '../../engine/frame-arena.js';
import { FIRST_FRAGMENT, FLOW, FlowKey, FOR_ALL, LATER_FRAGMENT, NO_FLOW } from './flow-key.js';
import { Handover } from './handover.js';
import { OwnerTable } from './owner-table.js';

export const FOR_ALL_WORKERS = -1;

/** Plain data, the same for all workers. */
export interface SteeringSetup {
  readonly workers: number;
  readonly owners: SharedArrayBuffer;
  /** By writer, then by reader. */
  readonly rings: readonly (readonly SharedArrayBuffer[])[];
  readonly tunnelPort: number;
  readonly isGeneve: boolean;
  readonly byAddresses: boolean;
}

export function steeringSetup(
  workers: number,
  topology: Pick<SteeringSetup, 'tunnelPort' | 'isGeneve' | 'byAddresses'>,
): SteeringSetup {
  const rings = Array.from({ length: workers }, () =>
    Array.from({ length: workers }, () => new Handover().memory),
  );
  return { ...topology, workers, owners: new OwnerTable().memory, rings };
}

/** One worker's part. */
export class Steering {
  /** Frames that were handed over, and those that were lost since a ring was full. */
  handedOver = 0;
  lost = 0;
  readonly worker: number;
  readonly #workers: number;
  readonly #key: FlowKey;
  readonly #owners: OwnerTable;
  readonly #byAddresses: boolean;
  readonly #outgoing: readonly Handover[];
  readonly #incoming: readonly Handover[];
  /** By worker: it has frames that it may not know of. */
  readonly #isToWake: Uint8Array;

  constructor(setup: SteeringSetup, worker: number) {
    this.worker = worker;
    this.#workers = setup.workers;
    this.#key = new FlowKey(setup.tunnelPort, setup.isGeneve);
    this.#owners = new OwnerTable(setup.owners);
    this.#byAddresses = setup.byAddresses;
    this.#outgoing = setup.rings[worker].map((memory) => new Handover(memory));
    this.#incoming = setup.rings.map((readers) => new Handover(readers[worker]));
    this.#isToWake = new Uint8Array(setup.workers);
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
      return known >= 0 ? known : this.#byHash(key.addresses);
    }
    const claimed = this.#owners.lookup(key.low, key.high);
    const owner = claimed >= 0 ? claimed : this.#ownerByHash();
    if (kind === FIRST_FRAGMENT) this.#owners.claim(key.datagramLow, key.datagramHigh, owner, second);
    return owner;
  }

  /** To be called before a frame leaves: its answers are this worker's. */
  claim(arena: FrameArena, handle: number, second: number): void {
    const key = this.#key;
    const start = arena.start[handle];
    const kind = key.read(arena.bytes, start, start + arena.length[handle]);
    if (kind !== FLOW && kind !== FIRST_FRAGMENT) return;
    const claimed = this.#owners.lookup(key.low, key.high);
    if (claimed === this.worker) {
      this.#owners.touch(second);
      return;
    }
    if (claimed < 0 && this.#ownerByHash() === this.worker) return;
    this.#owners.claim(key.low, key.high, this.worker, second);
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
    for (let worker = 0; worker < this.#workers; worker++) {
      if (worker !== this.worker) this.handOver(arena, handle, row, worker);
    }
  }

  /** Takes what others have handed over: `take` gets each frame and the row of the port that it came by. */
  collect(arena: FrameArena, take: (handle: number, row: number) => void): void {
    for (let worker = 0; worker < this.#workers; worker++) {
      if (worker === this.worker) continue;
      const ring = this.#incoming[worker];
      for (let row = ring.nextRow; row >= 0; row = ring.nextRow) {
        const handle = ring.take(arena);
        if (handle >= 0) take(handle, row);
        else this.lost++;
      }
    }
  }

  /** Wakes those who have got frames. */
  wake(wakeWorker: (worker: number) => void): void {
    for (let worker = 0; worker < this.#workers; worker++) {
      if (this.#isToWake[worker] === 0) continue;
      this.#isToWake[worker] = 0;
      wakeWorker(worker);
    }
  }

  #ownerByHash(): number {
    return this.#byHash(this.#byAddresses ? this.#key.addresses : this.#key.low);
  }

  #byHash(hash: number): number {
    return (hash >>> 0) % this.#workers;
  }
}

/** The part of a range of ports that a worker gives. */
export function portsOf(
  [first, last]: readonly [number, number],
  worker: number,
  workers: number,
): readonly [number, number] {
  const size = Math.floor((last - first + 1) / workers);
  return [first + worker * size, worker === workers - 1 ? last : first + (worker + 1) * size - 1];
}
