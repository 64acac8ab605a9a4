/** Two ports joined by a wire in memory: what one sends the other receives. For tests, and between threads' own nodes. */
import { FrameArena } from '../../engine/frame-arena.js';
import {
  LINK_DOWN,
  type LivePort,
  NO_SLOT,
  PORT_GONE,
  PORT_UP,
  type PortSpec,
  QUEUE_FULL,
  RECEIVED,
  RECEIVED_BYTES,
  SENT,
  SENT_BYTES,
} from './live-port.js';
import { PortBase } from './port-base.js';

const DEFAULT_MTU = 1500;
/** Frames that wait on a wire, and how many of them can be longer than a small slot. */
const QUEUE_LENGTH = 1024;
const LONG_FRAMES = 8;

class MemoryPort extends PortBase implements LivePort {
  readonly fd = -1;
  other: MemoryPort = this;
  readonly #queue = new FrameArena(QUEUE_LENGTH, LONG_FRAMES);
  readonly #waiting = new Int32Array(QUEUE_LENGTH + LONG_FRAMES);
  #first = 0;
  #count = 0;

  constructor(spec: PortSpec) {
    super(spec, spec.offloads ?? true, false);
    this.mtu = spec.mtu ?? DEFAULT_MTU;
    if (spec.mac !== undefined) this.mac.set(spec.mac);
  }

  receive(arena: FrameArena, handles: Int32Array, at: number, limit: number): number {
    const { counters } = this;
    const queue = this.#queue;
    let count = 0;
    while (count < limit && this.#count > 0) {
      const from = this.#waiting[this.#first];
      const handle = copyFrame(queue, from, arena);
      if (handle < 0) {
        counters[NO_SLOT]++;
        break;
      }
      queue.free(from);
      this.#first = (this.#first + 1) % this.#waiting.length;
      this.#count--;
      handles[at + count++] = handle;
      counters[RECEIVED_BYTES] += arena.length[handle];
    }
    counters[RECEIVED] += count;
    return count;
  }

  protected override transmit(arena: FrameArena, handles: Int32Array, at: number, count: number): number {
    const { counters, other } = this;
    if (this.state === PORT_GONE || other.state === PORT_GONE) {
      counters[LINK_DOWN] += count;
      return 0;
    }
    let sent = 0;
    for (let i = at; i < at + count; i++) {
      if (!other.#take(arena, handles[i])) counters[QUEUE_FULL]++;
      else {
        sent++;
        counters[SENT_BYTES] += arena.length[handles[i]];
      }
    }
    counters[SENT] += sent;
    if (sent > 0 && other.onReadable !== null) other.onReadable();
    return sent;
  }

  refresh(): void {}

  close(): void {
    this.state = PORT_GONE;
    for (; this.#count > 0; this.#count--) {
      this.#queue.free(this.#waiting[this.#first]);
      this.#first = (this.#first + 1) % this.#waiting.length;
    }
  }

  #take(arena: FrameArena, from: number): boolean {
    const handle = copyFrame(arena, from, this.#queue);
    if (handle < 0) return false;
    this.#waiting[(this.#first + this.#count++) % this.#waiting.length] = handle;
    return true;
  }
}

/** Two ports, each the other's link partner. A spec without `offloads: false` lets frames arrive that owe something. */
export function joinPorts(a: PortSpec, b: PortSpec): [LivePort, LivePort] {
  const one = new MemoryPort(a);
  const two = new MemoryPort(b);
  one.other = two;
  two.other = one;
  one.state = PORT_UP;
  return [one, two];
}

/** Copies a frame with what it owes into a slot of another arena; -1 when that has none. */
function copyFrame(from: FrameArena, handle: number, to: FrameArena): number {
  const length = from.length[handle];
  const copy = to.allocate(length);
  if (copy < 0) return -1;
  const start = from.start[handle];
  to.bytes.set(from.bytes.subarray(start, start + length), to.start[copy]);
  to.owes[copy] = from.owes[handle];
  to.checksumAt[copy] = from.checksumAt[handle] - start + to.start[copy];
  to.checksumOffset[copy] = from.checksumOffset[handle];
  to.segmentSize[copy] = from.segmentSize[handle];
  return copy;
}

/** Ports that were opened by name and wait for their partner. */
const lonely = new Map<string, LivePort>();

/** The first port opened under a name is one end of a wire, the second the other. */
export function openMemory(spec: PortSpec): LivePort {
  const waiting = lonely.get(spec.name);
  if (waiting !== undefined) {
    lonely.delete(spec.name);
    return waiting;
  }
  const [one, two] = joinPorts(spec, { plugin: 'memory', name: spec.name });
  lonely.set(spec.name, two);
  return one;
}
