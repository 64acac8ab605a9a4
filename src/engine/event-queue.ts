/** What is to happen later in a run, in the order of the run's time; what is due at the same time goes first come first served. */

/** Something scheduled, to be cancelled by. */
export interface Timer {
  readonly timeNs: number;
}

class Event implements Timer {
  readonly timeNs: number;
  readonly number: number;
  /** Null once it was cancelled. */
  call: (() => void) | null;

  constructor(timeNs: number, number: number, call: () => void) {
    this.timeNs = timeNs;
    this.number = number;
    this.call = call;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.timeNs < b.timeNs || (a.timeNs === b.timeNs && a.number < b.number);
}

/** A binary heap. Whoever drives the run sets the clock to an event's time before its call. */
export class EventQueue {
  readonly #heap: Event[] = [];
  #scheduled = 0;

  /** Time of the next event, Infinity when there is none. */
  get nextTimeNs(): number {
    this.#discardCancelled();
    return this.#heap[0]?.timeNs ?? Number.POSITIVE_INFINITY;
  }

  schedule(timeNs: number, call: () => void): Timer {
    const event = new Event(timeNs, this.#scheduled++, call);
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = event;
    return event;
  }

  /** What was called or cancelled before stays so. */
  cancel(timer: Timer): void {
    (timer as Event).call = null;
  }

  /** Takes the next event out; null when there is none. */
  take(): (() => void) | null {
    this.#discardCancelled();
    const first = this.#heap[0];
    if (first === undefined) return null;
    this.#removeFirst();
    const { call } = first;
    first.call = null;
    return call;
  }

  #discardCancelled(): void {
    while (this.#heap.length > 0 && this.#heap[0].call === null) this.#removeFirst();
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++;
      if (!isBefore(heap[child], last)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
  }
}
