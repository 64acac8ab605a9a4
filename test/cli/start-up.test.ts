/** What a command loads: no more than it needs. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { repositoryRoot } from '../support/repository.js';
import { inTemporaryDirectory, lab, packetwalk } from './run.js';

const RECORDER = pathToFileURL(path.join(repositoryRoot, 'dist/test/support/record-modules.js'));
const OWN = pathToFileURL(path.join(repositoryRoot, 'dist/src/')).href;

/** Modules of ours, as `cli/main`, and packages. */
interface Loaded {
  readonly own: readonly string[];
  readonly packages: ReadonlySet<string>;
}

/** What `packetwalk ARGS`, which is to exit with `exitCode`, loads. */
function loaded(args: readonly string[], exitCode = 0): Loaded {
  return inTemporaryDirectory((directory) => {
    const file = path.join(directory, 'modules');
    const outcome = packetwalk(args, '', {
      NODE_OPTIONS: `--import=${RECORDER}`,
      MODULES_FILE: file,
    });
    assert.equal(outcome.exitCode, exitCode, outcome.stderr);
    const urls = [...new Set(readFileSync(file, 'utf8').trimEnd().split('\n'))];
    const own = urls.filter((url) => url.startsWith(OWN)).map((url) => url.slice(OWN.length, -'.js'.length));
    const packages = urls.flatMap((url) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? []);
    return { own: own.sort(), packages: new Set(packages) };
  });
}

const notOfCli = ({ own }: Loaded): readonly string[] => own.filter((module) => !module.startsWith('cli/'));
const inRooms = ({ own }: Loaded, ...rooms: readonly string[]): readonly string[] =>
  own.filter((module) => rooms.some((room) => module.startsWith(`${room}/`)));

/** Errors that are told in a line. */
const ERRORS = [
  'io/capture-error',
  'io/live/live-error',
  'live/request-error',
  'topologies/faults',
  'topologies/import/import-error',
  'topologies/own-program-error',
  'topologies/trace/expression-error',
];
const HEAVY = ['zod', 'yaml', 'koffi'];

/** Packages of `names` that were loaded. */
const ofPackages = ({ packages }: Loaded, names: readonly string[]): readonly string[] =>
  names.filter((name) => packages.has(name));

describe('modules that are loaded', () => {
  for (const [args, exitCode] of [
    [['--version'], 0],
    [['--help'], 0],
    [['walk'], 2],
  ] as const) {
    test(`${args}: no command`, () => {
      const modules = loaded(args, exitCode);
      assert.deepEqual(notOfCli(modules), ['engine/tune', ...ERRORS]);
      assert.deepEqual(inRooms(modules, 'cli/commands'), []);
      assert.deepEqual(ofPackages(modules, ['yargs', 'pino', ...HEAVY]), ['yargs', 'pino']);
      assert.ok(modules.own.length <= 20, `${modules.own.length} modules`);
    });
  }

  for (const command of ['attach', 'import', 'lab', 'monitor', 'replay', 'run', 'topologies', 'trace']) {
    test(`${command} --help: the options alone`, () => {
      const modules = loaded([command, '--help']);
      assert.deepEqual(inRooms(modules, 'cli/commands')[0], `cli/commands/${command}`);
      assert.deepEqual(inRooms(modules, 'programs', 'hosts', 'engine/stack', 'engine/maps'), []);
      assert.deepEqual(inRooms(modules, 'live'), ['live/request-error']);
      assert.deepEqual(ofPackages(modules, HEAVY), []);
    });
  }

  const CAPTURE = lab('life-of-a-packet-pod1.pcap');
  for (const args of [
    ['replay', CAPTURE, '-t', 'life-of-a-packet'],
    ['replay', CAPTURE],
    ['trace', '-t', 'vxlan', 'client -> web:80'],
    ['run', '-t', 'vxlan', 'client: echo 1'],
  ]) {
    test(`${args.join(' ')}: nothing live, nothing that prints what nobody asked for`, () => {
      const modules = loaded(args);
      assert.ok(modules.own.includes('programs/lxc'));
      assert.deepEqual(inRooms(modules, 'live', 'io/live'), ['io/live/live-error', 'live/request-error']);
      assert.deepEqual(inRooms(modules, 'cli/show'), ['cli/show/after-run']);
      assert.deepEqual(
        inRooms(modules, 'cli/monitor').filter((module) => !/\/(?:choice|cilium-version)$/.test(module)),
        [],
      );
      assert.deepEqual(inRooms(modules, 'cli/lab', 'topologies/listings'), []);
      assert.deepEqual(ofPackages(modules, ['koffi']), []);
    });
  }

  test('show: nothing live', () => {
    const modules = loaded(['show', '-t', 'same-node', 'route', '-n']);
    assert.deepEqual(inRooms(modules, 'live', 'io/live'), ['io/live/live-error', 'live/request-error']);
    assert.deepEqual(inRooms(modules, 'cli/lab', 'cli/replay'), []);
    assert.deepEqual(ofPackages(modules, ['koffi']), []);
  });

  test('topologies: no datapath, and no checks', () => {
    const modules = loaded(['topologies']);
    assert.deepEqual(
      notOfCli(modules),
      ['engine/tune', ...ERRORS, 'topologies/document', 'topologies/ready-made'].sort(),
    );
    assert.deepEqual(ofPackages(modules, HEAVY), ['yaml']);
  });

  test('lab status: what asks a lab, not the lab', () => {
    const modules = loaded(['lab', 'status', '--name', 'no lab has this name'], 2);
    assert.deepEqual(inRooms(modules, 'live'), [
      'live/control-socket',
      'live/request-error',
      'live/state-file',
    ]);
    assert.deepEqual(inRooms(modules, 'programs', 'engine/maps'), []);
    assert.deepEqual(ofPackages(modules, HEAVY), []);
  });
});
