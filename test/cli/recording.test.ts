import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, test } from 'node:test';
import { openCapture } from '../../src/io/capture-file.js';
import { PacketBatch } from '../../src/io/packet-batch.js';
import { forEachBatch } from '../../src/io/packet-source.js';
import { missing } from '../io/peers.js';
import { toHex } from '../support/hex.js';
import { inTemporaryDirectory, lab, packetwalk } from './run.js';

const LIFE = lab('life-of-a-packet-pod1.pcap');

interface Recorded {
  readonly packetId: number;
  readonly place: string;
  /** 1 inbound, 2 outbound. */
  readonly direction: number;
  readonly comment: string;
  /** -1 where there is no verdict. */
  readonly verdictKind: number;
  readonly verdict: number;
  readonly frame: string;
}

async function record(file: string, args: readonly string[]): Promise<Recorded[]> {
  const { exitCode, stderr } = packetwalk(['replay', ...args, '--out', file]);
  assert.equal(exitCode, 0, stderr);
  const source = await openCapture(file);
  const rows: Recorded[] = [];
  await forEachBatch(source, new PacketBatch(), (batch) => {
    for (let i = 0; i < batch.count; i++) {
      const options = batch.options(i)!;
      rows.push({
        packetId: Number(options.packetId),
        place: source.interfaces[batch.interfaceIndex[i]].name,
        direction: batch.flags(i) & 3,
        comment: options.comment ?? '',
        verdictKind: options.verdictKind ?? -1,
        verdict: Number(options.verdict ?? -1),
        frame: toHex(batch.bytes, batch.offset[i], batch.capturedLength[i]),
      });
    }
  });
  source.close();
  return rows;
}

/** Packet id, place and what happened there. */
function told(rows: readonly Recorded[]): [number, string, string][] {
  return rows.map(({ packetId, place, comment }) => [packetId, place, comment]);
}

describe('--out', () => {
  test('an interface per hook point, one packet id per walk, and words', async () => {
    await inTemporaryDirectory(async (directory) => {
      const rows = await record(path.join(directory, 'walk.pcapng'), [
        LIFE,
        '-t',
        'life-of-a-packet',
        '-n',
        '10',
      ]);
      const [fromPod, toPod] = [
        'node1:lxc00aa:tcx-ingress:cil_from_container',
        'node1:lxc00aa:tcx-egress:cil_to_container',
      ];
      assert.deepEqual(told(rows.filter(({ packetId }) => packetId <= 4 || packetId >= 9)), [
        [1, fromPod, 'answered: 10.1.1.1 is at 0a:00:00:00:11:aa; sent back out of lxc00aa'],
        [1, toPod, 'passed on'],
        [1, 'pod1:eth0:in', 'delivered to pod1'],
        [3, fromPod, 'egress policy allowed (L3-L4) to host; NEW; passed to the stack'],
        [3, 'node1:stack', 'taken by the stack of node1'],
        [3, 'node1:stack', 'sent by the stack of node1'],
        [3, toPod, 'routed to lxc00aa; REPLY; to endpoint 1001 (pod1)'],
        [3, 'pod1:eth0:in', 'delivered to pod1'],
        [
          9,
          fromPod,
          'service web 10.96.0.80:80 → backend 10.1.2.40:8080; ' +
            'egress policy allowed (L3-L4) to identity 10004 (pod4); NEW; passed to the stack',
        ],
        [9, 'node1:bond0:tcx-egress:cil_to_netdev', 'routed to bond0; to the network'],
        [9, 'node1:bond0:out', 'sent out of bond0'],
        [10, 'node1:bond0:tcx-ingress:cil_from_netdev', 'passed on'],
        [
          10,
          toPod,
          'routed to lxc00aa; reverse NAT of service web 10.1.2.40:8080 → 10.96.0.80:80; REPLY; ' +
            'to endpoint 1001 (pod1)',
        ],
        [10, 'pod1:eth0:in', 'delivered to pod1'],
      ]);
    });
  });

  test('verdicts, directions, and the frame as it came to each place', async () => {
    await inTemporaryDirectory(async (directory) => {
      const rows = await record(path.join(directory, 'walk.pcapng'), [
        LIFE,
        '-t',
        'life-of-a-packet',
        '-n',
        '10',
      ]);
      const arp = rows.filter(({ packetId }) => packetId === 1);
      assert.deepEqual(
        arp.map(({ direction, verdictKind, verdict }) => [direction, verdictKind, verdict]),
        // eBPF_TC: TC_ACT_REDIRECT in, TC_ACT_OK out; an end of the walk has no verdict.
        [
          [1, 1, 7],
          [2, 1, 0],
          [1, -1, -1],
        ],
      );
      const syn = rows.filter(({ packetId }) => packetId === 9).map(({ frame }) => frame);
      // MACs; destination address and port: the service at the pod, the backend at bond0's hook and out of it.
      assert.deepEqual(
        syn.map((frame) => [frame.slice(0, 24), frame.slice(60, 68), frame.slice(72, 76)]),
        [
          ['0a00000011aa0a000a01010a', '0a600050', '0050'],
          ['00005e00010c92d463f9ddb1', '0a010228', '1f90'],
          ['00005e00010c92d463f9ddb1', '0a010228', '1f90'],
        ],
      );
    });
  });

  test('a drop is told where it happens; --only writes the walks of that fate', async () => {
    await inTemporaryDirectory(async (directory) => {
      const rows = await record(path.join(directory, 'walk.pcapng'), [
        LIFE,
        '-t',
        'life-of-a-packet',
        '--only',
        'dropped',
      ]);
      assert.equal(rows.length, 22);
      assert.deepEqual(told(rows).slice(0, 1), [
        [
          91,
          'node1:lxc00aa:tcx-ingress:cil_from_container',
          'egress policy denied (none) to identity 10004 (pod4); dropped: Policy denied (133)',
        ],
      ]);
      assert.equal(rows[0].verdict, 2);
    });
  });

  test('tshark shows names, comments and verdicts', { skip: missing('tshark') }, () => {
    inTemporaryDirectory((directory) => {
      const file = path.join(directory, 'walk.pcapng');
      packetwalk(['replay', LIFE, '-t', 'life-of-a-packet', '-n', '9', '-o', file]);
      const fields = ['frame.interface_name', 'frame.packet_id', 'frame.comment', 'frame.verdict.ebpf_tc'];
      const run = spawnSync('tshark', [
        ...['-r', file, '-Y', 'frame.packet_id == 9', '-T', 'fields', '-E', 'separator=|'],
        ...fields.flatMap((field) => ['-e', field]),
      ]);
      assert.equal(
        run.stdout.toString(),
        'node1:lxc00aa:tcx-ingress:cil_from_container|9|' +
          'service web 10.96.0.80:80 → backend 10.1.2.40:8080; ' +
          'egress policy allowed (L3-L4) to identity 10004 (pod4); NEW; passed to the stack|0\n' +
          'node1:bond0:tcx-egress:cil_to_netdev|9|routed to bond0; to the network|0\n' +
          'node1:bond0:out|9|sent out of bond0|\n',
      );
    });
  });

  test('capinfos counts all records', { skip: missing('capinfos') }, () => {
    inTemporaryDirectory((directory) => {
      const file = path.join(directory, 'walk.pcapng');
      packetwalk(['replay', LIFE, '-t', 'life-of-a-packet', '-o', file]);
      const run = spawnSync('capinfos', ['-c', '-I', file]);
      assert.match(run.stdout.toString(), /Number of packets: +298\n/);
      assert.match(run.stdout.toString(), /Name = node1:bond0:out\n/);
    });
  });

  test('a recording changes nothing in the run', () => {
    inTemporaryDirectory((directory) => {
      const args = ['replay', LIFE, '-t', 'life-of-a-packet', '--json'];
      const plain = JSON.parse(packetwalk(args).stdout);
      const recorded = JSON.parse(packetwalk([...args, '-o', path.join(directory, 'walk.pcapng')]).stdout);
      for (const part of ['frames', 'fates', 'totals', 'flows', 'services', 'outputs']) {
        assert.deepEqual(recorded[part], plain[part], part);
      }
    });
  });

  test('- is standard output; the summary moves to standard error', () => {
    const { exitCode, stdout, stderr } = packetwalk(['replay', LIFE, '-t', 'life-of-a-packet', '-o', '-']);
    assert.equal(exitCode, 0);
    assert.equal(stdout.slice(0, 4), '\n\r\r\n');
    assert.match(stderr, /110 frames in 4\.8 s of capture/);
  });
});
