/** Work that frames leave undone, against the kernel's own stacks, and tcpdump's opinion of the checksums. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CHECKSUMMED,
  OVERSIZE,
  RECEIVED,
  RECEIVED_BYTES,
  SEGMENTED,
  SEGMENTS,
} from '../../../src/io/live/live-port.js';
import { whyNoInterfaces, whyNoTap } from '../../support/live-network.js';
import { END, hasCommand, Lab, type Side, transfer } from './lab.js';

const SIZE = 8_000_000;
const tap: Side = { plugin: 'tap', offloads: true };
const plainTap: Side = { plugin: 'tap', offloads: false };
const socket: Side = { plugin: 'af-packet', offloads: true };
const plainSocket: Side = { plugin: 'af-packet', offloads: false };

const nameOf = ({ plugin, offloads }: Side): string => `${plugin}${offloads ? '' : ' without offloads'}`;

async function withLab(left: Side, right: Side, run: (lab: Lab) => Promise<void>): Promise<void> {
  const lab = await Lab.open(left, right);
  try {
    await run(lab);
  } finally {
    lab.dispose();
  }
}

function testTransfer(left: Side, right: Side, check: (lab: Lab) => void): void {
  const skip = left.plugin === 'tap' ? whyNoTap() : whyNoInterfaces();
  for (const address of ['10.9.0.2', 'fd09::2']) {
    test(`${nameOf(left)} to ${nameOf(right)}, ${address}`, { skip, timeout: 60_000 }, () =>
      withLab(left, right, async (lab) => {
        assert.ok(await transfer(lab, address, SIZE));
        for (const port of lab.ports) assert.equal(port.counters[OVERSIZE], 0);
        check(lab);
      }),
    );
  }
}

const meanReceived = (lab: Lab, port: number): number =>
  lab.ports[port].counters[RECEIVED_BYTES] / lab.ports[port].counters[RECEIVED];

describe('TCP keeps its bytes', () => {
  testTransfer(tap, tap, (lab) => {
    assert.ok(meanReceived(lab, 0) > 3000, 'segments cross merged');
    assert.equal(lab.ports[1].counters[SEGMENTED], 0);
  });
  testTransfer(tap, plainTap, (lab) => {
    const { counters } = lab.ports[1];
    assert.ok(counters[SEGMENTED] > 0 && counters[SEGMENTS] > counters[SEGMENTED]);
    assert.ok(counters[CHECKSUMMED] > 0);
  });
  testTransfer(plainTap, tap, (lab) => assert.ok(meanReceived(lab, 0) <= 1514));
  testTransfer(socket, socket, (lab) => assert.ok(meanReceived(lab, 0) > 3000, 'segments cross merged'));
  testTransfer(socket, plainSocket, (lab) => assert.ok(lab.ports[1].counters[SEGMENTED] > 0));
  testTransfer(tap, socket, (lab) => assert.equal(lab.ports[1].counters[SEGMENTED], 0));
});

describe('where the MTU is smaller behind the port', () => {
  const skip = whyNoTap();
  test('merged segments that fit go on, and those that do not are counted', { skip, timeout: 60_000 }, () =>
    withLab({ ...tap, mtu: 9000 }, { ...plainTap, mtu: 1500 }, async (lab) => {
      // The right end tells the left one its segment size, so that all segments fit.
      assert.ok(await transfer(lab, '10.9.0.2', SIZE));
      assert.ok(lab.ports[1].counters[SEGMENTED] > 0);
      assert.equal(lab.ports[1].counters[OVERSIZE], 0);
      // 5,000 bytes of UDP are one frame on the left.
      const text = `const s=require('node:dgram').createSocket('udp4');s.send(Buffer.alloc(5000),9,'10.9.0.2',()=>s.close())`;
      await lab.run(lab.start(lab.left, process.execPath, '-e', text), 10);
      await lab.run(sleep(100), 5);
      assert.equal(lab.ports[1].counters[OVERSIZE], 1);
    }),
  );
});

describe('tcpdump finds no wrong checksum', () => {
  const skip = whyNoTap() || (hasCommand('tcpdump') ? false : 'needs tcpdump');

  async function captured(lab: Lab, run: () => Promise<unknown>): Promise<string[]> {
    const args = ['-i', END, '-Q', 'in', '-n', '-vv', '--immediate-mode', '-B', '65536'];
    const done = sleep(500).then(run);
    const seen = done.then(() => sleep(300));
    const output = lab.startUntil(seen, lab.right, 'tcpdump', ...args, 'ip or ip6');
    await seen;
    return (await output).split('\n');
  }

  async function check(lab: Lab, address: string, size: number): Promise<void> {
    const lines = await captured(lab, async () => assert.ok(await transfer(lab, address, size)));
    const sums = lines.filter((line) => line.includes('cksum'));
    assert.ok(sums.filter((line) => line.includes('(correct)')).length > 20, 'tcpdump saw the packets');
    assert.deepEqual(
      sums.filter((line) => line.includes('incorrect') || /\bbad\b/.test(line)),
      [],
    );
    const longest = Math.max(...lines.map((line) => Number(/ length (\d+)\)?$/.exec(line)?.[1] ?? 0)));
    assert.ok(longest <= 1500, `longest packet: ${longest}`);
  }

  for (const address of ['10.9.0.2', 'fd09::2']) {
    test(`segments cut in software, ${address}`, { skip, timeout: 60_000 }, () =>
      withLab(tap, plainTap, (lab) => check(lab, address, 300_000)),
    );
  }

  test('partial checksums inside VXLAN with outer checksums', { skip, timeout: 60_000 }, () =>
    withLab(tap, plainTap, async (lab) => {
      for (const [namespace, own, other] of [
        [lab.left, 1, 2],
        [lab.right, 2, 1],
      ] as const) {
        const link = ['type', 'vxlan', 'id', '42', 'local', `10.9.0.${own}`, 'remote', `10.9.0.${other}`];
        namespace.ip('link', 'add', 'vx', ...link, 'dstport', '4789', 'udpcsum');
        namespace.ip('link', 'set', 'vx', 'mtu', '1450', 'up');
        namespace.ip('addr', 'add', `10.8.0.${own}/24`, 'dev', 'vx');
      }
      await check(lab, '10.8.0.2', 300_000);
    }),
  );
});
