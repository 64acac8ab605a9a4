/** What holds in two nodes whatever their features, flows and policies are, and whatever arrives. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { BuiltTopology } from '../../src/topologies/built.js';
import { TopologyError } from '../../src/topologies/faults.js';
import { readTopology } from '../../src/topologies/load.js';
import { twoNodes } from '../topologies/clusters.js';
import { SYN, SYN_ACK, type Walked, Walks } from '../topologies/walk-support.js';

const SEED = 11;
const DAY_NS = 86_400e9;

const NATIVE =
  'routing-mode: native, auto-direct-node-routes: true, ipv4-native-routing-cidr: 10.1.0.0/16, ipv6-native-routing-cidr: "fd01::/16"';

/** Options of the agent that go together in any way, or are refused. */
const features = fc
  .record({
    routing: fc.constantFrom(
      NATIVE,
      'routing-mode: tunnel, tunnel-protocol: vxlan',
      'routing-mode: tunnel, tunnel-protocol: geneve',
    ),
    mode: fc.constantFrom(
      'bpf-lb-mode: snat',
      'bpf-lb-mode: dsr',
      'bpf-lb-mode: hybrid',
      'bpf-lb-mode: dsr, bpf-lb-dsr-dispatch: geneve',
    ),
    masquerade: fc.boolean(),
    legacyRouting: fc.boolean(),
    firewall: fc.boolean(),
    maglev: fc.boolean(),
    acceleration: fc.boolean(),
  })
  .map(({ routing, mode, masquerade, legacyRouting, firewall, maglev, acceleration }) =>
    [
      routing,
      mode,
      `enable-bpf-masquerade: ${masquerade}`,
      `enable-host-legacy-routing: ${legacyRouting}`,
      `enable-host-firewall: ${firewall}`,
      `bpf-lb-algorithm: ${maglev ? 'maglev, bpf-lb-maglev-table-size: 251' : 'random'}`,
      `bpf-lb-acceleration: ${acceleration ? 'native' : 'disabled'}`,
      'bpf-lb-sock: false',
    ].join(', '),
  );

interface Flow {
  readonly fromPod: boolean;
  readonly from: string;
  readonly to: string;
}

/** From pod1 to pod2 and to the service, and from outside to the node port of the node without a backend. */
const flow: fc.Arbitrary<Flow> = fc
  .record({
    kind: fc.constantFrom('pod', 'service', 'node port'),
    v6: fc.boolean(),
    client: fc.integer({ min: 1, max: 254 }),
    port: fc.integer({ min: 1024, max: 65535 }),
  })
  .map(({ kind, v6, client, port }) => {
    const fromPod = kind !== 'node port';
    const pod = v6 ? '[fd01:1::10]' : '10.1.1.10';
    const outside = v6 ? `[2001:db8::${client.toString(16)}]` : `203.0.113.${client}`;
    const destinations: Record<string, readonly [string, string]> = {
      pod: ['10.1.2.10:8080', '[fd01:2::10]:8080'],
      service: ['10.96.0.1:80', '[fd96::1]:80'],
      'node port': ['192.168.0.1:30080', '[fd00::1]:30080'],
    };
    return { fromPod, from: `${fromPod ? pod : outside}:${port}`, to: destinations[kind][v6 ? 1 : 0] };
  });

/** `10.0.0.1:1 > 10.0.0.2:2` of a frame in words. */
function ends({ frame }: Walked): string {
  return /\S+:\d+ > \S+:\d+ tcp/.exec(frame)?.[0] ?? frame;
}

function isRefused(topology: string): boolean {
  try {
    readTopology(topology, 'mix');
    return false;
  } catch (error) {
    if (error instanceof TopologyError) return true;
    throw error;
  }
}

function trackedFlows({ nodes }: BuiltTopology): number {
  return nodes
    .flatMap(({ datapath: { ipv4, ipv6 } }) => [ipv4, ipv6])
    .flatMap(({ conntrackTcp, conntrackAny, snat }) => [conntrackTcp, conntrackAny, snat])
    .reduce((sum, map) => sum + map.size, 0);
}

describe('two nodes with any features', () => {
  test('a request reaches its backend, the reply finds its flow, checksums are right; nothing is tracked for ever', () => {
    let built = 0;
    fc.assert(
      fc.property(features, fc.array(flow, { minLength: 1, maxLength: 8, size: 'max' }), (cilium, flows) => {
        const topology = twoNodes(cilium);
        fc.pre(!isRefused(topology));
        built++;
        const walks = new Walks(topology);
        for (const { fromPod, from, to } of flows) {
          const segment = { from, to, flags: SYN };
          const request = fromPod ? walks.fromPod('pod1', segment) : walks.fromOutside('node1/eth0', segment);
          const story = () => [cilium, from, to, ...request.steps, request.frame].join('\n');
          assert.equal(request.steps.at(-1), 'delivered pod2/eth0', story());
          assert.doesNotMatch(request.frame, / bad /, story());
          const [client, , server] = ends(request).split(' ');
          const reply = walks.fromPod('pod2', { from: server, to: client, flags: SYN_ACK });
          const both = () => [story(), ...reply.steps, reply.frame].join('\n');
          assert.match(
            reply.steps.at(-1)!,
            fromPod ? /^delivered pod1\/eth0$/ : /^transmitted node[12]\/eth0$/,
            both(),
          );
          assert.doesNotMatch(reply.frame, / bad /, both());
          assert.equal(ends(reply), `${to} > ${from} tcp`, both());
        }
        const { clock, agent } = walks.built;
        assert.ok(trackedFlows(walks.built) > 0);
        clock.set(clock.nowNs + DAY_NS);
        agent.poll();
        assert.equal(trackedFlows(walks.built), 0);
      }),
      { numRuns: 24, seed: SEED, endOnFailure: true, includeErrorInReport: true },
    );
    assert.equal(built, 24);
  });
});

interface Rule {
  readonly peer: string;
  /** First and last port; null for all. */
  readonly ports: readonly [number, number] | null;
  readonly protocol: 'TCP' | 'UDP' | 'ANY';
}

const rule: fc.Arbitrary<Rule> = fc.record({
  peer: fc.constantFrom(
    'fromEndpoints: [{ app: pod1 }]',
    'fromEndpoints: [{}]',
    'fromEntities: [all]',
    'fromEntities: [world]',
  ),
  ports: fc.constantFrom<readonly [number, number] | null>(
    null,
    [80, 80],
    [80, 95],
    [64, 127],
    [8080, 8080],
    [1, 65535],
  ),
  protocol: fc.constantFrom('TCP', 'UDP', 'ANY'),
});

function ruleText({ peer, ports, protocol }: Rule): string {
  if (ports === null) return `{ ${peer} }`;
  const [port, endPort] = ports;
  return `{ ${peer}, toPorts: [{ ports: [{ port: ${port}, endPort: ${endPort}, protocol: ${protocol} }] }] }`;
}

/** Whether the rule is about a TCP packet from pod1 to this port. */
function matches({ peer, ports, protocol }: Rule, port: number): boolean {
  if (peer.includes('world')) return false;
  return ports === null || (protocol !== 'UDP' && port >= ports[0] && port <= ports[1]);
}

test('what a deny rule matches is denied, whatever allows it; the rest is allowed by a rule or not at all', () => {
  const rules = fc.array(rule, { maxLength: 4, size: 'max' });
  fc.assert(
    fc.property(rules, rules, (allowing, denying) => {
      const text = (list: readonly Rule[]): string => `[${list.map(ruleText).join(', ')}]`;
      const policy = `{ endpointSelector: { app: pod2 }, ingress: ${text(allowing)}, ingressDeny: ${text(denying)} }`;
      const walks = new Walks(twoNodes(NATIVE, `policies: [${policy}]`));
      for (const [i, port] of [79, 80, 81, 95, 96, 127, 128, 8080, 8081].entries()) {
        const { steps } = walks.fromPod('pod1', { from: `10.1.1.10:${2000 + i}`, to: `10.1.2.10:${port}` });
        const isAllowed =
          allowing.some((one) => matches(one, port)) && !denying.some((one) => matches(one, port));
        const isDenied = denying.some((one) => matches(one, port));
        const expected = isAllowed
          ? 'delivered pod2/eth0'
          : `dropped: Policy denied${isDenied ? ' by denylist' : ''}`;
        assert.equal(steps.at(-1), expected, `${policy}: port ${port}`);
      }
    }),
    { numRuns: 60, seed: SEED, endOnFailure: true, includeErrorInReport: true },
  );
});
