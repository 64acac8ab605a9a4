/** Network namespaces of a test's own, and packet sockets in them that see and send bare frames. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Libc, loadLibc } from '../../src/io/live/libc.js';
import { inNamespace } from '../../src/io/live/namespace.js';

/** Why no test can make interfaces here, or false. */
export function whyNoInterfaces(): string | false {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root, to make network namespaces';
  try {
    execFileSync('ip', ['netns', 'list'], { stdio: 'ignore' });
  } catch {
    return 'needs the ip command (iproute2)';
  }
  return false;
}

/** As above, for TAPs. */
export function whyNoTap(): string | false {
  return whyNoInterfaces() || (existsSync('/dev/net/tun') ? false : 'needs /dev/net/tun');
}

/** As above, for a package that is built at install. */
export async function whyNoPackage(name: string): Promise<string | false> {
  const reason = whyNoInterfaces();
  if (reason !== false) return reason;
  const { requirePackage } = await import('../../src/io/live/child/packages.js');
  try {
    requirePackage('test', name, '');
    return false;
  } catch {
    return `needs the package ${name}: npm install --no-save ${name}`;
  }
}

let made = 0;

/** A namespace that exists until `dispose`; IPv6 is off in it, so that nobody sends a frame unasked. */
export class TestNamespace {
  readonly name = `packetwalk-test-${process.pid}-${made++}`;

  constructor() {
    execFileSync('ip', ['netns', 'add', this.name]);
    this.run('sh', '-c', 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6; ip link set lo up');
  }

  /** Runs a command inside; answers its output. */
  run(command: string, ...args: string[]): string {
    return execFileSync('ip', ['netns', 'exec', this.name, command, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 20_000,
    });
  }

  ip(...args: string[]): string {
    return execFileSync('ip', ['-n', this.name, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** A pair of interfaces that are up, one here and one in another namespace. */
  addVeth(name: string, other: TestNamespace, otherName: string): void {
    this.ip('link', 'add', name, 'type', 'veth', 'peer', 'name', otherName, 'netns', other.name);
    this.ip('link', 'set', name, 'up');
    other.ip('link', 'set', otherName, 'up');
  }

  dispose(): void {
    execFileSync('ip', ['netns', 'del', this.name]);
  }
}

const SO_RCVBUFFORCE = 33;
const SOL_PACKET = 263;
const PACKET_IGNORE_OUTGOING = 23;
const ALL_PROTOCOLS = 0x0300;

/** The plainest packet socket: one frame a call, neither offloads nor VLAN tags looked at. */
export class RawLink {
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #buffer = new Uint8Array(70_000);

  static async open(namespace: TestNamespace, name: string): Promise<RawLink> {
    return new RawLink(await loadLibc('test'), namespace, name);
  }

  private constructor(libc: Libc, namespace: TestNamespace, name: string) {
    this.#libc = libc;
    const index = Number(namespace.run('cat', `/sys/class/net/${name}/ifindex`));
    this.#fd = inNamespace(libc, 'test', namespace.name, () => libc.socket(17, 3 | 0o4000, 0));
    libc.setsockopt(this.#fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, Int32Array.of(1), 4);
    libc.setsockopt(this.#fd, 1, SO_RCVBUFFORCE, Int32Array.of(4 << 20), 4);
    const address = new DataView(new ArrayBuffer(20));
    address.setUint16(0, 17, true);
    address.setUint16(2, ALL_PROTOCOLS, true);
    address.setInt32(4, index, true);
    if (libc.bind(this.#fd, address, 20) < 0) throw new Error(`bind to ${name}: errno ${libc.errno()}`);
  }

  send(frame: Uint8Array): void {
    let sent = this.#libc.write(this.#fd, frame, frame.length);
    // What the link did in between is told once.
    if (sent < 0) sent = this.#libc.write(this.#fd, frame, frame.length);
    if (sent !== frame.length)
      throw new Error(`sent ${sent} of ${frame.length}: errno ${this.#libc.errno()}`);
  }

  /** The next `count` frames that `isWanted`; fewer after two seconds. */
  async receive(count: number, isWanted: (frame: Uint8Array) => boolean): Promise<Uint8Array[]> {
    const frames: Uint8Array[] = [];
    for (const end = Date.now() + 2000; frames.length < count && Date.now() < end; ) {
      const length = this.#libc.read(this.#fd, this.#buffer, this.#buffer.length);
      if (length < 0) await sleep(2);
      else if (isWanted(this.#buffer.subarray(0, length))) frames.push(this.#buffer.slice(0, length));
    }
    return frames;
  }

  close(): void {
    this.#libc.close(this.#fd);
  }
}
