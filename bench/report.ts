/** Results as a table, set against recorded figures of the kernel (or of an earlier run). */
import { readFileSync } from 'node:fs';
import type { Phase, Result } from './harness.js';

/** What we want of the kernel's time at most. */
export const TARGET_RATIO: Readonly<Record<Phase, number>> = { established: 0.4, new: 0.8 };

/** Figures by `baselineKey`, ns per packet. */
export type Baseline = ReadonlyMap<string, number>;

type Figure = Pick<Result, 'name' | 'flows' | 'phase' | 'nsPerPacket'>;

function baselineKey(figure: Omit<Figure, 'nsPerPacket'>): string {
  return `${figure.name} ${figure.flows} ${figure.phase}`;
}

/** Reads kernel-baseline.json, or an array as `--json` prints it. Throws an error that names the file. */
export function readBaseline(file: string): Baseline {
  let figures: unknown;
  try {
    const content: unknown = JSON.parse(readFileSync(file, 'utf8'));
    figures = Array.isArray(content) ? content : (content as { walks?: unknown }).walks;
  } catch (error) {
    throw new Error(`baseline ${file}: ${(error as Error).message}`);
  }
  if (!Array.isArray(figures))
    throw new Error(`baseline ${file}: neither an array of results nor {"walks": […]}`);
  return new Map((figures as Figure[]).map((figure) => [baselineKey(figure), figure.nsPerPacket]));
}

const COLUMNS = [
  'name',
  'flows',
  'phase',
  'ns/packet',
  '(min … max)',
  'Mpackets/s',
  'GB/s',
  'relative',
  'baseline',
  'ratio',
  'target',
];

export function tableRow(result: Result, baseline: Baseline): string[] {
  const reference = baseline.get(baselineKey(result));
  const comparison = reference === undefined ? ['', '', ''] : compare(result, reference);
  return [
    result.name,
    String(result.flows),
    result.phase,
    result.nsPerPacket.toFixed(1),
    `(${result.min.toFixed(1)} … ${result.max.toFixed(1)})`,
    (result.packetsPerSecond / 1e6).toFixed(2),
    result.gigabytesPerSecond?.toFixed(2) ?? '',
    result.relative?.toFixed(2) ?? '',
    ...comparison,
  ];
}

function compare(result: Result, referenceNs: number): string[] {
  const ratio = result.nsPerPacket / referenceNs;
  const target = TARGET_RATIO[result.phase];
  return [String(referenceNs), ratio.toFixed(2), `${ratio <= target ? 'met' : 'missed'} (${target})`];
}

/** Lines of a table; columns that are empty in every row are left out. */
export function table(results: readonly Result[], baseline: Baseline): string[] {
  const rows = results.map((result) => tableRow(result, baseline));
  const used = COLUMNS.map((_, column) => rows.some((row) => row[column] !== ''));
  const kept = [COLUMNS, ...rows].map((row) => row.filter((_, column) => used[column]));
  const widths = kept[0].map((_, column) => Math.max(...kept.map((row) => row[column].length)));
  const textColumns = COLUMNS.filter((_, column) => used[column]).map(
    (name) => name === 'name' || name === 'phase',
  );
  return kept.map((row) =>
    row
      .map((cell, column) =>
        textColumns[column] ? cell.padEnd(widths[column]) : cell.padStart(widths[column]),
      )
      .join('  ')
      .trimEnd(),
  );
}
