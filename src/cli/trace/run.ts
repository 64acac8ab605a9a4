/** `packetwalk trace`: builds the topology, asks it, prints the answer. */
import { writeFileSync } from 'node:fs';
import { Clock } from '../../engine/clock.js';
import { SeededRandom } from '../../engine/random.js';
import * as tcp from '../../engine/wire/tcp.js';
import { openError } from '../../io/file-input.js';
import { buildTopology } from '../../topologies/build.js';
import type { BuiltTopology } from '../../topologies/built.js';
import { suggestion } from '../../topologies/faults.js';
import { parseExpression } from '../../topologies/trace/expression.js';
import { placeFrame } from '../../topologies/trace/frame-origin.js';
import type { Trace } from '../../topologies/trace/model.js';
import { resolveExpression, type StartPlace } from '../../topologies/trace/resolve.js';
import { Tracer } from '../../topologies/trace/tracer.js';
import { findDevice } from '../device-name.js';
import { EXIT_DONE, EXIT_FOUND, UsageError } from '../exit-codes.js';
import { log } from '../log.js';
import { openTopology } from '../open-topology.js';
import { type Listings, openListings, printListings } from '../show/after-run.js';
import { frameOfCapture } from './captured-frame.js';
import { mermaidText } from './mermaid.js';
import type { TraceOptions } from './options.js';
import { styleFor } from './style.js';
import { svgText } from './svg.js';
import { traceText } from './text.js';

/** When the run begins: monotonic time, as that of replayed captures. */
const START_NS = 1000e9;

/** Answers the exit code. Throws UsageError, ExpressionError, CaptureError or TopologyError before anything is printed. */
export async function runTrace(options: TraceOptions): Promise<number> {
  const { spec } = openTopology(options.topology);
  const clock = new Clock();
  clock.set(START_NS);
  const built = buildTopology(spec, { clock, random: new SeededRandom(options.seed) });
  const listings = await openListings(built, options.show);
  const trace = await ask(built, options);
  print(trace, listings, options);
  return isExpected(trace, options.expect) ? EXIT_DONE : EXIT_FOUND;
}

async function ask(built: BuiltTopology, options: TraceOptions): Promise<Trace> {
  const { question, established } = options;
  const from = options.from === null ? null : startPlace(built, options.from);
  if (question.kind === 'expression') {
    const flags = established ? tcp.ACK | tcp.PSH : tcp.SYN;
    const request = resolveExpression(built, parseExpression(question.text), { from, flags });
    return new Tracer(built).trace(request, options);
  }
  const isCapture = question.kind === 'capture';
  const bytes = isCapture ? await frameOfCapture(question.file, question.number) : question.bytes;
  const name = isCapture ? `frame ${question.number} of ${question.file}` : 'a frame in hex';
  const placed = placeFrame(built, bytes, from);
  if (placed === null) {
    throw new UsageError(
      `${name} is what a node made by itself: it enters nowhere; say --from POD or NODE/DEVICE`,
    );
  }
  return new Tracer(built).traceFrame(placed.frame, placed.origin, name, options);
}

/** A pod, a node or router, or `NODE/DEVICE`. */
function startPlace(built: BuiltTopology, name: string): StartPlace {
  const pod = built.pods.find(({ planned }) => planned.name === name);
  if (pod !== undefined) return { namespace: pod.namespace };
  const machine = built.network.node(name);
  if (machine !== null) return { namespace: machine.host };
  if (built.device(name) === null && !name.includes('/')) {
    const names = [
      ...built.pods.map(({ planned }) => planned.name),
      ...built.network.nodes.map((node) => node.name),
    ];
    const near = suggestion(name, names);
    if (near !== '') throw new UsageError(`--from ${name}: no such pod, node or device${near}`);
  }
  return { device: findDevice(built, name, `--from ${name}`) };
}

function print(trace: Trace, makeListings: Listings, options: TraceOptions): void {
  const { diagram, out, json, detail } = options;
  const drawn = diagram === 'svg' ? svgText(trace) : diagram === 'mermaid' ? mermaidText(trace) : '';
  const { isTTY, columns } = process.stdout;
  if (diagram !== null && out === null) process.stdout.write(drawn);
  else {
    if (out !== null) writeDiagram(out, drawn);
    const style = styleFor(isTTY === true, process.env);
    const width = columns ?? Number.POSITIVE_INFINITY;
    const listings = makeListings();
    if (json) {
      const shown = listings.length === 0 ? trace : { ...trace, listings };
      process.stdout.write(`${JSON.stringify(shown)}\n`);
      return;
    }
    process.stdout.write(traceText(trace, { detail, style, width }));
    printListings(listings, (text) => process.stdout.write(text));
  }
}

function writeDiagram(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw openError(file, error);
  }
}

function isExpected({ walk, reply, noReply }: Trace, expect: string | null): boolean {
  if (expect === null) return true;
  const { outcome } = walk;
  if (expect !== 'answered') {
    if (outcome.fate === expect && !outcome.answered) return true;
    log.error(`expected ${expect}, but: ${outcome.text}`);
    return false;
  }
  if (reply !== null && reply.outcome.fate !== 'dropped' && !reply.outcome.answered) return true;
  log.error(
    `expected an answer, but: ${reply === null ? `${outcome.text}; ${noReply}` : reply.outcome.text}`,
  );
  return false;
}
