/** A cable for tests: ends in network namespaces of their own, each with an interface `wire`, and what is seen there. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Ended, run } from './lab.js';

const INTERFACE = 'wire';
const OFFLOADS = ['tx', 'tso', 'gso', 'gro'].flatMap((name) => [name, 'off']);

function ip(...words: readonly string[]): void {
  execFileSync('ip', words);
}

export class Wire {
  /** Namespaces. */
  readonly ends: readonly string[];
  readonly #bridge: string | null;

  /** Two ends are those of a veth, more are on a bridge. */
  constructor(name: string, count: number) {
    this.ends = Array.from({ length: count }, (_, i) => `${name}-${i + 1}`);
    this.#bridge = count > 2 ? `${name}-bridge` : null;
    for (const end of this.#namespaces) ip('netns', 'add', end);
    if (this.#bridge === null) {
      ip(
        '-n',
        this.ends[0],
        'link',
        'add',
        INTERFACE,
        'type',
        'veth',
        'peer',
        INTERFACE,
        'netns',
        this.ends[1],
      );
    } else this.#plugIn(this.#bridge);
    for (const end of this.ends) {
      ip('-n', end, 'link', 'set', INTERFACE, 'up');
      // As a real cable: a veth would let unfinished checksums and merged segments pass.
      ip('netns', 'exec', end, 'ethtool', '-K', INTERFACE, ...OFFLOADS);
    }
  }

  get #namespaces(): readonly string[] {
    return this.#bridge === null ? this.ends : [...this.ends, this.#bridge];
  }

  #plugIn(bridge: string): void {
    ip('-n', bridge, 'link', 'add', 'bridge', 'up', 'type', 'bridge');
    this.ends.forEach((end, i) => {
      ip('-n', bridge, 'link', 'add', `port${i}`, 'type', 'veth', 'peer', INTERFACE, 'netns', end);
      ip('-n', bridge, 'link', 'set', `port${i}`, 'master', 'bridge', 'up');
    });
  }

  /** The port of an end, as `--device` takes it. */
  port(end: number, plugin = 'af-packet'): string {
    return `${plugin}:${INTERFACE}@${this.ends[end]}`;
  }

  /** Runs `ip` at an end. */
  configure(end: number, ...words: readonly string[]): void {
    ip('-n', this.ends[end], ...words);
  }

  run(end: number, words: readonly string[], seconds?: number): Promise<Ended> {
    return run('ip', ['netns', 'exec', this.ends[end], ...words], seconds);
  }

  /** What tcpdump says of the next `count` frames at an end, and of fewer when they do not come in ten seconds. */
  async capture(end: number, count: number, filter: string): Promise<() => Promise<string>> {
    const options = ['-nvve', '-i', INTERFACE, '-c', String(count), filter];
    const tcpdump = [
      'netns',
      'exec',
      this.ends[end],
      'timeout',
      '10',
      'tcpdump',
      '--immediate-mode',
      ...options,
    ];
    const capture = spawn('ip', tcpdump, { stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = once(capture, 'close');
    let text = '';
    capture.stdout.on('data', (data) => {
      text += data;
    });
    // It says that it listens once it does.
    await once(capture.stderr.resume(), 'data');
    return async () => {
      await ended;
      return text;
    };
  }

  remove(): void {
    for (const namespace of this.#namespaces) ip('netns', 'del', namespace);
  }
}
