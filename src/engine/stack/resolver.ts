/**
 * Next hops of a namespace whose link addresses are being asked for, by ARP or ND, and the packets that wait for them
 * (a neighbour that is INCOMPLETE). Three questions a second apart, then the neighbour has FAILED; the next packet
 * makes it start again.
 */
import type { Clock } from '../clock.js';
import type { Device } from '../device.js';
import type { HeldPacket } from '../held-packet.js';

/** Questions, and the time between them (mcast_solicit, retrans_time). */
const QUESTIONS = 3;
const RETRANSMIT_NS = 1e9;
/** Neighbours that are asked for at once, with those that have failed (gc_thresh3). */
const PENDING_LIMIT = 1024;

export interface Pending {
  readonly device: Device;
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  /** In the order in which they came. */
  readonly queue: HeldPacket[];
  questions: number;
  nextNs: number;
  hasFailed: boolean;
}

export class NeighbourResolver {
  readonly #clock: Clock;
  #pending: Pending[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Those that are asked for or could not be found. */
  get pending(): readonly Pending[] {
    return this.#pending;
  }

  /** The neighbour with the address at `bytes[at]`, asked for from now on; null when there are too many of them. */
  want(device: Device, bytes: Uint8Array, at: number, length: number): Pending | null {
    let pending = this.#find(device, bytes, at, length);
    if (pending === null) {
      if (this.#pending.length >= PENDING_LIMIT)
        this.#pending = this.#pending.filter((one) => !one.hasFailed);
      if (this.#pending.length >= PENDING_LIMIT) return null;
      const address = bytes.slice(at, at + length);
      pending = { device, address, queue: [], questions: 0, nextNs: 0, hasFailed: true };
      this.#pending.push(pending);
    }
    if (pending.hasFailed) {
      pending.hasFailed = false;
      pending.questions = 0;
      pending.nextNs = this.#clock.nowNs;
    }
    return pending;
  }

  /** Whether the neighbour is to be asked now, which counts as done. */
  asks(pending: Pending): boolean {
    if (!this.#isDue(pending) || pending.questions === QUESTIONS) return false;
    pending.questions++;
    pending.nextNs += RETRANSMIT_NS;
    return true;
  }

  /** Whether the last question was in vain; the neighbour has failed then. */
  givesUp(pending: Pending): boolean {
    if (!this.#isDue(pending)) return false;
    pending.hasFailed = true;
    return true;
  }

  isPending(device: Device, bytes: Uint8Array, at: number, length: number): boolean {
    return this.#find(device, bytes, at, length) !== null;
  }

  /** Forgets the neighbour with the address at `bytes[at]`, which is known now; answers what there was, or null. */
  found(device: Device, bytes: Uint8Array, at: number, length: number): Pending | null {
    const pending = this.#find(device, bytes, at, length);
    if (pending !== null) this.#pending.splice(this.#pending.indexOf(pending), 1);
    return pending;
  }

  #isDue({ hasFailed, nextNs }: Pending): boolean {
    return !hasFailed && nextNs <= this.#clock.nowNs;
  }

  #find(device: Device, bytes: Uint8Array, at: number, length: number): Pending | null {
    for (const pending of this.#pending) {
      if (pending.device !== device || pending.address.length !== length) continue;
      if (pending.address.every((byte, i) => byte === bytes[at + i])) return pending;
    }
    return null;
  }
}
