import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SOCKET_PROCEED, SOCKET_REJECT, SocketContext } from '../../src/engine/hooks/socket.js';
import type { Features } from '../../src/programs/features.js';
import { sockPrograms } from '../../src/programs/sock.js';
import { writeAffinityMatch } from '../../src/programs/tables/affinity.js';
import { writeBackend } from '../../src/programs/tables/backends.js';
import { writeIdentity } from '../../src/programs/tables/ipcache.js';
import * as services from '../../src/programs/tables/services.js';
import { address, addressWords, SmallNode } from './small-node.js';

const TCP = 6;
const UDP = 17;
const PORT_80 = 0x5000;
const PORT_8080 = 0x901f;
const PORT_31000 = 0x1879;

/** A node with the service 10.96.0.10:80 (reverse NAT id 1) of backends 10.0.1.1:8080 and 10.0.1.2:8080. */
class SocketNode extends SmallNode {
  readonly socket = new SocketContext();

  constructor(features: Partial<Features> = {}) {
    super({ nodePort: true, sessionAffinity: true, ...features });
    this.addBackends();
    this.addService('10.96.0.10', 80, [1, 2], 1, services.ROUTABLE);
    this.socket.cookieLow = 0x77;
    this.socket.namespaceCookieLow = 0x99;
  }

  addBackends(): void {
    const backends = this.map('cilium_lb4_backends_v3');
    writeBackend(backends, 1, { address: address('10.0.1.1'), port: 8080, protocol: 0 });
    writeBackend(backends, 2, { address: address('10.0.1.2'), port: 8080, protocol: 0 });
  }

  addService(
    frontend: string,
    port: number,
    backendIds: readonly number[],
    reverseNatId: number,
    flags: number,
    affinitySeconds = 0,
  ): void {
    const key = { address: address(frontend), port, protocol: 0 };
    const map = this.map('cilium_lb4_services_v2');
    const service = { backendCount: backendIds.length, reverseNatId, flags, affinitySeconds };
    services.writeService(map, key, service);
    for (const [index, id] of backendIds.entries()) {
      services.writeServiceBackend(map, key, index + 1, id, reverseNatId);
    }
  }

  call(name: string, peer: string, port: number, protocol = TCP): number {
    const v6 = name.includes('6');
    const program = sockPrograms(this.instance('sock'), v6).find((candidate) => candidate.name === name);
    assert.ok(program, name);
    this.socket.address.fill(0);
    this.socket.address.set(addressWords(peer));
    this.socket.port = port;
    this.socket.protocol = protocol;
    this.socket.error = 0;
    return program.run(this.socket);
  }

  /** Address and port as the call left them; the port raw. */
  get peer(): string {
    const bytes = Buffer.from(Uint8Array.from(new Uint8Array(this.socket.address.buffer)));
    return `${bytes.toString('hex')} ${this.socket.port.toString(16)}`;
  }
}

const BACKENDS = ['0a000101000000000000000000000000 901f', '0a000102000000000000000000000000 901f'];

describe('connect', () => {
  test('to a ClusterIP goes to a backend, and the frontend is noted for the socket', () => {
    const node = new SocketNode();
    assert.equal(node.call('cil_sock4_connect', '10.96.0.10', PORT_80), SOCKET_PROCEED);
    assert.ok(BACKENDS.includes(node.peer), node.peer);
    const backend = node.peer.slice(0, 8);
    // Cookie 0x77, backend, port 8080 to 10.96.0.10, port 80, reverse NAT id 1 in network order.
    assert.equal(
      node.value('cilium_lb4_reverse_sk', `7700000000000000${backend}1f900000`),
      '0a60000a00500001',
    );
  });

  test('UDP chooses by the socket cookie: 0x77 is odd, so the second of two', () => {
    const node = new SocketNode();
    node.call('cil_sock4_connect', '10.96.0.10', PORT_80, UDP);
    assert.equal(node.peer, BACKENDS[1]);
    node.socket.cookieLow = 0;
    node.socket.cookieHigh = 1;
    node.call('cil_sock4_connect', '10.96.0.10', PORT_80, UDP);
    assert.equal(node.peer, BACKENDS[0]);
  });

  test('to something else is left alone, as are other protocols', () => {
    const node = new SocketNode();
    assert.equal(node.call('cil_sock4_connect', '10.96.0.11', PORT_80), SOCKET_PROCEED);
    assert.equal(node.peer, '0a60000b000000000000000000000000 5000');
    assert.equal(node.call('cil_sock4_connect', '10.96.0.10', PORT_80, 132), SOCKET_PROCEED);
    assert.equal(node.peer, '0a60000a000000000000000000000000 5000');
  });

  test('to a service without backends fails with EHOSTUNREACH', () => {
    const node = new SocketNode();
    node.addService('10.96.0.12', 80, [], 2, services.ROUTABLE);
    assert.equal(node.call('cil_sock4_connect', '10.96.0.12', PORT_80), SOCKET_REJECT);
    assert.equal(node.socket.error, 113);
    node.addService('10.96.0.13', 80, [99], 3, services.ROUTABLE);
    assert.equal(node.call('cil_sock4_connect', '10.96.0.13', PORT_80), SOCKET_REJECT);
    assert.equal(node.counted(6, 2), 1);
  });

  test('to a NodePort works under every address of a node, not under others', () => {
    const node = new SocketNode();
    const ipcache = node.map('cilium_ipcache_v2');
    writeIdentity(ipcache, address('192.168.0.11'), 32, { identity: 1 });
    writeIdentity(ipcache, address('192.168.0.12'), 32, { identity: 6 });
    node.addService('0.0.0.0', 31000, [1], 4, services.NODEPORT | services.ROUTABLE);
    for (const peer of ['192.168.0.11', '192.168.0.12']) {
      node.call('cil_sock4_connect', peer, PORT_31000);
      assert.equal(node.peer, BACKENDS[0], peer);
    }
    node.call('cil_sock4_connect', '127.0.0.1', PORT_31000);
    assert.equal(node.peer, '7f000001000000000000000000000000 1879');
    node.socket.isInHostNamespace = true;
    node.call('cil_sock4_connect', '127.0.0.1', PORT_31000);
    assert.equal(node.peer, BACKENDS[0]);
  });

  test('from a pod is left to packets when socket translation is for the host only', () => {
    const node = new SocketNode({ socketLbFull: true, socketLbHostOnly: true });
    node.call('cil_sock4_connect', '10.96.0.10', PORT_80);
    assert.equal(node.peer, '0a60000a000000000000000000000000 5000');
  });

  test('session affinity goes by the network namespace and ends with its timeout', () => {
    const node = new SocketNode();
    node.addService('10.96.0.20', 80, [1, 2], 5, services.ROUTABLE | services.AFFINITY, 30);
    const match = node.map('cilium_lb_affinity_match');
    writeAffinityMatch(match, 1, 5);
    writeAffinityMatch(match, 2, 5);
    node.call('cil_sock4_connect', '10.96.0.20', PORT_80);
    const first = node.peer;
    for (let i = 0; i < 20; i++) {
      node.call('cil_sock4_connect', '10.96.0.20', PORT_80);
      assert.equal(node.peer, first);
    }
    // Namespace cookie 0x99, reverse NAT id 5, bit "by namespace"; used at second 1000 by backend 1 or 2.
    const key = '99000000000000000005010000000000';
    const id = first === BACKENDS[0] ? '01' : '02';
    assert.equal(node.value('cilium_lb4_affinity', key), `e803000000000000${id}00000000000000`);
    node.clock.set(1030e9);
    const seen = new Set<string>();
    for (let i = 0; i < 20; i++) {
      node.map('cilium_lb4_affinity').clear();
      node.call('cil_sock4_connect', '10.96.0.20', PORT_80);
      seen.add(node.peer);
    }
    assert.equal(seen.size, 2);
  });

  test('of an IPv6 socket to ::ffff:10.96.0.10 gets the IPv4 service', () => {
    const node = new SocketNode({ ipv6: true });
    node.call('cil_sock6_connect', '::ffff:10.96.0.10', PORT_80, UDP);
    assert.equal(node.peer, '00000000000000000000ffff0a000102 901f');
  });

  test('sends events before and after: destination, port, cookie, protocol', () => {
    const node = new SocketNode();
    node.call('cil_sock4_connect', '10.96.0.10', PORT_80, UDP);
    const rest = `${'00'.repeat(12)}`;
    assert.deepEqual(node.events(), [
      `0701 0a60000a${rest} 5000 7700000000000000 0000000000000000 02 00`.replaceAll(' ', ''),
      `0702 0a000102${rest} 901f 7700000000000000 0000000000000000 02 00`.replaceAll(' ', ''),
    ]);
  });
});

describe('recvmsg and getpeername', () => {
  test('show the frontend again', () => {
    const node = new SocketNode();
    node.call('cil_sock4_sendmsg', '10.96.0.10', PORT_80, UDP);
    for (const name of ['cil_sock4_recvmsg', 'cil_sock4_getpeername']) {
      assert.equal(node.call(name, '10.0.1.2', PORT_8080, UDP), SOCKET_PROCEED);
      assert.equal(node.peer, '0a60000a000000000000000000000000 5000');
    }
    node.call('cil_sock4_recvmsg', '10.0.1.1', PORT_8080, UDP);
    assert.equal(node.peer, BACKENDS[0]);
  });

  test('forget a frontend whose service is gone', () => {
    const node = new SocketNode();
    node.call('cil_sock4_sendmsg', '10.96.0.10', PORT_80, UDP);
    node.map('cilium_lb4_services_v2').clear();
    node.call('cil_sock4_recvmsg', '10.0.1.2', PORT_8080, UDP);
    assert.equal(node.peer, BACKENDS[1]);
    assert.equal(node.map('cilium_lb4_reverse_sk').size, 0);
    assert.equal(node.counted(8, 1), 1);
  });
});

describe('bind', () => {
  test('on the host to the address of a NodePort fails with EADDRINUSE', () => {
    const node = new SocketNode();
    writeIdentity(node.map('cilium_ipcache_v2'), address('192.168.0.11'), 32, { identity: 1 });
    node.addService('0.0.0.0', 31000, [1], 4, services.NODEPORT | services.ROUTABLE);
    assert.equal(node.call('cil_sock4_post_bind', '192.168.0.11', PORT_31000), SOCKET_PROCEED);
    node.socket.isInHostNamespace = true;
    assert.equal(node.call('cil_sock4_post_bind', '192.168.0.11', PORT_31000), SOCKET_REJECT);
    assert.equal(node.socket.error, 98);
    assert.equal(node.call('cil_sock4_post_bind', '192.168.0.11', PORT_80), SOCKET_PROCEED);
    // A ClusterIP is none of the kinds that clients outside use.
    assert.equal(node.call('cil_sock4_post_bind', '10.96.0.10', PORT_80), SOCKET_PROCEED);
  });

  test('of a health check says which backend it is for', () => {
    const node = new SocketNode({ healthCheck: true });
    node.socket.isInHostNamespace = true;
    node.socket.mark = 0x0d00;
    assert.equal(node.call('cil_sock4_pre_bind', '10.0.1.1', PORT_8080), SOCKET_PROCEED);
    assert.equal(node.peer, `${'00'.repeat(16)} 0`);
    assert.equal(node.value('cilium_lb4_health', '7700000000000000'), '0a0001011f90060000000000');
    assert.equal(node.call('cil_sock4_connect', '10.96.0.10', PORT_80), SOCKET_PROCEED);
    assert.equal(node.peer, '0a60000a000000000000000000000000 5000');
  });
});

test('the programs that a node has follow its features', () => {
  const names = (features: Partial<Features>) =>
    sockPrograms(new SmallNode(features).instance('sock'), false).map((program) => program.name);
  assert.deepEqual(names({ socketLbPeer: false }), [
    'cil_sock4_connect',
    'cil_sock4_sendmsg',
    'cil_sock4_recvmsg',
  ]);
  assert.equal(names({ nodePort: true, healthCheck: true }).length, 6);
});
