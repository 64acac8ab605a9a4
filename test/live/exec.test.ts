/** `packetwalk lab exec`, what `--serve` serves, and the live view. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { cannotRun, type Ended, Lab, MAIN, packetwalk, pause } from './lab.js';

const skip = cannotRun('sh', 'sleep', 'cat');

describe('lab exec', { skip, timeout: 120_000 }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.start(['dual-stack', '--serve']);
  });
  after(() => lab.stop());

  const exec = (place: string, ...words: readonly string[]): Promise<Ended> =>
    packetwalk('lab', 'exec', place, '--name', lab.name, '--', ...words);

  const ends: readonly [string, readonly string[], number][] = [
    ["is the command's", ['sh', '-c', 'exit 7'], 7],
    ['is 128 and the signal that the command ended by', ['sh', '-c', 'kill -9 $$'], 137],
    ['is 127 for a command that is not there', ['nosuchcommand'], 127],
    ['is 126 for one that is no program', ['/etc/passwd'], 126],
  ];
  for (const [name, words, code] of ends) {
    test(`exit code ${name}`, async () => {
      assert.equal((await exec('client', ...words)).code, code);
    });
  }

  test('a place that is not there, and no command', async () => {
    const place = await exec('clent', 'true');
    assert.deepEqual(
      [place.code, place.stderr],
      [2, 'packetwalk: error: no clent in the lab; did you mean "client"?\n'],
    );
    const command = await exec('client');
    assert.deepEqual(
      [command.code, command.stderr],
      [2, 'packetwalk: error: exec what? (packetwalk lab exec POD -- COMMAND…)\n'],
    );
  });

  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    test(`${signal} reaches the command`, async () => {
      const words = [
        'lab',
        'exec',
        'client',
        '--name',
        lab.name,
        '--',
        'sh',
        '-c',
        'echo started; exec sleep 60',
      ];
      const started = spawn(process.execPath, [MAIN, ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
      await once(started.stdout, 'data');
      const ended = once(started, 'exit');
      started.kill(signal);
      assert.deepEqual(await ended, [code, null]);
    });
  }

  test('standard input and output are those of the command', async () => {
    const words = ['lab', 'exec', 'client', '--name', lab.name, '--', 'cat'];
    const cat = spawn(process.execPath, [MAIN, ...words], { stdio: ['pipe', 'pipe', 'inherit'] });
    cat.stdin.end('through\n');
    const [data] = await once(cat.stdout, 'data');
    assert.equal(String(data), 'through\n');
  });

  describe('DNS', { skip: cannotRun('dig') }, () => {
    const dig = (...words: readonly string[]): Promise<Ended> =>
      exec('client', 'dig', '+short', '+time=2', '+tries=1', ...words);
    const questions: readonly [string, readonly string[], string][] = [
      ['a service, asked of the world', ['@1.1.1.1', 'web.default.svc.cluster.local'], '10.96.0.80\n'],
      ['an IPv6 address', ['@8.8.8.8', 'web', 'AAAA'], 'fd00:c::80\n'],
      ['a pod, asked over IPv6', ['@2606:4700:4700::1111', 'server'], '10.0.2.10\n'],
      ['a name without such an address', ['@1.1.1.1', 'web', 'MX'], ''],
    ];
    for (const [name, words, answer] of questions) {
      test(name, async () => {
        const { code, stdout } = await dig(...words);
        assert.deepEqual([code, stdout], [0, answer]);
      });
    }

    test('a name that is none', async () => {
      const { stdout } = await exec('client', 'dig', '+time=2', '+tries=1', '@1.1.1.1', 'nosuch');
      assert.match(stdout, /status: NXDOMAIN/);
    });
  });
});

/** What a lab draws on a terminal of this size within some seconds; how it ended. */
async function onTerminal(
  name: string,
  columns: number,
  rows: number,
): Promise<{ text: string; code: number }> {
  const command = `stty cols ${columns} rows ${rows}; exec '${process.execPath}' '${MAIN}' lab vxlan --name ${name}`;
  const script = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
  let text = '';
  script.stdout.on('data', (data) => {
    text += data;
  });
  const ended = once(script, 'exit');
  const end = Date.now() + 20_000;
  while (text.split('\x1b[H').length < 4 && Date.now() < end) await pause(100);
  // As the terminal's driver does for Ctrl-C.
  script.stdin.write('\x03');
  const [code] = await ended;
  return { text, code };
}

describe('the live view', { skip: cannotRun('script', 'stty'), timeout: 120_000 }, () => {
  for (const [columns, rows] of [
    [80, 24],
    [20, 5],
    [1, 2],
    [0, 0],
  ] as const) {
    test(`fits a terminal of ${columns} by ${rows}, and gives it back`, async () => {
      const { text, code } = await onTerminal(`v${process.pid}-${columns}`, columns, rows);
      assert.equal(code, 0, text);
      const pages = text.split('\x1b[H').slice(1);
      assert.ok(pages.length >= 3, text);
      if (columns !== 1) assert.match(pages[0], /^lab v\d+-\d+/);
      for (const page of pages.slice(0, 2)) {
        const lines = page.split('\x1b[J')[0].replaceAll('\x1b[K', '').split('\r\n');
        assert.ok(lines.length <= (rows || 24), `${lines.length} lines`);
        for (const line of lines) assert.ok(line.length <= (columns || 80), line);
      }
      // The screen that was there before, with its cursor.
      assert.ok(text.includes('\x1b[?25h\x1b[?1049l'), text);
    });
  }
});
