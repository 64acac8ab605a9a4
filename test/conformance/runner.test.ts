import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BPF_ANY } from '../../src/engine/maps/map.js';
import type { Datapath } from '../../src/programs/datapath.js';
import { Replay, type Tamper, writeRecord } from './replay-program.js';
import { type EntryCount, emptyReport } from './report.js';
import { EVERYTHING, runScenario } from './run-file.js';
import {
  CT_VALUE,
  SAMPLE,
  STEP_DROPPED,
  STEP_EVERYTHING,
  STEP_FOLLOWER,
  STEP_XDP,
} from './sample-scenario.js';
import { ScenarioRun } from './scenario-run.js';
import type { Scenario } from './vector-format.js';

/** Fields that differ in each step when `tamper` is done at the end of step `at`. */
function fieldsOfSteps(tamper: Tamper | null, at: number, scenario = SAMPLE): string[][] {
  const replay = new Replay(scenario);
  const run = new ScenarioRun(scenario, replay.registry);
  return scenario.steps.map((step, index) => {
    replay.tamper = index === at ? tamper : null;
    return (replay.run(run, step) ?? []).map(({ field }) => field).sort();
  });
}

/** `tamper` at the step fails that step in exactly these fields, and no other step. */
function assertCaught(step: number, fields: readonly string[], tamper: Tamper): void {
  const expected: string[][] = SAMPLE.steps.map(() => []);
  expected[step] = [...fields].sort();
  assert.deepEqual(fieldsOfSteps(tamper, step), expected);
}

function writeMap(datapath: Datapath, name: string, key: string, value: string): void {
  const map = datapath.map(name);
  const words = new Int32Array(map.keyWords);
  new Uint8Array(words.buffer).set(Buffer.from(key, 'hex'));
  assert.equal(map.update(words, 0, Buffer.from(value, 'hex'), 0, BPF_ANY), 0);
}

function deleteFrom(datapath: Datapath, name: string, key: string): void {
  const map = datapath.map(name);
  const words = new Int32Array(map.keyWords);
  new Uint8Array(words.buffer).set(Buffer.from(key, 'hex'));
  assert.equal(map.delete(words, 0), 0);
}

const PEER = '0af5010a0af50114005013890600';
const OTHER = '0af5010a0af50114005013890601';

describe('conformance runner', () => {
  test('programs that do what was recorded pass every step', () => {
    assert.deepEqual(fieldsOfSteps(null, -1), [[], [], [], []]);
  });

  describe('a wrong program is caught, and the field is named:', () => {
    const caught = (name: string, fields: string[], tamper: Tamper, step = STEP_EVERYTHING): void => {
      test(name, () => assertCaught(step, fields, tamper));
    };
    const doing =
      (change: (...args: Parameters<Tamper>) => void): Tamper =>
      (packet, datapath) => {
        change(packet, datapath);
        return undefined;
      };

    caught('verdict', ['verdict'], () => 0);
    caught(
      'verdict OK in place of a drop: the context counts by the recorded verdict',
      ['verdict'],
      () => 0,
      STEP_DROPPED,
    );
    caught(
      'a frame byte',
      ['frame'],
      doing((p) => void p.bytes[p.end - 1]++),
    );
    caught(
      'frame length',
      ['frame'],
      doing((p) => void p.end--),
    );
    caught(
      'mark',
      ['ctx.mark'],
      doing((p) => {
        p.mark ^= 1;
      }),
    );
    caught(
      'cb[4]',
      ['ctx.cb'],
      doing((p) => {
        p.cb4 = 0;
      }),
    );
    caught(
      'tc_index',
      ['ctx.tc_index'],
      doing((p) => {
        p.tcIndex = 1;
      }),
    );
    caught(
      'the mark where it should stay',
      ['ctx.mark'],
      doing((p) => {
        p.mark = 0;
      }),
      STEP_FOLLOWER,
    );
    caught(
      'a frame that should stay',
      ['frame'],
      doing((p) => void p.bytes[p.start]++),
      STEP_FOLLOWER,
    );
    caught(
      'one redirect more',
      ['redirects'],
      doing((p) => void p.redirect(10, 0)),
    );
    caught(
      'another helper call',
      ['calls'],
      doing((p) => p.changeType(1)),
    );
    caught(
      'a tail call more',
      ['tailCalls'],
      doing((p) => p.recorder?.tailCall('cilium_call_policy', 1)),
    );
    caught(
      'one random number more',
      ['random'],
      doing((_, d) => void d.random.next()),
    );
    caught(
      'one event more',
      ['events'],
      doing((_, d) => writeRecord(d.events, Uint8Array.of(4))),
    );
    caught(
      'an event sent as a signal',
      ['events'],
      doing((_, d) => writeRecord(d.signals, Uint8Array.of(4))),
      STEP_FOLLOWER,
    );
    caught(
      'an event byte',
      ['events'],
      doing((_, d) => void d.events.bytes[15]++),
    );
    caught(
      'metrics',
      ['metrics'],
      doing((_, d) => d.metrics.count(0, 2, 54)),
    );
    caught(
      'a drop counted that was none',
      ['dropReason', 'metrics'],
      doing((_, d) => d.metrics.count(160, 2, 34)),
      STEP_DROPPED,
    );
    caught(
      'one byte of a map value',
      ['maps.cilium_ct4_global'],
      doing((_, d) => writeMap(d, 'cilium_ct4_global', PEER, `${CT_VALUE.slice(0, -2)}01`)),
    );
    caught(
      'an entry not written',
      ['maps.cilium_ct4_global'],
      doing((_, d) => deleteFrom(d, 'cilium_ct4_global', OTHER)),
    );
    caught(
      'an entry not deleted',
      ['maps.cilium_ct4_global'],
      doing((_, d) => writeMap(d, 'cilium_ct4_global', PEER, CT_VALUE)),
      STEP_FOLLOWER,
    );
    caught(
      'a counter of a per-CPU map',
      ['maps.cilium_policystats'],
      doing((_, d) => writeMap(d, 'cilium_policystats', '650000000000000001000000', '02'.padEnd(32, '0'))),
    );
    caught(
      'an element of an array',
      ['maps.cilium_runtime_config'],
      doing((_, d) => writeMap(d, 'cilium_runtime_config', 'ff000000', '0100000000000000')),
    );
    caught(
      'a write to a map that the recording does not have',
      ['maps.cilium_throttle'],
      doing((_, d) => writeMap(d, 'cilium_throttle', '00'.repeat(8), '00'.repeat(56))),
    );
    caught(
      'an exception',
      ['exception'],
      doing(() => {
        throw new Error('broken');
      }),
    );
    caught(
      'XDP metadata',
      ['ctx.meta'],
      doing((p) => {
        p.metaLength = 0;
      }),
      STEP_XDP,
    );
    caught(
      'XDP_TX to another device',
      ['redirects'],
      doing((p) => void p.redirect(1, 0)),
      STEP_XDP,
    );
  });

  test('the order of events and signals counts', () => {
    const [first, second, third] = SAMPLE.steps[0].expect.events ?? [];
    const events = [second, first, third];
    const step = { ...SAMPLE.steps[0], expect: { ...SAMPLE.steps[0].expect, events } };
    const replay = new Replay(SAMPLE);
    const run = new ScenarioRun(SAMPLE, replay.registry);
    replay.run(run, step);
    assert.deepEqual(run.outcome?.events, events);
  });

  test('what happens to the context of a dropped packet does not count', () => {
    const tamper: Tamper = (packet) => {
      packet.mark = 77;
      packet.cb0 = 77;
      return undefined;
    };
    assert.deepEqual(fieldsOfSteps(tamper, STEP_DROPPED), [[], [], [], []]);
  });

  test('a random number beyond the recorded ones is 0, and FIB answers come from the step', () => {
    const seen: number[] = [];
    const tamper: Tamper = (packet, datapath) => {
      seen.push(datapath.random.next());
      datapath.fibParams.fill(0);
      seen.push(datapath.fib.lookup(packet, datapath.fibParams, 0));
      return undefined;
    };
    assert.deepEqual(fieldsOfSteps(tamper, STEP_EVERYTHING)[0], ['calls', 'random']);
    assert.deepEqual(seen, [0, 0]);
    const replay = new Replay(SAMPLE);
    const run = new ScenarioRun(SAMPLE, replay.registry);
    replay.run(run, SAMPLE.steps[0]);
    const params = Buffer.from(run.machine.datapath.fibParams).toString('hex');
    assert.equal(
      params,
      `02${'00'.repeat(7)}0a000000${'00'.repeat(20)}c0a80001${'00'.repeat(16)}020000000010020000000001`,
    );
  });

  test('steps of entries that are not emulated have their recorded changes applied', () => {
    const report = emptyReport();
    const place = { file: 'sample', line: 1, place: 'sample:1' };
    runScenario(SAMPLE, place, EVERYTHING, {}, 10, report);
    const none: EntryCount = { steps: 0, passed: 0, notEmulated: 3 };
    assert.deepEqual(report.sets, {
      S: { cil_from_container: none, cil_xdp_entry: { ...none, notEmulated: 1 } },
    });
    const run = new ScenarioRun(SAMPLE, {});
    for (const step of SAMPLE.steps) assert.equal(run.run(step), null);
    const changed = CT_VALUE.replace('01', '02');
    assert.deepEqual(run.machine.shadows.get('cilium_ct4_global')?.entries(), [[OTHER, changed]]);
    assert.deepEqual(run.machine.shadows.get('cilium_runtime_config')?.entries(), [
      ['01000000', '0500000000000000'],
    ]);
  });

  test('a step that tail-calls a program that is not emulated is not judged', () => {
    const replay = new Replay(SAMPLE);
    const run = new ScenarioRun(SAMPLE, replay.registry);
    replay.tamper = (packet, datapath) => {
      const id = datapath.callPolicy.programAt(101);
      return datapath.programs[id].run(packet);
    };
    // The sample has no step of cil_lxc_policy, so that the replay has no such program.
    assert.equal(replay.run(run, SAMPLE.steps[0]), null);
    replay.tamper = null;
    assert.deepEqual(replay.run(run, SAMPLE.steps[1]), []);
  });

  test('feature macros and variables that nobody knows are reported', () => {
    const scenario: Scenario = {
      ...SAMPLE,
      features: { ...SAMPLE.features, ENABLE_SOMETHING_NEW: '1' },
      instances: { ...SAMPLE.instances, xdp: { object: 'xdp', config: { new_variable: '00' } } },
    };
    const report = emptyReport();
    runScenario(scenario, { file: 'f', line: 1, place: 'f:1' }, EVERYTHING, {}, 10, report);
    assert.deepEqual(report.notices, [
      'S: feature macro ENABLE_SOMETHING_NEW is not known',
      'S: config variable new_variable is not known',
    ]);
  });
});
