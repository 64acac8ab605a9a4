/** A host on its own: what it sends is kept, what arrives is handed to it, time is moved by the test. */
import { Clock } from '../../src/engine/clock.js';
import { EventQueue, type Timer } from '../../src/engine/event-queue.js';
import { FrameArena } from '../../src/engine/frame-arena.js';
import type { Namespace } from '../../src/engine/namespace.js';
import { Network } from '../../src/engine/network.js';
import { Node } from '../../src/engine/node.js';
import { PacketContext } from '../../src/engine/packet.js';
import { HostStack } from '../../src/engine/stack/host-stack.js';
import { Walker } from '../../src/engine/walker.js';
import { Host } from '../../src/hosts/host.js';
import type { HostWorld } from '../../src/hosts/world.js';

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

export function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replace(/\s/g, ''), 'hex'));
}

/** 10.0.0.1/24 on eth0 with gateway 10.0.0.254. Its random numbers are the ones it is given, then 0. */
export class LoneHost implements HostWorld {
  readonly host: Host;
  readonly queue = new EventQueue();
  readonly #clock = new Clock();
  readonly #numbers: number[];
  #sent: string[] = [];

  constructor(numbers: readonly number[] = [], mtu = 1500) {
    this.#numbers = [...numbers];
    const node = new Node('host');
    const { host } = node;
    const mac = Uint8Array.of(2, 0, 0, 0, 0, 1);
    const eth0 = host.addDevice({ name: 'eth0', ifindex: 2, kind: 'physical', mac, mtu });
    host.addAddress(eth0, Uint8Array.of(10, 0, 0, 1), 24);
    host.ipv4Routes.add({
      prefix: new Uint8Array(4),
      prefixLength: 0,
      ifindex: 2,
      gateway: Uint8Array.of(10, 0, 0, 254),
    });
    const walker = new Walker(new Network([node]), new FrameArena());
    this.host = new Host(new HostStack(host, walker.output, this.#clock), this, () => 1);
  }

  get random() {
    return { next: () => this.#numbers.shift() ?? 0 };
  }

  get nowNs(): number {
    return this.#clock.nowNs;
  }

  after(delayNs: number, call: () => void): Timer {
    return this.queue.schedule(this.nowNs + delayNs, call);
  }

  cancel(timer: Timer): void {
    this.queue.cancel(timer);
  }

  send(_namespace: Namespace, frame: Uint8Array): void {
    this.#sent.push(hex(frame.subarray(14)));
  }

  /** IP packets that were sent since the last call. */
  sent(): string[] {
    const sent = this.#sent;
    this.#sent = [];
    return sent;
  }

  /** An IP packet arrives. */
  receive(packet: string): void {
    const bytes = new Uint8Array([...new Uint8Array(12), 8, 0, ...bytesOf(packet)]);
    const context = new PacketContext(bytes);
    context.reset(0, bytes.length, 0, bytes.length);
    context.protocol = 0x0800;
    this.host.receive(context);
  }

  /** Moves time to `seconds`, events included. */
  runTo(seconds: number): void {
    while (this.queue.nextTimeNs <= seconds * 1e9) {
      this.#clock.set(this.queue.nextTimeNs);
      this.queue.take()!();
    }
    this.#clock.set(seconds * 1e9);
  }
}
