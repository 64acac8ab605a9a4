/** A trace as text: machine by machine, each step with what it looked up, changed and decided. */
import type {
  Action,
  Change,
  ConntrackState,
  Entry,
  Place,
  Step,
  Trace,
  Walk,
} from '../../topologies/trace/model.js';
import { type Detail, isShown, joinMisses } from './detail.js';
import { type Style, wrapLine } from './style.js';

export interface TextOptions {
  readonly detail: Detail;
  readonly style: Style;
  /** Characters of a line; longer ones are wrapped. */
  readonly width: number;
}

const NUMBER_WIDTH = 4;
const LABEL_WIDTH = 28;

export function traceText(trace: Trace, options: TextOptions): string {
  const printer = new TextPrinter(options);
  printer.walk(trace.walk, '');
  if (trace.reply !== null) printer.walk(trace.reply, 'reply: ');
  else if (trace.noReply !== '') printer.line(0, '', `no reply: ${trace.noReply}`);
  return printer.text;
}

class TextPrinter {
  text = '';
  readonly #options: TextOptions;
  readonly #style: Style;

  constructor(options: TextOptions) {
    this.#options = options;
    this.#style = options.style;
  }

  walk({ packet, steps, outcome }: Walk, title: string): void {
    const { bold, dim, good, bad } = this.#style;
    if (this.text !== '') this.text += '\n';
    this.text += `${bold(title + packet.summary)}${dim(`, ${packet.length} bytes`)}\n`;
    let heading = '';
    for (const step of steps) {
      const own = headingOf(step.place);
      if (own !== heading) this.text += `\n${bold(own)}\n`;
      heading = own;
      this.#step(step);
    }
    const isBad = ['dropped', 'refused'].includes(outcome.fate) || outcome.answered;
    const colour = isBad ? bad : good;
    const end = steps.findLast((step) => step.kind === 'end' && step.frame === 1);
    const as =
      end?.kind === 'end' && end.packet.summary !== packet.summary ? ` as ${end.packet.summary}` : '';
    this.text += `\n${title}${colour(outcome.text)}${as}\n`;
  }

  #step(step: Step): void {
    const number = dimNumber(this.#style, step.number);
    const frame = step.frame === 1 ? '' : `frame ${step.frame}: `;
    switch (step.kind) {
      case 'start':
        this.line(number, '', `${frame}${step.text}`);
        return;
      case 'copy':
        this.line(number, '', `${frame}a copy is made: frame ${step.copy}, ${step.packet.summary}`);
        return;
      case 'move':
        this.line(number, '', `${frame}${this.#move(step)}`);
        return;
      case 'hook':
        this.#hook(number, frame, step);
        return;
      case 'end': {
        const changes = step.changes.length === 0 ? '' : `; ${changesText(step.changes)}`;
        const colour = step.fate === 'dropped' ? this.#style.bad : this.#style.good;
        this.line(number, '', `${frame}${colour(step.text)}${changes}`);
      }
    }
  }

  #move(step: Extract<Step, { kind: 'move' }>): string {
    const { dim } = this.#style;
    const parts = [step.route === '' ? step.text : `${step.text} ${dim(`by ${step.route}`)}`];
    if (step.changes.length > 0) parts.push(changesText(step.changes));
    return parts.join('; ');
  }

  #hook(number: string, frame: string, step: Extract<Step, { kind: 'hook' }>): void {
    const { bold, dim, bad, good } = this.#style;
    const { detail } = this.#options;
    const title = `${step.place.device ?? 'stack'} ${dim(step.hook)} ${bold(step.program)}`;
    const isDrop = /^(dropped|refused)/.test(step.verdict.text);
    const verdict = (isDrop ? bad : good)(`${step.verdict.name}: ${step.verdict.text}`);
    if (detail === 'brief') {
      this.line(number, '', `${frame}${title} ${verdict}`);
      return;
    }
    this.line(number, '', `${frame}${title}`);
    for (const action of joinMisses(
      step.actions.filter((one) => isShown(one, detail)),
      detail,
    )) {
      const [label, text] = this.#action(action);
      this.line(' '.repeat(NUMBER_WIDTH), label, text);
    }
    this.line(' '.repeat(NUMBER_WIDTH), 'verdict', verdict);
  }

  #action(action: Action): readonly [label: string, text: string] {
    const { good, bad, dim } = this.#style;
    switch (action.kind) {
      case 'lookup':
        return [action.entry.map, lookupText(action.entry, action.state, this.#style)];
      case 'create':
        return [action.entry.map, `created ${entryText(action.entry)}`];
      case 'delete':
        return [action.entry.map, `deleted ${action.entry.key}`];
      case 'update':
        return [action.entry.map, `updated ${action.entry.key}: ${changesText(action.changes)}`];
      case 'rewrite':
        return ['rewrite', changesText(action.changes)];
      case 'tail-call':
        return ['tail call', `${action.map}[${action.index}]: ${action.program}`];
      case 'fib':
        return ['fib lookup', `${action.destination} → ${fibText(action)}`];
      case 'rule':
        return ['iptables', action.text];
      case 'tunnel-key':
        return ['tunnel key', `to ${action.remote}, ${action.text}`];
      case 'policy': {
        const way = action.direction === 'egress' ? 'to' : 'from';
        const peer = `${action.direction} ${way} ${action.peer}, ${action.port}`;
        const colour = action.verdict === 'denied' ? bad : good;
        const match =
          action.policies.length === 0 || /^(none)?$/.test(action.match) ? '' : dim(` (${action.match})`);
        return ['policy', `${peer}: ${colour(action.verdict)} ${action.why}${match}`];
      }
      case 'event':
        return [`event: ${action.type}`, action.text];
    }
  }

  /** One line: step number, label, text that wraps under itself. */
  line(number: string | 0, label: string, text: string): void {
    const lead =
      number === 0
        ? ''
        : label === ''
          ? `${number}`
          : `${number}${this.#style.dim(label.padEnd(LABEL_WIDTH))}`;
    const indent = number === 0 ? 0 : NUMBER_WIDTH + (label === '' ? 0 : LABEL_WIDTH);
    this.text += `${wrapLine(lead, text, indent, this.#options.width)}\n`;
  }
}

function dimNumber(style: Style, number: number): string {
  return style.dim(`${String(number).padStart(NUMBER_WIDTH - 2)}  `);
}

/** `node1`, `pod1 on node1`. */
function headingOf({ machine, pod }: Place): string {
  return pod === null ? machine : `${pod} on ${machine}`;
}

export function changesText(changes: readonly Change[]): string {
  return changes
    .map(({ field, before, after }) => {
      if (before === '') return `${field} ${after}`;
      return after === '' ? `${field} ${before} off` : `${field} ${before} ⇒ ${after}`;
    })
    .join('; ');
}

/** `10.0.0.1/32 → identity=1 (host)`, `TCP OUT … → NEW: no entry`. */
function lookupText(entry: Entry, state: ConntrackState, { dim }: Style): string {
  const about = entry.about === '' ? '' : dim(` (${entry.about})`);
  const named = state === 'none' ? '' : state.toUpperCase();
  if (entry.value === null) return `${entry.key} → ${named === '' ? 'no entry' : `${named}: no entry`}`;
  const matched = entry.matched === null || entry.matched === entry.key ? '' : entry.matched;
  const found = [matched, fieldsText(entry)].filter((text) => text !== '').join(': ');
  return `${entry.key} → ${named === '' ? '' : `${named}: `}${found === '' ? 'found' : found}${about}`;
}

function entryText(entry: Entry): string {
  const value = fieldsText(entry);
  return value === '' ? entry.key : `${entry.key}: ${value}`;
}

function fibText({ route, result, text }: Extract<Action, { kind: 'fib' }>): string {
  if (route === '') return text;
  return result === 0 ? route : `${route}: ${text}`;
}

function fieldsText({ value }: Entry): string {
  return (value ?? []).map(([name, text]) => `${name}=${text}`).join(' ');
}
