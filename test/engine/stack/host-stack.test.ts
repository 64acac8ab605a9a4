import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Clock } from '../../../src/engine/clock.js';
import type { Device } from '../../../src/engine/device.js';
import * as fate from '../../../src/engine/fate.js';
import { HostStack } from '../../../src/engine/stack/host-stack.js';
import { NUD_PERMANENT, NUD_REACHABLE, NUD_STALE } from '../../../src/engine/stack/neighbour.js';
import { fromHex, toHex } from '../../support/hex.js';
import { MAC_ETH0, MAC_LXC_A, MAC_POD_A, TestNode } from '../network.js';

const ETH_ZERO = '00000000';
const ARP_IPV4 = '00010800060400';
const ROUTER_MAC = '0200000000c7';

/** The node with a stack that answers. */
class AnsweringNode extends TestNode {
  readonly clock = new Clock();
  readonly stack: HostStack;
  /** What stacks sent and how it ended, in order. */
  readonly sent: string[] = [];

  constructor() {
    super();
    this.stack = new HostStack(this.node.host, this.walker.output, this.clock);
    this.walker.copyEnded = (packet, kind, device, reason) => {
      const why = reason === 0 ? '' : `: ${fate.engineReasonName(reason)}`;
      this.sent.push(
        `${fate.FATE_NAMES[kind]} ${device.name}${why} ${toHex(packet.bytes.slice(packet.start, packet.end))}`,
      );
    };
  }

  receive(frame: string, device: Device): number {
    const handle = this.slot(frame);
    const result = this.walker.receive(handle, device);
    this.arena.free(handle);
    return result;
  }
}

describe('ARP', () => {
  const request = (target: string, sender = 'c0a80002', to = 'ffffffffffff') =>
    `${to}${ROUTER_MAC}0806${ARP_IPV4}01${ROUTER_MAC}${sender}000000000000${target}`;

  test('a request for an own address is answered; who asks is learned', () => {
    const t = new AnsweringNode();
    assert.equal(t.receive(request('c0a80001'), t.eth0), fate.CONSUMED);
    assert.deepEqual(t.sent, [
      `transmitted eth0 ${ROUTER_MAC}${MAC_ETH0}0806${ARP_IPV4}02${MAC_ETH0}c0a80001${ROUTER_MAC}c0a80002`,
    ]);
    const [learned] = t.node.host.neighbours
      .entries(t.clock.nowNs)
      .filter(({ state }) => state !== NUD_PERMANENT);
    assert.deepEqual([...learned.address], [192, 168, 0, 2]);
    assert.equal(toHex(learned.mac), ROUTER_MAC);
    assert.equal(learned.state, NUD_STALE);
  });

  test('others are not answered: foreign targets, own and martian senders, groups', () => {
    for (const frame of [
      request('c0a80005'),
      request('c0a80001', 'c0a80001'),
      request('c0a80001', '7f000001'),
      request('e0000001'),
      request('7f000001'),
      request('c0a80001').slice(0, -2),
      request('c0a80001').replace('000108000604', '000608000604'),
      request('c0a80001').replace(`${ARP_IPV4}01`, `${ARP_IPV4}03`),
    ]) {
      const t = new AnsweringNode();
      t.receive(frame, t.eth0);
      assert.deepEqual(t.sent, [], frame);
    }
  });

  test('a probe without sender address is answered, and teaches nothing', () => {
    const t = new AnsweringNode();
    const { size } = t.node.host.neighbours;
    t.receive(request('c0a80001', ETH_ZERO), t.eth0);
    assert.equal(t.sent.length, 1);
    assert.equal(t.node.host.neighbours.size, size);
  });
});

describe('echo', () => {
  // 192.168.0.2 > 192.168.0.1: id 0x1234, seq 1, tos 4, data "abcd"; checksums by RFC 1071.
  const request = `${MAC_ETH0}${ROUTER_MAC}080045040020000140004001b984c0a80002c0a80001080021041234000161626364`;

  test('is answered, with the same type of service', () => {
    const t = new AnsweringNode();
    t.node.host.neighbours.set(2, fromHex('c0a80002'), fromHex(ROUTER_MAC));
    assert.equal(t.receive(request, t.eth0), fate.CONSUMED);
    assert.deepEqual(t.sent, [
      `transmitted eth0 ${ROUTER_MAC}${MAC_ETH0}080045040020000100004001f984c0a80001c0a80002000029041234000161626364`,
    ]);
  });

  test('unless it is broken, cut, or echoes are not answered', () => {
    const t = new AnsweringNode();
    t.receive(request.replace('08002104', '08002204'), t.eth0);
    t.receive(request.replace('45040020000140004001b984', '45040018000140004001b98c').slice(0, -16), t.eth0);
    t.stack.answersEcho = false;
    t.receive(request, t.eth0);
    assert.deepEqual(t.sent, []);
  });
});

describe('resolution', () => {
  // UDP to port 9, payload "hi", from pod a to 192.168.0.68.
  const packet = `${MAC_LXC_A}${MAC_POD_A}08004500001e000000004011afe20a000001c0a8004400350009000a00006869`;
  const question = `transmitted eth0 ffffffffffff${MAC_ETH0}0806${ARP_IPV4}01${MAC_ETH0}c0a80001000000000000c0a80044`;
  const answer = `${MAC_ETH0}${ROUTER_MAC}0806${ARP_IPV4}02${ROUTER_MAC}c0a80044${MAC_ETH0}c0a80001`;
  const routed = `${ROUTER_MAC}${MAC_ETH0}08004500001e000000003f11b0e20a000001c0a8004400350009000a00006869`;

  test('the packet waits for the answer, then goes on', () => {
    const t = new AnsweringNode();
    assert.equal(t.receive(packet, t.lxcA), fate.UNDER_WAY);
    assert.deepEqual(t.sent, [question]);
    assert.deepEqual([...t.walker.counters.fates], [0, 1, 0, 0]);
    t.receive(packet, t.lxcA);
    assert.equal(t.sent.length, 1, 'it is asked once');
    t.clock.set(5e8);
    assert.equal(t.receive(answer, t.eth0), fate.CONSUMED);
    assert.deepEqual(t.sent.slice(1), [`transmitted eth0 ${routed}`, `transmitted eth0 ${routed}`]);
    assert.equal(t.receive(packet, t.lxcA), fate.TRANSMITTED);
    const state = () =>
      t.node.host.neighbours.entries(t.clock.nowNs).find(({ address }) => address[3] === 0x44)!.state;
    assert.equal(state(), NUD_REACHABLE);
    t.clock.set(31e9);
    assert.equal(state(), NUD_STALE);
    assert.equal(t.walker.counters.walked + t.walker.counters.originated, 5);
    assert.equal(
      [...t.walker.counters.fates].reduce((a, b) => a + b),
      5,
    );
  });

  test('asked three times, a second apart; then what waits is dropped and its sender is told', () => {
    const t = new AnsweringNode();
    t.receive(packet, t.lxcA);
    for (const seconds of [0.5, 1, 1.5, 2, 2.9]) {
      t.clock.set(seconds * 1e9);
      t.stack.poll();
    }
    assert.deepEqual(t.sent, [question, question, question]);
    t.clock.set(3e9);
    t.stack.poll();
    const quoted = '4500001e000000003f11b0e20a000001c0a8004400350009000a00006869';
    assert.deepEqual(t.sent.slice(3), [
      `dropped eth0: no neighbour ${MAC_LXC_A}${MAC_POD_A}0800${quoted}`,
      `delivered eth0 ${MAC_POD_A}${MAC_LXC_A}080045c0003a000100004001af58c0a800010a0000010301944d00000000${quoted}`,
    ]);
    assert.equal(t.stack.resolver.pending[0].hasFailed, true);
    t.receive(packet, t.lxcA);
    assert.equal(t.sent.length, 6, 'the next packet makes it start again');
  });

  test('a queue that is full drops its oldest packet', () => {
    const t = new AnsweringNode();
    for (let i = 0; i < 102; i++) t.receive(packet, t.lxcA);
    assert.equal(t.walker.counters.dropped[fate.NEIGHBOUR_QUEUE_FULL], 1);
    assert.equal(t.stack.resolver.pending[0].queue.length, 101);
  });

  test('a request of the neighbour is as good as an answer', () => {
    const t = new AnsweringNode();
    t.receive(packet, t.lxcA);
    t.receive(`ffffffffffff${ROUTER_MAC}0806${ARP_IPV4}01${ROUTER_MAC}c0a80044000000000000c0a80001`, t.eth0);
    assert.ok(t.sent.includes(`transmitted eth0 ${routed}`));
  });
});
