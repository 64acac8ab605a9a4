/** One scenario set up: a datapath with its maps filled, its instances loaded and its program arrays set. */
import { Clock } from '../../src/engine/clock.js';
import type { HookProgram } from '../../src/engine/hooks/program.js';
import { TC_ACT_SHOT } from '../../src/engine/hooks/verdict.js';
import { createMap } from '../../src/engine/maps/create-map.js';
import type { BpfMap, MapSpec } from '../../src/engine/maps/map.js';
import type { MapOfMaps } from '../../src/engine/maps/map-of-maps.js';
import { Datapath } from '../../src/programs/datapath.js';
import { type ObjectKind, ProgramInstance } from '../../src/programs/instance.js';
import { POLICY_MAP_SPEC } from '../../src/programs/tables/map-specs.js';
import type { Registry } from './entries.js';
import { EventLog } from './event-log.js';
import { constantsOf, featuresOf } from './features.js';
import { configOf } from './instances.js';
import { MapShadow } from './map-shadow.js';
import { MetricShadow } from './metric-shadow.js';
import { Observer } from './observer.js';
import { type RecordedMap, type Scenario, type TailCallTarget, VectorError } from './vector-format.js';

const POLICY_MAP = 'cilium_policy_v2';
/** Maps of the datapath that a build without them never writes to; kept small since they stay empty. */
const UNUSED_ENTRIES = 64;
/** Their state is compared another way (metrics, events) or no program can change it. */
const NOT_SHADOWED = new Set([
  'cilium_metrics',
  'cilium_events',
  'cilium_signals',
  'cilium_call_policy',
  'cilium_egresscall_policy',
  'cilium_calls',
]);

export interface LoadedInstance {
  readonly kind: ObjectKind;
  /** Emulated programs by entry name. */
  readonly programs: ReadonlyMap<string, HookProgram>;
}

export class Machine {
  readonly observer = new Observer();
  readonly clock = new Clock();
  readonly datapath: Datapath;
  readonly instances = new Map<string, LoadedInstance>();
  readonly events: EventLog;
  readonly metrics: MetricShadow;
  /** By the names of the file. */
  readonly shadows = new Map<string, MapShadow>();
  /** A step tail-called a program that is not emulated: what it did from there on is unknown. */
  leftEmulation = false;

  constructor(scenario: Scenario, registry: Registry) {
    this.datapath = new Datapath({
      features: featuresOf(scenario),
      constants: constantsOf(scenario),
      clock: this.clock,
      random: this.observer,
      fib: this.observer,
      mapSpec: (spec) => recordedSpec(spec, scenario.maps[spec.name]),
    });
    const maps = this.#makeMaps(scenario);
    for (const [name, map] of maps) {
      if (NOT_SHADOWED.has(name)) continue;
      const shadow = new MapShadow(map);
      const recorded = scenario.maps[name];
      if (recorded !== undefined && recorded.inner === undefined && recorded.type !== 'hash_of_maps') {
        shadow.apply({ set: recorded.entries ?? [] });
      } else shadow.sync();
      this.shadows.set(name, shadow);
    }
    this.#loadInstances(scenario, registry, maps);
    this.#setTailCalls(scenario);
    this.events = new EventLog(this.datapath.events, this.datapath.signals);
    this.metrics = new MetricShadow(this.datapath.metrics.map);
  }

  #makeMaps(scenario: Scenario): Map<string, BpfMap> {
    const maps = new Map(this.datapath.maps);
    for (const [name, recorded] of Object.entries(scenario.maps)) {
      if (!maps.has(name)) maps.set(name, createMap(plainSpec(name, recorded)));
    }
    let id = 0;
    for (const [name, recorded] of Object.entries(scenario.maps)) {
      const outer = maps.get(name) as MapOfMaps;
      for (const [key, innerName] of recorded.inner ?? []) {
        const inner = maps.get(innerName);
        if (inner === undefined) throw new VectorError(`map ${name}: inner map "${innerName}" is not there`);
        adopt(outer, key, ++id, inner);
      }
      if (recorded.type !== 'hash_of_maps') continue;
      for (const [key, content] of recorded.entries ?? []) {
        const inner = createMap({ ...innerSpec(outer.spec), name: `${name}[${key}]` });
        new MapShadow(inner).apply({ set: [['00000000', content]] });
        maps.set(inner.spec.name, inner);
        adopt(outer, key, ++id, inner);
      }
    }
    return maps;
  }

  #loadInstances(scenario: Scenario, registry: Registry, maps: ReadonlyMap<string, BpfMap>): void {
    const noPolicy = createMap({ ...POLICY_MAP_SPEC, maxEntries: UNUSED_ENTRIES });
    for (const [id, recorded] of Object.entries(scenario.instances)) {
      const alias = recorded.maps?.[POLICY_MAP];
      const policy = alias === undefined ? noPolicy : maps.get(alias);
      if (policy === undefined) throw new VectorError(`instance ${id}: map "${alias}" is not there`);
      const programs = new Map<string, HookProgram>();
      const make = registry[recorded.object];
      if (make !== undefined) {
        const features = featuresOf(scenario, recorded.object);
        const instance = new ProgramInstance(
          this.datapath,
          recorded.object,
          configOf(id, recorded, scenario.features.ETH_HLEN),
          policy,
          features,
        );
        for (const program of make(instance)) programs.set(program.name, program);
      }
      this.instances.set(id, { kind: recorded.object, programs });
    }
  }

  #setTailCalls(scenario: Scenario): void {
    const { programs } = this.datapath;
    if (programs.length === 0) programs.push(this.#notEmulated('none'));
    const recorded = { ...scenario.tailCalls };
    for (const [name, stubs] of Object.entries(calledStubs(scenario))) {
      recorded[name] = { ...recorded[name], ...stubs };
    }
    for (const [name, targets] of Object.entries(recorded)) {
      const array = new MapShadow(this.datapath.map(name));
      for (const [index, target] of Object.entries(targets)) {
        array.apply({ set: [[wordHex(Number(index)), wordHex(programs.length)]] });
        programs.push(this.#program(target, `${name}[${index}]`));
      }
    }
  }

  #program(target: TailCallTarget, place: string): HookProgram {
    if (target.stub) return { name: 'stub', run: () => target.verdict ?? 0 };
    const instance = this.instances.get(target.on ?? '');
    if (instance === undefined) throw new VectorError(`${place}: instance "${target.on}" is not there`);
    return instance.programs.get(target.entry ?? '') ?? this.#notEmulated(target.entry ?? 'none');
  }

  #notEmulated(name: string): HookProgram {
    return {
      name,
      run: () => {
        this.leftEmulation = true;
        return TC_ACT_SHOT;
      },
    };
  }
}

/**
 * Cilium's own tests put programs of theirs in the place of policy programs, and what the recording says of them is
 * rough: some are not listed, some answer otherwise than listed. A recorded call that did not end in a drop was to
 * such a program, and the step's verdict is what it answered.
 */
function calledStubs(scenario: Scenario): Record<string, Record<string, TailCallTarget>> {
  const stubs: Record<string, Record<string, TailCallTarget>> = {};
  for (const { expect } of scenario.steps) {
    if (expect.dropReason) continue;
    for (const { map, slot } of expect.tailCalls ?? []) {
      stubs[map] = { ...stubs[map], [slot]: { stub: true, verdict: expect.verdict } };
    }
  }
  return stubs;
}

function recordedSpec(spec: MapSpec, recorded: RecordedMap | undefined): MapSpec {
  if (recorded !== undefined) {
    const { inner } = spec;
    if (inner === undefined) return plainSpec(spec.name, recorded);
    const content = recorded.type === 'hash_of_maps' ? recorded.entries?.[0]?.[1] : undefined;
    const valueSize = content === undefined ? inner.valueSize : content.length / 2;
    return { ...plainSpec(spec.name, recorded), inner: { ...inner, valueSize } };
  }
  const isTable = !spec.type.endsWith('array') && spec.name !== 'cilium_metrics';
  return isTable ? { ...spec, maxEntries: Math.min(spec.maxEntries, UNUSED_ENTRIES) } : spec;
}

function plainSpec(name: string, recorded: RecordedMap): MapSpec {
  const { type, keySize, valueSize, maxEntries, flags = 0 } = recorded;
  return { name, type, keySize, valueSize, maxEntries, flags };
}

function innerSpec(outer: MapSpec): MapSpec {
  if (outer.inner === undefined) throw new VectorError(`map ${outer.name}: it is not known what is in it`);
  return outer.inner;
}

function adopt(outer: MapOfMaps, key: string, id: number, inner: BpfMap): void {
  outer.adopt(id, inner);
  new MapShadow(outer).apply({ set: [[key, wordHex(id)]] });
}

function wordHex(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes.toString('hex');
}
