/** Takes the records that a step sent to the two perf rings, in the order in which they were sent. */
import type { PerfRing } from '../../src/engine/maps/perf-ring.js';
import type { RecordedEvent } from './vector-format.js';

export class EventLog {
  readonly #events: PerfRing;
  readonly #signals: PerfRing;
  /** For each signal the number of events before it, counted from the ring's making. */
  #eventsBefore: number[] = [];

  /** Listens at `signals`: the rings alone do not say what came first. */
  constructor(events: PerfRing, signals: PerfRing) {
    this.#events = events;
    this.#signals = signals;
    const reserve = signals.reserve.bind(signals);
    signals.reserve = (length) => {
      this.#eventsBefore.push(events.written);
      return reserve(length);
    };
  }

  /** The records since the last call; one that says so stands for records that a full ring lost. */
  take(): RecordedEvent[] {
    const signalsBefore = this.#eventsBefore;
    let taken = this.#events.written;
    const events = readAll(this.#events);
    if (signalsBefore.length === 0) return events.map((hex) => ({ hex }));
    taken -= events.length;
    const signals = readAll(this.#signals);
    const all: RecordedEvent[] = [];
    let next = 0;
    for (const [index, hex] of events.entries()) {
      while (next < signals.length && signalsBefore[next] <= taken + index) {
        all.push({ hex: signals[next++], signal: true });
      }
      all.push({ hex });
    }
    while (next < signals.length) all.push({ hex: signals[next++], signal: true });
    this.#eventsBefore = [];
    return all;
  }
}

function readAll(ring: PerfRing): string[] {
  const records: string[] = [];
  for (let at = ring.read(); at >= 0; at = ring.read()) {
    records.push(Buffer.from(ring.bytes.subarray(at, at + ring.length)).toString('hex'));
  }
  if (ring.lost > 0) {
    records.push(`${ring.lost} records lost`);
    ring.lost = 0;
  }
  return records;
}
