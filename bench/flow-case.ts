/**
 * A walk as a timed case: N flows of TCP segments in scattered order, each laid into the slot and walked to its fate.
 * The cost of laying a frame is measured in the same run and taken off, as in the kernel's figures.
 */
import type { Device } from '../src/engine/device.js';
import type { BpfMap } from '../src/engine/maps/map.js';
import * as checksum from '../src/engine/wire/checksum.js';
import * as ethernet from '../src/engine/wire/ethernet.js';
import * as ipv4 from '../src/engine/wire/ipv4.js';
import * as ipv6 from '../src/engine/wire/ipv6.js';
import * as layer4 from '../src/engine/wire/layer4.js';
import * as tcp from '../src/engine/wire/tcp.js';
import { type Case, now, type Phase } from './harness.js';
import { WalkNode, type WalkNodeOptions, word } from './walk-node.js';

const PACKETS = 131072;
/** First packets of fewer flows than this are timed in rounds, all flows forgotten before each. */
const FIRST_PACKETS = 1024;
/** Flow order of the kernel's driver: i * 40503 mod N. */
const STRIDE = 40503;

/** Addresses of 4 or 16 bytes. */
export interface End {
  readonly address: readonly number[];
  readonly port: number;
}

export interface FlowWalk {
  readonly name: string;
  readonly node?: WalkNodeOptions;
  /** Last changes to the node. */
  readonly prepare?: (node: WalkNode) => void;
  /** Where the frames come from and go to; their source port is the flow's. */
  readonly source: readonly number[];
  readonly destination: End;
  readonly sourceMac: readonly number[];
  readonly destinationMac: readonly number[];
  /** Flows have the source ports from here on. Default 1024. */
  readonly firstPort?: number;
  readonly flows?: readonly number[];
  readonly enters: (node: WalkNode) => Device;
  /** How a walk ends, and where. */
  readonly fate: number;
  readonly ends: (node: WalkNode) => Device;
  /** What comes out; `source` is the sender's unless given. With `untouched` the frame is as it came in. */
  readonly translated?: { readonly source?: readonly number[]; readonly destination: End };
  readonly untouched?: boolean;
  /** Bytes by which a SYN has grown: DSR adds its option to no other segment of TCP. */
  readonly addedToFirst?: number;
  /** Entries of a flow in the node's conntrack maps and SNAT map. */
  readonly conntrackEntries: number;
  readonly natEntries?: number;
}

function writeTemplate(walk: FlowWalk, flags: number): { words: Int32Array; length: number } {
  const isV6 = walk.source.length === 16;
  const ipLength = isV6 ? ipv6.HEADER_LENGTH : ipv4.HEADER_LENGTH;
  const length = ethernet.HEADER_LENGTH + ipLength + tcp.HEADER_LENGTH;
  const words = new Int32Array((length + 5) >> 2);
  // The frame lies at 2 mod 4 in its slot, so two bytes of the word before it come first.
  const bytes = new Uint8Array(words.buffer);
  const at = 2;
  const type = isV6 ? ethernet.TYPE_IPV6 : ethernet.TYPE_IPV4;
  ethernet.write(bytes, at, Uint8Array.from(walk.destinationMac), Uint8Array.from(walk.sourceMac), type);
  const ipAt = at + ethernet.HEADER_LENGTH;
  const tcpAt = ipAt + ipLength;
  const { address, port } = walk.destination;
  if (isV6) {
    const source = Uint8Array.from(walk.source);
    ipv6.write(bytes, ipAt, tcp.HEADER_LENGTH, ipv4.PROTOCOL_TCP, 64, source, Uint8Array.from(address));
  } else {
    const protocol = ipv4.PROTOCOL_TCP;
    ipv4.write(bytes, ipAt, tcp.HEADER_LENGTH, 1, 0, 64, protocol, word(walk.source), word(address));
  }
  tcp.write(bytes, tcpAt, 0, port, 1000, 0, flags, 0xffff);
  if (isV6) {
    layer4.fillIpv6(bytes, ipAt, ipv4.PROTOCOL_TCP, tcpAt, tcp.HEADER_LENGTH, tcp.checksumAt(tcpAt));
  } else {
    layer4.fillIpv4(bytes, ipAt, tcpAt, tcp.HEADER_LENGTH, tcp.checksumAt(tcpAt));
  }
  return { words, length };
}

export class FlowCase implements Case {
  readonly flows: number;
  readonly phase: Phase;
  readonly packets: number;
  readonly node: WalkNode;
  readonly against?: FlowCase;
  readonly #walk: FlowWalk;
  readonly #syn: Int32Array;
  readonly #ack: Int32Array;
  readonly #length: number;
  readonly #words: Int32Array;
  readonly #enters: Device;
  readonly #firstPort: number;
  /** Where the frame starts: two bytes into a word, so that its IP header comes to lie on one. */
  readonly #start: number;
  readonly #portAt: number;
  /** Offset of the flow from one packet to the next, below N. */
  readonly #stride: number;
  readonly #rounds: number;
  #flow = 0;
  #ready = false;

  constructor(walk: FlowWalk, flows: number, phase: Phase, against?: FlowCase) {
    this.#walk = walk;
    this.flows = flows;
    this.phase = phase;
    this.#rounds = phase === 'new' ? Math.ceil(FIRST_PACKETS / flows) : 1;
    this.packets = phase === 'new' ? flows * this.#rounds : Math.max(PACKETS, 2 * flows);
    this.node = new WalkNode(walk.node);
    walk.prepare?.(this.node);
    if (against !== undefined) this.against = against;
    const { words, length } = writeTemplate(walk, tcp.SYN);
    this.#syn = words;
    this.#ack = writeTemplate(walk, tcp.ACK).words;
    this.#length = length;
    this.#enters = walk.enters(this.node);
    this.#firstPort = walk.firstPort ?? 1024;
    this.#stride = STRIDE % flows;
    const { arena, handle } = this.node;
    this.#start = arena.start[handle];
    this.#portAt = this.#start + length - tcp.HEADER_LENGTH;
    this.#words = new Int32Array(arena.bytes.buffer);
  }

  reset(): void {
    if (this.phase === 'new') {
      this.node.forgetFlows();
      return;
    }
    if (this.#ready) return;
    this.#send(this.#syn, this.flows);
    for (let round = 0; round < 2; round++) this.#send(this.#ack, this.flows);
    this.#ready = true;
  }

  run(): void {
    if (this.phase === 'established') {
      this.#send(this.#ack, this.packets);
      return;
    }
    for (let round = 0; round < this.#rounds; round++) {
      if (round > 0) this.node.forgetFlows();
      this.#send(this.#syn, this.flows);
    }
  }

  /** Laying the frames down. Forgetting the flows between rounds is not taken off: a microsecond a round. */
  overheadNs(): number {
    const start = now();
    this.#layOnly(this.phase === 'new' ? this.#syn : this.#ack, this.packets);
    return (now() - start) * 1e6;
  }

  #send(frame: Int32Array, packets: number): void {
    const { walker, handle } = this.node;
    const enters = this.#enters;
    const expected = this.#walk.fate;
    this.#flow = 0;
    for (let i = 0; i < packets; i++) {
      this.lay(frame);
      const met = walker.receive(handle, enters);
      if (met !== expected) throw new Error(`fate ${met} (reason ${walker.reason}) of packet ${i}`);
    }
  }

  #layOnly(frame: Int32Array, packets: number): void {
    this.#flow = 0;
    for (let i = 0; i < packets; i++) this.lay(frame);
  }

  /** A frame of the next flow into the slot. */
  lay(frame: Int32Array): void {
    const { arena, handle } = this.node;
    const words = this.#words;
    const start = this.#start;
    const base = (start - 2) >> 2;
    for (let w = 0; w < frame.length; w++) words[base + w] = frame[w];
    tcp.putSourcePort(arena.bytes, this.#portAt, (this.#firstPort + this.#flow) & 0xffff);
    const flow = this.#flow + this.#stride;
    this.#flow = flow < this.flows ? flow : flow - this.flows;
    arena.start[handle] = start;
    arena.length[handle] = this.#length;
  }

  /** The last packet's frame and way, and the flow tables, are what the walk makes of them. */
  verify(): void {
    const { node } = this;
    const walk = this.#walk;
    const { arena, handle, walker } = node;
    const expected = walk.ends(node);
    if (walker.device !== expected) throw new Error(`ended at ${walker.device.name}`);
    const added = this.phase === 'new' ? (walk.addedToFirst ?? 0) : 0;
    if (arena.length[handle] !== this.#length + added)
      throw new Error(`${arena.length[handle]} bytes came out`);
    const ipAt = arena.start[handle] + ethernet.HEADER_LENGTH;
    const source = walk.translated?.source ?? walk.source;
    const destination = walk.translated?.destination ?? walk.destination;
    const tcpAt = arena.start[handle] + arena.length[handle] - tcp.HEADER_LENGTH;
    const hops = walk.untouched === true ? 64 : 63;
    checkAddresses(arena.bytes, ipAt, source, destination.address, hops);
    if (tcp.destinationPort(arena.bytes, tcpAt) !== destination.port)
      throw new Error('wrong destination port');
    const port = tcp.sourcePort(arena.bytes, tcpAt);
    if (port < this.#firstPort || port >= this.#firstPort + this.flows) {
      if (this.#firstPort + this.flows <= 65536) throw new Error(`source port ${port}`);
    }
    // The template's checksum is for source port 0: take the port out of the sum again.
    tcp.putSourcePort(arena.bytes, tcpAt, 0);
    if (!isTcpValid(arena.bytes, ipAt, tcpAt, source.length === 16)) throw new Error('TCP checksum is wrong');
    const { ipv4: v4, ipv6: v6 } = node.datapath;
    const conntrack = size(v4.conntrackTcp, v6.conntrackTcp);
    const nat = size(v4.snat, v6.snat);
    if (conntrack !== walk.conntrackEntries * this.flows)
      throw new Error(`${conntrack} conntrack entries for ${this.flows} flows`);
    if (nat !== (walk.natEntries ?? 0) * this.flows)
      throw new Error(`${nat} NAT entries for ${this.flows} flows`);
  }
}

function size(...maps: readonly BpfMap[]): number {
  return maps.reduce((sum, map) => sum + map.size, 0);
}

function isTcpValid(bytes: Uint8Array, ipAt: number, tcpAt: number, isV6: boolean): boolean {
  return isV6
    ? layer4.isValidIpv6(bytes, ipAt, ipv4.PROTOCOL_TCP, tcpAt, tcp.HEADER_LENGTH)
    : layer4.isValidIpv4(bytes, ipAt, tcpAt, tcp.HEADER_LENGTH);
}

function checkAddresses(
  bytes: Uint8Array,
  ipAt: number,
  source: readonly number[],
  destination: readonly number[],
  hops: number,
): void {
  const isV6 = source.length === 16;
  const sourceAt = isV6 ? ipv6.sourceAt(ipAt) : ipv4.sourceAt(ipAt);
  const destinationAt = isV6 ? ipv6.destinationAt(ipAt) : ipv4.destinationAt(ipAt);
  if (source.some((byte, i) => bytes[sourceAt + i] !== byte)) throw new Error('wrong source');
  if (destination.some((byte, i) => bytes[destinationAt + i] !== byte)) throw new Error('wrong destination');
  const left = isV6 ? ipv6.hopLimit(bytes, ipAt) : ipv4.timeToLive(bytes, ipAt);
  if (left !== hops) throw new Error(`TTL or hop limit is ${left}`);
  if (!isV6 && !checksum.isIpv4HeaderValid(bytes, ipAt)) throw new Error('IPv4 checksum is wrong');
}
