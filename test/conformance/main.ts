/**
 * `npm run conformance`: runs recorded vectors and compares every field. Exit code 1 when a step fails, 2 for bad
 * usage or unusable files.
 */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { onlyKnownFailures } from './known-failures.js';
import { printReport } from './print.js';
import { type Report, totalOf } from './report.js';
import { runVectors } from './run.js';
import { traceStep } from './trace-step.js';
import { VectorError } from './vector-format.js';

/** The repository's own copy, seen from dist/test/conformance. */
const OWN_VECTORS = fileURLToPath(new URL('../../../test/data/vectors', import.meta.url));

class UsageError extends Error {}

function readArguments() {
  return yargs(hideBin(process.argv))
    .scriptName('conformance')
    .usage('$0 [--vectors DIR] [--set S] [--entry E] [--scenario NAME] [--json]')
    .options({
      vectors: { type: 'string', default: OWN_VECTORS, describe: 'folder of *.jsonl.br files, or one file' },
      set: { type: 'string', array: true, describe: 'only these feature sets' },
      entry: { type: 'string', array: true, describe: 'count only steps of these entry programs' },
      scenario: { type: 'string', array: true, describe: 'only scenarios of these names' },
      json: { type: 'boolean', default: false, describe: 'print one JSON object' },
      'max-failures': { type: 'number', default: 100, describe: 'failures to give in full' },
      show: { type: 'number', default: 3, describe: 'failed steps to print with all differences' },
      step: { type: 'number', describe: 'run one scenario up to this step and print all of that step' },
      'known-failures': { type: 'boolean', default: false, describe: 'exit 0 if only known steps fail' },
      workers: { type: 'number', default: Math.min(availableParallelism(), 8), describe: 'threads' },
    })
    .strict()
    .version(false)
    .fail((message, error) => {
      throw new UsageError(message ?? error.message);
    })
    .parseSync();
}

function list(value: readonly string[] | undefined): string[] {
  return (value ?? []).flatMap((text) => text.split(',')).filter((text) => text !== '');
}

function json(report: Report): string {
  const { steps, passed } = totalOf(report);
  const sets: Record<string, Record<string, { steps: number; passed: number }>> = {};
  for (const [set, entries] of Object.entries(report.sets)) {
    for (const [entry, count] of Object.entries(entries)) {
      if (count.steps === 0) continue;
      sets[set] ??= {};
      sets[set][entry] = { steps: count.steps, passed: count.passed };
    }
  }
  const failures = report.failures.map(({ set, scenario, step, entry, field, expected, actual }) => ({
    set,
    scenario,
    step,
    entry,
    field,
    expected,
    actual,
  }));
  return `${JSON.stringify({ steps, passed, sets, failures })}\n`;
}

async function main(): Promise<number> {
  const args = readArguments();
  for (const name of ['max-failures', 'show', 'workers'] as const) {
    if (!(Number.isInteger(args[name]) && args[name] >= 0)) {
      throw new UsageError(`--${name} must be a whole number`);
    }
  }
  const { vectors, workers, 'max-failures': maxFailures } = args;
  const selection = { sets: list(args.set), entries: list(args.entry), scenarios: list(args.scenario) };
  if (args.step !== undefined) {
    if (selection.scenarios.length !== 1) throw new UsageError('--step needs one --scenario');
    process.stdout.write(await traceStep(vectors, selection, args.step));
    return 0;
  }
  const report = await runVectors({ vectors, selection, maxFailures, workers });
  for (const notice of report.notices) process.stderr.write(`conformance: ${notice}\n`);
  const { steps, passed, notEmulated } = totalOf(report);
  if (steps + notEmulated === 0) throw new VectorError(`${args.vectors}: no step was selected`);
  process.stdout.write(args.json ? json(report) : printReport(report, args.show));
  if (passed === steps) return 0;
  return args['known-failures'] && onlyKnownFailures(report) ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof UsageError || error instanceof VectorError)) throw error;
  process.stderr.write(`conformance: ${error.message}\n`);
  process.exitCode = 2;
}
