/**
 * kube-proxy's rules in Linux and in the engine: iptables must print them again as they were given, and the same frames
 * must leave both. Where a port or a backend is chosen by chance, the rules are without (--random-fully), and services
 * have one backend.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { IptablesTable } from '../../../src/engine/netfilter/iptables.js';
import { listChains } from '../../../src/topologies/listings/iptables-list.js';
import * as frames from '../../engine/netfilter/frames.js';
import type { KernelCase } from '../../engine/netfilter/kernel-cases.js';
import { runOnKernel, whyNoLab } from '../../engine/netfilter/kernel-lab.js';
import { ethernetHex } from '../../engine/netfilter/lab-addresses.js';
import { ModelLab } from '../../engine/netfilter/model-lab.js';
import { checkResult } from '../../engine/netfilter/results.js';
import { labTables, restoreText } from './cluster.js';

const { a, b, clientMac, serverMac } = ethernetHex;

/** A frame as text: `a 10.0.1.2:4000>10.96.0.80:80 SA 1000 0`, the device that it comes to first; `U` is UDP. */
function step(text: string): KernelCase['steps'][number] {
  const [at, way, flags, sequence = '1000', acknowledgment = '0'] = text.split(' ');
  const [from, to] = way.split('>').map((end) => /^\[?(.*?)\]?:(\d+)$/.exec(end)!);
  const macs = at === 'a' ? ([a, clientMac] as const) : ([b, serverMac] as const);
  const ports = [Number(from[2]), Number(to[2])] as const;
  const there = { macs, from: from[1], to: to[1] };
  const segment = { ports, flags, sequence: Number(sequence), acknowledgment: Number(acknowledgment) };
  const frame = flags === 'U' ? frames.udpFrame(there, ports, 'what') : frames.tcpFrame(there, segment);
  return { at: at as 'a' | 'b', frame };
}

const CASES: readonly KernelCase[] = [
  [
    'outside to a node port: masqueraded, and back',
    'a 10.0.1.2:4001>10.0.1.1:30080 S',
    'b 10.0.2.2:8080>10.0.2.1:4001 SA 5000 1001',
    'a 10.0.1.2:4001>10.0.1.1:30080 A 1001 5001',
    'b 10.0.2.2:8080>10.0.2.1:4001 FA 5001 1001',
  ],
  ['outside to the node port at its other address', 'a 10.0.1.2:4002>10.0.2.1:30080 S'],
  ['outside to a cluster address: masqueraded', 'a 10.0.1.2:4003>10.96.0.80:80 S'],
  [
    'pod to a cluster address: not masqueraded',
    'b 10.0.2.3:4004>10.96.0.80:80 S',
    'b 10.0.2.2:8080>10.0.2.3:4004 SA 5000 1001',
  ],
  ['pod to itself by a cluster address: masqueraded', 'b 10.0.2.2:4005>10.96.0.80:80 S'],
  ['outside to an external address', 'a 10.0.1.2:4006>198.51.100.80:80 S'],
  ['another port of it is not the service', 'a 10.0.1.2:4007>198.51.100.80:81 S'],
  [
    'UDP',
    'b 10.0.2.2:4008>10.96.0.10:53 U',
    'b 10.0.2.3:53>10.0.2.2:4008 U',
    'a 10.0.1.2:4008>10.96.0.10:53 U',
  ],
  [
    'session affinity',
    'b 10.0.2.2:4009>10.96.0.81:80 S',
    'b 10.0.2.2:4010>10.96.0.81:80 S',
    'a 10.0.1.3:4009>10.96.0.81:80 S',
  ],
  [
    'externalTrafficPolicy Local: the client is seen',
    'a 10.0.1.2:4011>10.0.1.1:30082 S',
    'b 10.0.2.3:5432>10.0.1.2:4011 SA 5000 1001',
    'a 10.0.1.2:4012>198.51.100.82:5432 S',
    'b 10.0.2.2:4012>198.51.100.82:5432 S',
  ],
  [
    'source ranges: one who may, one who may not',
    'a 10.0.1.2:4013>198.51.100.83:443 S',
    'a 10.0.1.3:4013>198.51.100.83:443 S',
    'a 10.0.1.3:4014>10.0.1.1:30083 S',
  ],
  [
    'no endpoints: refused',
    'a 10.0.1.2:4015>10.96.0.84:80 S',
    'a 10.0.1.3:4015>198.51.100.84:80 S',
    'a 10.0.1.3:4016>10.0.1.1:30084 S',
    'b 10.0.2.3:4017>10.96.0.84:80 S',
  ],
  ['no local endpoints: dropped', 'a 10.0.1.2:4018>10.0.1.1:30085 S', 'b 10.0.2.3:4018>10.96.0.85:80 S'],
  [
    'what is no connection is dropped when forwarded',
    'a 10.0.1.2:4019>10.0.2.2:80 FA',
    'a 10.0.1.2:4020>10.0.2.2:80 S',
  ],
  ['nobody from outside comes to the loopback', 'a 10.0.1.2:4021>127.0.0.1:30080 S'],
  [
    'IPv6: a node port, a cluster address, no endpoints',
    'a [fd00:1::2]:4022>[fd00:1::1]:30080 S',
    'b [fd00:2::2]:8080>[fd00:2::1]:4022 SA 5000 1001',
    'b [fd00:2::3]:4023>[fd96::80]:80 S',
    'a [fd00:1::2]:4024>[fd96::84]:80 S',
  ],
].map(([name, ...steps]) => ({ name, steps: steps.map(step) }));

const reason = whyNoLab();

describe("kube-proxy's rules as Linux takes them", { skip: reason ?? false }, () => {
  for (const [family, tables] of labTables()) {
    const tool = family === 4 ? 'iptables' : 'ip6tables';
    test(`${tool} prints them as they were given`, () => {
      const script = `${tool}-restore && ${tool}-save`;
      const { stdout } = spawnSync('unshare', ['-n', 'sh', '-c', script], { input: restoreText(tables) });
      const rules = (text: string): string[] => text.split('\n').filter((line) => line.startsWith('-A'));
      const given = rules(restoreText(tables));
      assert.deepEqual(rules(stdout.toString()).sort(), given.sort());
    });

    for (const verbose of [false, true]) {
      const options = verbose ? '-nvx --line-numbers' : '-n';
      test(`${tool} ${options} -L`, () => {
        const list = [...tables.keys()].map((table) => `${tool} -t ${table} ${options} -L`).join(' && ');
        const script = `${tool}-restore && ${list}`;
        const { stdout } = spawnSync('unshare', ['-n', 'sh', '-c', script], { input: restoreText(tables) });
        const ours = [...tables].map(([name, lines]) =>
          listChains(new IptablesTable(name, lines), {
            ...{ family, chain: null, numeric: true, verbose, exact: verbose, lineNumbers: verbose },
            portName: () => null,
          }),
        );
        assert.equal(ours.join(''), stdout.toString());
      });
    }
  }

  const tables = labTables((line) => line.replace(' --random-fully', ''));
  const texts = tables.map(([, lines]) => restoreText(lines));
  const kernel = reason === null ? runOnKernel(CASES, [texts[0], texts[1]]) : [];
  CASES.forEach((one, i) => {
    test(one.name, () => checkResult(new ModelLab({ tables }).run(one), kernel[i]));
  });
});
