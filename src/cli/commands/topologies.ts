/** `packetwalk topologies`: the ready-made ones, and checks of all. */
import { readFileSync } from 'node:fs';
import { suggestion } from '../../topologies/faults.js';
import { command } from '../command.js';
import { EXIT_DONE, EXIT_FOUND, UsageError } from '../exit-codes.js';
import { flag, json } from '../options.js';

export const add = command(
  (parser) =>
    parser
      .usage(
        '$0 topologies [NAME] [--json]\n$0 topologies check FILE… [--strict] [--json]\n\n' +
          'A printed topology, changed, serves replay --topology FILE. check prints every error and warning, ' +
          'and exits with 1 when there is an error.',
      )
      .positional('NAME', { type: 'string', describe: 'print this one, as the YAML that declares it' })
      .positional('FILE', { type: 'string', array: true, describe: 'of check: files, or names' })
      .options({ strict: flag('check: a warning is an error'), json })
      .example('$0 topologies', 'which there are')
      .example('$0 topologies life-of-a-packet > mine.yaml', 'a start for your own')
      .example('$0 topologies check mine.yaml', 'what is wrong with it'),
  async ({ NAME, FILE: files = [], strict, ...args }) => {
    if (NAME === 'check') return check(files, args.json, strict);
    if (files.length > 0) throw new UsageError(`topologies ${NAME}: one at a time`);
    process.stdout.write(await (NAME === undefined ? listText(args.json) : topologyText(NAME, args.json)));
    return EXIT_DONE;
  },
);

async function listText(json: boolean): Promise<string> {
  const { listTopologies } = await import('../../topologies/ready-made.js');
  const all = listTopologies().map(({ name, description }) => ({ name, description }));
  if (json) return `${JSON.stringify(all)}\n`;
  const width = Math.max(...all.map(({ name }) => name.length));
  return all.map(({ name, description }) => `${name.padEnd(width)}  ${description}\n`).join('');
}

async function topologyText(name: string, json: boolean): Promise<string> {
  const { readyFile, readyNames } = await import('../../topologies/ready-made.js');
  const names = readyNames();
  if (!names.includes(name)) {
    const hint = suggestion(name, names) || `; there are ${names.join(', ')}`;
    throw new UsageError(`no ready-made topology ${name}${hint}`);
  }
  if (!json) return readFileSync(readyFile(name), 'utf8');
  const { loadTopology } = await import('../../topologies/load.js');
  return `${JSON.stringify(loadTopology(name).spec)}\n`;
}

/** A line for each fault: `FILE:LINE:COLUMN: error: PATH: MESSAGE`, as compilers have it. */
async function check(files: readonly string[], json: boolean, strict: boolean): Promise<number> {
  if (files.length === 0) throw new UsageError('topologies check which file? (topologies check FILE…)');
  const { checkTopologyFile } = await import('../../topologies/load.js');
  const found = files.flatMap((file) => checkTopologyFile(file).map((fault) => ({ file, ...fault })));
  if (json) process.stdout.write(`${JSON.stringify(found)}\n`);
  else {
    for (const { file, line, column, severity, path, message } of found) {
      const place = line === 0 ? file : `${file}:${line}:${column}`;
      process.stdout.write(`${place}: ${severity}: ${path}: ${message}\n`);
    }
  }
  const isBad = found.some(({ severity }) => severity === 'error' || strict);
  return isBad ? EXIT_FOUND : EXIT_DONE;
}
