import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Argv } from 'yargs';
import { openError } from '../../io/file-input.js';
import { checkTopology } from '../../topologies/check.js';
import { formatTopology } from '../../topologies/document.js';
import { faultText } from '../../topologies/faults.js';
import { COLLECT_SCRIPT } from '../../topologies/import/collect-script.js';
import { importCluster } from '../../topologies/import/import-cluster.js';
import { EXIT_BAD_INPUT, EXIT_DONE, UsageError } from '../exit-codes.js';
import { log } from '../log.js';

const USAGE =
  '$0 import FOLDER [-o FILE]\n\n' +
  "Makes a topology of a real cluster's state: devices, routes, neighbours, endpoints, configuration, and the maps " +
  'as they are. --script prints the shell script that collects the folder.';

export function addImport(parser: Argv, setExitCode: (code: number) => void): Argv {
  return parser.command(
    'import [FOLDER]',
    "make a topology of a real cluster's state",
    (command) =>
      command
        .usage(USAGE)
        .positional('FOLDER', { type: 'string', describe: 'what the script collected' })
        .option('out', {
          alias: 'o',
          type: 'string',
          requiresArg: true,
          describe: 'write the topology to this file (default: standard output)',
        })
        .option('script', {
          type: 'boolean',
          default: false,
          describe: 'print the script that collects a folder',
        })
        .example('$0 import --script > collect.sh', 'then, where kubectl works: sh collect.sh cluster')
        .example('$0 import cluster -o cluster.yaml', 'then: packetwalk show -t ./cluster.yaml …'),
    ({ FOLDER, out, script }) => {
      if (script) {
        process.stdout.write(COLLECT_SCRIPT);
        return;
      }
      if (FOLDER === undefined)
        throw new UsageError('which folder? (packetwalk import FOLDER, or import --script)');
      setExitCode(importFolder(FOLDER, out ?? null));
    },
  );
}

function importFolder(folder: string, out: string | null): number {
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
