/** Lab walks on record and in words: `--record` and `--monitor`. */
import { PcapngWriter } from '../../io/pcapng-writer.js';
import type { WalkWatcher } from '../../live/forwarder.js';
import type { Watch } from '../../live/runtime.js';
import type { BuiltTopology } from '../../topologies/built.js';
import type { MonitorChoice } from '../monitor/choice.js';
import type { Monitor } from '../monitor/monitor.js';
import { openMonitors } from '../monitor/open.js';
import { WalkRecorder } from '../replay/recording.js';

/** Plain data: it goes to the datapath thread. */
export interface WatchOptions {
  /** File; null for none. */
  readonly record: string | null;
  readonly monitor: MonitorChoice | null;
  /** Characters that the monitor has written and nobody has printed yet: one int32. */
  readonly unread: SharedArrayBuffer;
}

/** With this many characters unread the monitor reads no more events: the ring overflows, which it tells. */
const UNREAD_LIMIT = 1 << 20;
const SECOND_NS = 1e9;
const RECORD_FLUSH_NS = 500e6;

/** What a thread is watched by, and what is to be done at its end. */
export function openWatch(
  { record, monitor, unread }: WatchOptions,
  write: (text: string) => void,
  say: (text: string) => void,
): { watch: Watch; finish: () => void } {
  const writer = record === null ? null : new PcapngWriter(record, { application: 'packetwalk' });
  let last: Watching | null = null;
  return {
    watch: (built) => {
      const opened = openMonitors(built, monitor, {
        write,
        say: last === null ? say : () => {},
        store: null,
      });
      last = new Watching(built, writer, opened, new Int32Array(unread));
      return last;
    },
    finish: () => {
      last?.monitorEnds();
      writer?.close();
    },
  };
}

class Watching implements WalkWatcher {
  readonly #built: BuiltTopology;
  readonly #writer: PcapngWriter | null;
  readonly #recorder: WalkRecorder | null;
  readonly #monitor: Monitor | null;
  readonly #unread: Int32Array;
  /** From the run's clock to the time since 1970. */
  readonly #toDayNs: number;
  #flushedNs = 0;

  constructor(
    built: BuiltTopology,
    writer: PcapngWriter | null,
    monitor: Monitor | null,
    unread: Int32Array,
  ) {
    this.#built = built;
    this.#writer = writer;
    this.#monitor = monitor;
    this.#unread = unread;
    this.#recorder = writer === null ? null : new WalkRecorder(writer, built, monitor);
    // The monitor sees the walks itself where the events of several nodes are to stay in order.
    built.walker.observer = this.#recorder ?? (built.nodes.length > 1 ? monitor : null);
    this.#toDayNs = Date.now() * 1e6 - built.clock.nowNs;
  }

  begin(frame: number): void {
    const timeNs = this.#built.clock.nowNs + this.#toDayNs;
    const seconds = Math.floor(timeNs / SECOND_NS);
    const nanoseconds = Math.floor(timeNs - seconds * SECOND_NS);
    this.#recorder?.begin(frame, seconds, nanoseconds, 0);
    this.#monitor?.setTime(seconds, nanoseconds);
  }

  ended(): void {
    this.#recorder?.write();
    if (this.#monitor !== null && Atomics.load(this.#unread, 0) < UNREAD_LIMIT) this.#monitor.poll();
  }

  roundEnded(): void {
    this.#monitor?.flush();
    const { nowNs } = this.#built.clock;
    if (this.#writer === null || nowNs - this.#flushedNs < RECORD_FLUSH_NS) return;
    this.#writer.flush();
    this.#flushedNs = nowNs;
  }

  monitorEnds(): void {
    this.#monitor?.end();
  }
}
