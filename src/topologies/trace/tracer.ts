/** Asks a topology what becomes of a packet, and of the answer to it. */
import type { Device } from '../../engine/device.js';
import { CONSUMED, DELIVERED, FRAME_TOO_LONG, NO_FREE_SLOT, TRANSMITTED } from '../../engine/fate.js';
import { JUMBO_FRAME_LIMIT } from '../../engine/frame-arena.js';
import type { Namespace } from '../../engine/namespace.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ipv6 from '../../engine/wire/ipv6.js';
import * as tcp from '../../engine/wire/tcp.js';
import { MARK_HOST } from '../../programs/constants.js';
import type { BuiltTopology } from '../built.js';
import { TraceCollector } from './collector.js';
import { TRACE_VERSION, type Trace, type Walk } from './model.js';
import { outsideEntry, ownerOf } from './outside.js';
import { makeFrame } from './packet-request.js';
import { replyTo } from './reply.js';
import type { Origin, PacketRequest } from './resolve.js';
import { TraceNames } from './trace-names.js';

/** Between packets that are sent one after the other. */
const INTERVAL_NS = 1_000_000;
/** Networks without a machine in the topology that a packet is carried through. */
const OUTSIDE_LIMIT = 4;

export interface TraceOptions {
  /** Follow the answer too. */
  readonly reply?: boolean;
  /** How often the packet is sent, and answered where answers are asked for; the last time is told. Default 1. */
  readonly repeat?: number;
  /** Before it, the connection is opened: a TCP handshake, a question and its answer of other protocols. */
  readonly established?: boolean;
  /** Whether what leaves for another machine of the topology, through a network that it does not have, arrives there; default yes. */
  readonly carriesOn?: boolean;
}

/** A frame where its walk ended. */
interface Arrival {
  readonly fate: number;
  readonly device: Device;
  readonly frame: Uint8Array;
}

/**
 * Traces packets through a built topology, which is recorded from here on: results stay the same, but walks are slow.
 * What packets leave behind (connections, NAT mappings) is there for those that follow.
 */
export class Tracer {
  readonly built: BuiltTopology;
  readonly #collector: TraceCollector;
  #carriesOn = true;

  constructor(built: BuiltTopology) {
    this.built = built;
    this.#collector = new TraceCollector(built, new TraceNames(built));
  }

  trace(request: PacketRequest, options: TraceOptions = {}): Trace {
    if (options.established) this.#open(request);
    return this.traceFrame(frameOf(request), request.origin, request.text, options);
  }

  /** As `trace`, of a frame as it is; `text` is what it is called. */
  traceFrame(frame: Uint8Array, origin: Origin, text: string, options: TraceOptions = {}): Trace {
    const { reply = false, repeat = 1, carriesOn = true } = options;
    this.#carriesOn = carriesOn;
    let last = this.#once(frame, origin, reply);
    for (let i = 1; i < repeat; i++) last = this.#once(frame, origin, reply);
    return { version: TRACE_VERSION, topology: this.built.plan.name, expression: text, ...last };
  }

  /** What comes before the packets of an established connection. */
  #open({ content, origin, text }: PacketRequest): void {
    const send = (flags: number): void => {
      this.#once(frameOf({ content: { ...content, flags }, origin, text }), origin, flags !== tcp.ACK);
    };
    send(tcp.SYN);
    if (content.protocol === 'tcp') send(tcp.ACK);
  }

  #once(frame: Uint8Array, origin: Origin, withReply: boolean): Pick<Trace, 'walk' | 'reply' | 'noReply'> {
    const [walk, arrival] = this.#walk(frame, origin);
    if (!withReply) return { walk, reply: null, noReply: '' };
    const answer = walk.outcome.answered ? 'a program has answered already' : this.#answer(arrival);
    if (typeof answer === 'string') return { walk, reply: null, noReply: answer };
    const [reply] = this.#walk(answer.frame, answer.origin);
    return { walk, reply, noReply: '' };
  }

  /** Who has the packet now answers it from there. */
  #answer({ fate, device, frame }: Arrival): { frame: Uint8Array; origin: Origin } | string {
    if (fate !== DELIVERED && fate !== CONSUMED && fate !== TRANSMITTED) return 'the packet was dropped';
    const content = replyTo(frame);
    if (typeof content === 'string') return content;
    if (fate === TRANSMITTED) {
      const sourceMac = frame.slice(
        ethernet.destinationAt(0),
        ethernet.destinationAt(0) + ethernet.ADDRESS_LENGTH,
      );
      return {
        frame: makeFrame(content, sourceMac, device.mac),
        origin: { kind: 'device', device, sourceMac },
      };
    }
    const { namespace } = device;
    return { frame: makeFrame(content), origin: { kind: 'stack', namespace, mark: this.#markOf(namespace) } };
  }

  #markOf(namespace: Namespace): number {
    return this.built.findNode(namespace)?.node.host === namespace ? MARK_HOST : 0;
  }

  #walk(frame: Uint8Array, origin: Origin): [Walk, Arrival] {
    const { clock, agent } = this.built;
    clock.set(clock.nowNs + INTERVAL_NS);
    agent.poll();
    let arrival: Arrival | null = null;
    const walk = this.#collector.watch(startText(origin), () => {
      arrival = this.#send(frame, origin);
      for (let i = 0; i < OUTSIDE_LIMIT; i++) {
        const onward = this.#carry(arrival);
        if (onward === null) break;
        arrival = onward;
      }
    });
    return [walk, arrival!];
  }

  #send(frame: Uint8Array, origin: Origin): Arrival {
    const { walker } = this.built;
    const { arena } = walker;
    const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    const handle = arena.put(view, 0, frame.length);
    if (handle < 0) {
      const device = 'device' in origin ? origin.device : origin.namespace.devices[0];
      walker.refuse(device, frame.length > JUMBO_FRAME_LIMIT ? FRAME_TOO_LONG : NO_FREE_SLOT);
      return { fate: walker.fate, device, frame };
    }
    if (origin.kind === 'stack') walker.send(handle, origin.namespace, origin.mark);
    else if (origin.kind === 'socket') walker.transmit(handle, origin.device);
    else walker.receive(handle, origin.device);
    const start = arena.start[handle];
    const result = arena.bytes.slice(start, start + arena.length[handle]);
    arena.free(handle);
    return { fate: walker.fate, device: walker.device, frame: result };
  }

  /**
   * A frame that left the network although its destination is another machine's of the topology: whatever network is out
   * there brings it to that machine's own way out. Null when it does not.
   */
  #carry({ fate, device, frame }: Arrival): Arrival | null {
    if (fate !== TRANSMITTED || !this.#carriesOn) return null;
    const ends = endsOf(frame);
    if (ends === null) return null;
    const owner = ownerOf(this.built, ends.destination);
    if (owner === null || owner === device.namespace) return null;
    const entry = outsideEntry.device(this.built, ends.source, ends.destination);
    if (entry === null || entry.namespace !== owner) return null;
    const onward = frame.slice();
    const hops = ethernet.destinationAt(0);
    ethernet.putSource(onward, 0, outsideEntry.sourceMac(entry, ends.source), 0);
    if (entry.hasMac(onward, hops)) return null;
    ethernet.putDestination(onward, 0, entry.mac, 0);
    if (!lowerHops(onward)) return null;
    this.#collector.carry(device, entry);
    return this.#send(onward, { kind: 'device', device: entry, sourceMac: entry.mac });
  }
}

function startText(origin: Origin): string {
  if (origin.kind === 'device') return `arrives at ${origin.device.name}`;
  if (origin.kind === 'socket') return `sent at ${origin.device.name} as it is, by a packet socket`;
  return `sent by the stack of ${origin.namespace.name}`;
}

function frameOf({ content, origin }: PacketRequest): Uint8Array {
  if (origin.kind === 'stack') return makeFrame(content);
  if (origin.kind === 'socket') return makeFrame(content, origin.device.mac);
  return makeFrame(content, origin.sourceMac, origin.device.mac);
}

/** Outermost addresses of an IP packet; null for another frame. */
function endsOf(frame: Uint8Array): { source: Uint8Array; destination: Uint8Array } | null {
  const at = ethernet.HEADER_LENGTH;
  const type = ethernet.type(frame, 0);
  if (type === ethernet.TYPE_IPV4 && ipv4.fits(at, frame.length)) {
    const source = ipv4.sourceAt(at);
    return { source: frame.slice(source, source + 4), destination: frame.slice(source + 4, source + 8) };
  }
  if (type !== ethernet.TYPE_IPV6 || !ipv6.fits(at, frame.length)) return null;
  const source = ipv6.sourceAt(at);
  return { source: frame.slice(source, source + 16), destination: frame.slice(source + 16, source + 32) };
}

/** One hop of a router; false when there was none left. */
function lowerHops(frame: Uint8Array): boolean {
  const at = ethernet.HEADER_LENGTH;
  if (ethernet.type(frame, 0) === ethernet.TYPE_IPV4) {
    if (ipv4.timeToLive(frame, at) <= 1) return false;
    ipv4.decrementTimeToLive(frame, at);
    return true;
  }
  const limit = ipv6.hopLimit(frame, at);
  if (limit > 1) ipv6.putHopLimit(frame, at, limit - 1);
  return limit > 1;
}
