/** Event records as programs send them, byte by byte, on the node of the write-up on DigitalOcean. */
import type { EventRecord } from '../../../src/cli/monitor/event-record.js';
import { Clock } from '../../../src/engine/clock.js';
import { SeededRandom } from '../../../src/engine/random.js';
import { decodeEvent } from '../../../src/programs/tables/events.js';
import { buildTopology } from '../../../src/topologies/build.js';
import type { BuiltTopology } from '../../../src/topologies/built.js';
import { loadTopology, readTopology } from '../../../src/topologies/load.js';
import { fromHex } from '../../support/hex.js';

export function builtTopology(name: string): BuiltTopology {
  return buildTopology(loadTopology(name).spec, { clock: new Clock(), random: new SeededRandom(1) });
}

/** `client` (endpoint 762, identity 42837) and `server` on one node, with the device names of the write-ups. */
export const topology: BuiltTopology = buildTopology(
  readTopology(
    `
cilium: { routing-mode: native, enable-ipv6: true }
nodes:
  - name: k8s1
    podCIDR: 10.244.0.0/24
    podCIDRs: [fd00::/112]
    ciliumInternalIP: 10.244.0.201
    devices: [{ name: eth0, ifindex: 2, addresses: [10.135.152.70/16] }]
    pods:
      - name: client
        labels: { app: client }
        ip: 10.244.0.213
        device: { name: lxcf4cd39e34601, ifindex: 25 }
        endpoint: 762
        identity: 42837
      - name: server
        ip: 10.244.0.99
        endpoint: 12
        identity: 1201
services:
  - name: web
    clusterIP: 10.96.0.80
    ports: [{ port: 80, targetPort: 8080 }]
    backends: [{ pod: server }]
`,
    'test',
  ).spec,
  { clock: new Clock(), random: new SeededRandom(1) },
);

/** 2024-01-02T15:04:05.125Z. */
const SECONDS = 1704207845;
const NANOSECONDS = 125_000_000;

/** Records lie amid other bytes in the ring. */
const BEFORE = 16;

export function record(hex: string, on: BuiltTopology = topology): EventRecord {
  const own = fromHex(hex);
  const bytes = new Uint8Array(BEFORE + own.length + BEFORE).fill(0xee);
  bytes.set(own, BEFORE);
  return {
    topology: on,
    node: on.nodes[0],
    event: decodeEvent(bytes, BEFORE, own.length),
    bytes,
    at: BEFORE,
    length: own.length,
    seconds: SECONDS,
    nanoseconds: NANOSECONDS,
  };
}

/** 10.244.0.213:59242 -> 1.0.0.1:80, 54 bytes: flags as given. */
export const tcpFrame = (flags: string): string =>
  `f6937d114d37 a6c693712619 0800 4500 0028 0007 4000 40 06 0000 0af400d5 01000001
   e76a 0050 00000001 00000000 50 ${flags} faf0 f240 0000`;

/** To the stack, from endpoint 762, hash 0x8958dbda, identities 42837 to world, reason new. */
export const toStack = `04 03 fa02 dadb5889 36000000 3600 01 00
  55a70000 02000000 0000 00 00 00000000 00000000000000000000000000000000 ${tcpFrame('02')}`;

/** 1.0.0.1:80 -> 10.244.0.213:59242 SYN, ACK to endpoint 762, at ifindex 25, original address 1.0.0.1, a reply. */
export const toEndpoint = `04 00 fa02 00000000 36000000 3600 01 00
  02000000 55a70000 fa02 02 00 19000000 01000001000000000000000000000000
  a6c693712619 f6937d114d37 0800 4500 0028 0000 4000 3f 06 0000 01000001 0af400d5
  0050 e76a 00000009 00000002 50 12 faf0 0000 0000`;

/** Policy denied (133), from endpoint 762 at ifindex 25, bpf_lxc.c line 1311, 10.244.0.213:40000 -> 10.244.0.99:80 SYN. */
export const denied = `01 85 fa02 a5d01b9e 36000000 3600 02 00
  55a70000 b1040000 00000000 1f05 02 00 19000000 00000000
  f6937d114d37 a6c693712619 0800 4500 0028 0007 4000 40 06 0000 0af400d5 0af40063
  9c40 0050 00000001 00000000 50 02 faf0 f240 0000`;

/** Endpoint 1201 lets 42837 in by port (match L3-L4), hash 0x2a7. */
export const allowed = `05 00 b104 a7020000 36000000 3600 01 00
  55a70000 00000000 0050 06 11 00000000
  f6937d114d37 a6c693712619 0800 4500 0028 0007 4000 40 06 0000 0af400d5 0af40063
  9c40 0050 00000001 00000000 50 02 faf0 f240 0000`;

/** Endpoint 762 is denied egress to the world, UDP (match none), hash 0x2a8. */
export const verdictDenied = `05 00 fa02 a8020000 2a000000 2a00 01 00
  02000000 7bffffff 0035 11 02 00000000
  f6937d114d37 a6c693712619 0800 4500 001c 0007 4000 40 11 0000 0af400d5 01000001 14e9 0035 0008 0000`;

/** Debug message 48: conntrack lookup of 10.244.0.213:46486 to 1.0.0.1:80. */
export const debugLookup = '02 30 fa02 dadb5889 0af400d5 01000001 96b55000';

/** Capture 4: delivery to ifindex 25, of an ARP question. */
export const capture = `03 04 fa02 00000000 2a000000 2a00 01 00 19000000 00000000
  ffffffffffff a6c693712619 0806 0001 0800 06 04 0001 a6c693712619 0af400d5 000000000000 0af400c9`;

/** A socket of cgroup 7, cookie 99, about to be translated: 10.96.0.1:443, TCP. */
export const socket = '07 01 0a600001 000000000000000000000000 bb01 6300000000000000 0700000000000000 01 00';
