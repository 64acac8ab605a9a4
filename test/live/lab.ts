/** Runs labs for tests: real namespaces, each under a name of its own, gone when the test is over. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import path from 'node:path';
import { after } from 'node:test';
import type { Status } from '../../src/cli/lab/status.js';
import { repositoryRoot } from '../support/repository.js';

export const MAIN = path.join(repositoryRoot, 'dist/src/cli/main.js');
const START_MS = 20_000;

/** SHA-256 of the first 100,000,000 bytes of what lab servers serve under /bytes/N. */
export const SHA256_OF_100_MB = 'e295501617e377cb1a65e0c667950f285eed9c5d955afd3498f641d5fa1562ab';

/** Why a lab cannot be made here, or that the tools are missing; false when nothing is in the way. */
export function cannotRun(...tools: readonly string[]): string | false {
  if (process.getuid?.() !== 0) return 'skipped: needs root, to make network namespaces';
  if (!existsSync('/dev/net/tun')) return 'skipped: there is no /dev/net/tun';
  const missing = ['ip', ...tools].filter((tool) => !isInstalled(tool));
  return missing.length > 0 ? `skipped: not installed: ${missing.join(', ')}` : false;
}

function isInstalled(tool: string): boolean {
  return (process.env.PATH ?? '').split(path.delimiter).some((directory) => {
    try {
      accessSync(path.join(directory, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, `seconds` at most. */
export function run(command: string, args: readonly string[], seconds = 20): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { timeout: seconds * 1000, maxBuffer: 1 << 26 };
    execFile(command, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : null;
      resolve({ code, stdout, stderr });
    });
  });
}

export function packetwalk(...args: readonly string[]): Promise<Ended> {
  return run(process.execPath, [MAIN, ...args]);
}

let started = 0;
const labs: Lab[] = [];

// What a test that failed has left running would keep the test runner waiting.
after(async () => {
  for (const lab of labs) {
    if (!lab.isRunning) continue;
    await lab.kill('SIGKILL');
    await packetwalk('lab', '--clean', lab.name);
  }
});

export class Lab {
  readonly name: string;
  readonly process: ChildProcess;
  /** What it has said on standard error so far. */
  said = '';
  /** What it has printed on standard output. */
  printed = '';

  /** `packetwalk lab` with these arguments, once it is ready. */
  static async start(args: readonly string[], name = `t${process.pid}-${++started}`): Promise<Lab> {
    const lab = new Lab(['lab', ...args, '--name', name], name);
    await lab.saysWithin(/ready: /, START_MS);
    return lab;
  }

  constructor(args: readonly string[], name: string) {
    labs.push(this);
    this.name = name;
    this.process = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.process.stdout?.on('data', (data) => {
      this.printed += data;
    });
    this.process.stderr?.on('data', (data) => {
      this.said += data;
    });
  }

  get isRunning(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  async saysWithin(pattern: RegExp, milliseconds: number): Promise<void> {
    const end = Date.now() + milliseconds;
    while (!pattern.test(this.said)) {
      if (Date.now() > end || this.process.exitCode !== null) {
        await this.kill('SIGKILL');
        throw new Error(`the lab has not said ${pattern}: ${this.said}`);
      }
      await pause(20);
    }
  }

  /** Runs a program in the namespace of a pod or of the outside. */
  run(place: string, words: readonly string[], seconds?: number): Promise<Ended> {
    return run('ip', ['netns', 'exec', `pw-${this.name}-${place}`, ...words], seconds);
  }

  ask(...words: readonly string[]): Promise<Ended> {
    return packetwalk('lab', ...words.slice(0, 1), '--name', this.name, ...words.slice(1));
  }

  async status(): Promise<Status> {
    // Statistics are at most a twentieth of a second old.
    await pause(120);
    return JSON.parse((await this.ask('status', '--json')).stdout) as Status;
  }

  async kill(signal: NodeJS.Signals): Promise<number | null> {
    if (this.isRunning) {
      const ended = new Promise((resolve) => this.process.once('exit', resolve));
      this.process.kill(signal);
      await ended;
    }
    return this.process.exitCode;
  }

  /** Ends it as Ctrl-C does, and sees to it that nothing is left. */
  async stop(): Promise<void> {
    const code = await this.kill('SIGINT');
    assert.equal(code, 0, this.said);
    assert.deepEqual(namespacesOf(this.name), []);
    await run(process.execPath, [MAIN, 'lab', '--clean', this.name]);
  }
}

export function namespacesOf(lab: string): string[] {
  return execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.split(' ')[0])
    .filter((name) => name.startsWith(`pw-${lab}-`));
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Percent of the pings that were lost, of 50 in a tenth of a second and more. */
export async function pingLoss(lab: Lab, from: string, to: string): Promise<number> {
  const { stdout, stderr } = await lab.run(from, ['ping', '-q', '-c', '50', '-i', '0.01', '-W', '2', to]);
  const loss = /([\d.]+)% packet loss/.exec(stdout)?.[1];
  assert.ok(loss !== undefined, stdout + stderr);
  return Number(loss);
}

/** SHA-256 of what a URL has; empty when it has nothing within `seconds`. */
export function download(lab: Lab, from: string, url: string, seconds = 15): Promise<string> {
  return downloadIn(`pw-${lab.name}-${from}`, url, seconds);
}

/** The same in any namespace. */
export async function downloadIn(namespace: string, url: string, seconds: number): Promise<string> {
  const command = `set -o pipefail; curl -gsSf -m ${seconds} '${url}' | sha256sum`;
  const words = ['netns', 'exec', namespace, 'bash', '-c', command];
  const { code, stdout } = await run('ip', words, seconds + 5);
  return code === 0 ? stdout.slice(0, 64) : '';
}

export interface IperfResult {
  readonly bitsPerSecond: number;
  /** UDP: datagrams lost, in percent. */
  readonly lostPercent: number;
}

export async function iperf(
  lab: Lab,
  from: string,
  args: readonly string[],
  seconds?: number,
): Promise<IperfResult> {
  const { stdout } = await lab.run(from, ['iperf3', '-J', ...args], seconds);
  const { end, error } = JSON.parse(stdout) as {
    end: {
      sum?: { bits_per_second: number; lost_percent: number };
      sum_received?: { bits_per_second: number };
    };
    error?: string;
  };
  assert.equal(error, undefined);
  return {
    bitsPerSecond: (end.sum_received ?? end.sum)?.bits_per_second ?? 0,
    lostPercent: end.sum?.lost_percent ?? 0,
  };
}
