/** Runs the steps of one scenario and says of each what did not come out as recorded. */
import { PacketContext } from '../../src/engine/packet.js';
import type { ObjectKind } from '../../src/programs/instance.js';
import { compareStep, type Mismatch, type Outcome } from './compare.js';
import type { Registry } from './entries.js';
import { loadStep } from './load-step.js';
import { Machine } from './machine.js';
import type { MapDifference } from './map-shadow.js';
import { type Changes, type Scenario, type Step, VectorError } from './vector-format.js';

/** Room in front of and behind a frame; what is there is poisoned before each step. */
const HEADROOM = 512;
const TAILROOM = 4096;
const LONGEST_FRAME = 65536;
const POISON = 0xa5;
const POISONED_BEHIND = 128;

/** Empty: passed. Null: not judged, since a program that is not emulated took part. */
export type StepResult = readonly Mismatch[] | null;

const memory = new ArrayBuffer(HEADROOM + LONGEST_FRAME + TAILROOM);
const bytes = new Uint8Array(memory);
const buffer = Buffer.from(memory);

export class ScenarioRun {
  readonly machine: Machine;
  /** What the last step did; null when nothing was run or the program threw. */
  outcome: Outcome | null = null;
  readonly #packet = new PacketContext(bytes);

  constructor(scenario: Scenario, registry: Registry) {
    this.machine = new Machine(scenario, registry);
    this.#packet.recorder = this.machine.observer;
  }

  /** Runs one step. Whatever it did, the maps are in the recorded state afterwards. */
  run(step: Step): StepResult {
    const { machine } = this;
    if (step.pre !== undefined) this.#apply(step.pre);
    const instance = machine.instances.get(step.on);
    const program = instance?.programs.get(step.entry);
    this.outcome = null;
    if (instance === undefined || program === undefined) {
      this.#apply(step.expect.maps ?? {});
      return null;
    }
    this.#load(step, instance.kind);
    machine.leftEmulation = false;
    let verdict = 0;
    let result: StepResult;
    let thrown: unknown = null;
    try {
      verdict = program.run(this.#packet);
    } catch (error) {
      thrown = error ?? 'nothing';
    }
    const outcome = this.#observe(verdict);
    this.outcome = thrown === null ? outcome : null;
    if (thrown !== null) {
      const actual = thrown instanceof Error ? thrown.stack : String(thrown);
      result = [{ field: 'exception', expected: null, actual }];
    } else if (machine.leftEmulation) {
      result = null;
    } else {
      result = compareStep(step, instance.kind === 'xdp', outcome);
    }
    if (result === null || result.length > 0) this.#force(outcome.maps, step.expect.maps ?? {});
    return result;
  }

  /** Everything that the step left behind; the shadows of the maps and metrics follow. */
  #observe(verdict: number): Outcome {
    const { machine } = this;
    const packet = this.#packet;
    const { redirects, calls, tailCalls, randomUsed } = machine.observer;
    return {
      verdict,
      frame: buffer.toString('hex', packet.start, packet.end),
      mark: packet.mark,
      cb: [packet.cb0, packet.cb1, packet.cb2, packet.cb3, packet.cb4],
      tcIndex: packet.tcIndex,
      meta: buffer.toString('hex', packet.start - packet.metaLength, packet.start),
      redirects,
      calls,
      tailCalls,
      events: machine.events.take(),
      randomUsed,
      metrics: machine.metrics.takeChanges(),
      maps: this.#takeMapChanges(),
    };
  }

  /** Puts the packet and everything the program may ask for in place. */
  #load(step: Step, kind: ObjectKind): void {
    const length = step.frame.length / 2;
    if (length > LONGEST_FRAME || buffer.write(step.frame, HEADROOM, 'hex') !== length) {
      throw new VectorError(`frame of ${length} bytes is longer than ${LONGEST_FRAME}, or not hex`);
    }
    buffer.fill(POISON, 0, HEADROOM);
    buffer.fill(POISON, HEADROOM + length, HEADROOM + length + POISONED_BEHIND);
    const packet = this.#packet;
    packet.reset(HEADROOM, HEADROOM + length, 0, HEADROOM + LONGEST_FRAME + TAILROOM);
    loadStep(packet, step, kind);
    this.machine.clock.set(step.now_ns);
    this.machine.observer.begin(step.random ?? [], step.fib ?? null, kind === 'xdp' ? packet.ifindex : -1);
  }

  #takeMapChanges(): Map<string, MapDifference> {
    const changes = new Map<string, MapDifference>();
    for (const [name, shadow] of this.machine.shadows) {
      const difference = shadow.takeChanges();
      if (difference !== null) changes.set(name, difference);
    }
    return changes;
  }

  #force(actual: ReadonlyMap<string, MapDifference>, recorded: Readonly<Record<string, Changes>>): void {
    for (const [name, difference] of actual) {
      this.machine.shadows.get(name)?.force(difference, recorded[name]);
    }
    for (const [name, changes] of Object.entries(recorded)) {
      if (!actual.has(name)) this.#shadow(name).apply(changes);
    }
  }

  #apply(changes: Readonly<Record<string, Changes>>): void {
    for (const [name, change] of Object.entries(changes)) this.#shadow(name).apply(change);
  }

  #shadow(name: string) {
    const shadow = this.machine.shadows.get(name);
    if (shadow === undefined) throw new VectorError(`map "${name}" is not there`);
    return shadow;
  }
}
