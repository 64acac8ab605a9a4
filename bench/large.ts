/**
 * What size costs: how long large topologies take to be checked and built (a run is one build, so ns are ns per
 * build), and what a packet takes in them by what it takes in a small one.
 */
import assert from 'node:assert/strict';
import { Clock } from '../src/engine/clock.js';
import { DELIVERED } from '../src/engine/fate.js';
import { SeededRandom } from '../src/engine/random.js';
import * as ethernet from '../src/engine/wire/ethernet.js';
import * as ipv4 from '../src/engine/wire/ipv4.js';
import * as layer4 from '../src/engine/wire/layer4.js';
import * as tcp from '../src/engine/wire/tcp.js';
import { rawWordOfText } from '../src/topologies/address-words.js';
import { buildTopology } from '../src/topologies/build.js';
import type { BuiltTopology } from '../src/topologies/built.js';
import type { Benchmark, Case } from './harness.js';
import { largeTopology, podAddress, type Size, serviceAddress } from './large-topologies.js';

const LARGE_NODE: Size = { nodes: 1, pods: 1000, services: 10000, backends: 3, policies: 100 };
const LARGE_CLUSTER: Size = { nodes: 100, pods: 100, services: 1000, backends: 3, policies: 100 };
/** What the clusters of the walks have in common: the second service, with one backend on the second node. */
const LARGE: Size = { nodes: 100, pods: 100, services: 10000, backends: 1 };
const SMALL: Size = { nodes: 2, pods: 10, services: 2, backends: 1 };
const FRAME_LENGTH = 64;
const PACKETS = 1 << 17;
const STRIDE = 40503;
const SERVICE_PORT = 80;

function build(size: Size): BuiltTopology {
  const spec = largeTopology(size);
  const built = buildTopology(spec, { clock: new Clock(), random: new SeededRandom(1) });
  for (const { datapath } of built.nodes) datapath.events.mode = 'discard';
  return built;
}

function buildCase(size: Size): Case {
  const spec = largeTopology(size);
  let built: BuiltTopology | null = null;
  return {
    flows: size.nodes * size.pods,
    phase: 'new',
    packets: 1,
    reset: () => {
      built = null;
    },
    run: () => {
      built = buildTopology(spec, { clock: new Clock(), random: new SeededRandom(1) });
    },
    verify: () => {
      assert.equal(built!.pods.length, size.nodes * size.pods);
      assert.equal(built!.nodes[0].datapath.ipv4.reverseNat.size, size.services);
    },
  };
}

/** From the first pod through the second service to a pod of the second node. */
function walkCase(size: Size, flows: number, against?: Case): Case {
  const built = build(size);
  const { walker } = built;
  const { arena } = walker;
  const { device, planned } = built.pods[0];
  const ipAt = ethernet.HEADER_LENGTH;
  const tcpAt = ipAt + ipv4.HEADER_LENGTH;
  const length = FRAME_LENGTH - tcpAt;
  const frames = new Uint8Array(FRAME_LENGTH * flows);
  for (let flow = 0; flow < flows; flow++) {
    const at = flow * FRAME_LENGTH;
    const [from, to] = [podAddress(0, 0), serviceAddress(2)].map(rawWordOfText);
    ethernet.write(frames, at, device.mac, planned.mac, ethernet.TYPE_IPV4);
    ipv4.write(frames, at + ipAt, length, flow, ipv4.DONT_FRAGMENT, 64, ipv4.PROTOCOL_TCP, from, to);
    tcp.write(frames, at + tcpAt, 1024 + flow, SERVICE_PORT, 1, 1, tcp.ACK, 0xffff);
    layer4.fillIpv4(frames, at + ipAt, at + tcpAt, length, tcp.checksumAt(at + tcpAt));
  }
  const view = new DataView(frames.buffer);
  let before = 0;
  const count = (): number => walker.counters.fates[DELIVERED];
  return {
    flows,
    phase: 'established',
    packets: PACKETS,
    reset: () => {
      before = count();
    },
    run: () => {
      for (let i = 0; i < PACKETS; i++) {
        const handle = arena.put(view, ((i * STRIDE) % flows) * FRAME_LENGTH, FRAME_LENGTH);
        walker.receive(handle, device);
        arena.free(handle);
      }
    },
    verify: () => assert.equal(count() - before, PACKETS),
    ...(against === undefined ? {} : { against }),
  };
}

export const largeBenchmarks: readonly Benchmark[] = [
  {
    name: 'build-large-node',
    *prepare() {
      yield buildCase(LARGE_NODE);
    },
  },
  {
    name: 'build-large-cluster',
    *prepare() {
      yield buildCase(LARGE_CLUSTER);
    },
  },
  {
    name: 'walk-large-cluster',
    *prepare() {
      for (const flows of [1, 1024]) yield walkCase(LARGE, flows, walkCase(SMALL, flows));
    },
  },
];
