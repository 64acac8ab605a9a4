/** `packetwalk trace`: builds the topology, asks it, prints the answer. */
import { Clock } from '../../engine/clock.js';
import { SeededRandom } from '../../engine/random.js';
import { buildTopology } from '../../topologies/build.js';
import { faultText } from '../../topologies/faults.js';
import { loadTopology } from '../../topologies/load.js';
import { parseExpression } from '../../topologies/trace/expression.js';
import { resolveExpression } from '../../topologies/trace/resolve.js';
import { Tracer } from '../../topologies/trace/tracer.js';
import { EXIT_DONE, UsageError } from '../exit-codes.js';
import { log } from '../log.js';
import { styleFor } from './style.js';
import { traceText } from './text.js';

export interface TraceArguments {
  readonly PACKET?: string | undefined;
  readonly topology?: string | undefined;
  readonly reply: boolean;
  readonly brief: boolean;
  readonly verbose: boolean;
  readonly json: boolean;
}

const START_NS = 1000e9;

export async function runTrace(args: TraceArguments): Promise<number> {
  if (args.topology === undefined)
    throw new UsageError(
      'trace in which topology? (--topology NAME or FILE; packetwalk topologies lists them)',
    );
  if (args.PACKET === undefined)
    throw new UsageError("which packet? ('pod1 -> web:80'; packetwalk trace --help has more)");
  const { spec, source, warnings } = loadTopology(args.topology);
  for (const warning of warnings) log.warn(`${source}: ${faultText({ ...warning, severity: 'error' })}`);
  const clock = new Clock();
  clock.set(START_NS);
  const built = buildTopology(spec, { clock, random: new SeededRandom(1) });
  const request = resolveExpression(built, parseExpression(args.PACKET));
  const trace = new Tracer(built).trace(request, { reply: args.reply });
  if (args.json) process.stdout.write(`${JSON.stringify(trace)}\n`);
  else {
    const detail = args.brief ? 'brief' : args.verbose ? 'verbose' : 'normal';
    const { isTTY, columns } = process.stdout;
    const style = styleFor(isTTY === true, process.env);
    process.stdout.write(traceText(trace, { detail, style, width: columns ?? Number.POSITIVE_INFINITY }));
  }
  return EXIT_DONE;
}
