/** What a run found: counts by set and entry program, causes of failures, failures. Plain data, so that workers can send it. */
import { causeOf } from './causes.js';
import type { Mismatch } from './compare.js';

export interface EntryCount {
  steps: number;
  passed: number;
  /** Steps not judged: the entry, or a program it called, is not emulated. */
  notEmulated: number;
}

export interface Failure {
  readonly set: string;
  readonly scenario: string;
  /** Index in the scenario's steps. */
  readonly step: number;
  readonly entry: string;
  readonly field: string;
  readonly expected: unknown;
  readonly actual: unknown;
}

/** Steps that failed in one way. */
export interface Cause {
  readonly entry: string;
  readonly text: string;
  steps: number;
  readonly first: string;
}

/** Where a failure stands in the run, for one order whoever found it. */
export interface PlacedFailure extends Failure {
  readonly file: string;
  readonly line: number;
}

export interface Report {
  readonly sets: Record<string, Record<string, EntryCount>>;
  readonly causes: Record<string, Cause>;
  failures: PlacedFailure[];
  /** What the vectors ask for that nothing here knows. */
  readonly notices: string[];
}

export function emptyReport(): Report {
  return { sets: {}, causes: {}, failures: [], notices: [] };
}

export function countOf(report: Report, set: string, entry: string): EntryCount {
  report.sets[set] ??= {};
  report.sets[set][entry] ??= { steps: 0, passed: 0, notEmulated: 0 };
  return report.sets[set][entry];
}

/** Enters the mismatches of one failed step; at most `maxFailures` are kept in full. */
export function enterFailures(
  report: Report,
  place: Omit<PlacedFailure, 'field' | 'expected' | 'actual'>,
  mismatches: readonly Mismatch[],
  maxFailures: number,
): void {
  const texts = new Set<string>();
  for (const mismatch of mismatches) {
    if (report.failures.length < maxFailures) report.failures.push({ ...place, ...mismatch });
    texts.add(causeOf(mismatch));
  }
  for (const text of texts) {
    const key = `${place.entry} ${text}`;
    const first = `${place.set}/${place.scenario}#${place.step}`;
    report.causes[key] ??= { entry: place.entry, text, steps: 0, first };
    report.causes[key].steps++;
  }
}

export function mergeReports(reports: readonly Report[], maxFailures: number): Report {
  const merged = emptyReport();
  const notices = new Set<string>();
  for (const report of reports) {
    for (const [set, entries] of Object.entries(report.sets)) {
      for (const [entry, count] of Object.entries(entries)) {
        const sum = countOf(merged, set, entry);
        sum.steps += count.steps;
        sum.passed += count.passed;
        sum.notEmulated += count.notEmulated;
      }
    }
    for (const [key, cause] of Object.entries(report.causes)) {
      const known = merged.causes[key];
      if (known === undefined) merged.causes[key] = { ...cause };
      else known.steps += cause.steps;
    }
    merged.failures.push(...report.failures);
    for (const notice of report.notices) notices.add(notice);
  }
  merged.failures.sort(
    (a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0) || a.line - b.line || a.step - b.step,
  );
  merged.failures = merged.failures.slice(0, maxFailures);
  merged.notices.push(...notices);
  return merged;
}

export function totalOf(report: Report): EntryCount {
  const total: EntryCount = { steps: 0, passed: 0, notEmulated: 0 };
  for (const entries of Object.values(report.sets)) {
    for (const count of Object.values(entries)) {
      total.steps += count.steps;
      total.passed += count.passed;
      total.notEmulated += count.notEmulated;
    }
  }
  return total;
}
