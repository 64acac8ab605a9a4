/**
 * Damaged frames at every entry program of every object: no exception, one verdict, a reason for each drop, nothing
 * read or written outside. The recorded vectors are where nodes, maps and frames come from, so that damage meets
 * connections, services and tunnels that are there. Each frame is run twice, on two nodes in step, with other bytes
 * around it: what a program reads there shows as a difference.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import {
  TC_ACT_OK,
  TC_ACT_REDIRECT,
  TC_ACT_SHOT,
  XDP_DROP,
  XDP_PASS,
  XDP_REDIRECT,
  XDP_TX,
} from '../../src/engine/hooks/verdict.js';
import { PacketContext } from '../../src/engine/packet.js';
import { EMULATED } from '../conformance/entries.js';
import { loadStep } from '../conformance/load-step.js';
import { Machine } from '../conformance/machine.js';
import { fileSet, parseScenario, readLines } from '../conformance/read-scenarios.js';
import type { Scenario, Step } from '../conformance/vector-format.js';
import { fromHex, toHex } from '../support/hex.js';
import { repositoryRoot } from '../support/repository.js';
import { type Damage, damage, damaged } from './mutations.js';

const VECTORS = path.join(repositoryRoot, 'test/data/vectors');
/** Of the scenarios of a file every so many are used. */
const EVERY = 9;
const RUNS = 25;
const SEED = 4;

/** Bytes on both sides of the slot that nobody may change. */
const CANARY = 64;
const LONGEST = 66_000;

const TC_VERDICTS = [TC_ACT_OK, TC_ACT_SHOT, TC_ACT_REDIRECT];
const XDP_VERDICTS = [XDP_PASS, XDP_DROP, XDP_TX, XDP_REDIRECT];

interface Arrival {
  readonly step: number;
  readonly damage: Damage;
  readonly headroom: number;
  readonly tailroom: number;
  readonly fib: number;
}

const arrival: fc.Arbitrary<Arrival> = fc.record({
  step: fc.nat(),
  damage,
  headroom: fc.constantFrom(258, 258, 40, 0),
  tailroom: fc.constantFrom(64, 64, 0),
  fib: fc.constantFrom(0, 0, 0, 7, 4),
});

/** The nodes of a scenario, and memory of its own for one frame. */
class FuzzedNode {
  readonly machine: Machine;
  readonly #steps: readonly Step[];
  readonly #poison: number;
  readonly #hasStubs: boolean;
  readonly #packet = new PacketContext(new Uint8Array(2 * CANARY + 512 + LONGEST));

  constructor(scenario: Scenario, poison: number) {
    this.machine = new Machine(scenario, EMULATED);
    this.machine.datapath.events.mode = 'discard';
    this.machine.datapath.signals.mode = 'discard';
    this.#steps = scenario.steps.filter(({ on, entry }) =>
      this.machine.instances.get(on)?.programs.has(entry),
    );
    this.#poison = poison;
    this.#hasStubs = scenario.steps.some(
      ({ expect }) => expect.verdict === TC_ACT_SHOT && !expect.dropReason,
    );
  }

  get stepCount(): number {
    return this.#steps.length;
  }

  /** Verdict and packet after the program, as a text; the bytes around the frame are checked. */
  run(what: Arrival): string {
    const step = this.#steps[what.step % this.#steps.length];
    const { kind, programs } = this.machine.instances.get(step.on)!;
    const program = programs.get(step.entry)!;
    const packet = this.#packet;
    const { bytes } = packet;
    const frame = damaged(fromHex(step.frame), what.damage);
    const head = CANARY;
    const start = head + what.headroom;
    const tail = start + frame.length + what.tailroom;
    bytes.fill(this.#poison, 0, tail + CANARY);
    bytes.set(frame, start);
    packet.reset(start, start + frame.length, head, tail);
    loadStep(packet, step, kind);
    this.machine.clock.set(step.now_ns);
    const fib = what.fib === 0 ? (step.fib ?? null) : { ret: what.fib };
    this.machine.observer.begin(step.random ?? [], fib, -1);
    this.machine.leftEmulation = false;
    const verdict = program.run(packet);

    const isXdp = kind === 'xdp';
    assert.ok((isXdp ? XDP_VERDICTS : TC_VERDICTS).includes(verdict), `${program.name} answered ${verdict}`);
    // The XDP prefilter drops without saying why, and so do the programs that stand in for policy programs.
    if (verdict === TC_ACT_SHOT && !isXdp && !this.#hasStubs && !this.machine.leftEmulation) {
      assert.notEqual(packet.dropReason, 0, `${program.name} dropped without a reason`);
    }
    assert.ok(packet.start >= head && packet.end <= tail && packet.start <= packet.end, 'left its slot');
    for (let i = 0; i < CANARY; i++) {
      if (bytes[i] !== this.#poison) assert.fail(`${program.name} wrote before its slot`);
      if (bytes[tail + i] !== this.#poison) assert.fail(`${program.name} wrote behind its slot`);
    }
    const words = [
      verdict,
      packet.mark,
      packet.tcIndex,
      packet.dropReason,
      packet.protocol,
      packet.tunnelKeySize,
    ];
    const redirect = [packet.redirectKind, packet.redirectIfindex, packet.redirectFlags];
    return `${program.name} ${words.join(' ')} ${redirect.join(' ')} ${toHex(bytes, packet.start, packet.length)}`;
  }
}

/** Entries that some frame was run at. */
const met = new Set<string>();

describe('damaged frames at the entry programs', () => {
  for (const name of readdirSync(VECTORS).filter((file) => file.endsWith('.jsonl.br'))) {
    test(fileSet(name), async () => {
      let number = 0;
      for await (const line of readLines(path.join(VECTORS, name))) {
        if (number++ % EVERY !== 0) continue;
        const scenario = parseScenario(line, `${name}:${number}`);
        const one = new FuzzedNode(scenario, 0xa5);
        const other = new FuzzedNode(scenario, 0x5a);
        if (one.stepCount === 0) continue;
        fc.assert(
          fc.property(fc.array(arrival, { minLength: 1, maxLength: 16, size: 'max' }), (arrivals) => {
            for (const what of arrivals) {
              const result = one.run(what);
              met.add(result.slice(0, result.indexOf(' ')));
              assert.equal(other.run(what), result, 'depends on bytes outside the frame');
            }
          }),
          { numRuns: RUNS, seed: SEED, endOnFailure: true, includeErrorInReport: true },
        );
      }
    });
  }

  after(() => {
    assert.deepEqual([...met].sort(), [
      'cil_from_container',
      'cil_from_host',
      'cil_from_netdev',
      'cil_from_network',
      'cil_from_overlay',
      'cil_from_wireguard',
      'cil_host_policy',
      'cil_lxc_policy',
      'cil_lxc_policy_egress',
      'cil_to_container',
      'cil_to_host',
      'cil_to_netdev',
      'cil_to_overlay',
      'cil_to_wireguard',
      'cil_xdp_entry',
    ]);
  });
});
