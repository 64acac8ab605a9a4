/** Programs that do what was recorded, one call after the other: they show that the runner itself is right. */
import type { HookProgram } from '../../src/engine/hooks/program.js';
import { BPF_ANY, type BpfMap } from '../../src/engine/maps/map.js';
import type { PerfRing } from '../../src/engine/maps/perf-ring.js';
import type { PacketContext } from '../../src/engine/packet.js';
import type { Datapath } from '../../src/programs/datapath.js';
import type { ObjectKind } from '../../src/programs/instance.js';
import type { Registry } from './entries.js';
import type { ScenarioRun, StepResult } from './scenario-run.js';
import type { Changes, HelperCall, Redirect, Scenario, Step } from './vector-format.js';

const KINDS: readonly ObjectKind[] = ['lxc', 'host', 'overlay', 'xdp', 'wireguard', 'network'];

/** Something to do after the replay, to make it wrong. */
export type Tamper = (packet: PacketContext, datapath: Datapath) => number | undefined;

/** A registry of replaying programs, and `run`, which tells them which step is at hand. */
export class Replay {
  readonly registry: Registry;
  tamper: Tamper | null = null;
  #step: Step | null = null;
  #run: ScenarioRun | null = null;

  /** Has programs for every entry that the scenario calls. */
  constructor(scenario: Scenario) {
    const entries = new Set(scenario.steps.map((step) => step.entry));
    const programs = [...entries].map(
      (name): HookProgram => ({ name, run: (packet) => this.#replay(packet) }),
    );
    this.registry = Object.fromEntries(KINDS.map((kind) => [kind, () => programs]));
  }

  run(run: ScenarioRun, step: Step): StepResult {
    this.#run = run;
    this.#step = step;
    return run.run(step);
  }

  #replay(packet: PacketContext): number {
    const { expect, random = [] } = this.#step as Step;
    const { machine } = this.#run as ScenarioRun;
    const { datapath } = machine;
    for (const _ of random) datapath.random.next();
    for (const call of expect.calls ?? []) replayCall(call, packet, datapath);
    for (const { map, slot } of expect.tailCalls ?? []) packet.recorder?.tailCall(map, slot);
    for (const { hex, signal } of expect.events ?? []) {
      writeRecord(signal ? datapath.signals : datapath.events, Buffer.from(hex, 'hex'));
    }
    for (const [name, changes] of Object.entries(expect.maps ?? {})) {
      replayChanges((machine.shadows.get(name) as { map: BpfMap }).map, changes);
    }
    for (const [name, [packets, bytes]] of Object.entries(expect.metrics ?? {})) {
      const [reason, direction] = name.split(':').map(Number);
      for (let i = 0; i < packets; i++) datapath.metrics.count(reason, direction, i === 0 ? bytes : 0);
    }
    if (expect.frame !== '=') writeFrame(packet, Buffer.from(expect.frame, 'hex'));
    replayContext(packet, expect);
    for (const redirect of expect.redirects ?? []) replayRedirect(redirect, packet);
    return this.tamper?.(packet, datapath) ?? expect.verdict;
  }
}

function replayCall(call: HelperCall, packet: PacketContext, datapath: Datapath): void {
  const { flags = 0, size = 0 } = call;
  if (call.fn === 'fib_lookup') {
    datapath.fibParams.set(Buffer.from(call.params ?? '', 'hex'));
    datapath.fib.lookup(packet, datapath.fibParams, flags);
  } else if (call.fn === 'set_tunnel_key') {
    packet.tunnelKey.set(Buffer.from(call.key ?? '', 'hex'));
    packet.setTunnelKey(size, flags);
  } else if (call.fn === 'set_tunnel_opt') {
    const option = Buffer.from(call.opt ?? '', 'hex');
    packet.tunnelOption.set(option);
    packet.setTunnelOption(option.length);
  } else {
    packet.changeType(call.type ?? 0);
  }
}

export function writeRecord(ring: PerfRing, record: Uint8Array): void {
  ring.bytes.set(record, ring.reserve(record.length));
}

function replayChanges(map: BpfMap, changes: Changes): void {
  const key = new Int32Array(map.keyWords);
  const load = (hex: string): void => {
    key.fill(0);
    new Uint8Array(key.buffer).set(Buffer.from(hex, 'hex'));
  };
  for (const [keyHex, valueHex] of changes.set ?? []) {
    load(keyHex);
    map.update(key, 0, Buffer.from(valueHex, 'hex'), 0, BPF_ANY);
  }
  for (const keyHex of changes.deleted ?? []) {
    load(keyHex);
    map.delete(key, 0);
  }
}

function writeFrame(packet: PacketContext, frame: Uint8Array): void {
  packet.insertAt(0, 64);
  packet.resize(frame.length);
  packet.bytes.set(frame, packet.start);
}

function replayContext(packet: PacketContext, { ctx = {} }: Step['expect']): void {
  if (ctx.mark !== undefined) packet.mark = ctx.mark | 0;
  if (ctx.tc_index !== undefined) packet.tcIndex = ctx.tc_index;
  if (ctx.cb !== undefined) {
    const cb = Int32Array.from(ctx.cb, (word) => word | 0);
    [packet.cb0, packet.cb1, packet.cb2, packet.cb3, packet.cb4] = cb;
  }
  if (ctx.meta !== undefined) {
    const meta = Buffer.from(ctx.meta, 'hex');
    packet.metaLength = meta.length;
    packet.bytes.set(meta, packet.start - meta.length);
  }
}

function replayRedirect(redirect: Redirect, packet: PacketContext): void {
  const { ifindex, flags, params } = redirect;
  if (redirect.kind === 'redirect_peer') packet.redirectPeer(ifindex, flags);
  else if (redirect.kind === 'redirect_neigh') {
    packet.redirectNeigh(ifindex, params === undefined ? null : Buffer.from(params, 'hex'), 0, flags);
  } else packet.redirect(ifindex, flags);
}
