import { readFileSync } from 'node:fs';
import type { Argv } from 'yargs';
import { suggestion } from '../../topologies/faults.js';
import { UsageError } from '../exit-codes.js';

export function addTopologies(parser: Argv): Argv {
  return parser.command(
    'topologies [NAME]',
    'list the ready-made topologies, or print one of them',
    (command) =>
      command
        .usage('$0 topologies [NAME] [--json]\n\nA printed topology, changed, serves replay --topology FILE.')
        .positional('NAME', { type: 'string', describe: 'print this one, as the YAML that declares it' })
        .option('json', { type: 'boolean', default: false, describe: 'print JSON' })
        .example('$0 topologies', 'which there are')
        .example('$0 topologies life-of-a-packet > mine.yaml', 'a start for your own'),
    async ({ NAME, json }) => {
      process.stdout.write(await (NAME === undefined ? listText(json) : topologyText(NAME, json)));
    },
  );
}

async function listText(json: boolean): Promise<string> {
  const { listTopologies } = await import('../../topologies/load.js');
  const all = listTopologies().map(({ name, description }) => ({ name, description }));
  if (json) return `${JSON.stringify(all)}\n`;
  const width = Math.max(...all.map(({ name }) => name.length));
  return all.map(({ name, description }) => `${name.padEnd(width)}  ${description}\n`).join('');
}

async function topologyText(name: string, json: boolean): Promise<string> {
  const { listTopologies, loadTopology } = await import('../../topologies/load.js');
  const all = listTopologies();
  const topology = all.find((candidate) => candidate.name === name);
  if (topology === undefined) {
    const names = all.map((candidate) => candidate.name);
    const hint = suggestion(name, names) || `; there are ${names.join(', ')}`;
    throw new UsageError(`no ready-made topology ${name}${hint}`);
  }
  return json ? `${JSON.stringify(loadTopology(name).spec)}\n` : readFileSync(topology.file, 'utf8');
}
