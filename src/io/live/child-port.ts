/**
 * The port of a plugin that runs in a process of its own (child/main.ts). The process ends with its interface; when the
 * interface is up again a `refresh` starts another, behind the same file descriptor.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { FrameArena } from '../../engine/frame-arena.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import { CONTROL_LENGTH, CONTROL_LOST, CONTROL_NOT_SENT, CONTROL_READY } from './child/protocol.js';
import { ANY_INTERFACE } from './child/raw-socket.js';
import { errorText } from './error-text.js';
import { InterfaceControl } from './interface-control.js';
import { type Libc, loadLibc } from './libc.js';
import { BAD_INPUT, LiveError } from './live-error.js';
import {
  KERNEL_DROPS,
  LINK_DOWN,
  type LivePort,
  PORT_DOWN,
  PORT_GONE,
  PORT_UP,
  type PortSpec,
  SEND_ERRORS,
} from './live-port.js';
import { inNamespace } from './namespace.js';
import { SocketPort } from './socket-port.js';

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
const BUFFER_BYTES = 4 << 20;

const MAIN = fileURLToPath(new URL('./child/main.js', import.meta.url));
const START_TIMEOUT_MS = 10_000;
const START_POLL_MS = 5;
/** Largest IP packet: what sockets that are bound to no interface take. */
const ANY_MTU = 65535;

/** Opens an interface by `libpcap` or `raw-socket`. Rejects with LiveError. */
export async function openChildPort(spec: PortSpec): Promise<LivePort> {
  const name = `${spec.plugin}:${spec.name}`;
  const libc = await loadLibc(name);
  const control = inNamespace(libc, name, spec.namespace, () => setUpInterface(libc, name, spec));
  const port = new ChildPort(spec, libc, control);
  try {
    await port.start();
    return port;
  } catch (error) {
    port.close();
    throw error;
  }
}

function setUpInterface(libc: Libc, name: string, spec: PortSpec): InterfaceControl | null {
  if (spec.plugin === 'raw-socket' && spec.name === ANY_INTERFACE) return null;
  const control = new InterfaceControl(libc, name, spec.name);
  try {
    control.index();
    if (spec.mac !== undefined) control.setMac(spec.mac);
    if (spec.mtu !== undefined) control.setMtu(spec.mtu);
    if (spec.up === true) control.bringUp();
    if (control.isUp() !== false) return control;
    throw new LiveError(name, 'the interface is down', `ip link set ${spec.name} up`, BAD_INPUT);
  } catch (error) {
    control.close();
    throw error;
  }
}

class ChildPort extends SocketPort implements LivePort {
  readonly #spec: PortSpec;
  readonly #control: InterfaceControl | null;
  #child: ChildProcess | null = null;
  #isReady = false;
  /** What earlier processes, and the present one, said that they lost. */
  #lostBefore = 0;
  #lost = 0;
  #notSent = 0;

  constructor(spec: PortSpec, libc: Libc, control: InterfaceControl | null) {
    super(spec, libc, -1, false, false);
    this.#spec = spec;
    this.#control = control;
    this.#readInterface();
  }

  /** Starts the process and waits until it has opened the interface. */
  async start(): Promise<void> {
    const child = this.#startProcess('pipe');
    let said = '';
    let hasEnded = false;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    child.once('close', () => {
      hasEnded = true;
    });
    const control = new Uint8Array(CONTROL_LENGTH);
    for (let waited = 0; waited < START_TIMEOUT_MS; waited += START_POLL_MS) {
      if (this.libc.read(this.fd, control, CONTROL_LENGTH) === CONTROL_LENGTH) {
        this.#isReady = true;
        return;
      }
      if (hasEnded) throw this.#failure(said);
      await sleep(START_POLL_MS);
    }
    throw new LiveError(this.#name, 'its process does not start', 'see: ps', BAD_INPUT);
  }

  protected override arm(): void {}

  /** Takes a message that is no frame: from the process, or what the end of it looks like. */
  protected override accept(arena: FrameArena, handle: number): boolean {
    const length = arena.length[handle];
    if (length > CONTROL_LENGTH) {
      // Neither package says what a peer on the same machine has left undone.
      this.finishing.detect(arena, handle, this.mtu + ethernet.HEADER_LENGTH);
      return true;
    }
    if (length < CONTROL_LENGTH) this.#lose();
    else {
      const view = new DataView(arena.bytes.buffer, arena.start[handle], CONTROL_LENGTH);
      this.#noteControl(view.getUint32(0, true), view.getFloat64(4, true));
    }
    return false;
  }

  protected override transmit(arena: FrameArena, handles: Int32Array, at: number, count: number): number {
    if (this.state === PORT_UP) return super.transmit(arena, handles, at, count);
    this.counters[LINK_DOWN] += count;
    return 0;
  }

  override refresh(): void {
    if (this.state === PORT_GONE) return;
    this.#readInterface();
    if (this.state === PORT_UP && this.#child === null) this.#startProcess('ignore');
    if (this.state === PORT_UP && !this.#isReady) this.state = PORT_DOWN;
  }

  override close(): void {
    super.close();
    this.#control?.close();
    this.#child?.kill();
    this.#child = null;
  }

  get #name(): string {
    return `${this.plugin}:${this.name}`;
  }

  #readInterface(): void {
    const control = this.#control;
    if (control === null) {
      this.mtu = ANY_MTU;
      this.state = PORT_UP;
      return;
    }
    const isUp = control.isUp();
    this.state = isUp === null ? PORT_GONE : isUp ? PORT_UP : PORT_DOWN;
    if (isUp === null) return;
    this.mtu = control.mtu();
    control.readMac(this.mac);
  }

  #startProcess(output: 'pipe' | 'ignore'): ChildProcess {
    const theirs = this.#connect();
    const { counters: _, ...spec } = this.#spec;
    const child = spawn(process.execPath, [MAIN, JSON.stringify(spec)], {
      stdio: ['ignore', output, 'ignore', theirs],
    });
    this.libc.close(theirs);
    child.on('error', () => {});
    child.unref();
    this.#child = child;
    this.#isReady = false;
    return child;
  }

  /** Makes a pair of sockets, one of them behind `fd` in place of what was there; answers the other. */
  #connect(): number {
    const pair = new Int32Array(2);
    if (this.libc.socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) {
      throw new LiveError(this.#name, errorText(this.libc.errno()), 'raise ulimit -n', BAD_INPUT);
    }
    const size = Int32Array.of(BUFFER_BYTES);
    for (const fd of pair) this.libc.setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, size, 4);
    this.#putBehind(pair[0]);
    return pair[1];
  }

  #putBehind(fd: number): void {
    if (this.fd < 0) {
      this.fd = fd;
      return;
    }
    this.libc.dup3(fd, this.fd, SOCK_CLOEXEC);
    this.libc.close(fd);
  }

  /** The process has ended. A descriptor that nothing ever comes from takes the place of the one that is at its end. */
  #lose(): void {
    this.#putBehind(this.libc.eventfd(0, SOCK_NONBLOCK | SOCK_CLOEXEC));
    this.#child = null;
    this.#isReady = false;
    this.#lostBefore += this.#lost;
    this.#lost = 0;
    this.#notSent = 0;
    this.state = PORT_DOWN;
    this.refresh();
  }

  #noteControl(kind: number, value: number): void {
    if (kind === CONTROL_READY) {
      this.#isReady = true;
      this.state = PORT_UP;
    } else if (kind === CONTROL_LOST) {
      this.#lost = value;
      this.counters[KERNEL_DROPS] = this.#lostBefore + value;
    } else if (kind === CONTROL_NOT_SENT) {
      this.counters[SEND_ERRORS] += value - this.#notSent;
      this.#notSent = value;
    }
  }

  #failure(said: string): LiveError {
    try {
      const { fault, remedy, exitCode } = JSON.parse(said) as Record<string, string & number>;
      return new LiveError(this.#name, fault, remedy, exitCode);
    } catch (cause) {
      return new LiveError(this.#name, 'its process ended', 'run the command again', BAD_INPUT, cause);
    }
  }
}
