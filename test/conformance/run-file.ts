/** Runs the scenarios of one vector file. */
import type { Registry } from './entries.js';
import { unknownMacros } from './features.js';
import { isHooksFile } from './hooks/hooks-format.js';
import { runHooksFile } from './hooks/run-hooks.js';
import { unknownVariables } from './instances.js';
import { fileSet, readScenarios } from './read-scenarios.js';
import { countOf, emptyReport, enterFailures, type Report } from './report.js';
import { ScenarioRun } from './scenario-run.js';
import { type Scenario, VectorError } from './vector-format.js';

/** Which steps are counted; empty lists mean all. Steps of other entries are run, but not counted. */
export interface Selection {
  readonly sets: readonly string[];
  readonly entries: readonly string[];
  readonly scenarios: readonly string[];
}

export const EVERYTHING: Selection = { sets: [], entries: [], scenarios: [] };

export interface FileTask {
  readonly path: string;
  /** Of every `shards` lines the one at `shard`. */
  readonly shard: number;
  readonly shards: number;
}

export async function runFile(
  task: FileTask,
  selection: Selection,
  registry: Registry,
  maxFailures: number,
): Promise<Report> {
  if (isHooksFile(task.path)) return runHooksFile(task.path, selection, maxFailures);
  const report = emptyReport();
  let line = task.shard + 1;
  for await (const scenario of readScenarios(task.path, task.shard, task.shards)) {
    if (isSelected(scenario, task.path, selection)) {
      const place = `${task.path}:${line}`;
      runScenario(scenario, { file: task.path, line, place }, selection, registry, maxFailures, report);
    }
    line += task.shards;
  }
  return report;
}

/** A set is named by the scenario or by its file; a scenario by its name. */
export function isSelected(scenario: Scenario, path: string, selection: Selection): boolean {
  const { sets, scenarios } = selection;
  if (sets.length > 0 && !sets.includes(scenario.featureSet) && !sets.includes(fileSet(path))) return false;
  return scenarios.length === 0 || scenarios.includes(scenario.name);
}

/** Runs all steps of a scenario into `report`. Throws a VectorError when the scenario cannot be set up. */
export function runScenario(
  scenario: Scenario,
  place: { readonly file: string; readonly line: number; readonly place: string },
  selection: Selection,
  registry: Registry,
  maxFailures: number,
  report: Report,
): void {
  const set = scenario.featureSet;
  for (const name of unknownMacros(scenario)) note(report, `${set}: feature macro ${name} is not known`);
  for (const name of unknownVariables(scenario)) note(report, `${set}: config variable ${name} is not known`);
  let step = -1;
  try {
    const run = new ScenarioRun(scenario, registry);
    for (step = 0; step < scenario.steps.length; step++) {
      const recorded = scenario.steps[step];
      const mismatches = run.run(recorded);
      const { entry } = recorded;
      if (selection.entries.length > 0 && !selection.entries.includes(entry)) continue;
      const count = countOf(report, set, entry);
      if (mismatches === null) {
        count.notEmulated++;
        continue;
      }
      count.steps++;
      if (mismatches.length === 0) count.passed++;
      else {
        const at = { file: place.file, line: place.line, set, scenario: scenario.name, step, entry };
        enterFailures(report, at, mismatches, maxFailures);
      }
    }
  } catch (error) {
    const where = step < 0 ? 'set-up' : `step ${step}`;
    throw new VectorError(`${place.place}: scenario ${scenario.name}, ${where}: ${(error as Error).message}`);
  }
}

function note(report: Report, text: string): void {
  if (!report.notices.includes(text)) report.notices.push(text);
}
