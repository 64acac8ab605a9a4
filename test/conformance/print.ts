/** The report for a person: a table by set and entry, causes of failures, details of the first failures. */
import { eventName, hexDifference } from './causes.js';
import type { Mismatch } from './compare.js';
import { type Failure, type Report, totalOf } from './report.js';
import type { RecordedEvent } from './vector-format.js';

const CAUSES_SHOWN = 30;

export function printReport(report: Report, show: number): string {
  const lines = [...table(report), ''];
  const causes = Object.values(report.causes).sort((a, b) => b.steps - a.steps);
  if (causes.length > 0) {
    lines.push(`Causes (${causes.length}; steps, entry, what, first seen at):`);
    for (const cause of causes.slice(0, CAUSES_SHOWN)) {
      lines.push(`${String(cause.steps).padStart(7)}  ${cause.entry}  ${cause.text}  [${cause.first}]`);
    }
    if (causes.length > CAUSES_SHOWN) lines.push(`         ... and ${causes.length - CAUSES_SHOWN} more`);
    lines.push('');
  }
  const others = notEmulatedEntries(report);
  if (others.length > 0) lines.push(`Not emulated: ${others.join(', ')}`, '');
  for (const group of failedSteps(report).slice(0, show)) lines.push(...printStep(group), '');
  const total = totalOf(report);
  const rest = total.notEmulated > 0 ? `; ${total.notEmulated} steps not emulated` : '';
  lines.push(`${total.passed} of ${total.steps} steps passed (${percent(total.passed, total.steps)})${rest}`);
  return `${lines.join('\n')}\n`;
}

function table(report: Report): string[] {
  const rows = [['set', 'entry', 'steps', 'passed', '', 'not emulated']];
  const cell = (count: number): string => (count === 0 ? '' : String(count));
  for (const set of Object.keys(report.sets).sort()) {
    let rest = 0;
    for (const entry of Object.keys(report.sets[set]).sort()) {
      const { steps, passed, notEmulated } = report.sets[set][entry];
      if (steps === 0) rest += notEmulated;
      else rows.push([set, entry, cell(steps), String(passed), percent(passed, steps), cell(notEmulated)]);
    }
    if (rest > 0) rows.push([set, 'other entries', '', '', '', cell(rest)]);
  }
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row
      .map((text, column) => (column < 2 ? text.padEnd(widths[column]) : text.padStart(widths[column])))
      .join('  ')
      .trimEnd(),
  );
}

/** Entries of which no step was judged in any set. */
function notEmulatedEntries(report: Report): string[] {
  const judged = new Map<string, boolean>();
  for (const entries of Object.values(report.sets)) {
    for (const [entry, { steps }] of Object.entries(entries)) {
      judged.set(entry, steps > 0 || judged.get(entry) === true);
    }
  }
  return [...judged.keys()].filter((entry) => !judged.get(entry)).sort();
}

/** 100 % is said of nothing less. */
function percent(part: number, whole: number): string {
  if (whole === 0) return '-';
  return part === whole ? '100 %' : `${Math.min(99.99, (part / whole) * 100).toFixed(2)} %`;
}

function failedSteps(report: Report): Failure[][] {
  const steps = new Map<string, Failure[]>();
  for (const failure of report.failures) {
    const key = `${failure.file}:${failure.line}#${failure.step}`;
    const group = steps.get(key);
    if (group === undefined) steps.set(key, [failure]);
    else group.push(failure);
  }
  return [...steps.values()];
}

function printStep(failures: readonly Failure[]): string[] {
  const { set, scenario, step, entry } = failures[0];
  const lines = [`${set}/${scenario}#${step} ${entry}`];
  for (const failure of failures) lines.push(...printFailure(failure));
  return lines;
}

/** One field: expected above actual; of events and map entries only those that differ. */
export function printFailure({ field, expected, actual }: Mismatch): string[] {
  if (field === 'events') return eventLines(expected as RecordedEvent[], actual as RecordedEvent[]);
  if (field.startsWith('maps.')) {
    return mapLines(
      field,
      expected as Record<string, string | null>,
      actual as Record<string, string | null>,
    );
  }
  return pair(`  ${field}`, text(expected), text(actual));
}

function eventLines(expected: readonly RecordedEvent[], actual: readonly RecordedEvent[]): string[] {
  const names = (events: readonly RecordedEvent[]): string => events.map(eventName).join(', ') || 'none';
  const lines = [`  events: ${names(expected)} expected; ${names(actual)} found`];
  for (let i = 0; i < Math.max(expected.length, actual.length); i++) {
    if (expected[i]?.hex === actual[i]?.hex && expected[i]?.signal === actual[i]?.signal) continue;
    lines.push(
      ...pair(`    [${i}] ${eventName(expected[i])}`, expected[i]?.hex ?? '-', actual[i]?.hex ?? '-'),
    );
  }
  return lines;
}

function mapLines(
  field: string,
  expected: Readonly<Record<string, string | null>>,
  actual: Readonly<Record<string, string | null>>,
): string[] {
  const value = (entries: Readonly<Record<string, string | null>>, key: string): string =>
    Object.hasOwn(entries, key) ? (entries[key] ?? 'deleted') : 'as before';
  const lines = [`  ${field}`];
  for (const key of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
    lines.push(...pair(`    ${key}`, value(expected, key), value(actual, key)));
  }
  return lines;
}

function pair(label: string, expected: string, actual: string): string[] {
  const isHex = /^([0-9a-f]{2})+$/;
  if (!isHex.test(expected) || !isHex.test(actual)) {
    return [label, `      expected ${expected}`, `      actual   ${actual}`];
  }
  let marks = '';
  for (let i = 0; i < Math.max(expected.length, actual.length); i += 2) {
    marks += expected.slice(i, i + 2) === actual.slice(i, i + 2) ? '  ' : '^^';
  }
  return [
    `${label}  (${hexDifference(expected, actual)})`,
    `      expected ${expected}`,
    `      actual   ${actual}`,
    `               ${marks.trimEnd()}`,
  ];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
