/** What a run writes and prints besides what it comes to: a recording, events, listings. */
import { PcapngWriter } from '../io/pcapng-writer.js';
import type { BuiltTopology } from '../topologies/built.js';
import { put } from './log.js';
import type { MonitorChoice } from './monitor/choice.js';
import type { FlowStore } from './monitor/hubble/observer.js';
import type { Monitor } from './monitor/monitor.js';
import type { WalkRecorder } from './replay/recording.js';
import { type Listings, openListings, wantsFlows } from './show/after-run.js';

export interface OutputOptions {
  /** The recording; `-` is standard output, and what would be there goes to standard error. */
  readonly out: string | null;
  readonly json: boolean;
  /** What prints the datapath's events; null for nothing. */
  readonly monitor: MonitorChoice | null;
  /** Commands of listings to print when the run is over. */
  readonly show: readonly string[];
}

export class RunOutput {
  /** Prints what is data. */
  readonly print: (text: string) => void;
  readonly monitor: Monitor | null;
  readonly recorder: WalkRecorder | null;
  readonly listings: Listings;
  readonly #writer: PcapngWriter | null;

  /** Opens what the options ask for, and loads that alone. Throws UsageError or CaptureError before the run. */
  static async open(built: BuiltTopology, options: OutputOptions): Promise<RunOutput> {
    const { out, monitor: choice, show } = options;
    let store: FlowStore | null = null;
    if (wantsFlows(show)) {
      const { FlowStore } = await import('./monitor/hubble/observer.js');
      store = new FlowStore(built);
    }
    const listings = await openListings(built, show, store?.flows);
    const writer = out === null ? null : new PcapngWriter(out, { application: 'packetwalk' });
    const print = out === '-' ? put : (text: string) => process.stdout.write(text);
    let monitor: Monitor | null = null;
    if (choice !== null || store !== null) {
      const { openMonitors } = await import('./monitor/open.js');
      monitor = openMonitors(built, choice, { write: options.json ? put : print, say: put, store });
    }
    let recorder: WalkRecorder | null = null;
    if (writer !== null) {
      const { WalkRecorder } = await import('./replay/recording.js');
      recorder = new WalkRecorder(writer, built, monitor);
    }
    return new RunOutput(print, monitor, recorder, writer, listings);
  }

  private constructor(
    print: RunOutput['print'],
    monitor: Monitor | null,
    recorder: WalkRecorder | null,
    writer: PcapngWriter | null,
    listings: Listings,
  ) {
    this.print = print;
    this.monitor = monitor;
    this.recorder = recorder;
    this.#writer = writer;
    this.listings = listings;
  }

  /** The run is over: ends what follows it. */
  end(): void {
    this.#writer?.close();
    this.monitor?.end();
  }
}
