/** Makes a topology of what the script collected in a folder, and says what is to be known of it. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { openError } from '../io/file-input.js';
import { checkTopology } from '../topologies/check.js';
import { formatTopology } from '../topologies/document.js';
import { faultText } from '../topologies/faults.js';
import { importCluster } from '../topologies/import/import-cluster.js';
import { EXIT_BAD_INPUT, EXIT_DONE } from './exit-codes.js';
import { log } from './log.js';

/** Writes to the file `out`, or standard output for null. Answers the exit code. Throws ImportError or CaptureError. */
export function importFolder(folder: string, out: string | null): number {
  const base = out === null ? process.cwd() : path.dirname(path.resolve(out));
  const { spec, notes } = importCluster(folder, base);
  const text = formatTopology(
    spec,
    `Imported from ${path.basename(path.resolve(folder))}; maps are in its folders`,
  );
  if (out === null) process.stdout.write(text);
  else {
    try {
      writeFileSync(out, text);
    } catch (error) {
      throw openError(out, error);
    }
  }
  for (const note of notes) log.info(note);
  const { faults } = checkTopology(spec).faults;
  for (const fault of faults) {
    if (fault.severity === 'error') log.error(faultText(fault));
    else log.warn(faultText({ ...fault, severity: 'error' }));
  }
  return faults.some((fault) => fault.severity === 'error') ? EXIT_BAD_INPUT : EXIT_DONE;
}
