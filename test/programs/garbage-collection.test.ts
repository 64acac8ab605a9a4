import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createMap } from '../../src/engine/maps/create-map.js';
import type { BpfMap } from '../../src/engine/maps/map.js';
import type { MapOfMaps } from '../../src/engine/maps/map-of-maps.js';
import { SeededRandom } from '../../src/engine/random.js';
import * as ipv4 from '../../src/engine/wire/ipv4.js';
import { GarbageCollector, nextInterval } from '../../src/programs/garbage-collection.js';
import { snatForward } from '../../src/programs/steps/snat.js';
import { entriesHex, setHex } from '../support/map-hex.js';
import { frameBetween, NatNode, NODE_IPV4, NOW_SECONDS } from './nat-node.js';

/** A connection's value: lifetime and flag bits, all else zero. */
function connection(lifetimeSeconds: number, flags = 0): string {
  const value = Buffer.alloc(56);
  value.writeUInt32LE(lifetimeSeconds, 32);
  value.writeUInt16LE(flags, 36);
  return value.toString('hex');
}

const DSR = 0x80;
/** 10.245.1.10:11008 to 8.8.8.8:80, sent from here, and its mapping to 192.168.0.11:48527. */
const SENT = '0af5010a08080808' + '0050' + '2b60' + '0600';
const OUT = '080808080af5010a' + '0050' + '2b60' + '0600';
const IN = 'c0a8000b08080808' + 'bd8f' + '0050' + '0601';
const OUT_VALUE = `${'00'.repeat(32)}c0a8000bbd8f0000`;
const IN_VALUE = `${'00'.repeat(32)}0af5010a2b600000`;
/** 172.16.5.5:26000 to the backend 10.245.1.20:8080, which came by DSR for 192.168.0.12:6265. */
const REQUEST = 'ac1005050af50114' + '1f90' + '6590' + '0600';
const REPLY = 'ac1005050af50114' + '6590' + '1f90' + '0600';
const REPLY_VALUE = `${'00'.repeat(32)}c0a8000c18790000`;

describe('garbage collection', () => {
  test('deletes connections whose lifetime is over, and only those', () => {
    const { datapath } = new NatNode();
    const tcp = datapath.ipv4.conntrackTcp;
    setHex(tcp, SENT, connection(NOW_SECONDS - 1));
    setHex(tcp, REQUEST, connection(NOW_SECONDS));
    setHex(datapath.ipv6.conntrackAny, '00'.repeat(38), connection(1));
    const done = new GarbageCollector(datapath).run();
    assert.deepEqual(done, {
      connectionsDeleted: 2,
      connectionsAlive: 1,
      mappingsDeleted: 0,
      orphansDeleted: 0,
    });
    assert.deepEqual(
      entriesHex(tcp).map((entry) => entry.key),
      [REQUEST],
    );
  });

  test('a mapping goes with the connection that was sent, not with those that came', () => {
    const { datapath } = new NatNode();
    const { snat, conntrackTcp } = datapath.ipv4;
    setHex(snat, OUT, OUT_VALUE);
    setHex(snat, IN, IN_VALUE);
    setHex(conntrackTcp, `${SENT.slice(0, 26)}01`, connection(1));
    setHex(conntrackTcp, `${SENT.slice(0, 26)}02`, connection(1));
    setHex(conntrackTcp, `${SENT.slice(0, 26)}04`, connection(1));
    const collector = new GarbageCollector(datapath);
    assert.equal(collector.run().mappingsDeleted, 0);
    assert.equal(snat.size, 2);
    setHex(conntrackTcp, SENT, connection(1));
    assert.equal(collector.run().mappingsDeleted, 1);
    assert.equal(snat.size, 0);
  });

  test('the frontend kept for replies to a DSR request goes with the request', () => {
    const { datapath } = new NatNode();
    setHex(datapath.ipv4.snat, REPLY, REPLY_VALUE);
    setHex(datapath.ipv4.conntrackTcp, REQUEST, connection(1, DSR));
    assert.equal(new GarbageCollector(datapath).run().mappingsDeleted, 1);
    assert.equal(datapath.ipv4.snat.size, 0);
  });

  test('mappings without a connection go when NAT ports run out', () => {
    const { datapath } = new NatNode();
    const { snat, conntrackTcp } = datapath.ipv4;
    setHex(snat, OUT, OUT_VALUE);
    setHex(snat, IN, IN_VALUE);
    setHex(snat, REPLY, REPLY_VALUE);
    const collector = new GarbageCollector(datapath);
    assert.equal(collector.run().orphansDeleted, 0);
    setHex(conntrackTcp, SENT, connection(NOW_SECONDS));
    setHex(conntrackTcp, REQUEST, connection(NOW_SECONDS, DSR));
    collector.request();
    assert.equal(collector.poll()?.orphansDeleted, 0);
    conntrackTcp.clear();
    // Without its mark the request is another connection.
    setHex(conntrackTcp, REQUEST, connection(NOW_SECONDS));
    collector.request();
    assert.equal(collector.poll()?.orphansDeleted, 3);
    assert.equal(snat.size, 0);
    assert.equal(collector.poll(), null);
  });

  test('the maps of a remote cluster are looked after too', () => {
    const { datapath } = new NatNode();
    const { ipv4 } = datapath;
    const adopt = (outer: MapOfMaps, id: number): BpfMap => {
      const inner = createMap({ ...outer.spec.inner!, maxEntries: 8 });
      outer.adopt(id, inner);
      setHex(outer, '02000000', `0${id}000000`);
      return inner;
    };
    const tcp = adopt(ipv4.perClusterConntrackTcp, 1);
    adopt(ipv4.perClusterConntrackAny, 2);
    const snat = adopt(ipv4.perClusterSnat, 3);
    setHex(tcp, SENT, connection(1));
    setHex(snat, OUT, OUT_VALUE);
    setHex(snat, IN, IN_VALUE);
    assert.equal(new GarbageCollector(datapath).run().mappingsDeleted, 1);
    assert.equal(tcp.size + snat.size, 0);
  });

  test('runs 5 minutes after the start, then sooner or later by what it found', () => {
    const node = new NatNode();
    const collector = new GarbageCollector(node.datapath);
    assert.equal(collector.dueSeconds, NOW_SECONDS + 300);
    assert.equal(collector.poll(), null);
    node.clock.set((NOW_SECONDS + 300) * 1e9);
    assert.notEqual(collector.poll(), null);
    assert.equal(collector.dueSeconds, NOW_SECONDS + 600);
    assert.equal(nextInterval(300, 0), 300);
    assert.equal(nextInterval(300, 0.01), 450);
    assert.equal(nextInterval(300, 0.1), 300);
    assert.equal(nextInterval(300, 0.5), 150);
    assert.equal(nextInterval(300, 1), 30);
    assert.equal(nextInterval(12, 0.95), 10);
    assert.equal(nextInterval(40000, 0.01), 43200);
  });

  test('a fixed interval stays', () => {
    const node = new NatNode();
    const collector = new GarbageCollector(node.datapath, 60);
    setHex(node.datapath.ipv4.conntrackTcp, SENT, connection(1));
    node.clock.set((NOW_SECONDS + 60) * 1e9);
    assert.equal(collector.poll()?.connectionsDeleted, 1);
    assert.equal(collector.dueSeconds, NOW_SECONDS + 120);
  });

  test('no connection and no mapping outlives its lifetime by more than one interval', () => {
    const send = fc.record({
      pod: fc.integer({ min: 1, max: 20 }),
      port: fc.integer({ min: 1, max: 65535 }),
      protocol: fc.constantFrom(ipv4.PROTOCOL_TCP, ipv4.PROTOCOL_UDP),
      pauseSeconds: fc.integer({ min: 0, max: 400 }),
    });
    fc.assert(
      fc.property(fc.array(send, { maxLength: 40 }), fc.integer(), (sent, seed) => {
        const node = new NatNode({}, new SeededRandom(seed));
        const { datapath, packet, clock } = node;
        const collector = new GarbageCollector(datapath, 60);
        const { conntrackTcp, conntrackAny, snat } = datapath.ipv4;
        let now = NOW_SECONDS;
        const pass = (seconds: number): void => {
          now += seconds;
          clock.set(now * 1e9);
          if (collector.poll() === null) return;
          for (const map of [conntrackTcp, conntrackAny]) {
            for (const { value } of entriesHex(map)) {
              assert.ok(Buffer.from(value, 'hex').readUInt32LE(32) >= now);
            }
          }
          assert.equal(snat.size, 2 * (conntrackTcp.size + conntrackAny.size));
        };
        for (const { pod, port, protocol, pauseSeconds } of sent) {
          const from = { address: Uint8Array.of(10, 245, 1, pod), port };
          const to = { address: Uint8Array.of(8, 8, 8, 8), port: 53 };
          node.receive(frameBetween(from, to, protocol, new Uint8Array(4)));
          const target = datapath.snatTarget;
          target.reset(32768, 65535);
          target.address[0] = NODE_IPV4;
          target.fromLocalEndpoint = true;
          target.needsConntrack = true;
          assert.equal(snatForward(node.host, packet, datapath.flow, target), 0);
          pass(pauseSeconds);
        }
        pass(datapath.constants.tcpLifetimeSeconds + 1);
        assert.equal(conntrackTcp.size + conntrackAny.size + snat.size, 0);
      }),
      { numRuns: 50 },
    );
  });
});
