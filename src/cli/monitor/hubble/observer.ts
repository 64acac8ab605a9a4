/** Events as `hubble observe` prints them. */
import type { BuiltNode, BuiltTopology } from '../../../topologies/built.js';
import type { EventPrinter, EventRecord } from '../event-record.js';
import { AddressBook } from './address-book.js';
import { type Flow, flowOf } from './flow.js';
import { compactText, dictText, jsonText, tableText } from './flow-text.js';
import type { ObserveOptions } from './observe-flags.js';

/** What a Hubble server keeps. */
const KEPT_FLOWS = 4095;

/** Makes flows of events, in their order. */
export class FlowMaker {
  readonly #book: AddressBook;
  #count = 0;

  constructor(topology: BuiltTopology) {
    this.#book = new AddressBook(topology);
  }

  /** Null for an event that is no flow. */
  make(record: EventRecord): Flow | null {
    const flow = flowOf(record, this.#book, this.#count + 1);
    if (flow !== null) this.#count++;
    return flow;
  }
}

/** The flows of a run, the last ones, for listings behind it. */
export class FlowStore implements EventPrinter {
  readonly #maker: FlowMaker;
  readonly flows: Flow[] = [];

  constructor(topology: BuiltTopology) {
    this.#maker = new FlowMaker(topology);
  }

  event(record: EventRecord): string {
    const flow = this.#maker.make(record);
    if (flow === null) return '';
    this.flows.push(flow);
    if (this.flows.length > KEPT_FLOWS) this.flows.shift();
    return '';
  }

  lost(): string {
    return '';
  }

  end(): string {
    return '';
  }
}

/** Writes flows as they come; a table, and the last so many, when the run is over. */
export class HubbleObserver implements EventPrinter {
  readonly #maker: FlowMaker;
  readonly #printer: FlowPrinter;

  constructor(topology: BuiltTopology, options: ObserveOptions) {
    this.#maker = new FlowMaker(topology);
    this.#printer = new FlowPrinter(options);
  }

  event(record: EventRecord): string {
    const flow = this.#maker.make(record);
    return flow === null ? '' : this.#printer.flow(flow);
  }

  lost(_node: BuiltNode, count: number): string {
    return `EVENTS LOST: PERF_EVENT_RING_BUFFER CPU(0) ${count}\n`;
  }

  end(): string {
    return this.#printer.end();
  }
}

/** Flows through the filters and into text. */
export class FlowPrinter {
  readonly #options: ObserveOptions;
  readonly #held: Flow[] = [];
  #printed = 0;

  constructor(options: ObserveOptions) {
    this.#options = options;
  }

  flow(flow: Flow): string {
    const { accepts, first, last, output } = this.#options;
    if (!accepts(flow) || (first !== null && this.#printed + this.#held.length >= first)) return '';
    if (last === null && output !== 'table' && output !== 'tab') return this.#text(flow);
    this.#held.push(flow);
    if (last !== null && this.#held.length > last) this.#held.shift();
    return '';
  }

  end(): string {
    const { output, text } = this.#options;
    if (output !== 'table' && output !== 'tab') return this.#held.map((flow) => this.#text(flow)).join('');
    return this.#held.length === 0 ? '' : tableText(this.#held, text);
  }

  #text(flow: Flow): string {
    const { output, text } = this.#options;
    this.#printed++;
    switch (output) {
      case 'json':
      case 'jsonpb':
        return jsonText(flow);
      case 'dict':
        return dictText(flow, this.#printed === 1, text);
      default:
        return compactText(flow, text);
    }
  }
}
