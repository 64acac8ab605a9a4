/** Asks a topology what becomes of a packet, and of the answer to it. */
import type { Device } from '../../engine/device.js';
import { CONSUMED, DELIVERED, FRAME_TOO_LONG, NO_FREE_SLOT, TRANSMITTED } from '../../engine/fate.js';
import { JUMBO_FRAME_LIMIT } from '../../engine/frame-arena.js';
import type { Namespace } from '../../engine/namespace.js';
import { SeededRandom } from '../../engine/random.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as tcp from '../../engine/wire/tcp.js';
import { MARK_HOST } from '../../programs/constants.js';
import type { BuiltTopology } from '../built.js';
import { NOBODY, Outside } from '../outside.js';
import { TraceCollector } from './collector.js';
import { packetText } from './frame-layers.js';
import { type Step, TRACE_VERSION, type Trace, type Walk } from './model.js';
import { makeFrame } from './packet-request.js';
import { replyTo } from './reply.js';
import type { Origin, PacketRequest } from './resolve.js';
import { type CallingSocket, type CallResult, callSocket, type Endpoint, socketIn } from './socket-call.js';
import { TraceNames } from './trace-names.js';

/** Between packets that are sent one after the other. */
const INTERVAL_NS = 1_000_000;
/** Networks without a machine in the topology that a packet is carried through. */
const OUTSIDE_LIMIT = 4;
/** Protocols whose sockets programs see. */
const TRANSPORTS: Readonly<Record<string, number>> = { tcp: ipv4.PROTOCOL_TCP, udp: ipv4.PROTOCOL_UDP };

export interface TraceOptions {
  /** Follow the answer too. */
  readonly reply?: boolean;
  /** How often the packet is sent, and answered where answers are asked for; the last time is told. Default 1. */
  readonly repeat?: number;
  /** Before it, the connection is opened: a TCP handshake, a question and its answer of other protocols. */
  readonly established?: boolean;
  /** Whether what leaves for another machine of the topology, through a network that it does not have, arrives there; default yes. */
  readonly carriesOn?: boolean;
  /** Whether it is a socket's, which programs at sockets see first, where there are any; default yes. */
  readonly sockets?: boolean;
}

type Unnumbered = Step | NonNullable<CallResult['step']>;

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
  readonly #outside: Outside;
  #carriesOn = true;
  #cookies = 0;

  constructor(built: BuiltTopology) {
    this.built = built;
    this.#collector = new TraceCollector(built, new TraceNames(built));
    // Links outside lose nothing here.
    this.#outside = new Outside(built, new SeededRandom(0));
  }

  trace(request: PacketRequest, options: TraceOptions = {}): Trace {
    const { origin, content, text } = request;
    const protocol = TRANSPORTS[content.protocol];
    const socket =
      origin.kind !== 'stack' || protocol === undefined || options.sockets === false
        ? null
        : socketIn(this.built, origin.namespace, protocol, ++this.#cookies);
    if (socket === null) return this.#traceRequest(request, options);
    const hook = content.protocol === 'udp' ? 'sendmsg' : 'connect';
    const call = callSocket(this.#collector, socket, hook, {
      address: content.destination,
      port: content.destinationPort,
    });
    if (call.step === null) return this.#traceRequest(request, options);
    if (call.error !== '') return this.#refused(request, call.step);
    const { address, port } = call.endpoint;
    const translated = { ...content, destination: address, destinationPort: port };
    const trace = this.#traceRequest({ origin, content: translated, text }, options);
    const walk = withSteps(trace.walk, [call.step], []);
    const heard = content.protocol === 'udp' && trace.reply !== null ? this.#hear(socket, call.endpoint) : [];
    return { ...trace, walk, reply: trace.reply === null ? null : withSteps(trace.reply, [], heard) };
  }

  #traceRequest(request: PacketRequest, options: TraceOptions): Trace {
    if (options.established) this.#open(request);
    return this.traceFrame(frameOf(request), request.origin, request.text, options);
  }

  /** The reply's sender as the process is told it. */
  #hear(socket: CallingSocket, sender: Endpoint): readonly NonNullable<CallResult['step']>[] {
    const { step } = callSocket(this.#collector, socket, 'recvmsg', sender);
    return step === null ? [] : [step];
  }

  /** No packet is sent. */
  #refused(request: PacketRequest, step: NonNullable<CallResult['step']>): Trace {
    const packet = packetText(frameOf(request));
    const { place, verdict } = step;
    const outcome = {
      fate: 'refused',
      reason: 0,
      answered: false,
      place,
      text: `no packet is sent: ${verdict.text.replace('refused: ', '')}`,
    };
    return {
      version: TRACE_VERSION,
      topology: this.built.plan.name,
      expression: request.text,
      walk: { packet, steps: [{ ...step, number: 1 }], outcome },
      reply: null,
      noReply: '',
    };
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

  /** A frame that left the network for somebody that is known outside, or for another way in. Null when nobody has it. */
  #carry({ fate, device, frame }: Arrival): Arrival | null {
    if (fate !== TRANSMITTED || !this.#carriesOn) return null;
    const onward = frame.slice();
    const brought = this.#outside.bring(onward, device, this.built.clock.nowNs);
    if (typeof brought === 'number') {
      if (brought !== NOBODY) this.#collector.lose(brought);
      return null;
    }
    if (brought.device === device) return null;
    this.#collector.carry(device, brought.device);
    return this.#send(onward, { kind: 'device', device: brought.device, sourceMac: brought.device.mac });
  }
}

function withSteps(walk: Walk, before: readonly Unnumbered[], after: readonly Unnumbered[]): Walk {
  const steps = [...before, ...walk.steps, ...after].map((step, i) => ({ ...step, number: i + 1 }) as Step);
  return { ...walk, steps };
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
