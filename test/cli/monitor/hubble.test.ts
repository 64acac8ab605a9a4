/** Events as `hubble observe` prints them: literal records in, literal lines out. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readObserve } from '../../../src/cli/monitor/hubble/observe-flags.js';
import { HubbleObserver } from '../../../src/cli/monitor/hubble/observer.js';
import * as records from './records.js';

const { topology, record } = records;

function observe(words: readonly string[], ...events: readonly string[]): string {
  const observer = new HubbleObserver(topology, readObserve(words, topology));
  return events.map((hex) => observer.event(record(hex))).join('') + observer.end();
}

describe('compact', () => {
  const time = 'Jan  2 15:04:05.125';

  test('the one who opened the connection stands left', () => {
    assert.equal(
      observe(
        [],
        records.toStack,
        records.toEndpoint,
        records.denied,
        records.allowed,
        records.verdictDenied,
      ),
      `${time}: default/client:59242 (ID:42837) -> 1.0.0.1:80 (world) to-stack FORWARDED (TCP Flags: SYN)
${time}: default/client:59242 (ID:42837) <- 1.0.0.1:80 (world) to-endpoint FORWARDED (TCP Flags: SYN, ACK)
${time}: default/client:40000 (ID:42837) <> default/server:80 (ID:1201) Policy denied DROPPED (TCP Flags: SYN)
${time}: default/client:40000 (ID:42837) -> default/server:80 (ID:1201) policy-verdict:L3-L4 INGRESS ALLOWED (TCP Flags: SYN)
${time}: default/client:5353 (ID:42837) <> 1.0.0.1:53 (world) policy-verdict:none EGRESS DENIED (UDP)
`,
    );
  });

  test('node names, addresses in place of names, other times', () => {
    const words = ['--print-node-name', '--ip-translation=false', '--time-format', 'RFC3339Milli'];
    assert.equal(
      observe(words, records.toStack),
      '2024-01-02T15:04:05.125Z [k8s1]: 10.244.0.213:59242 (ID:42837) -> 1.0.0.1:80 (world) to-stack FORWARDED (TCP Flags: SYN)\n',
    );
  });

  test('a service where there is no pod; ARP by its MACs', () => {
    const toService = records.toStack.replaceAll('01000001', '0a600050');
    assert.match(observe([], toService), / -> default\/web:80 \(world\) /);
    assert.equal(
      observe([], records.capture),
      `${time}: a6:c6:93:71:26:19 (unknown) <> ff:ff:ff:ff:ff:ff (unknown) DBG_CAPTURE_DELIVERY VERDICT_UNKNOWN (Ethernet)\n`,
    );
  });

  test('sockets', () => {
    assert.equal(
      observe([], records.socket.replace('0a600001', '0a600050').replace('bb01', '5000')),
      `${time}:  (unknown) -> default/web:80 (world-ipv4) pre-xlate-fwd TRACED (TCP)\n`,
    );
  });
});

test('dict', () => {
  assert.equal(
    observe(['-o', 'dict'], records.denied, records.toStack),
    `  TIMESTAMP: Jan  2 15:04:05.125
     SOURCE: default/client:40000
DESTINATION: default/server:80
       TYPE: Policy denied
    VERDICT: DROPPED
    SUMMARY: TCP Flags: SYN
------------
  TIMESTAMP: Jan  2 15:04:05.125
     SOURCE: default/client:59242
DESTINATION: 1.0.0.1:80
       TYPE: to-stack
    VERDICT: FORWARDED
    SUMMARY: TCP Flags: SYN
`,
  );
});

test('table', () => {
  assert.equal(
    observe(['-o', 'table'], records.denied, records.toStack),
    `TIMESTAMP             SOURCE                 DESTINATION         TYPE            VERDICT     SUMMARY
Jan  2 15:04:05.125   default/client:40000   default/server:80   Policy denied   DROPPED     TCP Flags: SYN
Jan  2 15:04:05.125   default/client:59242   1.0.0.1:80          to-stack        FORWARDED   TCP Flags: SYN
`,
  );
});

describe('JSON', () => {
  test('a drop, with the keys of the protobuf message in their order', () => {
    assert.equal(
      observe(['-o', 'jsonpb'], records.denied),
      '{"flow":{"time":"2024-01-02T15:04:05.125Z","uuid":"00000000-0000-4000-8000-000000000001","verdict":"DROPPED",' +
        '"drop_reason":133,"ethernet":{"source":"a6:c6:93:71:26:19","destination":"f6:93:7d:11:4d:37"},' +
        '"IP":{"source":"10.244.0.213","destination":"10.244.0.99","ipVersion":"IPv4"},' +
        '"l4":{"TCP":{"source_port":40000,"destination_port":80,"flags":{"SYN":true}}},' +
        '"source":{"ID":762,"identity":42837,"namespace":"default","labels":["k8s:app=client"],"pod_name":"client"},' +
        '"destination":{"ID":12,"identity":1201,"namespace":"default","pod_name":"server"},' +
        '"Type":"L3_L4","node_name":"k8s1","event_type":{"type":1,"sub_type":133},"traffic_direction":"EGRESS",' +
        '"file":{"name":"bpf_lxc.c","line":1311},"drop_reason_desc":"POLICY_DENIED","Summary":"TCP Flags: SYN"},' +
        '"node_name":"k8s1","time":"2024-01-02T15:04:05.125Z"}\n',
    );
  });

  test('a reply: what is zero is absent, false of a wrapper is not', () => {
    const [reply, forward] = [records.toEndpoint, records.toStack].map(
      (hex) => JSON.parse(observe(['-o', 'json'], hex)).flow,
    );
    assert.deepEqual(reply.event_type, { type: 4 });
    assert.equal(reply.trace_observation_point, 'TO_ENDPOINT');
    assert.equal(reply.trace_reason, 'REPLY');
    assert.equal(reply.is_reply, true);
    assert.equal(reply.reply, true);
    assert.equal(reply.traffic_direction, 'EGRESS');
    assert.deepEqual(reply.interface, { index: 25, name: 'lxcf4cd39e34601' });
    assert.deepEqual(forward.event_type, { type: 4, sub_type: 3 });
    assert.equal(forward.is_reply, false);
    assert.equal('reply' in forward, false);
    assert.equal(forward.traffic_direction, 'EGRESS');
    assert.equal('interface' in forward, false);
  });

  test('policy verdicts', () => {
    const [allowed, denied] = [records.allowed, records.verdictDenied].map(
      (hex) => JSON.parse(observe(['-o', 'json'], hex)).flow,
    );
    assert.equal(allowed.verdict, 'FORWARDED');
    assert.equal(allowed.policy_match_type, 2);
    assert.equal(allowed.traffic_direction, 'INGRESS');
    assert.equal(allowed.is_reply, false);
    assert.equal(denied.verdict, 'DROPPED');
    assert.equal(denied.drop_reason_desc, 'POLICY_DENIED');
    assert.equal('is_reply' in denied, false);
    assert.equal('policy_match_type' in denied, false);
  });

  test('times with as many digits as they need', () => {
    const at = (nanoseconds: number): string => {
      const observer = new HubbleObserver(topology, readObserve(['-o', 'json'], topology));
      return JSON.parse(observer.event({ ...record(records.denied), nanoseconds })).time;
    };
    assert.equal(at(0), '2024-01-02T15:04:05Z');
    assert.equal(at(120_000_000), '2024-01-02T15:04:05.120Z');
    assert.equal(at(123_456_000), '2024-01-02T15:04:05.123456Z');
    assert.equal(at(1), '2024-01-02T15:04:05.000000001Z');
  });
});

test('frames that cannot be read, and debug messages, are no flows', () => {
  const cut = `04 03 fa02 00000000 06000000 0600 01 00 00000000 00000000 0000 00 00 00000000 ${'00'.repeat(16)} 020000000001`;
  assert.equal(observe([], cut, records.debugLookup), '');
});

describe('filters', () => {
  const all = [records.toStack, records.toEndpoint, records.denied, records.allowed, records.verdictDenied];
  /** Which of `all` pass. */
  const passing = (...words: readonly string[]): string =>
    all.map((hex) => (observe(words, hex) === '' ? '-' : 'x')).join('');

  test('by who and where', () => {
    assert.equal(passing('--pod', 'client'), 'xxxxx');
    assert.equal(passing('--from-pod', 'default/client'), 'x-xxx');
    assert.equal(passing('--to-pod', 'server'), '--xx-');
    assert.equal(passing('--to-ip', '1.0.0.0/24'), 'x---x');
    assert.equal(passing('--ip', '10.244.0.99'), '--xx-');
    assert.equal(passing('--identity', 'world'), 'xx--x');
    assert.equal(passing('--from-identity', '42837'), 'x-xxx');
    assert.equal(passing('--to-port', '80'), 'x-xx-');
    assert.equal(passing('--port', '80,53'), 'xxxxx');
    assert.equal(passing('--label', 'app=client'), 'xxxxx');
    assert.equal(passing('--to-label', 'reserved:world'), 'x---x');
    assert.equal(passing('--namespace', 'default'), 'xxxxx');
    assert.equal(passing('-n', 'kube-system'), '-----');
    assert.equal(passing('--node-name', 'k8s*'), 'xxxxx');
  });

  test('by what', () => {
    assert.equal(passing('--verdict', 'DROPPED'), '--x-x');
    assert.equal(passing('--verdict', 'dropped', '--type', 'drop'), '--x--');
    assert.equal(passing('--type', 'policy-verdict', '--type', 'drop'), '--xxx');
    assert.equal(passing('-t', 'trace:to-endpoint'), '-x---');
    assert.equal(passing('-t', 'to-stack'), 'x----');
    assert.equal(passing('--protocol', 'udp'), '----x');
    assert.equal(passing('--tcp-flags', 'SYN,ACK'), '-x---');
    assert.equal(passing('--traffic-direction', 'ingress'), '---x-');
    assert.equal(passing('--drop-reason-desc', 'POLICY_DENIED'), '--x-x');
    assert.equal(passing('-6'), '-----');
    assert.equal(passing('-4', '-6'), 'xxxxx');
  });

  test('--not turns the filter behind it round', () => {
    assert.equal(passing('--pod', 'client', '--not', '--port', '80'), '----x');
    assert.equal(passing('--not', '--verdict', 'DROPPED'), 'xx-x-');
  });

  test('first and last', () => {
    assert.equal(observe(['--first', '1'], ...all).split('\n').length, 2);
    assert.match(observe(['--last', '1'], ...all), /DENIED \(UDP\)\n$/);
  });

  test('what is wrong with one is said', () => {
    const told = (words: readonly string[], message: RegExp): void => {
      assert.throws(() => readObserve(words, topology), { name: 'UsageError', message });
    };
    told(['--pod', 'nobody'], /--pod nobody: no such pod; there are client, server/);
    told(['--to-service', 'x'], /no such service; there are web/);
    told(['--verdict', 'LOST'], /--verdict LOST: none of FORWARDED, DROPPED, /);
    told(['--ip', '10.0.0.300'], /not an address or a prefix/);
    told(['--port', '70000'], /not a number up to 65535/);
    told(['--identity', 'mars'], /--identity mars: not a number/);
    told(['--type', 'trace:nowhere'], /none of to-endpoint, /);
    told(['--not'], /--not what\?/);
    told(['--first', '1', '--last', '1'], /--first or --last, not both/);
    told(['-o', 'jsn'], /--output jsn: not known; did you mean "json"\?/);
    told(['--podd', 'x'], /no option --podd; did you mean "--pod"\?/);
  });
});
