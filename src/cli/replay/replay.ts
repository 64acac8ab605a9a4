/** `packetwalk replay`: opens the capture, builds the topology, walks the frames, prints what it comes to. */
import { writeFileSync } from 'node:fs';
import { Clock } from '../../engine/clock.js';
import { SeededRandom } from '../../engine/random.js';
import { openCapture } from '../../io/capture-file.js';
import { openError } from '../../io/file-input.js';
import { LINKTYPE_ETHERNET } from '../../io/link-type.js';
import { buildTopology } from '../../topologies/build.js';
import type { BuiltTopology } from '../../topologies/built.js';
import { CaptureFacts } from '../../topologies/capture-facts.js';
import { formatTopology } from '../../topologies/document.js';
import { inferTopology } from '../../topologies/infer.js';
import { Replay } from '../../topologies/replay.js';
import type { TopologySpec } from '../../topologies/spec.js';
import { findDevice } from '../device-name.js';
import { EXIT_BAD_INPUT, EXIT_DONE } from '../exit-codes.js';
import { log } from '../log.js';
import { openTopology } from '../open-topology.js';
import { attachPrograms } from '../programs/attachment.js';
import { RunOutput } from '../run-output.js';
import { printListings } from '../show/after-run.js';
import { AsEthernet } from './as-ethernet.js';
import { Feed } from './feed.js';
import { FrameList } from './frame-list.js';
import { LookAhead } from './look-ahead.js';
import { observedSpec } from './observed-spec.js';
import type { ReplayOptions } from './options.js';
import { Progress } from './progress.js';
import { MapSizes, summarize } from './summary.js';
import { summaryText } from './summary-text.js';

interface ChosenTopology {
  readonly spec: TopologySpec;
  readonly inferred: boolean;
  /** Device that the capture was taken at, by inference; null when it is told frame by frame. */
  readonly captureDevice: string | null;
  readonly adoptLinks: boolean;
}

/** Answers the exit code. Throws UsageError, CaptureError or TopologyError before the first frame is walked. */
export async function replayCapture(options: ReplayOptions): Promise<number> {
  const ethernet = new AsEthernet(await openCapture(options.capture));
  try {
    return await replaySource(ethernet, options);
  } finally {
    ethernet.close();
  }
}

async function replaySource(ethernet: AsEthernet, options: ReplayOptions): Promise<number> {
  const source = new LookAhead(ethernet);
  const chosen = options.topology === null ? await infer(source, ethernet, options) : load(options.topology);
  if (options.saveTopology !== null) save(chosen.spec, options.saveTopology, options.capture);
  const built = build(chosen.spec, options);
  const programs = await attachPrograms(built, new SeededRandom(~options.seed), options.programs);
  const at = options.at ?? chosen.captureDevice;
  const replay = new Replay(built, {
    captureDevice: at === null ? null : findDevice(built, at, `--at ${at}`),
    oneWay: options.oneWay,
    adoptLinks: chosen.adoptLinks,
  });
  const output = await RunOutput.open(built, options);
  const { print, monitor, recorder } = output;
  // The monitor sees the walks themselves where the events of several nodes are to stay in order.
  built.walker.observer = recorder ?? (built.nodes.length > 1 ? monitor : null);
  const mapSizes = new MapSizes(replay);
  const feed: Feed = new Feed(source, replay, {
    ...options,
    recorder,
    monitor,
    progress: new Progress(source),
    listener: options.lists ? (tally) => new FrameList(replay, tally, print) : null,
  });
  await feed.run();
  output.end();
  const summary = summarize(feed, replay, { ...options, inferred: chosen.inferred, mapSizes, programs });
  const listings = output.listings();
  if (options.json) {
    const shown = listings.length === 0 ? summary : { ...summary, listings };
    print(`${JSON.stringify(shown)}\n`);
  } else {
    if (options.sums) print(summaryText(summary));
    printListings(listings, print);
  }
  for (const fault of feed.faults) log.error(fault.message);
  return feed.faults.length > 0 ? EXIT_BAD_INPUT : EXIT_DONE;
}

function load(nameOrFile: string): ChosenTopology {
  const { spec } = openTopology(nameOrFile);
  return { spec, inferred: false, captureDevice: null, adoptLinks: false };
}

async function infer(
  source: LookAhead,
  ethernet: AsEthernet,
  options: ReplayOptions,
): Promise<ChosenTopology> {
  const facts = new CaptureFacts();
  await source.look((batch, i) => {
    if (source.interfaces[batch.interfaceIndex[i]].linkType !== LINKTYPE_ETHERNET) return true;
    return facts.add(batch.bytes, batch.offset[i], batch.capturedLength[i]);
  });
  const inferred = inferTopology(facts, { podCidrs: options.podCidrs, madeLinks: ethernet.converts });
  log.info(`topology inferred: ${inferred.summary}`);
  return { ...inferred, inferred: true };
}

function save(spec: TopologySpec, file: string, capture: string): void {
  try {
    writeFileSync(file, formatTopology(spec, `For packetwalk replay ${capture}`));
  } catch (error) {
    throw openError(file, error);
  }
}

function build(spec: TopologySpec, options: ReplayOptions): BuiltTopology {
  const built = buildTopology(observedSpec(spec, options), {
    clock: new Clock(),
    random: new SeededRandom(options.seed),
  });
  built.agent.collects = !options.keepExpired;
  // Nobody reads the events of a plain run: they are counted, as with a kernel's ring without reader.
  for (const { datapath } of built.nodes) {
    datapath.events.mode = 'discard';
  }
  return built;
}
