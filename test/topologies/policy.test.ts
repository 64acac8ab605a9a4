import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { planTopology } from '../../src/topologies/check.js';
import { portPrefixes } from '../../src/topologies/policy-ports.js';
import type { PolicySpec, TopologySpec } from '../../src/topologies/spec.js';

/** Identities: a 1001, b 1002 (also b2), both families; a prefix outside with identity 16777300. */
function spec(policies: PolicySpec[], cilium: TopologySpec['cilium'] = {}): TopologySpec {
  return {
    cilium: { 'enable-endpoint-routes': true, ...cilium },
    nodes: [
      {
        name: 'n1',
        pods: [
          { name: 'a', ip: '10.0.0.1', labels: { app: 'a' }, identity: 1001 },
          { name: 'b', ip: '10.0.0.2', labels: { app: 'b' }, identity: 1002 },
          { name: 'b2', ip: '10.0.0.3', labels: { app: 'b' } },
        ],
      },
    ],
    outside: [{ cidr: '203.0.113.0/24', identity: 16777300 }],
    policies,
  };
}

/** Entries of pod a as `in 1002 6/80/16`, denials with `!`; sorted. */
function entries(policies: PolicySpec[], cilium: TopologySpec['cilium'] = {}): string[] {
  const plan = planTopology(spec(policies, cilium));
  return plan.policies
    .get('a')!
    .entries.map(
      (entry) =>
        `${entry.deny ? '!' : ''}${entry.egress ? 'out' : 'in'} ${entry.identity} ${entry.protocol}/${entry.port}/${entry.portBits}`,
    )
    .sort();
}

const about = { endpointSelector: { app: 'a' } };
const OPEN_IN = 'in 0 0/0/0';
const OPEN_OUT = 'out 0 0/0/0';
const HOST_IN = 'in 1 0/0/0';

describe('what is open without rules', () => {
  test('no policy: both directions', () => assert.deepEqual(entries([]), [OPEN_IN, OPEN_OUT]));
  test('a policy of one direction closes that one; the node still gets in', () => {
    assert.deepEqual(entries([{ ...about, ingress: [{}] }]), [HOST_IN, OPEN_OUT]);
    assert.deepEqual(entries([{ ...about, egress: [] }]), [OPEN_IN]);
  });
  test('allow-localhost, enable-policy and enableDefaultDeny', () => {
    assert.deepEqual(entries([{ ...about, ingress: [{}] }], { 'allow-localhost': 'policy' }), [OPEN_OUT]);
    assert.deepEqual(entries([], { 'enable-policy': 'always' }), [HOST_IN]);
    assert.deepEqual(entries([{ ...about, egress: [] }], { 'enable-policy': 'never' }), [OPEN_IN, OPEN_OUT]);
    assert.deepEqual(entries([{ ...about, egress: [], enableDefaultDeny: { egress: false } }]), [
      OPEN_IN,
      OPEN_OUT,
    ]);
  });
  test('a policy about others changes nothing', () => {
    assert.deepEqual(entries([{ endpointSelector: { app: 'b' }, ingress: [], egress: [] }]), [
      OPEN_IN,
      OPEN_OUT,
    ]);
  });
});

describe('rules', () => {
  const out = (rule: NonNullable<PolicySpec['egress']>[number]): string[] =>
    entries([{ ...about, egress: [rule] }]).filter((entry) => entry !== OPEN_IN);

  test('peers: labels, with their source, by name, everyone, nobody', () => {
    assert.deepEqual(out({ toEndpoints: [{ app: 'b' }] }), ['out 1002 0/0/0']);
    assert.deepEqual(out({ toEndpoints: [{ matchLabels: { 'k8s:app': 'b' } }] }), ['out 1002 0/0/0']);
    assert.deepEqual(out({ toPods: ['b2'] }), ['out 1002 0/0/0']);
    assert.deepEqual(out({ toEndpoints: [{}] }), ['out 1001 0/0/0', 'out 1002 0/0/0']);
    assert.deepEqual(out({ toEndpoints: [] }), []);
  });

  test('ports for any peer, ANY as three protocols, port 0 as any port', () => {
    assert.deepEqual(out({ toPorts: [{ ports: [{ port: '80', protocol: 'TCP' }] }] }), ['out 0 6/80/16']);
    assert.deepEqual(out({ toPorts: [{ ports: [{ port: 53 }] }] }), [
      'out 0 132/53/16',
      'out 0 17/53/16',
      'out 0 6/53/16',
    ]);
    assert.deepEqual(out({ toPorts: [{ ports: [{ port: 0, protocol: 'UDP' }] }] }), ['out 0 17/0/0']);
  });

  test('a port range becomes prefixes; ICMP types are ports', () => {
    assert.deepEqual(out({ toPorts: [{ ports: [{ port: 8000, endPort: 8011, protocol: 'TCP' }] }] }), [
      'out 0 6/8000/13',
      'out 0 6/8008/14',
    ]);
    assert.deepEqual(out({ icmps: [{ fields: [{ type: 8 }, { family: 'IPv6', type: 128 }] }] }), [
      'out 0 1/8/16',
      'out 0 58/128/16',
    ]);
  });

  test('entities', () => {
    assert.deepEqual(out({ toEntities: ['host', 'remote-node'] }), ['out 1 0/0/0', 'out 6 0/0/0']);
    assert.deepEqual(out({ toEntities: ['all'] }), [OPEN_OUT]);
    assert.deepEqual(out({ toEntities: ['world'] }), [
      'out 10 0/0/0',
      'out 16777300 0/0/0',
      'out 2 0/0/0',
      'out 9 0/0/0',
    ]);
  });

  test('a prefix covers the identities of narrower ones, except those left out', () => {
    assert.deepEqual(out({ toCIDR: ['203.0.112.0/20'] }), ['out 16777217 0/0/0', 'out 16777300 0/0/0']);
    assert.deepEqual(out({ toCIDRSet: [{ cidr: '203.0.112.0/20', except: ['203.0.113.0/24'] }] }), [
      'out 16777217 0/0/0',
    ]);
  });

  test('a denial removes what it covers and leaves the rest to the lookup', () => {
    const found = entries([
      {
        ...about,
        egress: [
          {
            toEndpoints: [{ app: 'b' }],
            toPorts: [
              {
                ports: [
                  { port: 80, protocol: 'TCP' },
                  { port: 90, protocol: 'TCP' },
                ],
              },
            ],
          },
          { toEndpoints: [{ app: 'b' }] },
        ],
        egressDeny: [{ toPorts: [{ ports: [{ port: 80, endPort: 81, protocol: 'TCP' }] }] }],
      },
    ]);
    assert.deepEqual(found, ['!out 0 6/80/15', OPEN_IN, 'out 1002 0/0/0', 'out 1002 6/90/16']);
  });
});

test('port prefixes cover a range exactly, without overlap', () => {
  const port = fc.integer({ min: 1, max: 65535 });
  fc.assert(
    fc.property(port, port, (a, b) => {
      const [first, last] = [Math.min(a, b), Math.max(a, b)];
      let next = first;
      for (const prefix of portPrefixes(first, last)) {
        const size = 1 << (16 - prefix.portBits);
        assert.equal(prefix.port, next);
        assert.equal(prefix.port % size, 0);
        next += size;
      }
      assert.equal(next, last + 1);
    }),
  );
});
