/** Runs the steps of one scenario and says of each what did not come out as recorded. */
import { PacketContext } from '../../src/engine/packet.js';
import * as tunnelKey from '../../src/engine/tunnel-key.js';
import type { ObjectKind } from '../../src/programs/instance.js';
import { compareStep, type Mismatch, type Outcome } from './compare.js';
import type { Registry } from './entries.js';
import { Machine } from './machine.js';
import type { MapDifference } from './map-shadow.js';
import { type Changes, type Scenario, type Step, VectorError } from './vector-format.js';

/** Room in front of and behind a frame; what is there is poisoned before each step. */
const HEADROOM = 512;
const TAILROOM = 4096;
const LONGEST_FRAME = 65536;
const POISON = 0xa5;
const POISONED_BEHIND = 128;

const EINVAL = -22;
const ENOENT = -2;

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
    const { ctx } = step;
    const length = step.frame.length / 2;
    if (length > LONGEST_FRAME || buffer.write(step.frame, HEADROOM, 'hex') !== length) {
      throw new VectorError(`frame of ${length} bytes is longer than ${LONGEST_FRAME}, or not hex`);
    }
    buffer.fill(POISON, 0, HEADROOM);
    buffer.fill(POISON, HEADROOM + length, HEADROOM + length + POISONED_BEHIND);
    const packet = this.#packet;
    packet.reset(HEADROOM, HEADROOM + length, 0, HEADROOM + LONGEST_FRAME + TAILROOM);
    packet.mark = (ctx.mark ?? 0) | 0;
    packet.cb0 = (ctx.cb?.[0] ?? 0) | 0;
    packet.cb1 = (ctx.cb?.[1] ?? 0) | 0;
    packet.cb2 = (ctx.cb?.[2] ?? 0) | 0;
    packet.cb3 = (ctx.cb?.[3] ?? 0) | 0;
    packet.cb4 = (ctx.cb?.[4] ?? 0) | 0;
    packet.tcIndex = (ctx.tc_index ?? 0) | 0;
    packet.vlanPresent = ctx.vlan_tci === undefined ? 0 : 1;
    packet.vlanTci = ctx.vlan_tci ?? 0;
    if (kind === 'xdp') {
      packet.ifindex = ctx.ifindex || 1;
      packet.ingressIfindex = packet.ifindex;
    } else {
      packet.ifindex = ctx.ifindex;
      packet.ingressIfindex = ctx.ingress_ifindex ?? 0;
    }
    packet.layer3Device = kind === 'wireguard' || ctx.l2 === false ? 1 : 0;
    packet.protocol =
      ctx.protocol !== undefined
        ? Number.parseInt(ctx.protocol, 16)
        : packet.layer3Device === 1
          ? protocolOfVersion(length)
          : protocolOfEthernet(length);
    if (step.socketCookie !== undefined) {
      packet.socketCookie = Buffer.from(step.socketCookie, 'hex').readInt32LE(0);
    }
    this.#loadTunnel(step);
    this.machine.clock.set(step.now_ns);
    this.machine.observer.begin(step.random ?? [], step.fib ?? null, kind === 'xdp' ? packet.ifindex : -1);
  }

  #loadTunnel(step: Step): void {
    const packet = this.#packet;
    const { tunnel } = step;
    if (tunnel === undefined) {
      packet.receivedKeyResult = EINVAL;
      packet.receivedOptionResult = EINVAL;
      return;
    }
    packet.receivedKeyResult = tunnel.ret;
    packet.receivedKeyIsV6 = Number(tunnel.v6 ?? 0);
    packet.receivedKey.fill(0);
    packet.receivedKey.set(Buffer.from(tunnel.key ?? '', 'hex').subarray(0, tunnelKey.SIZE));
    const option = Buffer.from(tunnel.opt ?? '', 'hex');
    packet.receivedOption.fill(0);
    packet.receivedOption.set(option);
    packet.receivedOptionResult = tunnel.optRet ?? (tunnel.opt === undefined ? ENOENT : option.length);
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

/** `skb->protocol` as eth_type_trans sets it: below 0x600 the type is a length (802.3, or 802.2 behind it). */
function protocolOfEthernet(length: number): number {
  if (length < 14) return 0;
  const type = buffer.readUInt16BE(HEADROOM + 12);
  if (type >= 0x600) return type;
  const raw802_3 = length >= 16 && buffer.readUInt16BE(HEADROOM + 14) === 0xffff;
  return raw802_3 ? 0x0001 : 0x0004;
}

/** Of a frame without link header. A version above 6 was recorded as IPv6, which shows in W-wireguard/bad-headers. */
function protocolOfVersion(length: number): number {
  const version = length === 0 ? 0 : buffer[HEADROOM] >> 4;
  return version === 4 ? 0x0800 : version >= 6 ? 0x86dd : 0;
}
