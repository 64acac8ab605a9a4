/**
 * Where the records of all datapath threads come together, in the order of their time: prints events (`--monitor`) and
 * writes frames (`--record`).
 */
import type { InterfaceDescription, PacketOptions } from '../../io/packet-source.js';
import { PcapngWriter } from '../../io/pcapng-writer.js';
import type { WalkBatch } from '../../live/thread-messages.js';
import { WalkStreamReader, type WalkStreamTarget } from '../../live/walk-stream.js';
import type { BuiltTopology } from '../../topologies/built.js';
import type { MonitorChoice } from '../monitor/choice.js';
import type { Monitor } from '../monitor/monitor.js';
import { openMonitors } from '../monitor/open.js';
import type { WatchOptions } from './watching.js';

export interface WalkDeskOptions {
  /** File; null for none. */
  readonly record: string | null;
  readonly monitor: MonitorChoice | null;
  readonly workers: number;
  /** Standard output; `written` is called once the text has gone. */
  readonly print: (text: string, written: () => void) => void;
  /** For what a monitor writes to standard error. */
  readonly say: (text: string) => void;
}

const FLUSH_MS = 500;
const SECOND_NS = 1e9;

/** One thread's batches that have not been read to their end. */
interface Lane {
  readonly batches: {
    readonly reader: WalkStreamReader;
    readonly generation: number;
    readonly size: number;
  }[];
  /** Batches with earlier records will not come. */
  untilNs: number;
  /** The file's interface by the thread's own number. */
  readonly interfaces: Map<number, number>;
}

export class WalkDesk {
  /** File; null for none. */
  readonly record: string | null;
  /** For the threads. */
  readonly watching: WatchOptions;
  readonly #options: WalkDeskOptions;
  readonly #unread: Int32Array;
  readonly #lanes: readonly Lane[];
  readonly #writer: PcapngWriter | null;
  readonly #interfaces = new Map<string, number>();
  readonly #topologies = new Map<number, BuiltTopology>();
  /** Of the topology of generation `#shown`. */
  #monitor: Monitor | null = null;
  #shown = -1;
  /** From the run's clock to the time since 1970; null until it is known. */
  #toDayNs: number | null = null;
  #seconds = 0;
  #nanoseconds = 0;
  #lane: Lane;
  readonly #flushing: NodeJS.Timeout | null;
  /** Frames were written that the file may not have yet. */
  #isUnflushed = false;
  /** Rejects with what the file, or the printing, has failed of; records are thrown away from then on. */
  readonly failed: Promise<never>;
  #fail!: (error: unknown) => void;
  #hasFailed = false;
  readonly #target: WalkStreamTarget = {
    event: (node, lost, bytes, at, length) => this.#event(node, lost, bytes, at, length),
    addInterface: (number, description) => this.#addInterface(number, description),
    frame: (number, bytes, at, length, originalLength, packet) =>
      this.#frame(number, bytes, at, length, originalLength, packet),
  };

  /** Throws CaptureError when the file cannot be made. */
  constructor(options: WalkDeskOptions) {
    const { record, monitor, workers } = options;
    this.#options = options;
    this.record = record;
    const unread = new SharedArrayBuffer(4 * (workers + 1));
    this.#unread = new Int32Array(unread);
    this.watching = { records: record !== null, monitors: monitor !== null, unread };
    this.#lanes = Array.from({ length: workers }, () => ({
      batches: [],
      untilNs: Number.NEGATIVE_INFINITY,
      interfaces: new Map(),
    }));
    this.#lane = this.#lanes[0];
    this.#writer = record === null ? null : new PcapngWriter(record, { application: 'packetwalk' });
    this.#flushing = this.#writer && setInterval(() => this.#try(() => this.#flush()), FLUSH_MS).unref();
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    // Whoever runs the lab asks for it.
    this.failed.catch(() => {});
  }

  /** The topology that threads run once they have changed `generation` times, where events are printed. */
  expect(generation: number, build: () => BuiltTopology): void {
    if (!this.watching.monitors) return;
    this.#topologies.set(generation, build());
    // A wrong command line is told before anything runs.
    if (this.#shown < 0) this.#show(generation);
  }

  /** From now on records are printed: `toDayNs` is what the time since 1970 is ahead of the run's clock. */
  begin(toDayNs: number): void {
    this.#toDayNs = toDayNs;
    this.#try(() => this.#readOn());
  }

  take({ worker, generation, untilNs, bytes }: WalkBatch): void {
    if (this.#hasFailed) {
      this.#noteRead(this.#lanes.map((_, other) => (other === worker ? bytes.length : 0)));
      return;
    }
    const lane = this.#lanes[worker];
    lane.untilNs = untilNs;
    if (bytes.length > 0) {
      lane.batches.push({ reader: new WalkStreamReader(bytes), generation, size: bytes.length });
    }
    this.#try(() => this.#readOn());
  }

  /** Reads what is left; no thread sends any more. Throws CaptureError when the file cannot be completed. */
  close(): void {
    if (this.#flushing !== null) clearInterval(this.#flushing);
    if (this.#hasFailed) return;
    for (const lane of this.#lanes) lane.untilNs = Number.POSITIVE_INFINITY;
    this.#readOn();
    this.#monitor?.end();
    this.#writer?.close();
  }

  #try(act: () => void): void {
    if (this.#hasFailed) return;
    try {
      act();
    } catch (error) {
      this.#hasFailed = true;
      // Threads wait for their records to be read.
      this.#noteRead(this.#lanes.map((_, worker) => Atomics.load(this.#unread, worker)));
      this.#fail(error);
    }
  }

  #flush(): void {
    if (this.#isUnflushed) this.#writer?.flush();
    this.#isUnflushed = false;
  }

  /** A record's turn comes once no thread can have an earlier one. */
  #readOn(): void {
    if (this.#toDayNs === null) return;
    const read = this.#lanes.map(() => 0);
    const untilNs = Math.min(...this.#lanes.map((lane) => lane.untilNs));
    for (;;) {
      let first = -1;
      let firstNs = untilNs;
      for (let worker = 0; worker < this.#lanes.length; worker++) {
        const timeNs = this.#lanes[worker].batches[0]?.reader.timeNs ?? Number.POSITIVE_INFINITY;
        if (timeNs >= firstNs) continue;
        first = worker;
        firstNs = timeNs;
      }
      if (first < 0) break;
      read[first] += this.#readFrom(this.#lanes[first], firstNs);
    }
    this.#monitor?.flush();
    this.#noteRead(read);
  }

  /** Reads the lane's next record; answers the size of the batch that it was the last of, else 0. */
  #readFrom(lane: Lane, timeNs: number): number {
    const [{ reader, generation, size }] = lane.batches;
    if (generation > this.#shown) this.#show(generation);
    const dayNs = timeNs + this.#toDayNs!;
    this.#seconds = Math.floor(dayNs / SECOND_NS);
    this.#nanoseconds = Math.floor(dayNs - this.#seconds * SECOND_NS);
    this.#lane = lane;
    reader.read(this.#target);
    if (reader.timeNs !== Number.POSITIVE_INFINITY) return 0;
    lane.batches.shift();
    return size;
  }

  #noteRead(read: readonly number[]): void {
    read.forEach((size, worker) => {
      if (size === 0) return;
      Atomics.sub(this.#unread, worker, size);
      Atomics.notify(this.#unread, worker);
    });
  }

  /** Goes on with the monitor of another topology. */
  #show(generation: number): void {
    const topology = this.#topologies.get(generation);
    const { monitor, say } = this.#options;
    if (topology === undefined || monitor === null) return;
    this.#monitor?.flush();
    const isFirst = this.#shown < 0;
    const write = (text: string): void => this.#print(text);
    this.#monitor = openMonitors(topology, monitor, { write, say: isFirst ? say : () => {}, store: null });
    this.#shown = generation;
    for (const known of this.#topologies.keys()) if (known < generation) this.#topologies.delete(known);
  }

  #print(text: string): void {
    const unprinted = this.#lanes.length;
    Atomics.add(this.#unread, unprinted, text.length);
    this.#options.print(text, () => Atomics.sub(this.#unread, unprinted, text.length));
  }

  /** The record goes by the ring of the topology that is shown, which the monitor reads. */
  #event(row: number, lost: number, bytes: Uint8Array, at: number, length: number): void {
    const ring = this.#topologies.get(this.#shown)?.nodes[row]?.datapath.events;
    const monitor = this.#monitor;
    if (ring === undefined || monitor === null) return;
    if (lost > 0) ring.noteLost(lost);
    const to = length === 0 ? -1 : ring.reserve(length);
    if (to >= 0) ring.bytes.set(bytes.subarray(at, at + length), to);
    monitor.setTime(this.#seconds, this.#nanoseconds);
    monitor.poll();
  }

  /** Those of the same name are one in the file. */
  #addInterface(number: number, description: InterfaceDescription): void {
    const key = `${description.name} ${description.linkType}`;
    let id = this.#interfaces.get(key);
    if (id === undefined) {
      id = this.#writer!.addInterface(description);
      this.#interfaces.set(key, id);
    }
    this.#lane.interfaces.set(number, id);
  }

  #frame(
    number: number,
    bytes: Uint8Array,
    at: number,
    length: number,
    originalLength: number,
    packet: PacketOptions,
  ): void {
    const id = this.#lane.interfaces.get(number)!;
    this.#isUnflushed = true;
    this.#writer!.write(id, this.#seconds, this.#nanoseconds, bytes, at, length, originalLength, packet);
  }
}
