/** The way of a packet as diagrams draw it: stops at devices, in the machines and pods that these are in. */
import type { Action, Step, Walk } from '../../topologies/trace/model.js';

type HookStep = Extract<Step, { kind: 'hook' }>;

export interface Stop {
  /** Number of the step that came here. */
  readonly number: number;
  /** `lxc00aa`, `stack`. */
  readonly name: string;
  /** How the packet came here from the stop before; empty for the first. */
  readonly how: string;
  readonly hooks: HookStep[];
  /** What the way ended with, where it did. */
  end: { readonly text: string; readonly isDrop: boolean } | null;
}

/** A machine, or a pod on one, for as long as the packet stays there. */
export interface Section {
  readonly name: string;
  readonly isPod: boolean;
  readonly stops: Stop[];
}

/** Of the packet that was asked for; copies of it are left out. */
export function pathOf({ steps }: Walk): Section[] {
  const sections: Section[] = [];
  for (const step of steps) {
    if (step.frame !== 1 || step.kind === 'copy') continue;
    const { machine, pod, device } = step.place;
    const name = pod === null ? machine : `${pod} on ${machine}`;
    let section = sections.at(-1);
    if (section?.name !== name) {
      section = { name, isPod: pod !== null, stops: [] };
      sections.push(section);
    }
    if (step.kind === 'start' || step.kind === 'move' || section.stops.length === 0) {
      section.stops.push({
        number: step.number,
        name: device ?? 'stack',
        how: step.kind === 'move' ? howText(step) : '',
        hooks: [],
        end: null,
      });
    }
    const stop = section.stops.at(-1)!;
    if (step.kind === 'hook') stop.hooks.push(step);
    if (step.kind === 'end') stop.end = { text: step.text, isDrop: step.fate === 'dropped' };
  }
  return sections;
}

/** `route`, `link lan`, `redirect_peer`. */
function howText({ how, text }: Extract<Step, { kind: 'move' }>): string {
  if (how === 'link') return /link \S*/.exec(text)?.[0] ?? how;
  if (how === 'peer') return 'veth';
  return how === 'outside' ? 'the network outside' : how;
}

/** The few things about a program's run that decide the packet's way, a line each. */
export function factsOf(actions: readonly Action[]): string[] {
  return actions.flatMap((action) => {
    switch (action.kind) {
      case 'lookup': {
        const { map, about, value } = action.entry;
        if (value === null || action.entry.key.endsWith(' slot 1')) return [];
        if (/_services_v2$/.test(map) && / slot 0$/.test(action.entry.key)) {
          return [`service ${about || action.entry.key}`];
        }
        if (/_backends_v3$/.test(map)) return [`backend ${value[0][1]}${about === '' ? '' : ` (${about})`}`];
        return action.state === 'none' ? [] : [`conntrack ${action.state}`];
      }
      case 'rewrite':
        return action.changes
          .filter(({ field }) => /^(source|destination|encapsulation|packet)$/.test(field))
          .map(({ field, before, after }) => (before === '' ? `${field} ${after}` : `${field} ⇒ ${after}`));
      case 'policy':
        return [
          `${action.direction} policy: ${action.verdict}${action.policies.length === 0 ? '' : ` by ${action.policies.join(', ')}`}`,
        ];
      case 'tail-call':
        return [`tail call ${action.program.split(' ')[0]}`];
      case 'rule':
        return [/-j \S+/.exec(action.text)?.[0] ?? ''];
      case 'tunnel-key':
        return [`tunnel to ${action.remote}`];
      default:
        return [];
    }
  });
}
