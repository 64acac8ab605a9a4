import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CONSUMED, DROPPED, engineReasonName, TRANSMITTED } from '../../src/engine/fate.js';
import { FrameArena } from '../../src/engine/frame-arena.js';
import { HOOK_TCX_EGRESS, HOOK_TCX_INGRESS } from '../../src/engine/hooks/order.js';
import { TC_ACT_OK, TC_ACT_SHOT } from '../../src/engine/hooks/verdict.js';
import { Network } from '../../src/engine/network.js';
import { Node } from '../../src/engine/node.js';
import type { PacketContext } from '../../src/engine/packet.js';
import { Segment } from '../../src/engine/segment.js';
import { GENEVE, Tunnel, VXLAN } from '../../src/engine/stack/tunnel.js';
import { Walker } from '../../src/engine/walker.js';
import { fromHex, toHex } from '../support/hex.js';

const MAC_A = '0200000000a0';
const MAC_B = '0200000000b0';
const INNER = `ffffffffffff 020000000001 0806 ${'00'.repeat(28)}`;

/** Two machines 10.0.0.1 and 10.0.0.2 on a wire, each with a tunnel device 9; the other's key is put on at egress. */
class Pair {
  readonly walker: Walker;
  readonly nodes = [new Node('a'), new Node('b')];
  /** What the receiving tunnel device's program saw: key and option. */
  seen: string[] = [];

  constructor(protocol: number, key: (packet: PacketContext) => void) {
    const wire = new Segment('wire');
    this.nodes.forEach(({ host }, i) => {
      const [mac, other] = i === 0 ? [MAC_A, MAC_B] : [MAC_B, MAC_A];
      const eth0 = host.addDevice({ name: 'eth0', ifindex: 2, kind: 'physical', mac: fromHex(mac) });
      host.addAddress(eth0, Uint8Array.of(10, 0, 0, i + 1), 24);
      host.addAddress(eth0, fromHex(`fd00${'00'.repeat(13)}0${i + 1}`), 64);
      host.neighbours.set(2, Uint8Array.of(10, 0, 0, 2 - i), fromHex(other));
      host.neighbours.set(2, fromHex(`fd00${'00'.repeat(13)}0${2 - i}`), fromHex(other));
      const options = { name: 'tunnel', ifindex: 9, kind: 'tunnel', mac: fromHex('020000000099') } as const;
      const device = host.addDevice(options);
      device.tunnel = new Tunnel(protocol, 6081);
      host.tunnels.push(device);
      device.attach(HOOK_TCX_EGRESS, {
        name: 'key',
        run: (packet) => {
          key(packet);
          return TC_ACT_OK;
        },
      });
      device.attach(HOOK_TCX_INGRESS, {
        name: 'look',
        run: (packet) => {
          const option = packet.receivedOptionResult;
          this.seen = [
            toHex(packet.receivedKey.subarray(0, 32)),
            option < 0 ? String(option) : toHex(packet.receivedOption.subarray(0, option)),
            toHex(packet.bytes.slice(packet.start, packet.end)),
          ];
          return TC_ACT_SHOT;
        },
      });
      wire.add(eth0);
    });
    this.walker = new Walker(new Network(this.nodes), new FrameArena(4, 1));
  }

  walk(frame: string, device: string): string {
    const bytes = fromHex(frame);
    const handle = this.walker.arena.put(new DataView(bytes.buffer), 0, bytes.length);
    const tunnel = device === 'tunnel';
    const fate = this.walker[tunnel ? 'transmit' : 'receive'](
      handle,
      this.nodes[0].host.deviceNamed(device)!,
    );
    const { start, length } = this.walker.arena;
    const hex = toHex(this.walker.arena.bytes.slice(start[handle], start[handle] + length[handle]));
    this.walker.arena.free(handle);
    return fate === DROPPED ? engineReasonName(this.walker.reason) : hex;
  }
}

const to4 = (packet: PacketContext): void => {
  packet.tunnelKey.fill(0);
  packet.tunnelKey.set(fromHex('39300000 0200000a'));
  packet.tunnelKey[21] = 64;
  packet.setTunnelKey(28, 2);
};

describe('tunnel devices', () => {
  test('VXLAN: the other end sees the key and the frame', () => {
    const pair = new Pair(VXLAN, to4);
    assert.equal(pair.walk(INNER, 'tunnel'), 'dropped by a program without a reason');
    // Id 12345; remote 10.0.0.1 and local 10.0.0.2 in host order, TTL 64.
    assert.deepEqual(pair.seen, [
      `393000000100000a${'00'.repeat(12)}00400000000000000200000a`,
      '-2',
      INNER.replaceAll(' ', ''),
    ]);
  });

  test('Geneve over IPv6: option and checksum', () => {
    const pair = new Pair(GENEVE, (packet) => {
      packet.tunnelKey.fill(0);
      packet.tunnelKey.set(fromHex(`02000000 fd00${'00'.repeat(13)}02`));
      packet.tunnelKey[21] = 64;
      packet.setTunnelKey(28, 1);
      packet.tunnelOption.set(fromHex('014b8101 c0a80001'));
      packet.setTunnelOption(8);
    });
    pair.walk(INNER, 'tunnel');
    assert.equal(pair.seen[0].slice(0, 40), `02000000fd00${'00'.repeat(13)}01`);
    assert.equal(pair.seen[1], '014b8101c0a80001');
    assert.equal(pair.seen[2], INNER.replaceAll(' ', ''));
  });

  test('no key, no route to the other end', () => {
    assert.equal(new Pair(VXLAN, () => {}).walk(INNER, 'tunnel'), 'tunnel: no key says where to');
    const far = new Pair(VXLAN, (packet) => {
      to4(packet);
      packet.tunnelKey[7] = 99;
    });
    assert.equal(far.walk(INNER, 'tunnel'), 'no route');
  });

  test('what arrives: another port is for a socket, a header cut short is a drop', () => {
    const pair = new Pair(VXLAN, to4);
    const outer = (length: string, sum: string, port: string, udpLength: string, rest: string): string =>
      `${MAC_A}${MAC_B}0800 4500${length}000000004011${sum}0a0000020a000001 8000${port}${udpLength}0000 ${rest}`;
    pair.walk(outer('0024', '66c7', '17c2', '0010', '0800000000303900'), 'eth0');
    assert.equal(pair.walker.fate, CONSUMED);
    assert.equal(
      pair.walk(outer('0020', '66cb', '17c1', '000c', '08000000'), 'eth0'),
      'tunnel: invalid header',
    );
    assert.equal(
      pair.walk(outer('0024', '66c7', '17c1', '0010', '0000000000303900'), 'eth0'),
      'tunnel: invalid header',
    );
    assert.equal(
      pair.walk(outer('0024', '66c7', '17c1', '0010', '0800000000303900'), 'eth0'),
      'frame too short for an Ethernet header',
    );
  });
});

test('a segment: by MAC; for nobody there, or for all on a larger one: out of the network', () => {
  const pair = new Pair(VXLAN, to4);
  const [a] = pair.nodes.map(({ host }) => host.deviceNamed('eth0')!);
  const bytes = (to: string): Uint8Array => fromHex(`${to}${MAC_A}0806${'00'.repeat(46)}`);
  assert.equal(a.segment!.receiver(a, bytes(MAC_B), 0)!.namespace.name, 'b');
  assert.equal(a.segment!.receiver(a, bytes('020000000077'), 0), null);
  assert.equal(a.segment!.receiver(a, bytes('ffffffffffff'), 0)!.namespace.name, 'b');
  const third = new Node('c').host.addDevice({
    name: 'eth0',
    ifindex: 2,
    kind: 'physical',
    mac: fromHex('0200000000c0'),
  });
  a.segment!.add(third);
  assert.equal(a.segment!.receiver(a, bytes('ffffffffffff'), 0), null);
  const handle = pair.walker.arena.put(new DataView(bytes('020000000077').buffer as ArrayBuffer), 0, 60);
  assert.equal(pair.walker.transmit(handle, a), TRANSMITTED);
});
