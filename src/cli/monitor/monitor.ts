/**
 * Reads the event rings of a run's nodes and writes what a printer makes of the events. Whoever drives the run calls
 * `poll` behind each frame, and `end` when it is over. A run without monitor has its rings on `discard`: nothing is
 * decoded, and nothing written.
 */
import type { WalkObserver } from '../../engine/observer.js';
import type { PacketContext } from '../../engine/packet.js';
import { decodeEvent } from '../../programs/tables/events.js';
import type { BuiltNode, BuiltTopology } from '../../topologies/built.js';
import type { EventPrinter, EventRecord } from './event-record.js';

/** Text is handed out in pieces of this length or more, and at `flush`. */
const PIECE = 1 << 16;

export interface MonitorOptions {
  readonly printer: EventPrinter;
  readonly nodes: readonly BuiltNode[];
  /** Whether each line begins with its node's name. */
  readonly namesNodes: boolean;
  /** Keeps the flows of all nodes, for listings behind the run. */
  readonly store?: EventPrinter | null;
  readonly write: (text: string) => void;
  /** Called behind the last text. */
  readonly end?: () => void;
}

export class Monitor implements WalkObserver {
  readonly #topology: BuiltTopology;
  readonly #options: MonitorOptions;
  readonly #store: EventPrinter | null;
  /** Those whose rings are read; some of them may be for the store alone. */
  readonly #nodes: readonly BuiltNode[];
  #text = '';
  #seconds = 0;
  #nanoseconds = 0;

  constructor(topology: BuiltTopology, options: MonitorOptions) {
    this.#topology = topology;
    this.#options = options;
    this.#store = options.store ?? null;
    this.#nodes = this.#store === null ? options.nodes : topology.nodes;
    for (const { datapath } of this.#nodes) datapath.events.mode = 'queue';
  }

  /** The run's time since 1970, for the events from here on. */
  setTime(seconds: number, nanoseconds: number): void {
    this.#seconds = seconds;
    this.#nanoseconds = nanoseconds;
  }

  /** Takes all events that are waiting. */
  poll(): void {
    for (const node of this.#nodes) this.#drain(node);
  }

  /** Takes the record at `at` that was just read from the node's ring, by somebody who reads it as well. */
  take(node: BuiltNode, at: number): void {
    if (!this.#nodes.includes(node)) return;
    const ring = node.datapath.events;
    if (ring.lostBefore > 0) this.#lost(node, ring.lostBefore);
    const { bytes, length } = ring;
    const record: EventRecord = {
      topology: this.#topology,
      node,
      event: decodeEvent(bytes, at, length),
      bytes,
      at,
      length,
      seconds: this.#seconds,
      nanoseconds: this.#nanoseconds,
    };
    this.#store?.event(record);
    if (!this.#options.nodes.includes(node)) return;
    const text = this.#options.printer.event(record);
    if (text !== '') this.#add(node, text);
  }

  /** Writes what has gathered. */
  flush(): void {
    if (this.#text !== '') this.#options.write(this.#text);
    this.#text = '';
  }

  /** The run is over. */
  end(): void {
    this.poll();
    this.#text += this.#options.printer.end();
    this.flush();
    this.#options.end?.();
  }

  // As an observer of walks it takes a node's events program by program, so that those of several nodes stay in order.

  hookLeft(_packet: PacketContext, deviceIndex: number): void {
    const node = this.#topology.findNode(this.#topology.network.devices[deviceIndex].namespace);
    if (node !== null && this.#nodes.includes(node)) this.#drain(node);
  }

  started(): void {}
  hookEntered(): void {}
  forwarded(): void {}
  ended(): void {}

  #drain(node: BuiltNode): void {
    const ring = node.datapath.events;
    for (let at = ring.read(); at >= 0; at = ring.read()) this.take(node, at);
    if (ring.lostBefore > 0) this.#lost(node, ring.lostBefore);
  }

  #lost(node: BuiltNode, count: number): void {
    if (!this.#options.nodes.includes(node)) return;
    this.#add(node, this.#options.printer.lost(node, count));
  }

  #add(node: BuiltNode, text: string): void {
    this.#text += this.#options.namesNodes ? text.replace(/^(?=.)/gm, `${node.planned.name}: `) : text;
    if (this.#text.length >= PIECE) this.flush();
  }
}
