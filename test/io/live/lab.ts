/** Two namespaces whose interfaces are joined by two ports and a loop that moves frames between them. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { setImmediate as turn } from 'node:timers/promises';
import { FrameArena } from '../../../src/engine/frame-arena.js';
import type { LivePort, Plugin } from '../../../src/io/live/live-port.js';
import { openPort } from '../../../src/io/live/open.js';
import { Poller } from '../../../src/io/live/poller.js';
import { TestNamespace } from '../../support/live-network.js';

export interface Side {
  readonly plugin: Plugin;
  readonly offloads: boolean;
  readonly mtu?: number;
}

/** The interface at both ends. */
export const END = 'end0';
const BATCH = 64;

export class Lab {
  readonly left = new TestNamespace();
  readonly right = new TestNamespace();
  /** Where packet sockets are, between the two. */
  readonly #middle = new TestNamespace();
  readonly ports: LivePort[] = [];
  readonly #children: ChildProcess[] = [];
  #poller: Poller | null = null;

  /** Both ends are called END, with 10.9.0.1, fd09::1 and 10.9.0.2, fd09::2. */
  static async open(left: Side, right: Side): Promise<Lab> {
    const lab = new Lab();
    try {
      await lab.#add(lab.left, left, 'left', 1);
      await lab.#add(lab.right, right, 'right', 2);
      lab.#poller = await Poller.create();
      for (const port of lab.ports) lab.#poller.add(port.fd);
      return lab;
    } catch (error) {
      lab.dispose();
      throw error;
    }
  }

  async #add(namespace: TestNamespace, side: Side, name: string, host: number): Promise<void> {
    const { plugin, offloads, mtu = 1500 } = side;
    if (plugin === 'tap') {
      this.ports.push(await openPort({ plugin, name: END, namespace: namespace.name, offloads, mtu }));
    } else {
      this.#middle.addVeth(name, namespace, END);
      namespace.ip('link', 'set', END, 'mtu', String(mtu));
      this.ports.push(await openPort({ plugin, name, namespace: this.#middle.name, offloads, mtu }));
    }
    namespace.run('sh', '-c', `echo 0 >/proc/sys/net/ipv6/conf/${END}/disable_ipv6`);
    namespace.ip('addr', 'add', `10.9.0.${host}/24`, 'dev', END);
    namespace.ip('addr', 'add', `fd09::${host}/64`, 'dev', END, 'nodad');
  }

  /** Starts a program in a namespace; what it wrote is there when it has ended. */
  start(namespace: TestNamespace, command: string, ...args: string[]): Promise<string> {
    return this.startUntil(null, namespace, command, ...args);
  }

  /** As `start`; the program is interrupted as by Ctrl-C when `until` is done. */
  startUntil(
    until: Promise<unknown> | null,
    namespace: TestNamespace,
    command: string,
    ...args: string[]
  ): Promise<string> {
    const child = spawn('ip', ['netns', 'exec', namespace.name, command, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#children.push(child);
    void until?.finally(() => child.kill('SIGINT'));
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.stderr.resume();
    return new Promise((resolve) => child.once('close', () => resolve(output)));
  }

  /** Moves frames until `done`, `seconds` at most. */
  async run<T>(done: Promise<T>, seconds: number): Promise<T> {
    const [left, right] = this.ports;
    const poller = this.#poller!;
    const arena = new FrameArena(256, 80);
    const handles = new Int32Array(BATCH);
    const move = (from: LivePort, to: LivePort): void => {
      const count = from.receive(arena, handles, 0, BATCH);
      if (count === 0) return;
      to.send(arena, handles, 0, count);
      for (let i = 0; i < count; i++) arena.free(handles[i]);
    };
    let isDone = false;
    const result = done.finally(() => {
      isDone = true;
    });
    for (const end = Date.now() + 1000 * seconds; !isDone; ) {
      if (Date.now() > end) throw new Error(`not done after ${seconds} s`);
      poller.wait(1);
      move(left, right);
      move(right, left);
      await turn();
    }
    return result;
  }

  dispose(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    for (const port of this.ports) port.close();
    this.#poller?.close();
    for (const namespace of [this.left, this.right, this.#middle]) namespace.dispose();
  }
}

export function hasCommand(name: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const RECEIVER = `
const { createHash } = require('node:crypto');
const hash = createHash('sha256');
require('node:net').createServer((socket) => {
  socket.on('data', (data) => hash.update(data));
  socket.on('end', () => { process.stdout.write(hash.digest('hex')); socket.end(() => process.exit(0)); });
}).listen(+process.argv[1], process.argv[2]);`;

const SENDER = `
const { createHash } = require('node:crypto');
const [size, port, address] = process.argv.slice(1);
const data = Buffer.alloc(+size);
for (let i = 0; i < data.length; i++) data[i] = (i * i + (i >> 9)) & 255;
const send = () => {
  const socket = require('node:net').connect(+port, address);
  socket.on('error', () => setTimeout(send, 50));
  socket.on('connect', () => socket.on('close', () => process.exit(0)).end(data));
};
process.stdout.write(createHash('sha256').update(data).digest('hex'), send);`;

/** Sends `size` bytes over TCP from the left to the right; answers whether they came whole. */
export async function transfer(lab: Lab, address: string, size: number, port = 5001): Promise<boolean> {
  const received = lab.start(lab.right, process.execPath, '-e', RECEIVER, String(port), address);
  const sent = lab.start(lab.left, process.execPath, '-e', SENDER, String(size), String(port), address);
  const [one, two] = await lab.run(Promise.all([received, sent]), 30);
  return one.length === 64 && one === two;
}
