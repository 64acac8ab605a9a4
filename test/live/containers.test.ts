/** Containers: docs/lab.md's recipe for one that is a pod, as it stands there, and packetwalk inside of one. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, describe, test } from 'node:test';
import { repositoryRoot } from '../support/repository.js';
import { cannotRun, MAIN, pause, run } from './lab.js';

const engine = ['docker', 'podman'].find((program) => spawnSync(program, ['info']).status === 0) ?? '';

/** Of the image, of containers, and of labs. */
const name = `pwt${process.pid}`;
const NODE = '/node';
/** Programs are those of this machine; the image has nothing but places for them. */
const MOUNTS = [
  ['/usr', '/usr'],
  [process.execPath, NODE],
  [repositoryRoot, repositoryRoot],
  [realpathSync(join(repositoryRoot, 'node_modules')), realpathSync(join(repositoryRoot, 'node_modules'))],
].flatMap(([from, to]) => ['-v', `${from}:${to}:ro`]);

function engineSays(...args: readonly string[]): string {
  return execFileSync(engine, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function importImage(): void {
  const root = mkdtempSync(join(tmpdir(), 'packetwalk-image-'));
  for (const place of ['usr', 'tmp', 'etc', 'proc', 'sys', 'dev', 'run']) mkdirSync(join(root, place));
  for (const place of ['bin', 'sbin', 'lib', 'lib64']) symlinkSync(`usr/${place}`, join(root, place));
  for (const file of ['passwd', 'alternatives']) {
    cpSync(join('/etc', file), join(root, 'etc', file), { recursive: true, verbatimSymlinks: true });
  }
  const archive = `${root}.tar`;
  execFileSync('tar', ['-C', root, '-cf', archive, '.']);
  engineSays('import', archive, name);
  rmSync(root, { recursive: true });
  rmSync(archive);
}

/** Why no container can be made of the image, which is there afterwards; false when one can. */
function cannotContain(): string | false {
  const missing = cannotRun('curl', 'bash', 'tar');
  if (missing !== false) return missing;
  if (engine === '') return 'skipped: neither docker nor podman answers';
  importImage();
  const { status, stderr } = spawnSync(engine, ['run', '--rm', ...MOUNTS, name, NODE, '--version']);
  return status === 0 ? false : `skipped: ${engine} starts no container: ${stderr}`;
}

const skip = cannotContain();
after(() => {
  if (engine !== '') spawnSync(engine, ['rmi', '-f', name]);
});

/** The commands of the first console block under a heading of docs/lab.md. */
function commandsUnder(heading: string): string[] {
  const page = readFileSync(join(repositoryRoot, 'docs/lab.md'), 'utf8');
  const block = page.slice(page.indexOf(`## ${heading}\n`)).split('```')[1];
  return block.split('\n').flatMap((line) => (line.startsWith('$ ') ? [line.slice(2)] : []));
}

/** What the container has said. */
function logs(): string {
  const { stdout, stderr } = spawnSync(engine, ['logs', name], { encoding: 'utf8' });
  return stdout + stderr;
}

function labInside(...options: readonly string[]): string[] {
  const container = ['--name', name, '--network', 'none', ...options, ...MOUNTS, name];
  return [...container, NODE, MAIN, 'lab', 'vxlan', '--serve'];
}

describe('containers', { skip, timeout: 120_000 }, () => {
  afterEach(() => {
    spawnSync(engine, ['rm', '-f', name]);
  });

  test('the recipe for a container as a pod', async () => {
    const untilReady = 'until grep -q "lab ready" "$log"; do kill -0 $lab; sleep 0.1; done';
    const commands = commandsUnder('A container as a pod').map((line) =>
      line
        .replace('nicolaka/netshoot', `${MOUNTS.join(' ')} ${name}`)
        .replaceAll(/\bshell\b/g, name)
        .replaceAll(/\bdocker /g, `${engine} `)
        .replace('lab vxlan', `lab vxlan --name ${name}`)
        .replace(/ &$/, () => ` 2> "$log" & lab=$!\n${untilReady}`),
    );
    assert.equal(commands.length, 7);
    const script = [
      'set -e',
      `packetwalk() { exec '${process.execPath}' '${MAIN}' "$@"; }`,
      'sudo() { "$@"; }',
      'log=$(mktemp)',
      `trap 'set +e; cat "$log" >&2; rm "$log"; kill $lab; wait $lab; ip netns del ${name}' EXIT`,
      ...commands,
    ];
    const { code, stdout, stderr } = await run('timeout', ['30', 'bash', '-c', script.join('\n')], 40);
    assert.match(stdout, /\nserver answers 10\.0\.1\.10 port \d+\n$/, stderr);
    assert.equal(code, 0, stderr);
  });

  test('a lab inside of a container, whose /proc/sys is read-only', async () => {
    const rights = ['--cap-add', 'NET_ADMIN', '--cap-add', 'SYS_ADMIN', '--device', '/dev/net/tun'];
    engineSays('run', '-d', ...labInside(...rights, '--security-opt', 'apparmor=unconfined'));
    const end = Date.now() + 20_000;
    while (!logs().includes('lab ready') && Date.now() < end) await pause(100);
    const words = ['lab', 'exec', 'client', '--', 'curl', '-sm', '5', 'http://10.96.0.80/'];
    const { stdout, stderr } = await run(engine, ['exec', name, NODE, MAIN, ...words]);
    assert.match(stdout, /^server answers 10\.0\.1\.10 port \d+\n$/, stderr + logs());
    engineSays('stop', '-t', '10', name);
    assert.equal(engineSays('inspect', '-f', '{{.State.ExitCode}}', name), '0\n', logs());
  });

  test('without the right to make namespaces it says what is missing', () => {
    const { status, stderr } = spawnSync(engine, ['run', ...labInside()], { encoding: 'utf8' });
    assert.match(
      stderr,
      /need CAP_SYS_ADMIN and CAP_NET_ADMIN \(in a container: docker run --cap-add SYS_ADMIN/,
    );
    assert.equal(status, 3);
  });
});
