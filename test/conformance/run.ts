/** Runs a folder of vector files on worker threads. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { EMULATED } from './entries.js';
import { hooksSet, isHooksFile } from './hooks/hooks-format.js';
import { fileSet, readScenarios } from './read-scenarios.js';
import { mergeReports, type Report } from './report.js';
import { type FileTask, runFile, type Selection } from './run-file.js';
import { VectorError } from './vector-format.js';
import type { WorkerOptions } from './worker.js';

export interface RunOptions {
  /** A folder of `.jsonl.br` and `.jsonl` files and of hook vectors (`.json.gz`, or in `hooks/`), or one such file. */
  readonly vectors: string;
  readonly selection: Selection;
  readonly maxFailures: number;
  readonly workers: number;
}

/** Throws a VectorError for a folder or file that cannot be used. */
export async function runVectors(options: RunOptions): Promise<Report> {
  const files = await selectFiles(allFiles(options.vectors), options.selection);
  const tasks = makeTasks(files, options.workers);
  const reports = options.workers <= 1 ? await runHere(tasks, options) : await runInWorkers(tasks, options);
  return mergeReports(reports, options.maxFailures);
}

/** All vector files of a folder and of the folder `hooks` in it; or the one file that is named. */
function allFiles(path: string): string[] {
  const files = [...vectorFiles(path), ...hookFiles(path)];
  if (files.length === 0)
    throw new VectorError(`${path}: holds no vector files (*.jsonl.br, hooks/*.json.gz)`);
  return files;
}

/** The scenario files of a folder, by name. */
export function vectorFiles(path: string): string[] {
  return filesIn(path, /\.jsonl(\.br)?$/);
}

/** The files of hook vectors in a folder or in the folder `hooks` in it. */
export function hookFiles(path: string): string[] {
  const inner = join(path, 'hooks');
  return [...filesIn(path, /\.json(\.gz)?$/), ...(existsSync(inner) ? filesIn(inner, /\.json(\.gz)?$/) : [])];
}

function filesIn(path: string, name: RegExp): string[] {
  try {
    if (!statSync(path).isDirectory()) return name.test(path) ? [path] : [];
    const names = readdirSync(path).filter((file) => name.test(file));
    return names.sort().map((file) => join(path, file));
  } catch (error) {
    throw new VectorError(`${path}: cannot be read: ${(error as Error).message}`);
  }
}

/** Leaves out files whose name and first scenario say that they are of another set. */
export async function selectFiles(files: readonly string[], selection: Selection): Promise<string[]> {
  if (selection.sets.length === 0) return [...files];
  const selected: string[] = [];
  const found = new Set<string>();
  for (const file of files) {
    const sets = isHooksFile(file)
      ? [hooksSet(file), hooksSet(file).replace('hooks/', '')]
      : [fileSet(file), await firstSet(file)];
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
    isHooksFile(path)
      ? [{ path, shard: 0, shards: 1 }]
      : Array.from({ length: shards }, (_, shard) => ({ path, shard, shards })),
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
