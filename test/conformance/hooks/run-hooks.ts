/** Runs files of hook vectors; a case counts as a step of the entry that its kind names. */
import type { Mismatch } from '../compare.js';
import { countOf, emptyReport, enterFailures, type Report } from '../report.js';
import type { Selection } from '../run-file.js';
import { VectorError } from '../vector-format.js';
import { type HookCase, hooksSet, kindOf, readHookCases } from './hooks-format.js';
import { runListCase } from './list-cases.js';
import { runPacketCase } from './packet-cases.js';
import { runTextCase } from './text-cases.js';

/** What a case did otherwise than recorded: the first operation or packet that shows it. */
export interface CaseFault {
  readonly step: number;
  readonly mismatches: readonly Mismatch[];
}

export function runHooksFile(path: string, selection: Selection, maxFailures: number): Report {
  const report = emptyReport();
  const set = hooksSet(path);
  if (!isSelectedSet(set, selection)) return report;
  for (const [index, one] of readHookCases(path).entries()) {
    const entry = kindOf(one);
    if (selection.entries.length > 0 && !selection.entries.includes(entry)) continue;
    if (selection.scenarios.length > 0 && !selection.scenarios.includes(one.name)) continue;
    const count = countOf(report, set, entry);
    count.steps++;
    const fault = runPlaced(one, `${path}: case ${index} (${one.name})`);
    if (fault === null) {
      count.passed++;
      continue;
    }
    const place = { file: path, line: index + 1, set, scenario: one.name, step: fault.step, entry };
    enterFailures(report, place, fault.mismatches, maxFailures);
  }
  return report;
}

/** A set is named with or without its folder. */
export function isSelectedSet(set: string, { sets }: Selection): boolean {
  return sets.length === 0 || sets.includes(set) || sets.includes(set.slice(set.indexOf('/') + 1));
}

function runPlaced(one: HookCase, place: string): CaseFault | null {
  try {
    return runCase(one);
  } catch (error) {
    if (error instanceof VectorError) throw new VectorError(`${place}: ${error.message}`);
    return {
      step: 0,
      mismatches: [{ field: 'exception', expected: 'none', actual: (error as Error).stack }],
    };
  }
}

function runCase(one: HookCase): CaseFault | null {
  if ('ops' in one) return runListCase(one);
  if ('packets' in one) return runPacketCase(one);
  return runTextCase(one);
}
