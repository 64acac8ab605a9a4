import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { changesOf } from '../../../src/topologies/trace/frame-changes.js';
import { layersOf, packetText, type TunnelPorts } from '../../../src/topologies/trace/frame-layers.js';
import * as frames from '../../engine/wire/frames.js';

const NONE: TunnelPorts = new Map();
const VXLAN: TunnelPorts = new Map([[4789, 'VXLAN']]);

describe('frames in one line', () => {
  const cases: readonly (readonly [string, Uint8Array, TunnelPorts, string])[] = [
    ['TCP', frames.synToService, NONE, '10.1.1.10:42126 → 10.96.0.80:80 tcp SYN'],
    ['UDP', frames.dnsToBackend, NONE, '10.1.1.10:36975 → 10.1.2.40:5353 udp'],
    ['echo', frames.ping, NONE, '10.1.1.10 → 10.1.1.1 icmp echo request'],
    ['an error', frames.portUnreachable, NONE, '10.96.0.53 → 10.1.1.10 icmp unreachable'],
    ['ARP', frames.arpRequest, NONE, 'arp who-has 10.1.1.1 tell 10.1.1.10'],
    [
      'a tunnel: the inner packet',
      frames.vxlanPing,
      VXLAN,
      '192.168.203.3 → 192.168.203.5 icmp echo request',
    ],
    ['a port that is no tunnel here', frames.vxlanPing, NONE, '192.168.203.1:45149 → 192.168.202.1:4789 udp'],
    ['cut in the IP header', frames.ping.slice(0, 20), NONE, 'IP cut short'],
  ];
  for (const [name, frame, tunnels, expected] of cases) {
    test(name, () => assert.equal(packetText(frame, tunnels).summary, expected));
  }
  test('no frame is too short', () => {
    for (let length = 0; length <= frames.vxlanPing.length; length++) {
      assert.equal(packetText(frames.vxlanPing.slice(0, length), VXLAN).length, length);
    }
  });
});

describe('what is different', () => {
  const changes = (before: Uint8Array, after: Uint8Array, tunnels = NONE): string[] =>
    changesOf(layersOf(before, tunnels), layersOf(after, tunnels)).map(
      (change) => `${change.field}: ${change.before} > ${change.after}`,
    );
  test('nothing', () => assert.deepEqual(changes(frames.ping, frames.ping.slice()), []));
  test('translated and routed', () =>
    assert.deepEqual(changes(frames.synToService, frames.synToBackend), [
      'MACs: 0a:00:0a:01:01:0a → 0a:00:00:00:11:aa > 92:d4:63:f9:dd:b1 → e2:c4:10:01:14:94',
      'destination: 10.96.0.80:80 > 10.1.2.40:8080',
      'TTL: 64 > 63',
    ]));
  test('put into a tunnel, taken out of it', () => {
    const inner = frames.vxlanPing.slice(50);
    const tunnel = 'VXLAN VNI 100, 192.168.203.1:45149 → 192.168.202.1:4789';
    assert.deepEqual(changes(inner, frames.vxlanPing, VXLAN), [`encapsulation:  > ${tunnel}`]);
    assert.deepEqual(changes(frames.vxlanPing, inner, VXLAN), [`decapsulation: ${tunnel} > `]);
  });
  test('tagged', () => {
    const tagged = Uint8Array.of(...frames.ping.slice(0, 12), 0x81, 0, 0x60, 7, ...frames.ping.slice(12));
    assert.deepEqual(changes(frames.ping, tagged), ['encapsulation:  > VLAN 7']);
  });
  test('another packet altogether', () =>
    assert.deepEqual(changes(frames.dnsToService, frames.portUnreachable), [
      'packet: 10.1.1.10:36975 → 10.96.0.53:53 udp > 10.96.0.53 → 10.1.1.10 icmp unreachable',
    ]));
});
