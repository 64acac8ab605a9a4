/** Runs a folder of vector files on worker threads. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { EMULATED } from './entries.js';
import { fileSet, readScenarios } from './read-scenarios.js';
import { mergeReports, type Report } from './report.js';
import { type FileTask, runFile, type Selection } from './run-file.js';
import { VectorError } from './vector-format.js';
import type { WorkerOptions } from './worker.js';

export interface RunOptions {
  /** A folder of `.jsonl.br` and `.jsonl` files, or one such file. */
  readonly vectors: string;
  readonly selection: Selection;
  readonly maxFailures: number;
  readonly workers: number;
}

/** Throws a VectorError for a folder or file that cannot be used. */
export async function runVectors(options: RunOptions): Promise<Report> {
  const files = await selectFiles(vectorFiles(options.vectors), options.selection);
  const tasks = makeTasks(files, options.workers);
  const reports = options.workers <= 1 ? await runHere(tasks, options) : await runInWorkers(tasks, options);
  return mergeReports(reports, options.maxFailures);
}

/**
 * The vector files of a folder, by name. Folders in it (`hooks`: vectors of the kernel's hook points, of another
 * shape) are not looked into; their runner takes them from the same `--vectors` folder.
 */
export function vectorFiles(path: string): string[] {
  let names: string[];
  try {
    if (!statSync(path).isDirectory()) return [path];
    names = readdirSync(path);
  } catch (error) {
    throw new VectorError(`${path}: cannot be read: ${(error as Error).message}`);
  }
  const files = names.filter((name) => /\.jsonl(\.br)?$/.test(name)).sort();
  if (files.length === 0) throw new VectorError(`${path}: holds no vector files (*.jsonl.br)`);
  return files.map((name) => join(path, name));
}

/** Leaves out files whose name and first scenario say that they are of another set. */
export async function selectFiles(files: readonly string[], selection: Selection): Promise<string[]> {
  if (selection.sets.length === 0) return [...files];
  const selected: string[] = [];
  const found = new Set<string>();
  for (const file of files) {
    const sets = [fileSet(file), await firstSet(file)];
    for (const set of sets) found.add(set);
    if (sets.some((set) => selection.sets.includes(set))) selected.push(file);
  }
  const missing = selection.sets.filter((set) => !found.has(set));
  if (missing.length > 0) {
    throw new VectorError(`no set named ${missing.join(', ')}; there are ${[...found].sort().join(', ')}`);
  }
  return selected;
}

async function firstSet(file: string): Promise<string> {
  for await (const scenario of readScenarios(file)) return scenario.featureSet;
  return fileSet(file);
}

/** Large files first; few files are split by lines, so that no worker is idle for long. */
function makeTasks(files: readonly string[], workers: number): FileTask[] {
  const bySize = files.map((path) => ({ path, size: statSync(path).size })).sort((a, b) => b.size - a.size);
  const shards = workers > 1 && files.length < workers * 4 ? workers : 1;
  return bySize.flatMap(({ path }) =>
    Array.from({ length: shards }, (_, shard) => ({ path, shard, shards })),
  );
}

async function runHere(tasks: readonly FileTask[], options: RunOptions): Promise<Report[]> {
  const reports: Report[] = [];
  for (const task of tasks) {
    reports.push(await runFile(task, options.selection, EMULATED, options.maxFailures));
  }
  return reports;
}

async function runInWorkers(tasks: readonly FileTask[], options: RunOptions): Promise<Report[]> {
  const { selection, maxFailures } = options;
  const workerData: WorkerOptions = { selection, maxFailures };
  const reports = new Array<Report>(tasks.length);
  let next = 0;
  const workers = Array.from(
    { length: Math.min(options.workers, tasks.length) },
    () => new Worker(new URL('./worker.js', import.meta.url), { workerData }),
  );
  try {
    await Promise.all(
      workers.map(async (worker) => {
        while (next < tasks.length) {
          const index = next++;
          reports[index] = await ask(worker, tasks[index]);
        }
      }),
    );
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  return reports;
}

function ask(worker: Worker, task: FileTask): Promise<Report> {
  return new Promise((resolve, reject) => {
    const done = (answer: { report?: Report; fault?: string }): void => {
      worker.off('error', reject);
      if (answer.report !== undefined) resolve(answer.report);
      else reject(new VectorError(answer.fault));
    };
    worker.once('message', done);
    worker.once('error', reject);
    worker.postMessage(task);
  });
}
