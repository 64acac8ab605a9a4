/**
 * The pod's walks, timed per packet from a frame in its slot to its fate: device, hook chain, programs, redirect,
 * FIB, counters. The frames are 54-byte TCP
 * segments of N flows in scattered order, as the kernel's figures were taken; the cost of laying a frame into its
 * slot is measured in the same run and taken off, as there.
 */
import * as fate from '../src/engine/fate.js';
import * as checksum from '../src/engine/wire/checksum.js';
import * as ethernet from '../src/engine/wire/ethernet.js';
import * as ipv4 from '../src/engine/wire/ipv4.js';
import * as layer4 from '../src/engine/wire/layer4.js';
import * as tcp from '../src/engine/wire/tcp.js';
import type { Benchmark, Case, Phase } from './harness.js';
import { WalkNode } from './walk-node.js';

const HEADERS = ethernet.HEADER_LENGTH + ipv4.HEADER_LENGTH + tcp.HEADER_LENGTH;
const PACKETS = 131072;
/** Flow order of the kernel's driver: i * 40503 mod N. */
const STRIDE = 40503;
const FIRST_PORT = 1024;

interface Walk {
  readonly name: string;
  readonly destination: readonly number[];
  readonly port: number;
  /** What comes out: destination address, port, and the device it leaves by. */
  readonly translated: readonly number[];
  readonly translatedPort: number;
  readonly local: boolean;
}

export const WALKS: readonly Walk[] = [
  {
    name: 'pod-to-pod-local',
    destination: [10, 245, 1, 20],
    port: 80,
    translated: [10, 245, 1, 20],
    translatedPort: 80,
    local: true,
  },
  {
    name: 'pod-to-clusterip-local',
    destination: [10, 96, 0, 10],
    port: 80,
    translated: [10, 245, 1, 20],
    translatedPort: 8080,
    local: true,
  },
  {
    name: 'pod-to-clusterip-remote',
    destination: [10, 96, 0, 11],
    port: 80,
    translated: [10, 245, 2, 10],
    translatedPort: 8080,
    local: false,
  },
  {
    name: 'pod-to-pod-remote',
    destination: [10, 245, 2, 10],
    port: 80,
    translated: [10, 245, 2, 10],
    translatedPort: 80,
    local: false,
  },
];

function address(bytes: readonly number[]): number {
  return new Int32Array(Uint8Array.from(bytes).buffer)[0];
}

/** A segment from the pod, source port 0, as words for a fast copy; the checksum is that for port 0. */
function template(walk: Walk, flags: number): Int32Array {
  const words = new Int32Array((HEADERS + 5) >> 2);
  // The frame lies at 2 mod 4 in its slot, so two bytes of the word before it come first.
  const bytes = new Uint8Array(words.buffer);
  const at = 2;
  const mac = Uint8Array.of(0x0a, 0, 0, 0, 1, 1);
  ethernet.write(bytes, at, Uint8Array.of(0x0a, 0, 0, 0, 1, 0xfe), mac, ethernet.TYPE_IPV4);
  const ipAt = at + ethernet.HEADER_LENGTH;
  const source = address([10, 245, 1, 10]);
  ipv4.write(bytes, ipAt, tcp.HEADER_LENGTH, 1, 0, 64, ipv4.PROTOCOL_TCP, source, address(walk.destination));
  const tcpAt = ipAt + ipv4.HEADER_LENGTH;
  tcp.write(bytes, tcpAt, 0, walk.port, 1000, 0, flags, 0xffff);
  layer4.fillIpv4(bytes, ipAt, tcpAt, tcp.HEADER_LENGTH, tcp.checksumAt(tcpAt));
  return words;
}

export class WalkCase implements Case {
  readonly flows: number;
  readonly phase: Phase;
  readonly packets: number;
  readonly #walk: Walk;
  readonly node = new WalkNode();
  readonly #flowMask: number;
  readonly #syn: Int32Array;
  readonly ack: Int32Array;
  readonly #words: Int32Array;
  /** Where the frame starts: two bytes into a word, so that its IP header comes to lie on one. */
  readonly #start: number;

  constructor(walk: Walk, flows: number, phase: Phase) {
    this.#walk = walk;
    this.flows = flows;
    this.#flowMask = flows - 1;
    this.phase = phase;
    this.packets = phase === 'new' ? flows : Math.max(PACKETS, 2 * flows);
    this.#syn = template(walk, tcp.SYN);
    this.ack = template(walk, tcp.ACK);
    const { arena, handle } = this.node;
    this.#start = arena.start[handle];
    this.#words = new Int32Array(arena.bytes.buffer);
  }

  reset(): void {
    if (this.phase === 'new') {
      this.node.forgetFlows();
      return;
    }
    if (this.node.datapath.ipv4.conntrackTcp.size > 0) return;
    this.#send(this.#syn, this.flows);
    for (let round = 0; round < 2; round++) this.#send(this.ack, this.flows);
  }

  run(): void {
    this.#send(this.phase === 'new' ? this.#syn : this.ack, this.packets);
  }

  overheadNs(): number {
    const start = performance.now();
    this.#layOnly(this.phase === 'new' ? this.#syn : this.ack, this.packets);
    return (performance.now() - start) * 1e6;
  }

  #send(frame: Int32Array, packets: number): void {
    const { walker, handle, lxc } = this.node;
    const expected = this.#walk.local ? fate.DELIVERED : fate.TRANSMITTED;
    for (let i = 0; i < packets; i++) {
      this.lay(frame, i);
      const met = walker.receive(handle, lxc);
      if (met !== expected) throw new Error(`fate ${met} (reason ${walker.reason}) of packet ${i}`);
    }
  }

  #layOnly(frame: Int32Array, packets: number): void {
    for (let i = 0; i < packets; i++) this.lay(frame, i);
  }

  /** A frame of the next flow into the slot. */
  lay(frame: Int32Array, i: number): void {
    const { arena, handle } = this.node;
    const words = this.#words;
    const start = this.#start;
    const base = (start - 2) >> 2;
    for (let w = 0; w < frame.length; w++) words[base + w] = frame[w];
    // N is a power of two, so this is the driver's order: i * 40503 mod N.
    const port = (FIRST_PORT + (Math.imul(i, STRIDE) & this.#flowMask)) & 0xffff;
    const portAt = start + ethernet.HEADER_LENGTH + ipv4.HEADER_LENGTH;
    tcp.putSourcePort(arena.bytes, portAt, port);
    arena.start[handle] = start;
    arena.length[handle] = HEADERS;
  }

  /** The last packet's frame and way, and the conntrack table, are what the walk makes of them. */
  verify(): void {
    const { arena, handle, walker } = this.node;
    const bytes = arena.bytes;
    const ipAt = arena.start[handle] + ethernet.HEADER_LENGTH;
    const tcpAt = ipAt + ipv4.HEADER_LENGTH;
    const walk = this.#walk;
    const expected = walk.local ? this.node.localPod.peer : this.node.native;
    if (walker.device !== expected) throw new Error(`ended at ${walker.device.name}`);
    if (ipv4.destination(bytes, ipAt) !== address(walk.translated)) throw new Error('wrong destination');
    if (tcp.destinationPort(bytes, tcpAt) !== walk.translatedPort) throw new Error('wrong destination port');
    if (ipv4.timeToLive(bytes, ipAt) !== 63) throw new Error('TTL not decremented once');
    if (!checksum.isIpv4HeaderValid(bytes, ipAt)) throw new Error('IPv4 checksum is wrong');
    // The template's checksum is for source port 0: take the port out of the sum again.
    tcp.putSourcePort(bytes, tcpAt, 0);
    if (!layer4.isValidIpv4(bytes, ipAt, tcpAt, tcp.HEADER_LENGTH)) throw new Error('TCP checksum is wrong');
    const perFlow = (walk.local ? 2 : 1) + (walk.destination[1] === 96 ? 1 : 0);
    const size = this.node.datapath.ipv4.conntrackTcp.size;
    if (size !== perFlow * this.flows) throw new Error(`${size} conntrack entries for ${this.flows} flows`);
  }
}

function* cases(walk: Walk): Generator<Case> {
  for (const flows of [1, 1024, 65536]) {
    yield new WalkCase(walk, flows, 'established');
    yield new WalkCase(walk, flows, 'new');
  }
}

export const walkBenchmarks: readonly Benchmark[] = WALKS.map((walk) => ({
  name: walk.name,
  prepare: () => cases(walk),
}));
