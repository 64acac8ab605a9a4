/** Events in the words of `cilium-dbg monitor`: literal records in, literal lines out. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ciliumMonitor } from '../../../src/cli/monitor/cilium-flags.js';
import { debugText } from '../../../src/cli/monitor/debug-text.js';
import * as records from './records.js';

const { topology, record } = records;
const HEADER = '-'.repeat(78);

function line(hex: string, words: readonly string[] = [], version = 18): string {
  return ciliumMonitor(words, topology, topology.nodes, version, () => {}).event(record(hex));
}

describe('traces', () => {
  test('as the write-up on DigitalOcean shows them', () => {
    assert.equal(
      line(records.toStack, [], 10),
      '-> stack flow 0x8958dbda identity 42837->world state new ifindex 0 orig-ip 0.0.0.0: ' +
        '10.244.0.213:59242 -> 1.0.0.1:80 tcp SYN\n',
    );
    assert.equal(
      line(records.toEndpoint, [], 10),
      '-> endpoint 762 flow 0x0 identity world->42837 state reply ifindex lxcf4cd39e34601 orig-ip 1.0.0.1: ' +
        '1.0.0.1:80 -> 10.244.0.213:59242 tcp SYN, ACK\n',
    );
  });

  test('with the comma that came in 1.11, identities as numbers', () => {
    const text =
      '-> stack flow 0x8958dbda , identity 42837->2 state new ifindex 0 orig-ip 0.0.0.0: ' +
      '10.244.0.213:59242 -> 1.0.0.1:80 tcp SYN\n';
    for (const version of [11, 14, 18]) assert.equal(line(records.toStack, ['-n'], version), text);
  });

  test('no flag that is shown leaves a space', () => {
    const push = records.toStack.replace(records.tcpFrame('02'), records.tcpFrame('08'));
    assert.match(line(push), / tcp \n$/);
  });

  test('encrypted packets, the crypto points and a state without name', () => {
    const to = (point: string, reason: string): string =>
      line(
        records.toStack
          .replace(/^04 03/, `04 ${point}`)
          .replace('0000 00 00 00000000', `0000 ${reason} 00 00000000`),
      );
    assert.match(
      to('04', '80'),
      /^-> overlay encrypted {2}flow 0x8958dbda , identity 42837->world state new /,
    );
    assert.match(to('0d', '05'), /^-> crypto flow .* state unknown /);
    assert.match(to('0b', '89'), /^-> network encrypted {2}flow .* state 137 /);
    assert.match(to('63', '00'), /^unknown trace flow /);
  });

  test('-vv: the layers come before the line about them', () => {
    assert.equal(
      line(records.toStack, ['-vv']),
      `${HEADER}
Ethernet\t{Contents=[..14..] Payload=[..40..] SrcMAC=a6:c6:93:71:26:19 DstMAC=f6:93:7d:11:4d:37 EthernetType=IPv4 Length=0}
IPv4\t{Contents=[..20..] Payload=[..20..] Version=4 IHL=5 TOS=0 Length=40 Id=7 Flags=DF FragOffset=0 TTL=64 Protocol=TCP Checksum=0 SrcIP=10.244.0.213 DstIP=1.0.0.1 Options=[] Padding=[]}
TCP\t{Contents=[..20..] Payload=[] SrcPort=59242 DstPort=80(http) Seq=1 Ack=0 DataOffset=5 FIN=false SYN=true RST=false PSH=false ACK=false URG=false ECE=false CWR=false NS=false Window=64240 Checksum=62016 Urgent=0 Options=[] Padding=[] Multipath=false}
CPU 00: MARK 0x8958dbda FROM 762 to-stack: 54 bytes (54 captured), state new, , identity 42837->world, orig-ip 0.0.0.0
`,
    );
    assert.match(
      line(records.toEndpoint, ['-v', '-v', '--hex']),
      /\n00000030 {2}fa f0 00 00 00 00 {33}\|\.\.\.\.\.\.\|\nCPU 00: MARK 0x0 FROM 762 to-endpoint: 54 bytes \(54 captured\), state reply, interface lxcf4cd39e34601, , identity world->42837, orig-ip 1\.0\.0\.1, to endpoint 762\n$/,
    );
  });

  test('-j: keys in the tool’s order, escaped as Go does', () => {
    const json = line(records.toStack, ['-j']);
    assert.ok(
      json.startsWith(
        '{"cpu":"CPU 00:","type":"trace","mark":"0x8958dbda","ifindex":"0","state":"new","observationPoint":"to-stack",' +
          '"traceSummary":"-\\u003e stack","source":762,"bytes":54,"srcLabel":42837,"dstLabel":2,"dstID":0,' +
          '"summary":{"ethernet":"Ethernet\\t{Contents=[..14..] ',
      ),
    );
    assert.ok(
      json.endsWith(
        '"l2":{"src":"a6:c6:93:71:26:19","dst":"f6:93:7d:11:4d:37"},"l3":{"src":"10.244.0.213","dst":"1.0.0.1"},' +
          '"l4":{"src":"59242","dst":"80"}}}\n',
      ),
    );
    assert.equal(line(records.toStack, ['-o', 'json']), json);
  });
});

describe('drops', () => {
  const connection = '10.244.0.213:40000 -> 10.244.0.99:80 tcp SYN\n';

  test('in the words of each version', () => {
    const by: readonly (readonly [number, string])[] = [
      [10, 'xx drop (Policy denied) flow 0x9e1bd0a5 to endpoint 0, identity 42837->1201: '],
      [12, 'xx drop (Policy denied) flow 0x9e1bd0a5 to endpoint 0, , identity 42837->1201: '],
      [
        13,
        'xx drop (Policy denied) flow 0x9e1bd0a5 to endpoint 0, ifindex 25, file 2:1311, , identity 42837->1201: ',
      ],
      [
        14,
        'xx drop (Policy denied) flow 0x9e1bd0a5 to endpoint 0, ifindex 25, file bpf_lxc.c:1311, , identity 42837->1201: ',
      ],
    ];
    for (const [version, text] of by) assert.equal(line(records.denied, [], version), text + connection);
    assert.equal(line(records.denied), by[3][1] + connection);
  });

  test('an extended error, and a reason without text', () => {
    const drop = (reason: string, error: string): string =>
      line(records.denied.replace(/^01 85/, `01 ${reason}`).replace('1f05 02 00', `1f05 02 ${error}`));
    assert.match(drop('a9', '07'), /^xx drop \(FIB lookup failed, 7\) flow /);
    assert.match(drop('a9', 'ff'), /^xx drop \(FIB lookup failed, -1\) flow /);
    assert.match(drop('9f', '00'), /^xx drop \(159, 0\) flow /);
  });

  test('-vv and -j', () => {
    assert.match(
      line(records.denied, ['-vv']),
      /\nCPU 00: MARK 0x9e1bd0a5 FROM 762 DROP: 54 bytes, reason Policy denied, identity 42837->1201\n$/,
    );
    assert.match(
      line(records.denied, ['--json']),
      /^\{"cpu":"CPU 00:","type":"drop","mark":"0x9e1bd0a5","reason":"Policy denied","source":762,"bytes":54,"srcLabel":42837,"dstLabel":1201,"dstID":0,"Line":1311,"File":2,"ExtError":0,"Ifindex":25,"summary":\{/,
    );
  });
});

test('policy verdicts: one form for all verbosities, as JSON too', () => {
  const allowed =
    'Policy verdict log: flow 0x2a7 local EP ID 1201, remote ID 42837, proto 6, ingress, action allow, auth: disabled, ' +
    'match L3-L4, 10.244.0.213:40000 -> 10.244.0.99:80 tcp SYN\n';
  for (const words of [[], ['-v'], ['-vv'], ['-j']]) assert.equal(line(records.allowed, words), allowed);
  assert.equal(line(records.allowed, [], 13), allowed.replace(' auth: disabled,', ''));
  assert.equal(
    line(records.verdictDenied),
    'Policy verdict log: flow 0x2a8 local EP ID 762, remote ID world, proto 17, egress, action deny, auth: disabled, ' +
      'match none, 10.244.0.213:5353 -> 1.0.0.1:53 udp\n',
  );
});

test('debug messages are for -v, and JSON', () => {
  assert.equal(line(records.debugLookup), '');
  const text = 'Conntrack lookup 1/2: src=10.244.0.213:46486 dst=1.0.0.1:80';
  const header = `CPU 00: MARK 0x8958dbda FROM 762 DEBUG: ${text}\n`;
  assert.equal(line(records.debugLookup, ['-v']), header);
  assert.equal(line(records.debugLookup, ['-vv']), header);
  assert.equal(line(records.debugLookup, ['-j']), `{"cpu":"CPU 00:","type":"debug","message":"${text}"}\n`);
});

test('debug messages in words', () => {
  const say = (type: number, a = 0, b = 0, c = 0): string =>
    debugText(type, [a, b, c], (ifindex) => `if${ifindex}`);
  assert.equal(say(4, 25, 0x0200), 'Local container found ifindex if25 seclabel 2');
  assert.equal(say(15, 2, 0x0300), 'CT verdict: Reply, revnat=3');
  assert.equal(say(21, 255, 3), 'Packet hash=255 (0xff), selected_service=3');
  assert.equal(say(30, 0x5000600a, 0x5000), 'Frontend service lookup, addr=10.96.0.80 key.dport=80');
  assert.equal(say(45, 0x5000, 1), 'Resolved L4 policy to: 80 / ingress');
  assert.equal(
    say(51, 0xd5000000, 0x01000000, (80 << 16) | 4000),
    'Conntrack lookup 1/2: src=[::0:d5]:4000 dst=[::0:1]:80',
  );
  assert.equal(say(58, 0x0100000a, 1), 'Successfully mapped addr=10.0.0.1 to identity=1');
  assert.equal(say(64), 'Socket assign: Success');
  assert.equal(say(200, 7, 8), 'Unknown message type=200 arg1=7 arg2=8');
});

test('captures', () => {
  const arp = 'a6:c6:93:71:26:19 -> ff:ff:ff:ff:ff:ff ARP';
  assert.equal(line(records.capture), `-> lxcf4cd39e34601: ${arp}\n`);
  assert.equal(
    line(records.capture, ['-vv']),
    `${HEADER}\nCPU 00: MARK 0x0 FROM 762 DEBUG: 42 bytes, Delivery to ifindex 25\n` +
      'Ethernet\t{Contents=[..14..] Payload=[..28..] SrcMAC=a6:c6:93:71:26:19 DstMAC=ff:ff:ff:ff:ff:ff EthernetType=ARP Length=0}\n',
  );
  assert.equal(
    line(records.capture, ['-j']),
    '{"cpu":"CPU 00:","type":"capture","mark":"0x0","message":"Delivery to ifindex 25",' +
      `"prefix":"-\\u003e lxcf4cd39e34601","source":762,"bytes":42,"summary":"${arp.replace('>', '\\u003e')}"}\n`,
  );
});

test('sockets: with -v alone', () => {
  assert.equal(
    line(records.socket, ['-v']),
    'CPU 00: [pre-xlate-fwd] cgroup_id: 7 sock_cookie: 99, dst [10.96.0.1]:443 tcp \n',
  );
  for (const words of [[], ['-vv'], ['-v', '-j']]) assert.equal(line(records.socket, words), '');
});

test('an event of a type that is not known, and lost ones', () => {
  const monitor = ciliumMonitor([], topology, topology.nodes, 18, () => {});
  assert.equal(monitor.event(record('c8 01 02')), 'CPU 00: Unknown event: [200 1 2]\n');
  assert.equal(monitor.lost(topology.nodes[0], 12), 'CPU 00: Lost 12 events\n');
});

test('the connection: ICMP by version, other protocols, no IP, nothing, broken', () => {
  const of = (frame: string, version = 18): string => {
    const bytes = frame.replace(/\s+/g, '').length / 2;
    const length = bytes.toString(16).padStart(2, '0');
    const head = `04 03 fa02 00000000 ${length}000000 ${length}00 01 00 00000000 00000000 0000 00 00 00000000 ${'00'.repeat(16)}`;
    return line(`${head} ${frame}`, [], version).split('orig-ip 0.0.0.0: ')[1];
  };
  const ip = (protocol: string, payload: string): string => {
    const length = (20 + payload.length / 2).toString(16).padStart(4, '0');
    return `020000000001 020000000002 0800 4500 ${length} 0000 0000 40 ${protocol} 0000 0a000001 0a000002 ${payload}`;
  };
  assert.equal(of(ip('01', '0800abcd00010002')), '10.0.0.1 -> 10.0.0.2 icmp EchoRequest\n');
  assert.equal(of(ip('01', '0800abcd00010002'), 17), '10.0.0.1 -> 10.0.0.2 EchoRequest\n');
  assert.equal(
    of(ip('01', '0304abcd00010002')),
    '10.0.0.1 -> 10.0.0.2 icmp DestinationUnreachable(FragmentationNeeded)\n',
  );
  assert.equal(of(ip('84', '0050138800000000deadbeef')), '10.0.0.1:80 -> 10.0.0.2:5000 sctp\n');
  assert.equal(of(ip('32', '0000000100000002')), '10.0.0.1 -> 10.0.0.2\n');
  assert.equal(of(ip('06', '0050')), '[error]\n');
  assert.equal(
    of('020000000001 020000000002 8100 0001 0800'),
    '02:00:00:00:00:02 -> 02:00:00:00:00:01 Dot1Q\n',
  );
  assert.equal(of(''), '[unknown]\n');
  const ipv6 =
    '6000000000081140 fd000000000000000000000000000001 fd0000000000000000000000000000d5 1f900035 0008 0000';
  assert.equal(of(`020000000001 020000000002 86dd ${ipv6}`), '[fd00::1]:8080 -> [fd00::d5]:53 udp\n');
});

describe('filters', () => {
  const passes = (hex: string, ...words: readonly string[]): boolean => line(hex, words) !== '';

  test('by type, by source, by destination, by either', () => {
    assert.ok(passes(records.denied, '--type', 'drop'));
    assert.ok(passes(records.denied, '-t', 'trace', '-t', 'drop'));
    assert.ok(passes(records.denied, '--type=trace,drop'));
    assert.ok(!passes(records.toStack, '-tdrop'));
    assert.ok(passes(records.toStack, '--from', '762'));
    assert.ok(!passes(records.toStack, '--from', '12'));
    assert.ok(passes(records.toEndpoint, '--to', '762'));
    assert.ok(!passes(records.toStack, '--to', '762'));
    assert.ok(passes(records.toStack, '--related-to', '762'));
    assert.ok(passes(records.toStack, '--related-to', 'client'));
    assert.ok(!passes(records.toStack, '--related-to', '12'));
    assert.ok(passes(records.allowed, '--to', '42837'), 'of a policy verdict the remote identity');
  });

  test('what is wrong with one is said', () => {
    const told = (words: readonly string[], message: RegExp): void => {
      assert.throws(() => line(records.denied, words), { name: 'UsageError', message });
    };
    told(['--type', 'dropp'], /--type dropp: not known; did you mean "drop"\?/);
    told(['--type', 'x'], /there are agent, capture, debug, drop, /);
    told(
      ['--from', '99'],
      /--from 99: no such endpoint; there are 12 \(server\), 101 \(k8s1, the host\), 762 \(client\)/,
    );
    told(['--related-to', 'nobody'], /no endpoint id and no pod/);
    told(['--tpye', 'drop'], /no option --tpye; did you mean "--type"\?/);
    told(['drop'], /one word too many: drop/);
    told(['--from'], /--from takes a value/);
  });
});
