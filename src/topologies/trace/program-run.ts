/**
 * One run of a program at a hook, while it runs: what it does with maps, helpers and the frame becomes actions in the
 * order in which it does it. Programs write values and headers in place, so these are looked at whenever the program
 * does something else, and at its end.
 */
import type { BpfMap } from '../../engine/maps/map.js';
import type { PacketContext } from '../../engine/packet.js';
import { isEqual } from '../../engine/wire/bytes.js';
import { describeEntry, describeKey } from '../../programs/tables/describe.js';
import type { DatapathEvent, PolicyVerdictEvent } from '../../programs/tables/events.js';
import type { BuiltNode } from '../built.js';
import { conntrackState, isConntrackMap } from './conntrack-state.js';
import { aboutEntry } from './entry-about.js';
import { eventText, extendedErrorText } from './event-text.js';
import { changesOf, isAnswer } from './frame-changes.js';
import { layersOf, type TunnelPorts } from './frame-layers.js';
import { markChange } from './mark-text.js';
import type { Action, Change, Entry, Layer } from './model.js';
import { type PolicyLookup, policyAction } from './policy-action.js';
import type { TraceNames } from './trace-names.js';

/** An entry that the program has in its hands: where it is, and its value when it was last looked at. */
interface Held {
  readonly map: BpfMap;
  readonly key: Uint8Array;
  readonly at: number;
  readonly removals: number;
  value: Uint8Array;
  isNew: boolean;
}

export class ProgramRun {
  /** Null for a program that sees a call instead. */
  readonly packet: PacketContext | null;
  readonly actions: Action[] = [];
  layers: readonly Layer[];
  /** The program has made an answer of the packet. */
  answered = false;
  readonly #node: BuiltNode | null;
  readonly #names: TraceNames;
  readonly #tunnels: TunnelPorts;
  readonly #held: Held[] = [];
  #policy: PolicyLookup[] = [];
  /** The decision told last, in case the program's event about it comes later. */
  #decided: { readonly lookups: readonly PolicyLookup[]; readonly at: number } | null = null;
  #mark: number;

  /** `node` is null on a router, which has no Cilium. */
  constructor(packet: PacketContext | null, node: BuiltNode | null, names: TraceNames, tunnels: TunnelPorts) {
    this.packet = packet;
    this.#node = node;
    this.#names = names;
    this.#tunnels = tunnels;
    this.layers = this.#read();
    this.#mark = packet?.mark ?? 0;
    this.#takeEvents();
  }

  looked(map: BpfMap, key: Uint8Array, at: number): void {
    this.settle(isPolicyMap(map));
    if (at < 0) {
      this.#lookup(map, key, null, null);
      return;
    }
    const value = map.bytes.slice(at, at + map.spec.valueSize);
    this.#hold(map, key, at, value, false);
    this.#lookup(map, key, map.spec.type === 'lpm_trie' ? keyOfValue(map, at) : null, value);
  }

  inserted(map: BpfMap, key: Uint8Array, at: number, isNew: boolean): void {
    this.settle(isPolicyMap(map));
    this.#hold(map, key, at, map.bytes.slice(at, at + map.spec.valueSize), isNew);
  }

  deleted(map: BpfMap, key: Uint8Array, value: Uint8Array | null): void {
    this.settle(false);
    if (value === null) return;
    this.#release(map, key);
    this.actions.push({ kind: 'delete', entry: this.#entry(map, key, null, value) });
  }

  tailCall(name: string, index: number): void {
    this.settle(false);
    const program = this.#names.tailCall(this.#node, name, index);
    this.actions.push({ kind: 'tail-call', map: name, index, program });
  }

  add(action: Action): void {
    this.settle(false);
    this.actions.push(action);
  }

  /** Tells what the program has written and said since the last time. */
  settle(staysWithPolicy: boolean): void {
    for (const held of this.#held) this.#compare(held);
    this.#compareFrame();
    this.#takeEvents();
    if (!staysWithPolicy && this.#policy.length > 0) this.#decide(null);
  }

  #read(): readonly Layer[] {
    const { packet } = this;
    if (packet === null) return [];
    return layersOf(packet.bytes.slice(packet.start, packet.end), this.#tunnels, packet.layer3Device !== 0);
  }

  #compareFrame(): void {
    const { packet } = this;
    if (packet === null) return;
    const layers = this.#read();
    const changes = [...changesOf(this.layers, layers), ...markChange(this.#mark, packet.mark)];
    if (changes.length > 0 && isAnswer(this.layers, layers, changes)) this.answered = true;
    this.layers = layers;
    this.#mark = packet.mark;
    if (changes.length > 0) this.actions.push({ kind: 'rewrite', changes });
  }

  #hold(map: BpfMap, key: Uint8Array, at: number, value: Uint8Array, isNew: boolean): void {
    this.#release(map, key);
    // What was removed is a deletion of its own, or an eviction: the offset is another entry's then.
    this.#held.push({ map, key, at, value, isNew, removals: map.removals });
  }

  #release(map: BpfMap, key: Uint8Array): void {
    const at = this.#held.findIndex((held) => held.map === map && isEqual(held.key, key));
    if (at >= 0) this.#held.splice(at, 1);
  }

  #compare(held: Held): void {
    const { map, at } = held;
    if (map.removals !== held.removals) return;
    const value = map.bytes.slice(at, at + map.spec.valueSize);
    if (held.isNew) {
      held.isNew = false;
      held.value = value;
      this.actions.push({ kind: 'create', entry: this.#entry(map, held.key, null, value) });
      return;
    }
    if (isEqual(value, held.value)) return;
    const changes = fieldChanges(map, held.key, held.value, value);
    held.value = value;
    if (changes.length === 0) return;
    this.actions.push({ kind: 'update', entry: this.#entry(map, held.key, null, value), changes });
  }

  #lookup(map: BpfMap, key: Uint8Array, matched: Uint8Array | null, value: Uint8Array | null): void {
    const state = isConntrackMap(map.spec.name) ? conntrackState(key, value, this.layers) : 'none';
    this.actions.push({ kind: 'lookup', entry: this.#entry(map, key, matched, value), state });
    if (isPolicyMap(map) && map.spec.name !== STATISTICS) this.#policy.push({ map, key, matched, value });
  }

  #entry(map: BpfMap, key: Uint8Array, matched: Uint8Array | null, value: Uint8Array | null): Entry {
    const { name } = map.spec;
    const described = describeEntry(name, key, value ?? new Uint8Array(0));
    return {
      map: name,
      key: described.key,
      matched: matched === null ? null : describeKey(name, matched),
      value: value === null ? null : described.value,
      about: aboutEntry(this.#names, this.#nodeName, name, described.key, described.value),
    };
  }

  get #nodeName(): string {
    return this.#node?.planned.name ?? '';
  }

  #takeEvents(): void {
    const ring = this.#node?.datapath.events;
    if (ring === undefined) return;
    for (const event of this.#names.events(ring)) this.#tell(event);
  }

  #tell(event: DatapathEvent): void {
    if (event.kind === 'policy-verdict') {
      this.#decide(event);
      return;
    }
    const text = eventText(this.#names, this.#nodeName, event);
    const detail = event.kind === 'drop' ? extendedErrorText(event.reason, event.extendedError) : '';
    if (text !== '') this.actions.push({ kind: 'event', type: event.kind, text, detail });
  }

  /** `event` null: nothing is told of packets of a known connection, nor before the program has gone on. */
  #decide(event: PolicyVerdictEvent | null): void {
    if (this.#policy.length > 0) {
      this.#decided = { lookups: this.#policy, at: this.actions.length };
      this.#policy = [];
    }
    if (this.#decided === null) return;
    const { lookups, at } = this.#decided;
    this.actions[at] = policyAction(this.#names, lookups, event);
    if (event !== null) this.#decided = null;
  }
}

const STATISTICS = 'cilium_policystats';

function isPolicyMap({ spec }: BpfMap): boolean {
  return spec.name === STATISTICS || spec.name.startsWith('cilium_policy_v2');
}

/** Key of the entry whose value is at an offset. */
function keyOfValue(map: BpfMap, at: number): Uint8Array | null {
  for (let cursor = map.next(-1); cursor >= 0; cursor = map.next(cursor)) {
    if (map.valueAt(cursor) !== at) continue;
    const keyAt = map.keyAt(cursor);
    return map.bytes.slice(keyAt, keyAt + map.spec.keySize);
  }
  return null;
}

function fieldChanges(map: BpfMap, key: Uint8Array, before: Uint8Array, after: Uint8Array): Change[] {
  const from = new Map(describeEntry(map.spec.name, key, before).value);
  const to = new Map(describeEntry(map.spec.name, key, after).value);
  return [...new Set([...from.keys(), ...to.keys()])].flatMap((field) => {
    const [a, b] = [from.get(field) ?? '', to.get(field) ?? ''];
    return a === b ? [] : [{ field, before: a, after: b }];
  });
}
