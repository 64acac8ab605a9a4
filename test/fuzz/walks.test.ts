/**
 * Damaged frames at every device of two nodes, and at those of the ready-made topologies: each walk ends in one fate
 * and is counted once, nothing is read outside the frame or written outside its slot, the same seed gives the same
 * bytes. Each frame is walked by two clusters in step, with other bytes around it.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Clock } from '../../src/engine/clock.js';
import { DROPPED } from '../../src/engine/fate.js';
import { FrameArena } from '../../src/engine/frame-arena.js';
import type { MapSpec } from '../../src/engine/maps/map.js';
import { SeededRandom } from '../../src/engine/random.js';
import { buildTopology } from '../../src/topologies/build.js';
import type { BuiltTopology } from '../../src/topologies/built.js';
import { loadTopology, readTopology } from '../../src/topologies/load.js';
import type { TopologySpec } from '../../src/topologies/spec.js';
import { toHex } from '../support/hex.js';
import { twoNodes } from '../topologies/clusters.js';
import { readFrames } from '../topologies/support.js';
import { makeFrame } from '../topologies/walk-support.js';
import { type Damage, damage, damaged } from './mutations.js';

const RUNS = 150;
const SEED = 5;

const CAPTURES = [
  'lab/life-of-a-packet-pod1.pcap',
  'lab/same-node-client.pcap',
  'tcpdump/various_gre.pcap',
  'tcpdump/OSPFv3_with_AH.pcap',
  'tcpdump/dhcpv6-ia-na.pcap',
];

/** Between the clusters' own ends, whose addresses mean something to the programs. */
const TALKS = [
  ['10.1.1.10:4000', '10.96.0.1:80'],
  ['10.1.1.10:4000', '10.1.2.10:8080'],
  ['203.0.113.5:4000', '192.168.0.1:30080'],
  ['[fd01:1::10]:4000', '[fd96::1]:80'],
  ['[2001:db8::5]:4000', '[fd00::1]:30080'],
  ['192.168.0.2:40000', '192.168.0.1:8472'],
  ['192.168.0.2:40000', '192.168.0.1:6081'],
] as const;

const small = (spec: MapSpec): MapSpec => ({ ...spec, maxEntries: Math.min(spec.maxEntries, 4096) });

class Cluster {
  readonly built: BuiltTopology;
  readonly #arena = new FrameArena(4, 1);
  /** The slots beside the one that frames are put into. */
  readonly #beside: readonly number[];
  readonly #poison: number;

  constructor(spec: TopologySpec, poison: number) {
    const clock = new Clock();
    clock.set(1000e9);
    const random = new SeededRandom(1);
    this.built = buildTopology(spec, { clock, random, arena: this.#arena, mapSpec: small });
    for (const { datapath } of this.built.nodes) datapath.events.mode = 'discard';
    this.#poison = poison;
    const [first, middle, last] = [0, 1, 2].map(() => this.#arena.allocate(60));
    this.#arena.free(middle);
    this.#beside = [first, last];
  }

  /** Fate, reason, place and frame after a walk, as a text. */
  walk(frame: Uint8Array, row: number, entry: number, secondsLater: number): string {
    const { walker, network, clock, agent } = this.built;
    const arena = this.#arena;
    const device = network.devices[row % network.devices.length];
    clock.set(clock.nowNs + secondsLater * 1e9);
    agent.poll();
    arena.bytes.fill(this.#poison, 0, arena.limit(3));
    const handle = arena.put(new DataView(frame.buffer, frame.byteOffset, frame.length), 0, frame.length);
    const { walked } = walker.counters;
    if (entry === 0) walker.receive(handle, device);
    else if (entry === 1) walker.transmit(handle, device);
    else walker.send(handle, device.namespace, entry << 8);
    assert.equal(walker.counters.walked, walked + 1);
    const { counters } = walker;
    const waiting = this.built.stacks.flatMap(({ resolver }) =>
      resolver.pending.flatMap(({ queue }) => queue),
    );
    const frames = counters.walked + counters.originated + counters.copies;
    assert.equal(sum(counters.fates) + waiting.length, frames, 'not one fate');
    const isDrop = walker.fate === DROPPED;
    assert.equal(sum(counters.dropped), counters.fates[DROPPED], 'not one reason');
    assert.equal(walker.reason !== 0, isDrop);
    for (const slot of this.#beside) {
      const bytes = arena.bytes.subarray(arena.base(slot), arena.limit(slot));
      if (bytes.some((byte) => byte !== this.#poison)) assert.fail(`${device.name}: wrote outside its slot`);
    }
    const start = arena.start[handle];
    const length = arena.length[handle];
    assert.ok(start >= arena.base(handle) && start + length <= arena.limit(handle));
    const after = toHex(arena.bytes, start, length);
    arena.free(handle);
    const end = walker.device;
    return `${device.name} ${walker.fate} ${walker.reason} ${end.namespace.name}/${end.name} ${after}`;
  }
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}

interface Arrival {
  readonly seed: number;
  readonly damage: Damage;
  readonly device: number;
  readonly entry: number;
  readonly secondsLater: number;
  /** For the MAC of the device, so that it is not passed over. */
  readonly addressed: boolean;
}

const arrival: fc.Arbitrary<Arrival> = fc.record({
  seed: fc.nat(),
  damage,
  device: fc.nat(),
  entry: fc.constantFrom(0, 0, 0, 1, 2, 12),
  secondsLater: fc.constantFrom(0, 0, 0.5, 400),
  addressed: fc.boolean(),
});

async function seeds(): Promise<Uint8Array[]> {
  const captured = await Promise.all(CAPTURES.map(readFrames));
  const mac = new Uint8Array(6);
  return [
    ...captured.flatMap((frames) => frames.slice(0, 60).map(({ bytes }) => bytes)),
    ...TALKS.flatMap(([from, to]) =>
      (['tcp', 'udp'] as const).map((protocol) => makeFrame({ from, to, protocol, payload: 60 }, mac, mac)),
    ),
  ];
}

const NATIVE = 'routing-mode: native, auto-direct-node-routes: true, ipv4-native-routing-cidr: 10.1.0.0/16';
const CLUSTERS: readonly (readonly [string, () => TopologySpec])[] = [
  ['native routing, DSR, XDP', () => cluster(`${NATIVE}, bpf-lb-mode: dsr, bpf-lb-acceleration: native`)],
  ['native routing through the stack', () => cluster(`${NATIVE}, enable-host-legacy-routing: true`)],
  ['VXLAN, host firewall', () => cluster('routing-mode: tunnel, enable-host-firewall: true')],
  [
    'Geneve, DSR, masquerade',
    () =>
      cluster(
        'routing-mode: tunnel, tunnel-protocol: geneve, bpf-lb-mode: dsr, bpf-lb-dsr-dispatch: geneve, enable-bpf-masquerade: true',
      ),
  ],
  ['life-of-a-packet', () => loadTopology('life-of-a-packet').spec],
  ['same-node', () => loadTopology('same-node').spec],
];

function cluster(cilium: string): TopologySpec {
  return readTopology(twoNodes(`${cilium}, bpf-lb-sock: false`), 'fuzz').spec;
}

describe('damaged frames at every device', async () => {
  const frames = await seeds();
  for (const [name, spec] of CLUSTERS) {
    test(name, () => {
      const one = new Cluster(spec(), 0xa5);
      const other = new Cluster(spec(), 0x5a);
      const { devices } = one.built.network;
      fc.assert(
        fc.property(fc.array(arrival, { minLength: 1, maxLength: 20, size: 'max' }), (arrivals) => {
          for (const { seed, damage: what, device, entry, secondsLater, addressed } of arrivals) {
            const frame = damaged(frames[seed % frames.length], what);
            if (addressed && frame.length >= 6) frame.set(devices[device % devices.length].mac);
            const result = one.walk(frame, device, entry, secondsLater);
            assert.equal(other.walk(frame, device, entry, secondsLater), result);
          }
        }),
        { numRuns: RUNS, seed: SEED, endOnFailure: true, includeErrorInReport: true },
      );
    });
  }
});
