/** A burst of frames on their way into the network: columns, filled by whoever has frames, walked in order. */
import type { Clock } from './clock.js';
import type { Walker } from './walker.js';

/** Where a frame enters: at a device's ingress, at a device's egress, or from a namespace's stack. */
export const ENTER_RECEIVE = 0;
export const ENTER_TRANSMIT = 1;
export const ENTER_SEND = 2;

export class Burst {
  readonly capacity: number;
  count = 0;
  /** Slot of the frame in the walker's arena. The frame after its walk is there too, until the slot is freed. */
  readonly handle: Int32Array;
  readonly entry: Int32Array;
  /** Row of `Network.devices`, for ENTER_SEND of `Network.namespaces`. */
  readonly place: Int32Array;
  readonly mark: Int32Array;
  /** Monotonic time; the clock does not go back for an earlier one. */
  readonly timeNs: Float64Array;
  /** Results: fate, drop reason (or 0) and the row of the device where the walk ended. */
  readonly fate: Int32Array;
  readonly reason: Int32Array;
  readonly device: Int32Array;

  constructor(capacity = 64) {
    this.capacity = capacity;
    this.handle = new Int32Array(capacity);
    this.entry = new Int32Array(capacity);
    this.place = new Int32Array(capacity);
    this.mark = new Int32Array(capacity);
    this.timeNs = new Float64Array(capacity);
    this.fate = new Int32Array(capacity);
    this.reason = new Int32Array(capacity);
    this.device = new Int32Array(capacity);
  }

  /** False when the burst is full. */
  add(handle: number, entry: number, place: number, timeNs: number, mark = 0): boolean {
    const { count } = this;
    if (count === this.capacity) return false;
    this.handle[count] = handle;
    this.entry[count] = entry;
    this.place[count] = place;
    this.timeNs[count] = timeNs;
    this.mark[count] = mark;
    this.count++;
    return true;
  }
}

/** Walks the burst's frames one after the other and writes the result columns. */
export function walkBurst(walker: Walker, clock: Clock, burst: Burst): void {
  const { devices, namespaces } = walker.network;
  for (let i = 0; i < burst.count; i++) {
    if (burst.timeNs[i] > clock.nowNs) clock.set(burst.timeNs[i]);
    const handle = burst.handle[i];
    const entry = burst.entry[i];
    const place = burst.place[i];
    if (entry === ENTER_RECEIVE) burst.fate[i] = walker.receive(handle, devices[place]);
    else if (entry === ENTER_TRANSMIT) burst.fate[i] = walker.transmit(handle, devices[place]);
    else burst.fate[i] = walker.send(handle, namespaces[place], burst.mark[i]);
    burst.reason[i] = walker.reason;
    burst.device[i] = walker.device.index;
  }
}
