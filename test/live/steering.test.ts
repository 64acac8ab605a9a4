/** Flows stay with their worker, whichever worker their frames come to. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Clock } from '../../src/engine/clock.js';
import { FrameArena } from '../../src/engine/frame-arena.js';
import { SeededRandom } from '../../src/engine/random.js';
import * as ethernet from '../../src/engine/wire/ethernet.js';
import * as ipv4 from '../../src/engine/wire/ipv4.js';
import * as layer4 from '../../src/engine/wire/layer4.js';
import * as tcp from '../../src/engine/wire/tcp.js';
import { putClearTag } from '../../src/engine/wire/wireguard.js';
import type { LivePort } from '../../src/io/live/live-port.js';
import { joinPorts } from '../../src/io/live/memory-port.js';
import { Forwarder } from '../../src/live/forwarder.js';
import {
  FIRST_FRAGMENT,
  FLOW,
  FlowKey,
  FOR_ALL,
  LATER_FRAGMENT,
  NO_FLOW,
} from '../../src/live/steering/flow-key.js';
import { Handover } from '../../src/live/steering/handover.js';
import { OwnerTable } from '../../src/live/steering/owner-table.js';
import { Steering, steeringSetup } from '../../src/live/steering/steering.js';
import { buildTopology } from '../../src/topologies/build.js';
import { portsOf } from '../../src/topologies/port-part.js';
import { fromHex, toHex } from '../support/hex.js';

const CLIENT_MAC = fromHex('02 70 00 00 00 0a');
const SERVER_MAC = fromHex('02 70 00 00 00 0b');
const GATEWAY_MAC = fromHex('02 70 00 00 00 fe');
const CLIENT = fromHex('0a000a0a');
const SERVER = fromHex('0a000a0b');
const SERVICE = fromHex('0a600050');
const WORLD = fromHex('08080808');
const NODE = fromHex('ac100001');

describe('fingerprint of a flow', () => {
  const ETHERNET = '020000000001 020000000002 0800';
  const UDP_THERE = '4500 0020 1234 0000 4011 0000 0a000001 0a000002 1000 0035 000c 0000 00000000';
  const UDP_BACK = '4500 0020 4321 0000 4011 0000 0a000002 0a000001 0035 1000 000c 0000 11111111';
  const read = (hex: string): { kind: number; key: FlowKey } => {
    const bytes = fromHex(hex);
    const key = new FlowKey({ tunnelPort: 8472, isGeneve: false, wireguardPort: 51871 });
    return { kind: key.read(bytes, 0, bytes.length), key };
  };
  const isSameFlow = (a: string, b: string): void => {
    const [one, other] = [read(a), read(b)];
    assert.deepEqual([one.kind, other.kind], [FLOW, FLOW]);
    assert.deepEqual([one.key.low, one.key.high], [other.key.low, other.key.high]);
  };

  test('is the same for both directions', () => {
    isSameFlow(`${ETHERNET} ${UDP_THERE}`, `${ETHERNET} ${UDP_BACK}`);
    const ipv6 = (ends: string, ports: string): string =>
      `${ETHERNET.slice(0, -4)}86dd 6000 0000 0014 0640 ${ends} ${ports} 00000000 00000000 5002 0000 0000 0000`;
    const [a, b] = ['fd00000a000100000000000000000010', 'fd00000a000200000000000000000010'];
    isSameFlow(ipv6(`${a} ${b}`, '9c40 0050'), ipv6(`${b} ${a}`, '0050 9c40'));
    const echo = (ends: string, type: string): string =>
      `${ETHERNET} 4500 001c 0000 0000 4001 0000 ${ends} ${type}00 0000 0042 0001`;
    isSameFlow(echo('0a000001 0a000002', '08'), echo('0a000002 0a000001', '00'));
  });

  test('is that of other ports, or of a swapped pair of ports, another one', () => {
    const keys = [
      UDP_THERE,
      UDP_THERE.replace('1000 0035', '1001 0035'),
      UDP_THERE.replace('1000 0035', '0035 1000'),
      UDP_THERE.replace('4011', '4084'),
    ].map((packet) => {
      const { key } = read(`${ETHERNET} ${packet}`);
      return `${key.low} ${key.high}`;
    });
    assert.equal(new Set(keys).size, 4);
  });

  test('of an ICMP error is that of the packet it is about; of a tunnel that of the packet in it', () => {
    const error = `4500 003c 0000 0000 4001 0000 0a000009 0a000001 0301 0000 00000000 ${UDP_THERE}`;
    isSameFlow(`${ETHERNET} ${error}`, `${ETHERNET} ${UDP_BACK}`);
    const tunnelled = (port: string, packet: string): string =>
      `${ETHERNET} 4500 0052 0000 0000 4011 0000 ac100001 ac100002 ${port} 2118 003e 0000 08000000 00000200 ${ETHERNET} ${packet}`;
    isSameFlow(tunnelled('c001', UDP_THERE), tunnelled('d00d', UDP_BACK));
  });

  test('of a WireGuard message is that of the packet in it, where it is in clear', () => {
    const sealed = (kind: string, port: string, packet: string, tag: string): string =>
      `${ETHERNET} 4500 005c 0000 0000 4011 0000 ac100001 ac100002 ${port} ca9f 0048 0000 ${kind}000000 01000000 0000000000000000 ${packet} ${tag}`;
    const clear = new Uint8Array(16);
    putClearTag(clear, 0);
    const tag = toHex(clear);
    isSameFlow(sealed('04', 'c001', UDP_THERE, tag), `${ETHERNET} ${UDP_BACK}`);
    const outer = [sealed('04', 'ca9f', UDP_THERE, 'ab'.repeat(16)), sealed('01', 'ca9f', UDP_BACK, tag)];
    isSameFlow(outer[0], outer[1]);
  });

  test('answers that anybody may have asked for are for all; what is no flow stays where it is', () => {
    const arp = (operation: string): string =>
      `020000000001 020000000002 0806 0001 0800 0604 ${operation} 020000000002 0a000002 020000000001 0a000001`;
    assert.equal(read(arp('0002')).kind, FOR_ALL);
    assert.equal(read(arp('0001')).kind, NO_FLOW);
    assert.equal(read('0200').kind, NO_FLOW);
  });

  test('later fragments have that of their datagram', () => {
    const first = read(`${ETHERNET} ${UDP_THERE.replace('1234 0000', '1234 2000')}`);
    const later = read(`${ETHERNET} ${UDP_THERE.replace('1234 0000', '1234 0010')}`);
    const other = read(`${ETHERNET} ${UDP_THERE.replace('1234 0000', '1235 0010')}`);
    assert.deepEqual([first.kind, later.kind, other.kind], [FIRST_FRAGMENT, LATER_FRAGMENT, LATER_FRAGMENT]);
    assert.equal(first.key.datagramLow, later.key.datagramLow);
    assert.notEqual(first.key.datagramLow, other.key.datagramLow);
  });
});

describe('owner table', () => {
  test('knows who claimed a flow last', () => {
    const table = new OwnerTable();
    assert.equal(table.lookup(7, 8), -1);
    table.claim(7, 8, 1, 100);
    table.claim(7, 9, 0, 100);
    assert.equal(table.lookup(7, 8), 1);
    assert.equal(new OwnerTable(table.memory).lookup(7, 9), 0);
    table.claim(7, 8, 2, 101);
    assert.equal(table.lookup(7, 8), 2);
  });

  test('without room the flow goes that was used last longest ago', () => {
    const table = new OwnerTable();
    for (let i = 0; i < 8; i++) table.claim(5, i, 1, 100 + i);
    assert.equal(table.lookup(5, 0), 1);
    table.touch(200);
    table.claim(5, 8, 1, 201);
    assert.deepEqual(
      [0, 1, 2, 8].map((high) => table.lookup(5, high)),
      [1, -1, 1, 1],
    );
  });
});

test('a handover ring keeps order, content and what frames owe, and says when it is full', () => {
  const arena = new FrameArena(4, 2);
  const writer = new Handover();
  const reader = new Handover(writer.memory);
  let next = 0;
  let expected = 0;
  for (let round = 0; round < 3; round++) {
    for (let isFull = false; !isFull; ) {
      const length = 60 + ((next * 977) % 60_000);
      const handle = arena.allocate(length);
      arena.bytes.fill(next & 0xff, arena.start[handle], arena.start[handle] + length);
      arena.owes[handle] = 3;
      arena.checksumAt[handle] = arena.start[handle] + 34;
      arena.checksumOffset[handle] = 16;
      arena.segmentSize[handle] = 1448;
      isFull = !writer.put(arena, handle, next & 7);
      if (!isFull) next++;
      arena.free(handle);
    }
    while (reader.nextRow >= 0) {
      assert.equal(reader.nextRow, expected & 7);
      const handle = reader.take(arena);
      const start = arena.start[handle];
      const length = 60 + ((expected * 977) % 60_000);
      assert.equal(arena.length[handle], length);
      assert.deepEqual(
        [arena.bytes[start], arena.bytes[start + length - 1]],
        [expected & 0xff, expected & 0xff],
      );
      assert.deepEqual(
        [
          arena.owes[handle],
          arena.checksumAt[handle] - start,
          arena.checksumOffset[handle],
          arena.segmentSize[handle],
        ],
        [3, 34, 16, 1448],
      );
      arena.free(handle);
      expected++;
    }
    assert.equal(expected, next);
  }
  assert.ok(next > 300, `${next} frames`);
});

test('NAT ports are parted without gap or overlap', () => {
  const parts = [0, 1, 2].map((worker) => portsOf([32768, 65535], { number: worker, of: 3 }));
  assert.deepEqual(parts, [
    [32768, 43689],
    [43690, 54611],
    [54612, 65535],
  ]);
});

/** The client's, the server's and the outside's ends of the ports of one worker. */
interface Worker {
  readonly forwarder: Forwarder;
  readonly steering: Steering;
  readonly ends: readonly LivePort[];
}

const DEVICES = ['node/lxcclient', 'node/lxcserver', 'node/eth0'];
const [AT_CLIENT, AT_SERVER, OUTSIDE] = [0, 1, 2];

function makeWorkers(count: number): Worker[] {
  const setup = steeringSetup(count, {
    tunnelPort: 0,
    isGeneve: false,
    wireguardPort: 0,
    byAddresses: false,
  });
  return Array.from({ length: count }, (_, number) => {
    const clock = new Clock();
    clock.set(1e12);
    const built = buildTopology(
      {
        name: 'workers',
        cilium: {
          'routing-mode': 'native',
          'kube-proxy-replacement': true,
          'enable-bpf-masquerade': true,
          'bpf-lb-sock': false,
          'ipv4-native-routing-cidr': '10.0.0.0/8',
        },
        nodes: [
          {
            name: 'node',
            podCIDR: '10.0.10.0/24',
            devices: [{ name: 'eth0', addresses: ['172.16.0.1/24'] }],
            routes: [{ to: 'default', via: '172.16.0.254', dev: 'eth0' }],
            neighbours: [{ address: '172.16.0.254', mac: '02:70:00:00:00:fe', dev: 'eth0' }],
            pods: [
              { name: 'client', ip: '10.0.10.10', mac: '02:70:00:00:00:0a' },
              { name: 'server', ip: '10.0.10.11', mac: '02:70:00:00:00:0b' },
            ],
          },
        ],
        services: [
          {
            name: 'web',
            clusterIP: '10.96.0.80',
            ports: [{ port: 80, targetPort: 8080 }],
            backends: [{ pod: 'server' }],
          },
        ],
      },
      { clock, random: new SeededRandom(number), natPorts: { number, of: count } },
    );
    const wires = DEVICES.map((name) => joinPorts({ plugin: 'memory', name }, { plugin: 'memory', name }));
    const steering = new Steering(setup, number);
    const ports = wires.map(([port], row) => ({
      port,
      binding: { port: { plugin: 'memory', name: DEVICES[row] }, devices: [DEVICES[row]], row } as const,
    }));
    const forwarder = new Forwarder(built, ports, steering);
    return { forwarder, steering, ends: wires.map(([, end]) => end) };
  });
}

const arena = new FrameArena();
const handles = new Int32Array(64);

/** Sends a frame to one worker's port, lets all work, and answers what came out anywhere: the end's row and the frame. */
function send(
  workers: readonly Worker[],
  to: Worker,
  row: number,
  frame: Uint8Array,
): [row: number, frame: Uint8Array][] {
  const handle = arena.put(new DataView(frame.buffer, frame.byteOffset, frame.byteLength), 0, frame.length);
  handles[0] = handle;
  to.ends[row].send(arena, handles, 0, 1);
  arena.free(handle);
  to.forwarder.take(row);
  for (const { forwarder } of workers) {
    forwarder.collect();
    forwarder.flush();
  }
  const found: [number, Uint8Array][] = [];
  for (const { ends } of workers) {
    ends.forEach((end, at) => {
      const count = end.receive(arena, handles, 0, 64);
      for (let i = 0; i < count; i++) {
        const start = arena.start[handles[i]];
        found.push([at, arena.bytes.slice(start, start + arena.length[handles[i]])]);
        arena.free(handles[i]);
      }
    });
  }
  return found;
}

function segment(
  macs: readonly [to: Uint8Array, from: Uint8Array],
  [source, sourcePort]: readonly [Uint8Array, number],
  [destination, destinationPort]: readonly [Uint8Array, number],
  flags: number,
): Uint8Array {
  const bytes = new Uint8Array(54);
  ethernet.write(bytes, 0, macs[0], macs[1], ethernet.TYPE_IPV4);
  const word = (address: Uint8Array): number =>
    new DataView(address.buffer, address.byteOffset).getInt32(0, true);
  ipv4.write(bytes, 14, 20, 1, 0, 64, ipv4.PROTOCOL_TCP, word(source), word(destination));
  tcp.write(bytes, 34, sourcePort, destinationPort, 1, flags === tcp.SYN ? 0 : 2, flags, 65535);
  layer4.fillIpv4(bytes, 14, 34, 20, 34 + tcp.CHECKSUM_OFFSET);
  return bytes;
}

/** Source and destination with their ports, and the MAC that the frame came from. */
function endsOf(frame: Uint8Array): {
  source: Uint8Array;
  destination: Uint8Array;
  ports: [number, number];
  from: Uint8Array;
} {
  assert.ok(layer4.isValidIpv4(frame, 14, 34, frame.length - 34), 'TCP checksum');
  return {
    source: frame.slice(26, 30),
    destination: frame.slice(30, 34),
    ports: [tcp.sourcePort(frame, 34), tcp.destinationPort(frame, 34)],
    from: frame.slice(6, 12),
  };
}

const SYN_ACK = tcp.SYN | tcp.ACK;

for (const count of [2, 3]) {
  test(`${count} workers: translated flows whose two directions hash apart`, () => {
    const workers = makeWorkers(count);
    // What the pod's stack would have asked for by ARP.
    const nodeMac = (): Uint8Array => fromHex('02 70 00 00 00 00');
    let lxcMac = nodeMac();
    const arpRequest = fromHex(
      'ffffffffffff 02700000000a 0806 0001 0800 0604 0001 02700000000a 0a000a0a 000000000000 0a000a01',
    );
    for (const [row, frame] of send(workers, workers[0], AT_CLIENT, arpRequest)) {
      if (row === AT_CLIENT) lxcMac = frame.slice(6, 12);
    }
    const used = new Set<number>();
    for (let i = 0; i < 200; i++) {
      const port = 20_000 + i;
      // Whoever the kernel gives them to: never the same worker twice in a row.
      const [one, other, third] = [0, 1, 2].map((step) => workers[(i + step) % count]);

      const toService = segment([lxcMac, CLIENT_MAC], [CLIENT, port], [SERVICE, 80], tcp.SYN);
      const [there] = send(workers, one, AT_CLIENT, toService);
      assert.equal(there?.[0], AT_SERVER, `flow ${i} to the service`);
      const request = endsOf(there[1]);
      assert.deepEqual([request.destination, request.ports], [SERVER, [port, 8080]]);
      const answer = segment([request.from, SERVER_MAC], [SERVER, 8080], [CLIENT, port], SYN_ACK);
      const [back] = send(workers, other, AT_SERVER, answer);
      assert.equal(back?.[0], AT_CLIENT, `answer to flow ${i} from the service`);
      const reply = endsOf(back[1]);
      assert.deepEqual([reply.source, reply.ports], [SERVICE, [80, port]]);
      const acknowledged = send(
        workers,
        third,
        AT_CLIENT,
        segment([lxcMac, CLIENT_MAC], [CLIENT, port], [SERVICE, 80], tcp.ACK),
      );
      assert.equal(acknowledged[0]?.[0], AT_SERVER);

      const toWorld = segment([lxcMac, CLIENT_MAC], [CLIENT, port], [WORLD, 443], tcp.SYN);
      const [out] = send(workers, other, AT_CLIENT, toWorld);
      assert.equal(out?.[0], OUTSIDE, `flow ${i} to the world`);
      const masqueraded = endsOf(out[1]);
      assert.deepEqual([masqueraded.source, masqueraded.destination], [NODE, WORLD]);
      const natPort = masqueraded.ports[0];
      assert.ok(!used.has(natPort), `port ${natPort} is given twice`);
      used.add(natPort);
      const fromWorld = segment([masqueraded.from, GATEWAY_MAC], [WORLD, 443], [NODE, natPort], SYN_ACK);
      const [home] = send(workers, third, OUTSIDE, fromWorld);
      assert.equal(home?.[0], AT_CLIENT, `answer to flow ${i} from the world`);
      assert.deepEqual([endsOf(home[1]).source, endsOf(home[1]).ports], [WORLD, [443, port]]);
    }
    for (const { steering } of workers) {
      assert.ok(steering.handedOver > 50, `${steering.handedOver} handed over`);
      assert.equal(steering.lost, 0);
    }
  });
}

describe('session affinity', () => {
  const rule = { tunnelPort: 0, isGeneve: false, wireguardPort: 0, byAddresses: true };
  const setup = steeringSetup(2, { ...rule, byAddresses: false });
  const workers = [0, 1].map((number) => new Steering(setup, number));
  const ownersOf = (frame: Uint8Array): number[] =>
    workers.map((steering) => {
      const handle = arena.put(new DataView(frame.buffer), 0, frame.length);
      const owner = steering.ownerOf(arena, handle, 100);
      arena.free(handle);
      return owner;
    });
  const flow = (port: number, destination = SERVICE): Uint8Array =>
    segment([GATEWAY_MAC, CLIENT_MAC], [CLIENT, port], [destination, 80], tcp.SYN);

  test('without it a flow is whose who gets its first frame', () => {
    assert.deepEqual(ownersOf(flow(1000)), [0, 0]);
    workers.reverse();
    assert.deepEqual(ownersOf(flow(1001)), [1, 1]);
    workers.reverse();
  });

  test("with it new flows of two addresses are one worker's; those that are there stay where they are", () => {
    for (const steering of workers) assert.equal(steering.use(rule), true);
    const [owner] = ownersOf(flow(2000));
    for (let port = 2001; port < 2020; port++) assert.deepEqual(ownersOf(flow(port)), [owner, owner]);
    const owners = Array.from({ length: 16 }, (_, i) => ownersOf(flow(2000, Uint8Array.of(10, 96, 1, i)))[0]);
    assert.equal(new Set(owners).size, 2);
    assert.deepEqual(
      [ownersOf(flow(1000)), ownersOf(flow(1001))],
      [
        [0, 0],
        [1, 1],
      ],
    );
    assert.equal(workers[0].use(rule), false);
  });

  test('who has a flow in its maps claims it by its tuple', () => {
    const [owner] = ownersOf(flow(3000));
    const tuple = new Uint8Array(14);
    tuple.set(SERVICE, 0);
    tuple.set(CLIENT, 4);
    // Ports in network order, as in a map's key: 80 of the first address, 3000 of the second.
    workers[1 - owner].claimTuple(tuple, 0, 1, 6, 0x5000, 0xb80b, 100);
    assert.deepEqual(ownersOf(flow(3000)), [1 - owner, 1 - owner]);
  });
});

test('a worker is woken when it sleeps, and does not sleep while frames wait', () => {
  const setup = steeringSetup(2, { tunnelPort: 0, isGeneve: false, wireguardPort: 0, byAddresses: false });
  const [one, other] = [0, 1].map((number) => new Steering(setup, number));
  const frame = new Uint8Array(60);
  const handle = arena.put(new DataView(frame.buffer), 0, frame.length);
  const woken: number[] = [];
  const giveAndWake = (): void => {
    one.handOver(arena, handle, 0, 1);
    one.wake((worker) => woken.push(worker));
  };
  giveAndWake();
  assert.deepEqual(woken, [], 'it was awake');
  assert.equal(other.mayRest(), false);
  other.collect(arena, (taken) => arena.free(taken));
  assert.equal(other.mayRest(), true);
  giveAndWake();
  giveAndWake();
  assert.deepEqual(woken, [1], 'once');
  arena.free(handle);
});
