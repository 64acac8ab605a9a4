import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseIpv4 } from '../../src/engine/address-text.js';
import { CONSUMED, DELIVERED, TRANSMITTED } from '../../src/engine/fate.js';
import { i32le } from '../../src/engine/wire/bytes.js';
import * as checksum from '../../src/engine/wire/checksum.js';
import * as ipv4 from '../../src/engine/wire/ipv4.js';
import * as layer4 from '../../src/engine/wire/layer4.js';
import * as udpHeader from '../../src/engine/wire/udp.js';
import type { BuiltTopology } from '../../src/topologies/built.js';
import { DIFFERS_PAYLOAD } from '../../src/topologies/frame-compare.js';
import { readTopology } from '../../src/topologies/load.js';
import { LEFT_OUT, PLACED_BACK, PLACED_IN, PLACED_OUTPUT } from '../../src/topologies/placement.js';
import { NOT_THERE, Replay } from '../../src/topologies/replay.js';
import { fromHex, toHex } from '../support/hex.js';
import { build, buildReady, type CapturedFrame, readFrames } from './support.js';

interface Walked {
  readonly placed: number;
  readonly fate: number;
  readonly reason: string;
  readonly comparison: number;
  /** Frame after its walk, and the device where that ended. */
  readonly frame: string;
  readonly device: string;
}

const LINK_DIGITS = 28;
/** ICMP, and part of a fragmented packet. */
const isPing = (frame: string): boolean =>
  frame.slice(46, 48) === '01' && (Number.parseInt(frame.slice(40, 44), 16) & 0x3fff) !== 0;

function replay(
  built: BuiltTopology,
  frames: readonly CapturedFrame[],
  oneWay = false,
): { run: Replay; walked: Walked[] } {
  const run = new Replay(built, { captureDevice: null, oneWay });
  const { arena } = built.walker;
  const walked = frames.map(({ bytes, seconds, nanoseconds }) => {
    const placed = run.frame(bytes, 0, bytes.length, bytes.length, seconds, nanoseconds);
    const start = run.handle < 0 ? 0 : arena.start[run.handle];
    const end = run.handle < 0 ? 0 : start + arena.length[run.handle];
    return {
      placed,
      fate: run.fate,
      reason: run.reason === 0 ? '' : built.dropReasonName(run.reason),
      comparison: run.comparison,
      frame: toHex(arena.bytes.slice(start, end)),
      device: built.walker.device.name,
    };
  });
  return { run, walked };
}

describe('life-of-a-packet, taken at the pod', () => {
  test('what leaves bond0 is what was captured there: addresses, ports, checksums, all behind the link header', async () => {
    const built = buildReady('life-of-a-packet');
    const { walked } = replay(built, await readFrames('lab/life-of-a-packet-pod1.pcap'));
    const sent = walked.filter((walk) => walk.placed === PLACED_IN && walk.fate === TRANSMITTED);
    const captured = (await readFrames('lab/life-of-a-packet-bond0.pcap'))
      .map(({ bytes }) => toHex(bytes))
      .filter(
        (frame) => frame.slice(12, 24) === '92d463f9ddb1' && frame.slice(24, 28) === '0800' && !isPing(frame),
      );
    assert.equal(sent.length, 40);
    assert.deepEqual(
      sent.map(({ frame }) => frame.slice(LINK_DIGITS)),
      captured.map((frame) => frame.slice(LINK_DIGITS)),
    );
    for (const { frame, device } of sent) {
      assert.equal(device, 'bond0');
      assert.equal(frame.slice(0, LINK_DIGITS), '00005e00010c92d463f9ddb10800');
    }
  });

  test('replies enter at bond0 as they were there, and reach the pod as it saw them', async () => {
    const built = buildReady('life-of-a-packet');
    const entered: string[] = [];
    const none = (): void => {};
    const bond0 = built.device('node1/bond0')!;
    built.walker.observer = {
      started: (packet, device) => {
        if (device === bond0.index) entered.push(toHex(packet.bytes.slice(packet.start, packet.end)));
      },
      hookEntered: none,
      hookLeft: none,
      forwarded: none,
      ended: none,
    };
    const { run } = replay(built, await readFrames('lab/life-of-a-packet-pod1.pcap'));
    const captured = (await readFrames('lab/life-of-a-packet-bond0.pcap'))
      .map(({ bytes }) => toHex(bytes))
      .filter((frame) => frame.startsWith('92d463f9ddb1') && frame.slice(24, 28) === '0800');
    assert.deepEqual(
      entered.map((frame) => frame.slice(LINK_DIGITS)),
      captured.map((frame) => frame.slice(LINK_DIGITS)),
    );
    const { matched, different, notThere } = run.counters;
    assert.deepEqual({ matched, different, notThere }, { matched: 45, different: 1, notThere: 6 });
  });

  test('every frame has its fate', async () => {
    const built = buildReady('life-of-a-packet');
    const { run, walked } = replay(built, await readFrames('lab/life-of-a-packet-pod1.pcap'));
    const { counters } = built.walker;
    assert.equal(run.counters.frames, 110);
    assert.deepEqual([...counters.fates], [50, 40, 3, 16]);
    // The ARP answer is the program's own: known again, not walked.
    assert.deepEqual(
      [walked[0].fate, walked[0].device, walked[1].placed],
      [DELIVERED, 'eth0', PLACED_OUTPUT],
    );
    // Pings to the gateway end in the node's stack, whose answers are those that the capture has.
    assert.deepEqual([walked[2].fate, walked[3].placed], [CONSUMED, PLACED_OUTPUT]);
    assert.equal(run.counters.outputsMatched, 4);
    assert.equal(counters.originated, 3);
    // 9090: four SYNs denied.
    assert.deepEqual(
      walked.slice(90, 94).map(({ reason }) => reason),
      new Array(4).fill('Policy denied'),
    );
    // Cilium leaves the quote in an ICMP error alone; where this was captured another translator changed it too.
    assert.deepEqual([walked[97].fate, walked[97].comparison], [DELIVERED, DIFFERS_PAYLOAD]);
    // ICMP fragments are dropped, both ways.
    for (const walk of walked.slice(98)) assert.equal(walk.reason, 'Invalid packet');
    assert.equal(walked[101].comparison, NOT_THERE);
  });

  test('one way: what came out of the device is left out', async () => {
    const { run, walked } = replay(
      buildReady('life-of-a-packet'),
      await readFrames('lab/life-of-a-packet-pod1.pcap'),
      true,
    );
    assert.equal(run.counters.walkedBack, 0);
    assert.equal(run.counters.leftOut, 56);
    assert.equal(walked.filter((walk) => walk.placed === LEFT_OUT).length, 56);
  });
});

test('life-of-a-packet, taken at bond0: what left is walked from the pod and leaves equal but for the link', async () => {
  const { run } = replay(buildReady('life-of-a-packet'), await readFrames('lab/life-of-a-packet-bond0.pcap'));
  const { walkedIn, walkedBack, matched, matchedButLink, different, notThere, leftOut } = run.counters;
  // Left out: the ARP request of the node itself. Not there: ICMP fragments.
  assert.deepEqual(
    { walkedIn, walkedBack, matched, matchedButLink, different, notThere, leftOut },
    { walkedIn: 53, walkedBack: 46, matched: 0, matchedButLink: 40, different: 0, notThere: 6, leftOut: 1 },
  );
});

test('same-node and digitalocean-pod: every frame that came out is given out again, byte for byte', async () => {
  for (const [capture, topology, count] of [
    ['lab/same-node-client.pcap', 'same-node', 153],
    ['lab/digitalocean-pod.pcap', 'digitalocean-pod', 10],
  ] as const) {
    const { run } = replay(buildReady(topology), await readFrames(capture));
    assert.deepEqual([run.counters.walkedBack, run.counters.matched], [count, count]);
    assert.equal(run.counters.outputsMatched, 1);
  }
});

describe('frames of a topology with two pods and services', () => {
  const TEXT = `
cilium: { enable-endpoint-routes: true, enable-host-legacy-routing: true }
nodes:
  - name: n1
    podCIDR: 10.0.0.0/24
    devices: [{ name: eth0, mac: "02:00:00:00:00:e0", addresses: [192.168.0.1/24] }]
    routes: [{ to: default, via: 192.168.0.254, dev: eth0 }]
    neighbours: [{ address: 192.168.0.254, mac: "02:00:00:00:00:fe", dev: eth0 }]
    pods:
      - { name: a, ip: 10.0.0.5, mac: "02:00:00:00:00:0a", device: { name: lxca, mac: "02:00:00:00:01:0a" } }
      - { name: b, ip: 10.0.0.6, mac: "02:00:00:00:00:0b", device: { name: lxcb, mac: "02:00:00:00:01:0b" } }
services:
  - { name: local, clusterIP: 10.96.0.1, ports: [{ port: 53, protocol: UDP, targetPort: 5353 }], backends: [{ pod: b }] }
  - { name: remote, clusterIP: 10.96.0.2, ports: [{ port: 53, protocol: UDP, targetPort: 5353 }], backends: [{ address: 10.0.9.9 }] }
  - { name: nobody, clusterIP: 10.96.0.3, ports: [{ port: 53, protocol: UDP }] }
  - { name: self, clusterIP: 10.96.0.4, ports: [{ port: 53, protocol: UDP, targetPort: 5353 }], backends: [{ pod: a }] }
`;
  const FROM_A = '02000000010a02000000000a0800';
  const TO_A = '02000000000a02000000010a0800';
  let identification = 0;

  /** A UDP datagram (or a part of it) with right checksums. */
  function udp(
    link: string,
    from: string,
    fromPort: number,
    to: string,
    toPort: number,
    ttl: number,
    payload = 'aabbccdd',
  ): CapturedFrame {
    const data = fromHex(payload);
    const bytes = new Uint8Array(14 + 20 + 8 + data.length);
    bytes.set(fromHex(link));
    const word = (text: string): number => i32le(parseIpv4(text)!, 0);
    ipv4.write(bytes, 14, 8 + data.length, ++identification, 0, ttl, ipv4.PROTOCOL_UDP, word(from), word(to));
    udpHeader.write(bytes, 34, fromPort, toPort, data.length);
    bytes.set(data, 42);
    layer4.fillIpv4(bytes, 14, 34, 8 + data.length, udpHeader.checksumAt(34));
    return { bytes, seconds: 1, nanoseconds: 0 };
  }

  /** The datagram in two fragments, the first with `length` bytes behind the IP header. */
  function fragments({ bytes }: CapturedFrame, length: number): CapturedFrame[] {
    const part = (from: number, to: number, field: number): CapturedFrame => {
      const frame = new Uint8Array(34 + to - from);
      frame.set(bytes.subarray(0, 34));
      frame.set(bytes.subarray(34 + from, 34 + to), 34);
      ipv4.putTotalLength(frame, 14, 20 + to - from);
      ipv4.putFragmentField(frame, 14, field);
      checksum.fillIpv4Header(frame, 14);
      return { bytes: frame, seconds: 1, nanoseconds: 0 };
    };
    return [part(0, length, ipv4.MORE_FRAGMENTS), part(length, bytes.length - 34, length >> 3)];
  }

  const run = (...frames: CapturedFrame[]) => replay(build(readTopology(TEXT, 't.yaml').spec), frames);
  const ask = (service: string) => udp(FROM_A, '10.0.0.5', 40000, service, 53, 64);
  const answer = (service: string) => udp(TO_A, service, 53, '10.0.0.5', 40000, 63);

  test('a service with its backend on the node: the answer is walked from that pod', () => {
    const { walked } = run(ask('10.96.0.1'), answer('10.96.0.1'));
    assert.deepEqual(
      walked.map(({ placed, fate, comparison }) => [placed, fate, comparison]),
      [
        [PLACED_IN, DELIVERED, 0],
        [PLACED_BACK, DELIVERED, 0],
      ],
    );
  });

  test('a backend elsewhere: in at eth0, fragments after their first too', () => {
    const whole = udp(TO_A, '10.96.0.2', 53, '10.0.0.5', 40000, 63, 'ab'.repeat(40));
    const { walked, run: replayed } = run(ask('10.96.0.2'), answer('10.96.0.2'), ...fragments(whole, 24));
    assert.deepEqual(
      walked.map(({ reason }) => reason),
      ['', '', '', ''],
    );
    assert.equal(walked[0].device, 'eth0');
    assert.equal(replayed.counters.matched, 3);
  });

  test('an answer to a connection that began before the capture goes to the first backend', () => {
    const { walked } = run(answer('10.96.0.2'));
    // No connection, so the node does not know the service's answer again: it is the backend's.
    assert.equal(walked[0].placed, PLACED_BACK);
    assert.equal(walked[0].frame.slice(52, 60), '0a000909');
  });

  test("a service without backend: the ICMP answer is the node's own", () => {
    const asked = ask('10.96.0.3');
    const answered = run(asked).walked[0];
    assert.deepEqual([answered.fate, answered.device], [DELIVERED, 'eth0']);
    const { walked, run: replayed } = run(asked, {
      bytes: fromHex(answered.frame),
      seconds: 1,
      nanoseconds: 0,
    });
    assert.equal(walked[1].placed, PLACED_OUTPUT);
    assert.equal(replayed.counters.outputsMatched, 1);
  });

  test('a pod that reaches itself through a service: what comes back is no input', () => {
    const built = build(readTopology(TEXT, 't.yaml').spec);
    const asked = ask('10.96.0.4');
    const once = replay(built, [asked]).walked[0];
    assert.deepEqual([once.fate, once.device], [DELIVERED, 'eth0']);
    const { walked } = run(asked, { bytes: fromHex(once.frame), seconds: 1, nanoseconds: 0 });
    assert.equal(walked[1].placed, PLACED_OUTPUT);
  });

  test('frames that the capture cut are walked in their length; one too long is a drop', () => {
    const replayed = new Replay(build(readTopology(TEXT, 't.yaml').spec), {
      captureDevice: null,
      oneWay: false,
    });
    const { bytes } = udp(FROM_A, '10.0.0.5', 40000, '8.8.8.8', 53, 64, '00'.repeat(100));
    assert.equal(replayed.frame(bytes, 0, 60, bytes.length, 1, 0), PLACED_IN);
    assert.equal(replayed.fate, TRANSMITTED);
    assert.equal(replayed.built.walker.arena.length[replayed.handle], bytes.length);
    assert.equal(replayed.counters.restored, 1);
    const huge = new Uint8Array(300_000);
    huge.set(bytes);
    assert.equal(replayed.frame(huge, 0, huge.length, huge.length, 2, 0), PLACED_IN);
    assert.equal(replayed.built.dropReasonName(replayed.reason), 'frame too long');
  });
});

test('damaged frames: each has one fate, none is an exception', async () => {
  const frames = await readFrames('lab/life-of-a-packet-pod1.pcap');
  const damage = fc.record({
    frame: fc.nat(frames.length - 1),
    at: fc.nat(80),
    value: fc.integer({ min: 0, max: 255 }),
    length: fc.nat(120),
  });
  const built = buildReady('life-of-a-packet');
  const run = new Replay(built, { captureDevice: null, oneWay: false });
  fc.assert(
    fc.property(fc.array(damage, { minLength: 1, maxLength: 20 }), (damages) => {
      for (const { frame, at, value, length } of damages) {
        const bytes = frames[frame].bytes.slice();
        if (at < bytes.length) bytes[at] = value;
        const { counters } = built.walker;
        const before = counters.walked;
        const placed = run.frame(bytes, 0, Math.min(length, bytes.length), bytes.length, 1, 0);
        assert.equal(counters.walked - before, placed === PLACED_IN || placed === PLACED_BACK ? 1 : 0);
        const waiting = built.stacks.flatMap(({ resolver }) =>
          resolver.pending.flatMap(({ queue }) => queue),
        );
        const ended = counters.fates.reduce((sum, count) => sum + count);
        assert.equal(ended + waiting.length, counters.walked + counters.originated + counters.copies);
      }
    }),
  );
});

test('a single walk', () => {
  const built = buildReady('life-of-a-packet');
  const arp = fromHex(
    'ffffffffffff 0a000a01010a 0806 0001080006040001 0a000a01010a 0a01010a 000000000000 0a010101',
  );
  const { fate, device, frame } = built.walk(built.device('lxc00aa')!, arp);
  assert.deepEqual([fate, device.name], [DELIVERED, 'eth0']);
  assert.equal(
    toHex(frame),
    '0a000a01010a0a00000011aa080600010800060400020a00000011aa0a0101010a000a01010a0a01010a',
  );
});
