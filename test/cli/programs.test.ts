/** `--program`: programs of a user's own on the command line. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { repositoryRoot } from '../support/repository.js';
import { inTemporaryDirectory, lab, packetwalk } from './run.js';

const ARGUMENTS = ['replay', lab('life-of-a-packet-pod1.pcap'), '-t', 'life-of-a-packet', '--json'];
const COUNTER = 'dist/examples/protocol-counter.js';

function run(...programs: readonly string[]) {
  const { exitCode, stdout, stderr } = packetwalk([
    ...ARGUMENTS,
    ...programs.flatMap((text) => ['--program', text]),
  ]);
  assert.equal(exitCode, 0, stderr);
  return JSON.parse(stdout);
}

function fault(...args: readonly string[]): string {
  const { exitCode, stdout, stderr } = packetwalk([...ARGUMENTS, ...args]);
  assert.equal(exitCode, 2, stderr);
  assert.equal(stdout, '');
  return stderr;
}

describe('--program', () => {
  test('several, each with its counts, in the order of their hooks', () => {
    const { programs, totals } = run(
      `${COUNTER}@node1/lxc00aa/tcx-ingress`,
      `${COUNTER}@node1/lxc00aa/tcx-egress:before`,
      `${COUNTER}@node1/lxc00aa/tcx-ingress:after`,
    );
    const common = { name: 'protocol-counter', device: 'node1/lxc00aa', drops: 0 };
    assert.deepEqual(programs, [
      {
        ...common,
        hook: 'tcx-ingress',
        place: 'before',
        runs: 54,
        counts: { icmp: 9, tcp: 43, udp: 1, 'not IP': 1 },
      },
      {
        ...common,
        hook: 'tcx-egress',
        place: 'before',
        runs: 56,
        counts: { icmp: 10, tcp: 45, 'not IP': 1 },
      },
      { ...common, hook: 'tcx-ingress', place: 'after', runs: 0, counts: {} },
    ]);
    assert.deepEqual(totals, { delivered: 46, transmitted: 40, stack: 3, answered: 1, dropped: 16, held: 0 });
  });

  test('TypeScript as it is, and nothing left behind', () => {
    const { programs } = run('examples/protocol-counter.ts@node1/bond0/tcx-ingress');
    assert.equal(programs[0].runs, 52);
    const files = readdirSync(path.join(repositoryRoot, 'examples'));
    assert.ok(files.includes('protocol-counter.ts'));
    assert.deepEqual(
      files.filter((file) => !file.endsWith('.ts')),
      [],
    );
  });

  test('drops without a reason are counted under the name', () => {
    inTemporaryDirectory((directory) => {
      const file = path.join(directory, 'all@home', 'drop.mjs');
      mkdirSync(path.dirname(file));
      writeFileSync(file, `export default { name: 'drop-all', run: () => 2 };`);
      const { fates, programs } = run(`${file}@node1/lxc00aa/tcx-ingress`);
      assert.deepEqual(fates.dropped[0], { reason: 384, name: 'drop-all', frames: 54 });
      assert.equal(programs[0].drops, 54);
    });
  });

  test('the same seed gives the same run, whatever a program draws', () => {
    inTemporaryDirectory((directory) => {
      const file = path.join(directory, 'draws.mjs');
      const text = `export default ({ random }) => ({ name: 'draws', n: 0, run() { this.n ^= random.next(); return -1; },
        counts() { return { number: this.n >>> 0 }; } });`;
      writeFileSync(file, text);
      const numbers = () => run(`${file}@node1/bond0/clsact-ingress`).programs[0];
      assert.deepEqual(numbers(), numbers());
    });
  });
});

describe('bad programs', () => {
  test('the option', () => {
    assert.match(fault('-p', 'x.js'), /--program x\.js: not FILE@DEVICE\/HOOK\[:before\|after\]/);
    assert.match(fault('-p', 'x.js@bond0'), /not FILE@DEVICE\/HOOK/);
    assert.match(
      fault('-p', 'x.js@node1/bond0/tc-ingress'),
      /no such hook: tc-ingress; did you mean "tcx-ingress"\?/,
    );
    assert.match(fault('-p', 'x.js@node1/bond0/xdp:first'), /"first" is neither before nor after/);
  });

  test('the device and the file', () => {
    assert.match(
      fault('-p', `${COUNTER}@bond0/xdp`),
      /--program .*: 2 nodes have it; give node1\/bond0 or node2\/bond0/,
    );
    assert.match(fault('-p', `${COUNTER}@node1/bond1/xdp`), /no such device .*did you mean "node1\/bond0"\?/);
    assert.match(fault('-p', 'missing.js@node1/bond0/xdp'), /missing\.js: there is no such file/);
    assert.match(
      fault('-p', 'filter.o@node1/bond0/xdp'),
      /filter\.o is no module; it is to end in \.js, \.mjs or \.ts/,
    );
  });

  const files: [string, string, RegExp][] = [
    ['syntax.mjs', 'export default {', /cannot be loaded: SyntaxError/],
    ['syntax.ts', 'export default {', /does not compile:\n[^\n]*error TS1005|cannot be loaded: SyntaxError/],
    ['none.mjs', 'export const program = 1;', /none\.mjs has no default export/],
    ['number.mjs', 'export default 7;', /the default export is not a program: that is an object with a name/],
    ['nameless.mjs', 'export default { run: () => 0 };', /not a program/],
    [
      'factory.mjs',
      'export default () => { throw new Error("no list"); };',
      /making the program failed: Error: no list/,
    ],
    [
      'throws.mjs',
      `export default { name: 'bad', run: () => { null.x; } };`,
      /program bad failed in run 1: TypeError.*throws\.mjs:1/,
    ],
    [
      'silent.mjs',
      `export default { name: 'bad', run: () => {} };`,
      /program bad answered undefined in run 1: a verdict is a whole number/,
    ],
  ];
  for (const [name, text, expected] of files) {
    test(name, () => {
      inTemporaryDirectory((directory) => {
        const file = path.join(directory, name);
        writeFileSync(file, text);
        const said = fault('-p', `${file}@node1/bond0/tcx-ingress`);
        assert.match(said, expected);
        assert.doesNotMatch(said, /\n {4}at /);
      });
    });
  }
});
