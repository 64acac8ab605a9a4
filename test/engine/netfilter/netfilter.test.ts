/** What the kernel's recordings do not tell: choices by chance, limits, rules. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { IptablesTable } from '../../../src/engine/netfilter/iptables.js';
import { parseRule } from '../../../src/engine/netfilter/rule-parser.js';
import { listRules } from '../../../src/topologies/listings/iptables-show.js';
import { fromHex } from '../../support/hex.js';
import { icmpFrame, tcpFrame, udpFrame, type Way } from './frames.js';
import { ethernetHex } from './lab-addresses.js';
import { ModelLab } from './model-lab.js';

const { a, b, clientMac, serverMac } = ethernetHex;
const out = (from = '10.0.1.2', to = '10.0.2.2'): Way => ({ macs: [a, clientMac], from, to });
const back = (from = '10.0.2.2', to = '10.0.2.1'): Way => ({ macs: [b, serverMac], from, to });

/** Addresses and ports of an IPv4 frame as hex: 0a000201 0a000202 c34f 0035. */
function flow(output: readonly [string, string] | null): string {
  if (output === null) return 'dropped';
  const [, hex] = output;
  return `${hex.slice(52, 60)}:${hex.slice(68, 72)} ${hex.slice(60, 68)}:${hex.slice(72, 76)}`;
}

describe('port choice', () => {
  test('a taken port is replaced by another unprivileged one, and the answer finds its way', () => {
    const lab = new ModelLab();
    assert.equal(flow(lab.show('a', udpFrame(out(), [50000, 53], 'one'))), '0a000201:c350 0a000202:0035');
    const second = flow(lab.show('a', udpFrame(out('10.0.1.3'), [50000, 53], 'two')));
    const port = Number.parseInt(second.slice(9, 13), 16);
    assert.notEqual(port, 50000);
    assert.ok(port >= 1024 && port <= 65535, second);
    const answer = flow(lab.show('b', udpFrame(back(), [53, port], 'answer')));
    assert.equal(answer, '0a000202:0035 0a000103:c350');
  });

  test('privileged ports stay among themselves', () => {
    const lab = new ModelLab();
    lab.show('a', udpFrame(out(), [123, 123], 'one'));
    const second = flow(lab.show('a', udpFrame(out('10.0.1.3'), [123, 123], 'two')));
    const port = Number.parseInt(second.slice(9, 13), 16);
    assert.ok(port >= 1 && port <= 511 && port !== 123, second);
  });

  test("a source's mapping is used again for another server", () => {
    const lab = new ModelLab();
    lab.show('a', udpFrame(out(), [50000, 53], 'one'));
    const second = flow(lab.show('a', udpFrame(out('10.0.1.3'), [50000, 53], 'two')));
    const third = flow(lab.show('a', udpFrame(out('10.0.1.3', '10.0.2.3'), [50000, 53], 'three')));
    assert.equal(third.slice(0, 13), second.slice(0, 13));
  });

  test('echo identifiers are ports, too', () => {
    const lab = new ModelLab();
    lab.show('a', icmpFrame(out(), 8, 7));
    const second = lab.show('a', icmpFrame(out('10.0.1.3'), 8, 7))![1];
    const identifier = Number.parseInt(second.slice(76, 80), 16);
    assert.notEqual(identifier, 7);
    const answer = lab.show('b', icmpFrame(back(), 0, identifier))!;
    assert.equal(answer[1].slice(60, 68), '0a000103');
    assert.equal(answer[1].slice(76, 80), '0007');
  });

  test('of several that translate to one address each gives ports of its own', () => {
    const lab = new ModelLab({ givesPort: (port) => port % 2 === 1 });
    const ports = [50000, 50001, 123, 122].map((port) =>
      Number.parseInt(flow(lab.show('a', udpFrame(out(), [port, 53], 'x'))).slice(9, 13), 16),
    );
    assert.deepEqual(
      ports.map((port) => port % 2),
      [1, 1, 1, 1],
    );
    assert.equal(ports[1], 50001);
    assert.equal(ports[2], 123);
    assert.ok(ports[3] < 512, 'a privileged one stays privileged');
    const own = flow(lab.show('b', udpFrame(back('10.0.2.2', '10.0.2.1'), [53, ports[0]], 'answer')));
    assert.equal(own, '0a000202:0035 0a000102:c350');
  });

  test('ports as the rule says', () => {
    const lab = new ModelLab({ nat: ['-A POSTROUTING -o b -p udp -j MASQUERADE --to-ports 7000-7001'] });
    const ports = [1, 2, 3].map((i) =>
      flow(lab.show('a', udpFrame(out(`10.0.1.${i + 1}`), [50000, 53], 'x'))).slice(9, 13),
    );
    assert.deepEqual(ports.slice(0, 2).sort(), ['1b58', '1b59']);
    assert.equal(ports[2], '', 'the third finds no port and is dropped');
  });
});

describe('limits', () => {
  test('entries go when their time is up', () => {
    const lab = new ModelLab();
    lab.show('a', udpFrame(out(), [50000, 53], 'one'));
    lab.clock.set(lab.clock.nowNs + 29.9e9);
    assert.equal(lab.connections.length, 1);
    lab.clock.set(lab.clock.nowNs + 0.2e9);
    assert.deepEqual(lab.connections, []);
    assert.equal(
      lab.show('b', udpFrame(back(), [53, 50000], 'late')),
      null,
      'an answer to nobody is for the router',
    );
  });

  test('a full table gives up connections without answer, and refuses new ones when there are none', () => {
    const lab = new ModelLab({ maximumConnections: 2 });
    const open = (port: number): readonly [string, string] | null => {
      const opened = lab.show('a', tcpFrame(out(), { ports: [port, 80], flags: 'S' }));
      lab.show('b', tcpFrame(back(), { ports: [80, port], flags: 'SA', acknowledgment: 1001 }));
      lab.show('a', tcpFrame(out(), { ports: [port, 80], flags: 'A', sequence: 1001, acknowledgment: 1001 }));
      return opened;
    };
    assert.notEqual(lab.show('a', udpFrame(out(), [50000, 53], 'unanswered')), null);
    assert.notEqual(open(40000), null);
    assert.notEqual(open(40001), null);
    assert.deepEqual(
      lab.connections.map((line) => line.slice(11, 14)),
      ['tcp', 'tcp'],
    );
    assert.equal(lab.show('a', udpFrame(out(), [50001, 53], 'x')), null);
    assert.equal(lab.connections.length, 2);
  });

  test('many connections come and go in the rows of few', () => {
    const lab = new ModelLab({ maximumConnections: 16 });
    for (let i = 0; i < 1000; i++) {
      assert.notEqual(lab.show('a', udpFrame(out(), [1024 + i, 53], 'x')), null);
      lab.clock.set(lab.clock.nowNs + 4e9);
    }
    assert.ok(lab.netfilter.conntrack.count <= 16);
    assert.equal(lab.connections.length, 7, 'those of the last 30 s');
  });
});

describe('rules', () => {
  const router = (nat: readonly string[]): ModelLab => new ModelLab({ nat });

  test('DNAT', () => {
    const lab = router([
      '-A PREROUTING -p tcp -d 10.0.2.1 --dport 8080 -j DNAT --to-destination 10.0.1.2:80',
    ]);
    const request = lab.show('b', tcpFrame(back(), { ports: [40000, 8080], flags: 'S' }));
    assert.equal(flow(request), '0a000202:9c40 0a000102:0050');
    const answer = tcpFrame(out(), { ports: [80, 40000], flags: 'SA', acknowledgment: 1001 });
    assert.equal(flow(lab.show('a', answer)), '0a000201:1f90 0a000202:9c40');
    assert.equal(
      lab.connections[0],
      'ipv4     2 tcp      6 60 SYN_RECV src=10.0.2.2 dst=10.0.2.1 sport=40000 dport=8080 src=10.0.1.2 dst=10.0.2.2 sport=80 dport=40000 mark=0 zone=0 use=2',
    );
  });

  test('SNAT, chains, RETURN, counters', () => {
    const lab = router([
      ':MINE -',
      '-A POSTROUTING -o b -j MINE',
      '-A MINE -p icmp -j RETURN',
      '-A MINE -s 10.0.1.2/31 -j SNAT --to-source 10.0.2.77',
      '-A POSTROUTING -p icmp -j SNAT --to-source 10.0.2.78',
    ]);
    assert.equal(flow(lab.show('a', udpFrame(out(), [50000, 53], 'x'))).slice(0, 8), '0a00024d');
    assert.equal(lab.show('a', icmpFrame(out(), 8, 7))![1].slice(52, 60), '0a00024e');
    assert.equal(
      listRules(lab.netfilter.table(4, 'nat')!, 'MINE', true),
      `-N MINE
-A MINE -p icmp -c 1 36 -j RETURN
-A MINE -s 10.0.1.2/31 -c 1 29 -j SNAT --to-source 10.0.2.77
`,
    );
  });

  const refused: readonly (readonly [string, RegExp])[] = [
    ['-A X -m owner --uid-owner 0 -j ACCEPT', /match "owner" is not known/],
    ['-A X -s 10.0.0.300 -j ACCEPT', /-s: "10.0.0.300" is no prefix/],
    ['-A X --frobnicate', /"--frobnicate" is not known/],
    ['-j ACCEPT', /it names no chain/],
    ['-A X --dport 80 -j ACCEPT', /ports need a protocol/],
    ['-A X -j SNAT', /--to-source is missing/],
    ['-A X -m conntrack --ctstate OLD', /"OLD" is no state/],
    ['-A X !', /nothing follows the last "!"/],
  ];
  for (const [rule, message] of refused) {
    test(`refused: ${rule}`, () => {
      assert.throws(() => parseRule(rule), message);
    });
  }

  const refusedTables: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['a chain that is not there', ['-A NOWHERE -j ACCEPT'], /table nat has no chain NOWHERE/],
    ['a jump to nowhere', ['-A POSTROUTING -j NOWHERE'], /NOWHERE is no target, nor a chain/],
    ['a circle', [':A -', ':B -', '-A A -j B', '-A B -j A'], /chain A jumps back to itself/],
    ['a set that is not there', ['-A POSTROUTING -m set --match-set s dst -j ACCEPT'], /no ipset s/],
    ['NOTRACK', ['-A POSTROUTING -j CT --notrack'], /NOTRACK is not for table nat/],
  ];
  for (const [name, lines, message] of refusedTables) {
    test(`refused: ${name}`, () => {
      assert.throws(() => new IptablesTable('nat', lines), message);
    });
  }

  test('a table of the filter kind drops by policy, and notrack leaves addresses alone', () => {
    const lab = new ModelLab();
    lab.netfilter.addTable(4, 'raw', ['-A PREROUTING -p udp -m udp --dport 54 -j CT --notrack']);
    assert.equal(flow(lab.show('a', udpFrame(out(), [50000, 54], 'x'))).slice(0, 8), '0a000102');
    assert.deepEqual(lab.connections, []);
    assert.equal(flow(lab.show('a', udpFrame(out(), [50000, 53], 'x'))).slice(0, 8), '0a000201');
    const filter = new IptablesTable('filter', [':FORWARD DROP [0:0]']);
    assert.ok(filter.hasRules('forward'));
    assert.ok(!filter.hasRules('input'));
    assert.equal(filter.chains[1].policy, 'DROP');
  });
});

test('no frame makes it throw, nor leaves a row without tuples', () => {
  const lab = new ModelLab({ maximumConnections: 64 });
  const macs = fromHex(`${a}${clientMac}`);
  const frame = fc
    .tuple(
      fc.constantFrom(0x0800, 0x86dd),
      fc.constantFrom(1, 6, 17, 44, 58, 132, 253),
      fc.uint8Array({ minLength: 0, maxLength: 120 }),
      fc.nat({ max: 0xffff }),
    )
    .map(([type, protocol, body, fragmentField]) => {
      const isIpv4 = type === 0x0800;
      const header = new Uint8Array(isIpv4 ? 20 : 40);
      const view = new DataView(header.buffer);
      if (isIpv4) {
        header.set([0x45, 0, 0, 20 + body.length, 1, 1, fragmentField >> 8, fragmentField, 64, protocol]);
        header.set([10, 0, 1, 2, 10, 0, 2, 2], 12);
        let sum = 0;
        for (let i = 0; i < 20; i += 2) sum += view.getUint16(i);
        while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
        view.setUint16(10, ~sum & 0xffff);
      } else {
        header.set([0x60, 0, 0, 0, 0, body.length, protocol, 64, 0xfd, 0, 0, 1]);
        header[23] = 2;
        header.set([0xfd, 0, 0, 2], 24);
        header[39] = 2;
      }
      return Uint8Array.from([...macs, type >> 8, type & 0xff, ...header, ...body]);
    });
  fc.assert(
    fc.property(frame, (bytes) => {
      lab.show('a', bytes);
      lab.clock.set(lab.clock.nowNs + 1e9);
      const { conntrack } = lab.netfilter;
      assert.equal(lab.connections.length <= conntrack.count, true);
      for (const line of lab.connections) assert.match(line, /^ipv[46] .*src=\S+ dst=\S+ .* use=2$/);
    }),
    { numRuns: 500, seed: 7 },
  );
});
