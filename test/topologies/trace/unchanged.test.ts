/** Tracing is observation only: the same packets, traced and not, leave the same bytes, maps and counts behind. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { recordsOf } from '../../../src/engine/maps/records.js';
import type { BuiltTopology } from '../../../src/topologies/built.js';
import { listTopologies } from '../../../src/topologies/ready-made.js';
import { parseExpression } from '../../../src/topologies/trace/expression.js';
import { makeFrame } from '../../../src/topologies/trace/packet-request.js';
import { type PacketRequest, resolveExpression } from '../../../src/topologies/trace/resolve.js';
import { Tracer } from '../../../src/topologies/trace/tracer.js';
import { toHex } from '../../support/hex.js';
import { buildReady } from '../support.js';

/** Every pod to every pod, service and outside, and outside to nodes and services; each twice. */
function expressions({ plan, pods }: BuiltTopology): string[] {
  const names = pods.map(({ planned }) => `pod/${planned.name}`);
  const services = [...new Set(plan.services.map(({ name }) => `svc/${name}`))];
  const nodes = plan.nodes.map(({ name }) => `node/${name}`);
  const targets = [...names, ...services, ...nodes, '1.1.1.1:443'];
  const from = (source: string): string[] => targets.map((target) => `${source} -> ${target}`);
  const once = [
    ...names.flatMap(from),
    ...from('outside'),
    ...names.map((name) => `icmp ${name} -> 1.1.1.1`),
    ...names.map((name) => `udp ${name} -> 1.1.1.1:53 ttl 1`),
    ...names.map((name) => `arp ${name} -> 10.0.0.1`),
  ];
  return [...once, ...once];
}

/** Walks a request as a tracer does, without one. */
function walkPlainly(built: BuiltTopology, { content, origin }: PacketRequest): string {
  const { walker, clock, agent } = built;
  clock.set(clock.nowNs + 1_000_000);
  agent.poll();
  const frame =
    origin.kind === 'stack'
      ? makeFrame(content)
      : origin.kind === 'socket'
        ? makeFrame(content, origin.device.mac)
        : makeFrame(content, origin.sourceMac, origin.device.mac);
  const handle = walker.arena.put(new DataView(frame.buffer), 0, frame.length);
  if (origin.kind === 'stack') walker.send(handle, origin.namespace, origin.mark);
  else if (origin.kind === 'socket') walker.transmit(handle, origin.device);
  else walker.receive(handle, origin.device);
  const start = walker.arena.start[handle];
  const bytes = toHex(walker.arena.bytes.slice(start, start + walker.arena.length[handle]));
  walker.arena.free(handle);
  return `${walker.fate} ${walker.reason} ${walker.device.name} ${bytes}`;
}

/** All that the nodes' maps hold, and what the walker has counted. */
function stateOf({ nodes, walker }: BuiltTopology): object {
  const maps = nodes.map(({ datapath, pods, hostPolicyMap }) => {
    const all = [...datapath.maps.values(), hostPolicyMap, ...pods.map(({ policyMap }) => policyMap)];
    return all.map((map) => [
      map.spec.name,
      recordsOf(map).map(
        ({ key, values }) => `${toHex(key)}: ${values.map((value) => toHex(value)).join(' ')}`,
      ),
    ]);
  });
  return { maps, counters: { ...walker.counters } };
}

describe('a traced run is the run that it would have been', () => {
  for (const { name } of listTopologies()) {
    test(name, () => {
      const [traced, plain] = [buildReady(name), buildReady(name)];
      const tracer = new Tracer(traced);
      for (const text of expressions(plain)) {
        const ofTraced = resolveExpression(traced, parseExpression(text));
        tracer.trace(ofTraced, { carriesOn: false, sockets: false });
        const result = walkPlainly(plain, resolveExpression(plain, parseExpression(text)));
        const { walker } = traced;
        assert.equal(
          `${walker.fate} ${walker.reason} ${walker.device.name}`,
          result.split(' ').slice(0, 3).join(' '),
          text,
        );
      }
      assert.deepEqual(stateOf(traced), stateOf(plain));
    });
  }
});
