/** A worker thread: runs the file tasks that it is sent, one at a time. */
import { parentPort, workerData } from 'node:worker_threads';
import { EMULATED } from './entries.js';
import { type FileTask, runFile, type Selection } from './run-file.js';

export interface WorkerOptions {
  readonly selection: Selection;
  readonly maxFailures: number;
}

const { selection, maxFailures } = workerData as WorkerOptions;

parentPort?.on('message', async (task: FileTask) => {
  try {
    parentPort?.postMessage({ report: await runFile(task, selection, EMULATED, maxFailures) });
  } catch (error) {
    parentPort?.postMessage({ fault: (error as Error).message });
  }
});
