/** `packetwalk import`: a topology of a real cluster's state. */
import { command } from '../command.js';
import { EXIT_DONE, UsageError } from '../exit-codes.js';
import { flag, text } from '../options.js';

const USAGE =
  '$0 import FOLDER [-o FILE]\n\n' +
  "Makes a topology of a real cluster's state: devices, routes, neighbours, endpoints, configuration, and the maps " +
  'as they are. --script prints the shell script that collects the folder.';

const OPTIONS = {
  out: { ...text('write the topology to this file (default: standard output)'), alias: 'o' },
  script: flag('print the script that collects a folder'),
} as const;

export const add = command(
  (parser) =>
    parser
      .usage(USAGE)
      .positional('FOLDER', { type: 'string', describe: 'what the script collected' })
      .options(OPTIONS)
      .example('$0 import --script > collect.sh', 'then, where kubectl works: sh collect.sh cluster')
      .example('$0 import cluster -o cluster.yaml', 'then: packetwalk show -t ./cluster.yaml …'),
  async ({ FOLDER, out, script }) => {
    if (script) {
      const { COLLECT_SCRIPT } = await import('../../topologies/import/collect-script.js');
      process.stdout.write(COLLECT_SCRIPT);
      return EXIT_DONE;
    }
    if (FOLDER === undefined)
      throw new UsageError('which folder? (packetwalk import FOLDER, or import --script)');
    const { importFolder } = await import('../import-folder.js');
    return importFolder(FOLDER, out ?? null);
  },
);
