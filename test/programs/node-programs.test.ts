/** What the recorded vectors do not reach of the node's programs: node encryption, health checks, announcements' lease. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TC_ACT_OK, TC_ACT_REDIRECT } from '../../src/engine/hooks/verdict.js';
import { hostPrograms } from '../../src/programs/host.js';
import type { ProgramInstance } from '../../src/programs/instance.js';
import { writeEndpoint } from '../../src/programs/tables/endpoints.js';
import { Struct, writeEntry } from '../../src/programs/tables/entry.js';
import { writeIdentity } from '../../src/programs/tables/ipcache.js';
import { fromHex } from '../support/hex.js';
import { address, SmallNode } from './small-node.js';

const NATIVE = 10;
const WIREGUARD = 42;
const IPIP = 43;
const MACS = '020000000001 020000000002';
/** UDP 192.168.0.11:1000 to 10.0.2.1:2000. */
const FROM_HOST = `${MACS} 0800 4500001c 00010000 40110000 c0a8000b 0a000201 03e807d0 00080000`;
/** UDP 10.0.1.1:1000 to 10.0.2.1:2000. */
const FROM_POD = `${MACS} 0800 4500001c 00010000 40110000 0a000101 0a000201 03e807d0 00080000`;

const toNetdev = (instance: ProgramInstance) => hostPrograms(instance).toNetdev;

describe('WireGuard', () => {
  const node = (nodeEncryption: boolean) => {
    const made = new SmallNode(
      { ipv6: true, wireguard: true, nodeEncryption },
      { wireguardIfindex: WIREGUARD },
    );
    const ipcache = made.map('cilium_ipcache_v2');
    const remote = { identity: 2001, key: 255, tunnelEndpoint: address('192.168.0.12') };
    writeIdentity(ipcache, address('10.0.2.1'), 32, remote);
    writeIdentity(ipcache, address('10.0.1.1'), 32, { identity: 1001 });
    writeIdentity(ipcache, address('192.168.0.11'), 32, { identity: 1 });
    writeIdentity(ipcache, address('fd00::2'), 128, remote);
    return made;
  };

  test('encrypts between pods, marked with the sender', () => {
    const made = node(false);
    const outcome = made.run(toNetdev(made.instance('host')), FROM_POD, NATIVE);
    assert.equal(outcome.verdict, TC_ACT_REDIRECT);
    assert.equal(made.packet.redirectIfindex, WIREGUARD);
    assert.equal(made.packet.mark, 0x03e90f00);
  });

  test('encrypts what the node itself sends only with node encryption', () => {
    for (const [nodeEncryption, verdict] of [
      [false, TC_ACT_OK],
      [true, TC_ACT_REDIRECT],
    ] as const) {
      const made = node(nodeEncryption);
      const packet = made.lay(fromHex(FROM_HOST), NATIVE);
      packet.mark = 0x0c00;
      assert.equal(toNetdev(made.instance('host')).run(packet), verdict);
    }
  });

  test('leaves neighbour advertisements in plain text with node encryption', () => {
    const made = node(true);
    // ICMPv6 type 136 from fd00::1 to fd00::2.
    const frame = `${MACS} 86dd 60000000 0018 3a ff
      fd000000000000000000000000000001 fd000000000000000000000000000002
      88000000 60000000 fd000000000000000000000000000001`;
    const packet = made.lay(fromHex(frame), NATIVE);
    packet.mark = 0x0c00;
    assert.equal(toNetdev(made.instance('host')).run(packet), TC_ACT_OK);
  });
});

describe('a health check of a backend', () => {
  const checked = (backend: string, frame: string) => {
    const made = new SmallNode(
      { ipv6: true, healthCheck: true },
      { ipipIfindexIpv4: IPIP, ipipIfindexIpv6: IPIP + 1 },
    );
    writeEndpoint(made.map('cilium_lxc'), address('10.0.1.1'), {
      ifindex: 21,
      id: 7,
      identity: 1001,
      mac: Uint8Array.of(2, 0, 0, 0, 1, 1),
      nodeMac: Uint8Array.of(2, 0, 0, 0, 1, 2),
    });
    const bytes = address(backend);
    const health = made.map(`cilium_lb${bytes.length === 4 ? 4 : 6}_health`);
    writeEntry(health, new Struct(8).u32le(0, 5), new Struct(health.spec.valueSize).copy(0, bytes));
    const packet = made.lay(fromHex(frame), NATIVE);
    packet.socketCookie = 5;
    return { made, packet, verdict: toNetdev(made.instance('host')).run(packet) };
  };

  test('that is a pod of this node goes in through the IPIP device', () => {
    const { made, packet, verdict } = checked('10.0.1.1', FROM_HOST);
    assert.equal(verdict, TC_ACT_REDIRECT);
    assert.deepEqual([packet.redirectIfindex, packet.redirectFlags], [IPIP, 1]);
    assert.equal(made.frame().slice(0, 12), '000000000000');
    assert.equal(packet.tunnelKeySize, 0);
  });

  test('that is elsewhere goes out through it', () => {
    const frame = `${MACS} 86dd 60000000 0008 11 40
      fd000000000000000000000000000001 fd000000000000000000000000000002 03e807d0 00080000`;
    const { packet, verdict } = checked('fd00::99', frame);
    assert.equal(verdict, TC_ACT_REDIRECT);
    assert.deepEqual([packet.redirectIfindex, packet.redirectFlags], [IPIP + 1, 0]);
    assert.equal(packet.tunnelKeyFlags, 1);
    assert.equal(
      Buffer.from(packet.tunnelKey).toString('hex', 0, 28),
      '00000000 fd000000000000000000000000000099 00 40 0000 00000000'.replaceAll(' ', ''),
    );
    assert.equal(packet.mark, 0x0300);
  });
});

test('an announcement is answered as long as the agent is alive', () => {
  const made = new SmallNode({ l2Announcements: true });
  const { fromNetdev } = hostPrograms(
    made.instance('host', { interfaceMac: Uint8Array.of(2, 0, 0, 0, 0, 0x10) }),
  );
  // Who has 192.168.0.99? Tell 192.168.0.1.
  const request = `ffffffffffff 020000000001 0806
    0001 0800 06 04 0001 020000000001 c0a80001 000000000000 c0a80063`;
  writeEntry(
    made.map('cilium_l2_responder_v4'),
    new Struct(8).copy(0, address('192.168.0.99')).u32le(4, NATIVE),
    new Struct(8),
  );
  assert.equal(made.run(fromNetdev, request, NATIVE).verdict, TC_ACT_OK);
  // Alive at second 997; the clock says 1000.
  const alive = new Struct(8).u32le(0, 997e9 % 2 ** 32).u32le(4, Math.floor(997e9 / 2 ** 32));
  writeEntry(made.map('cilium_runtime_config'), new Struct(4).u32le(0, 1), alive);
  const answered = made.run(fromNetdev, request, NATIVE);
  assert.equal(answered.verdict, TC_ACT_REDIRECT);
  assert.equal(
    answered.frame,
    `020000000001 020000000010 0806
    0001 0800 06 04 0002 020000000010 c0a80063 020000000001 c0a80001`.replace(/\s+/g, ''),
  );
  assert.equal(made.value('cilium_l2_responder_v4', 'c0a800630a000000'), '0100000000000000');
  made.clock.set(1000e9 + 1);
  assert.equal(made.run(fromNetdev, request, NATIVE).verdict, TC_ACT_OK);
});
