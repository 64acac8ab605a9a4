/** Debugging aid: everything about one step of one scenario, whether it passes or not. */
import { EMULATED } from './entries.js';
import { printFailure } from './print.js';
import { readScenarios } from './read-scenarios.js';
import { selectFiles, vectorFiles } from './run.js';
import { isSelected, type Selection } from './run-file.js';
import { ScenarioRun } from './scenario-run.js';
import { type Scenario, VectorError } from './vector-format.js';

/** Runs the selected scenario up to `step`; answers that step's input, maps, expectation, outcome and differences. */
export async function traceStep(vectors: string, selection: Selection, step: number): Promise<string> {
  for (const path of await selectFiles(vectorFiles(vectors), selection)) {
    for await (const scenario of readScenarios(path)) {
      if (isSelected(scenario, path, selection)) return trace(scenario, step);
    }
  }
  throw new VectorError(`${vectors}: no scenario named ${selection.scenarios.join(', ')}`);
}

function trace(scenario: Scenario, step: number): string {
  const recorded = scenario.steps[step];
  if (recorded === undefined) {
    throw new VectorError(`scenario ${scenario.name} has steps 0 to ${scenario.steps.length - 1}`);
  }
  const run = new ScenarioRun(scenario, EMULATED);
  const earlier: number[] = [];
  for (let i = 0; i < step; i++) if ((run.run(scenario.steps[i])?.length ?? 0) > 0) earlier.push(i);
  const lines = [`${scenario.featureSet}/${scenario.name}#${step} ${recorded.on} ${recorded.entry}`];
  lines.push(`features ${JSON.stringify(scenario.features)}`);
  lines.push(`config   ${JSON.stringify(scenario.instances[recorded.on].config)}`);
  if (earlier.length > 0) lines.push(`steps that failed before: ${earlier.join(', ')}`);
  lines.push('maps before (entries; without the changes of "pre"):');
  for (const [name, shadow] of run.machine.shadows) {
    for (const [key, value] of shadow.entries()) lines.push(`  ${name} ${key} ${value}`);
  }
  const { expect, ...input } = recorded;
  lines.push('input:', ...fields(input));
  lines.push('expected:', ...fields(expect));
  const mismatches = run.run(recorded);
  lines.push('found:');
  if (run.outcome !== null) {
    const maps = Object.fromEntries([...run.outcome.maps].map(([name, d]) => [name, Object.fromEntries(d)]));
    lines.push(...fields({ ...run.outcome, maps }));
  }
  if (mismatches === null) lines.push('not emulated');
  else if (mismatches.length === 0) lines.push('passed');
  else lines.push('differences:', ...mismatches.flatMap((mismatch) => printFailure(mismatch)));
  return `${lines.join('\n')}\n`;
}

function fields(object: object): string[] {
  return Object.entries(object).map(([name, value]) => `  ${name.padEnd(10)} ${JSON.stringify(value)}`);
}
