import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { differenceFrom, type Example, examplesOf, Workshop } from './readme.js';

const example = (expected: string[], more: Partial<Example> = {}): Example => ({
  line: 1,
  command: '',
  expected,
  varies: [],
  exitStatus: 0,
  notRun: '',
  ...more,
});

describe('examplesOf', () => {
  test('commands, outputs and directives', () => {
    const examples = examplesOf(
      [
        'Text.',
        '<!-- varies: \\d+ ns -->',
        '<!-- exits: 2 -->',
        '',
        '```console',
        '$ npm ci && npm start',
        'one  ',
        '',
        'two',
        '',
        '$ false',
        '```',
        '```console',
        '$ npm ci',
        '```',
        '```sh',
        '$ not an example',
        '```',
      ].join('\n'),
    );
    assert.deepEqual(examples, [
      {
        line: 6,
        command: 'npm start',
        expected: ['one', '', 'two'],
        varies: [/\d+ ns/g],
        exitStatus: 2,
        notRun: '',
      },
      { line: 11, command: 'false', expected: [], varies: [/\d+ ns/g], exitStatus: 2, notRun: '' },
      { line: 14, command: '', expected: [], varies: [], exitStatus: 0, notRun: '' },
    ]);
  });

  test('a directive belongs to the block right behind it', () => {
    const examples = examplesOf('<!-- not run: needs root -->\ntext\n```console\n$ true\n```\n');
    assert.equal(examples[0].notRun, '');
  });

  test('faults name the line', () => {
    assert.throws(() => examplesOf('\n<!-- vary: x -->\n'), /line 2: no such directive: vary/);
    assert.throws(() => examplesOf('```console\n$ true\n'), /line 1: the console block does not end/);
    assert.throws(() => examplesOf('```console\noutput\n```\n'), /line 2: a console block starts with/);
  });
});

describe('differenceFrom', () => {
  const outcome = (...lines: string[]) => ({ exitStatus: 0, lines });

  test('equal, unequal, status', () => {
    assert.equal(differenceFrom(example(['a', 'b']), outcome('a', 'b')), '');
    assert.match(
      differenceFrom(example(['a']), outcome('a', 'b')),
      /the document shows\n {4}a\nthe command prints/,
    );
    assert.match(differenceFrom(example([]), outcome('a')), /\(nothing\)/);
    assert.equal(differenceFrom(example([], { exitStatus: 2 }), outcome()), 'exit status 0, expected 2');
  });

  test('what varies, with the width of its column', () => {
    const varying = example(['took    95 ns  ok'], { varies: [/\d+ ns/g] });
    assert.equal(differenceFrom(varying, outcome('took  1234 ns  ok')), '');
    assert.notEqual(differenceFrom(varying, outcome('took  1234 ns  bad')), '');
  });

  test('… stands for any lines', () => {
    const cut = example(['first', '…', 'last']);
    assert.equal(differenceFrom(cut, outcome('first', 'last')), '');
    assert.equal(differenceFrom(cut, outcome('first', 'x', 'y', 'last')), '');
    assert.notEqual(differenceFrom(cut, outcome('first', 'x')), '');
    assert.equal(differenceFrom(example(['first', '…']), outcome('first', 'x')), '');
    assert.equal(differenceFrom(example(['first', '…']), outcome('first')), '');
  });
});

test('Workshop: both outputs, the status, the files of the repository', () => {
  const workshop = new Workshop();
  try {
    assert.deepEqual(workshop.run('echo out; echo talk >&2; exit 3'), {
      exitStatus: 3,
      lines: ['out', 'talk'],
    });
    assert.deepEqual(workshop.run('echo written > new-file; ls package.json new-file').lines, [
      'new-file',
      'package.json',
    ]);
    assert.match(workshop.run('command -v packetwalk').lines[0], /packetwalk$/);
  } finally {
    workshop.close();
  }
});
