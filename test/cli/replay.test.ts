import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { repositoryRoot } from '../support/repository.js';
import { inTemporaryDirectory, interrupted, lab, packetwalk } from './run.js';

const LIFE = lab('life-of-a-packet-pod1.pcap');
const lifeBytes = readFileSync(path.join(repositoryRoot, LIFE));

function replayJson(args: readonly string[], input: Uint8Array | string = '') {
  const { exitCode, stdout, stderr } = packetwalk(['replay', ...args, '--json'], input);
  assert.equal(exitCode, 0, stderr);
  assert.equal(stdout.trimEnd().split('\n').length, 1);
  return JSON.parse(stdout);
}

/** What two runs of the same capture may differ in. */
function withoutSpeed({ elapsedSeconds, framesPerSecond, ...rest }: Record<string, unknown>) {
  assert.ok(typeof elapsedSeconds === 'number' && typeof framesPerSecond === 'number');
  return rest;
}

describe('replay of life-of-a-packet', () => {
  const summary = replayJson([LIFE, '-t', 'life-of-a-packet', '--top', '100']);

  test('each frame is placed, and ends in one fate', () => {
    assert.deepEqual(summary.topology, { name: 'life-of-a-packet', inferred: false, nodes: 2, pods: 2 });
    assert.deepEqual(summary.frames, {
      read: 110,
      fromPods: 54,
      fromOutside: 52,
      fromNodeStack: 0,
      answersSeen: 4,
      leftOut: 0,
      otherLinkType: 0,
      cut: 0,
      bytes: 59790,
    });
    assert.deepEqual(summary.totals, {
      delivered: 46,
      transmitted: 40,
      stack: 3,
      answered: 1,
      dropped: 16,
      held: 0,
    });
    assert.deepEqual(summary.ownFrames, { sent: 3, delivered: 3, transmitted: 0, stack: 0, dropped: 0 });
    assert.deepEqual(summary.fates, {
      delivered: { pod1: 46 },
      transmitted: { 'node1/bond0': 40 },
      stack: { node1: 3 },
      answered: 1,
      // ping with 3,000 bytes, six fragments each way; SYNs to the port that no rule allows.
      dropped: [
        { reason: 134, name: 'Invalid packet', frames: 12 },
        { reason: 133, name: 'Policy denied', frames: 4 },
      ],
    });
    assert.equal(summary.complete, true);
    assert.deepEqual(summary.faults, []);
  });

  test('services and the backends chosen', () => {
    assert.deepEqual(summary.services, [
      {
        name: 'dns',
        frontend: '10.96.0.53:53',
        protocol: 'udp',
        backend: '10.1.2.40:5353',
        flows: 1,
        frames: 1,
      },
      {
        name: 'web',
        frontend: '10.96.0.80:80',
        protocol: 'tcp',
        backend: '10.1.2.40:8080',
        flows: 2,
        frames: 32,
      },
    ]);
  });

  test('flows with what became of them', () => {
    assert.equal(summary.flows.count, 17);
    assert.deepEqual(summary.flows.top[0], {
      source: '10.1.2.40:8080',
      destination: '10.1.1.10:42136',
      kind: 'tcp',
      frames: 32,
      bytes: 42235,
      paths: [
        {
          fate: 'delivered',
          where: 'pod1',
          reason: 0,
          reasonName: '',
          source: '10.96.0.80:80',
          destination: '10.1.1.10:42136',
          kind: 'tcp',
          frames: 32,
          bytes: 42235,
        },
      ],
    });
  });

  test('entries that the maps got', () => {
    assert.deepEqual(
      summary.mapEntries.map(({ node, map, created }: { node: string; map: string; created: number }) => [
        node,
        map,
        created,
      ]),
      [
        ['node1', 'cilium_ct4_global', 6],
        ['node1', 'cilium_ct_any4_global', 5],
        ['node1', 'cilium_policystats', 4],
      ],
    );
  });

  test('what came out is what the capture shows', () => {
    assert.equal(summary.outputs.expected, 56);
    assert.equal(summary.outputs.matched, 49);
    // The six fragments that Cilium drops; the ICMP error, whose quoted packet the capture's NAT rewrote.
    assert.equal(summary.outputs.missing, 6);
    assert.equal(summary.outputs.different, 1);
    assert.deepEqual(summary.outputs.differences, { payload: 1 });
  });

  test('the time of the capture', () => {
    assert.deepEqual(summary.captureTime, {
      first: '1795231090.085376000',
      last: '1795231094.914560000',
      seconds: 4.829184,
    });
  });

  test('the same in words', () => {
    const { exitCode, stdout, stderr } = packetwalk(['replay', LIFE, '-t', 'life-of-a-packet']);
    assert.equal(exitCode, 0);
    assert.equal(stderr, '');
    for (const line of [
      `${LIFE} through topology life-of-a-packet: 110 frames in 4.8 s of capture`,
      '  entered      54 from pods, 52 from outside',
      '  not walked   4 answers that walks gave',
      '  delivered    46  to pod1',
      '  sent out     40  of node1/bond0',
      '  node stack    3  of node1',
      '  answered      1  by the datapath itself',
      '  dropped      16  12 Invalid packet (134), 4 Policy denied (133)',
      '  besides      3 frames that kernels sent (ARP, ND, ICMP): 3 delivered',
      '               web 10.96.0.80:80/tcp → 10.1.2.40:8080: 32 frames of 2 flows',
      '  17 flows, the 10 with the most frames:',
    ]) {
      assert.ok(stdout.split('\n').includes(line), `${line}\n${stdout}`);
    }
  });

  test('gzip and standard input give the same', () => {
    const gzip = gzipSync(lifeBytes);
    inTemporaryDirectory((directory) => {
      const file = path.join(directory, 'life.pcap.gz');
      writeFileSync(file, gzip);
      const zipped = replayJson([file, '-t', 'life-of-a-packet', '--top', '100']);
      assert.deepEqual(withoutSpeed({ ...zipped, capture: LIFE }), withoutSpeed(summary));
    });
    for (const input of [lifeBytes, gzip]) {
      const piped = replayJson(['-', '-t', 'life-of-a-packet', '--top', '100'], input);
      assert.deepEqual(withoutSpeed({ ...piped, capture: LIFE }), withoutSpeed(summary));
    }
  });

  test('where the capture was taken can be said', () => {
    const said = replayJson([LIFE, '-t', 'life-of-a-packet', '--top', '100', '--at', 'node1/lxc00aa']);
    assert.deepEqual(withoutSpeed(said), withoutSpeed(summary));
  });

  test('--one-way leaves out what came out', () => {
    const { frames, totals } = replayJson([LIFE, '-t', 'life-of-a-packet', '--one-way']);
    assert.equal(frames.fromPods, 54);
    assert.equal(frames.fromOutside, 0);
    assert.equal(frames.leftOut, 56);
    assert.equal(totals.delivered, 0);
    assert.equal(totals.transmitted, 40);
  });

  test('--limit', () => {
    const { frames, totals } = replayJson([LIFE, '-t', 'life-of-a-packet', '--limit', '8']);
    assert.equal(frames.read, 8);
    assert.deepEqual(totals, { delivered: 0, transmitted: 0, stack: 3, answered: 1, dropped: 0, held: 0 });
  });

  test('--speed paces by the capture', () => {
    const { elapsedSeconds } = replayJson([LIFE, '-t', 'life-of-a-packet', '-n', '92', '--speed', '4x']);
    // 92 frames span 1.48 s.
    assert.ok(elapsedSeconds >= 0.36 && elapsedSeconds < 5, `${elapsedSeconds}`);
  });
});

test('an interrupt ends the run with what was walked so far', async () => {
  const args = ['replay', LIFE, '-t', 'life-of-a-packet', '--speed', '0.1x', '--only', 'answered'];
  const { exitCode, stdout } = await interrupted(args, 'SIGINT');
  assert.match(
    stdout,
    /^ +1 .* answered: .*\ntest\/data\/lab\/life-of-a-packet-pod1\.pcap .*: [1-9]\d? frames? .*\(interrupted\)\n/,
  );
  assert.equal(exitCode, 0);
});

describe('--only', () => {
  test('lists the frames of a fate with the reason', () => {
    const { stdout } = packetwalk([
      'replay',
      LIFE,
      '-t',
      'life-of-a-packet',
      '--only',
      'dropped',
      '-n',
      '94',
    ]);
    const listed = stdout.split('\n').slice(0, 4);
    assert.deepEqual(
      listed.map((line) => line.trim().split(/ {2,}/)),
      [
        ['91', '0.000000', '10.1.1.10:49454 → 10.1.2.40:9090 tcp', 'dropped: Policy denied (133)'],
        ['92', '1.029240', '10.1.1.10:49454 → 10.1.2.40:9090 tcp', 'dropped: Policy denied (133)'],
        ['93', '2.053263', '10.1.1.10:49454 → 10.1.2.40:9090 tcp', 'dropped: Policy denied (133)'],
        ['94', '3.077298', '10.1.1.10:49454 → 10.1.2.40:9090 tcp', 'dropped: Policy denied (133)'],
      ],
    );
    assert.match(stdout.split('\n')[4], /^test\/data\/lab\/life-of-a-packet-pod1\.pcap through topology/);
  });

  test('takes several fates; forwarded is delivered and sent out', () => {
    const list = (only: string): string[][] =>
      packetwalk(['replay', LIFE, '-t', 'life-of-a-packet', '--only', only, '-n', '10'])
        .stdout.split(LIFE)[0]
        .trimEnd()
        .split('\n')
        .map((line) => line.trim().split(/ {2,}/))
        .map(([number, , , fate]) => [number, fate]);
    assert.deepEqual(list('answered,stack'), [
      ['1', 'answered: 10.1.1.1 → 10.1.1.10 arp reply'],
      ['3', 'taken by the stack of node1'],
      ['5', 'taken by the stack of node1'],
      ['7', 'taken by the stack of node1'],
    ]);
    assert.deepEqual(list('forwarded'), [
      ['9', 'sent out of node1/bond0, to 10.1.2.40:8080'],
      ['10', 'delivered to pod1, from 10.96.0.80:80'],
    ]);
  });
});

describe('a topology inferred from the capture', () => {
  test('is said in one line, and matches what the capture shows', () => {
    const { exitCode, stderr, stdout } = packetwalk(['replay', lab('same-node-client.pcap'), '--json']);
    assert.equal(exitCode, 0);
    assert.equal(
      stderr,
      'packetwalk: topology inferred: pod 10.3.0.115; taken at node1/lxc1; 1 address outside\n',
    );
    const { topology, outputs } = JSON.parse(stdout);
    assert.deepEqual(topology, { name: 'inferred', inferred: true, nodes: 1, pods: 1 });
    assert.equal(outputs.expected, 154);
    assert.equal(outputs.matched, 154);
  });

  test('is the same from a pipe', () => {
    const capture = readFileSync(path.join(repositoryRoot, lab('digitalocean-pod.pcap')));
    const piped = replayJson(['-'], capture);
    assert.deepEqual(
      withoutSpeed({ ...piped, capture: lab('digitalocean-pod.pcap') }),
      withoutSpeed(replayJson([lab('digitalocean-pod.pcap')])),
    );
    assert.equal(piped.outputs.matched, 11);
  });

  test('--save-topology writes what --topology reads', () => {
    inTemporaryDirectory((directory) => {
      const file = path.join(directory, 'saved.yaml');
      const inferred = replayJson([lab('digitalocean-pod.pcap'), '--save-topology', file]);
      assert.match(
        readFileSync(file, 'utf8'),
        /^# For packetwalk replay test\/data\/lab\/digitalocean-pod\.pcap$/m,
      );
      const again = replayJson([lab('digitalocean-pod.pcap'), '--topology', file]);
      assert.deepEqual(again.totals, inferred.totals);
      assert.deepEqual(again.outputs, inferred.outputs);
      assert.equal(again.topology.inferred, false);
    });
  });

  test('--pod-cidr says which addresses are pods', () => {
    const { stderr } = packetwalk([
      'replay',
      lab('life-of-a-packet-bond0.pcap'),
      '--pod-cidr',
      '10.1.1.0/24',
    ]);
    assert.match(stderr, /^packetwalk: topology inferred: pod 10\.1\.1\.10; /);
  });
});
