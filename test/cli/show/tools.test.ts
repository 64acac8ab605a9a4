/** Listings of hooks, programs, pins and of what the agent tells, with the pipes and the ways in that people type. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readCommandLine } from '../../../src/cli/shell/words.js';
import type { Output } from '../../../src/cli/show/command.js';
import { findPlace } from '../../../src/cli/show/places.js';
import { runLine } from '../../../src/cli/show/run-line.js';
import type { BuiltTopology } from '../../../src/topologies/built.js';
import { builtTopology } from '../monitor/records.js';

const built = new Map<string, BuiltTopology>();

/** On the topology's first node. */
function run(name: string, command: string, json = false): Output {
  const topology = built.get(name) ?? builtTopology(name);
  built.set(name, topology);
  const place = findPlace(topology, topology.nodes[0].planned.name, null);
  return runLine(place, readCommandLine(command), json);
}

const text = (name: string, command: string, json = false): string => run(name, command, json).text;

const refused = (name: string, command: string, message: RegExp): void => {
  assert.throws(() => run(name, command), { name: 'UsageError', message });
};

describe('programs at devices', () => {
  test('by tcx: tc sees nothing, bpftool does', () => {
    assert.equal(text('same-node', 'tc filter show dev lxcb56ea4219379 ingress'), '');
    assert.equal(
      text('same-node', 'bpftool net | grep lxcb56ea4219379'),
      'lxcb56ea4219379(5) tcx/ingress cil_from_container prog_id 1 link_id 1 \n' +
        'lxcb56ea4219379(5) tcx/egress cil_to_container prog_id 2 link_id 2 \n',
    );
    assert.equal(
      text('same-node', 'bpftool link show id 2'),
      '2: tcx  prog 2  \n\tifindex lxcb56ea4219379(5)  attach_type tcx_egress  \n',
    );
  });

  test('by tc filters, as the write-up on DigitalOcean prints them', () => {
    assert.equal(
      text('digitalocean', 'tc filter show dev lxcf4cd39e34601  ingress'),
      'filter protocol all pref 1 bpf chain 0 \n' +
        'filter protocol all pref 1 bpf chain 0 handle 0x1 bpf_lxc.o:[from-container] direct-action not_in_hw id 13245 tag 7febdcdfe7cdd86f jited \n',
    );
    assert.equal(
      text('digitalocean', 'tc qdisc show dev lxcf4cd39e34601'),
      'qdisc noqueue 0: root refcnt 2 \nqdisc clsact ffff: parent ffff:fff1 \n',
    );
    assert.equal(text('digitalocean', 'bpftool link'), '');
  });

  test('a device and a direction that are not there', () => {
    assert.deepEqual(run('same-node', 'tc filter show dev nope ingress'), {
      text: '',
      errors: 'Cannot find device "nope"\n',
      exitCode: 1,
    });
    assert.deepEqual(run('same-node', 'bpftool net show dev nope'), {
      text: '',
      errors: 'Error: invalid devname nope\n',
      exitCode: 255,
    });
    refused('same-node', 'tc filter add dev ens5 ingress bpf da', /a listing changes nothing/);
  });

  test('bpftool prog', () => {
    assert.equal(
      text('digitalocean', 'bpftool prog show id 13245'),
      '13245: sched_cls  name cil_from_container  tag 7febdcdfe7cdd86f  gpl\n' +
        '\tloaded_at 1970-01-01T00:00:00+0000  uid 0\n\txlated 0B  jited 0B  memlock 0B\n',
    );
    assert.equal(JSON.parse(text('digitalocean', 'bpftool -j prog show tag 7febdcdfe7cdd86f')).id, 13245);
    assert.equal(text('same-node', 'bpftool prog | grep -c sched_cls'), '8\n');
    assert.deepEqual(run('same-node', 'bpftool prog show id 99'), {
      text: '',
      errors: 'Error: get by id (99): No such file or directory\n',
      exitCode: 255,
    });
    refused('same-node', 'bpftool prog dump xlated id 1', /there are no BPF instructions/);
  });
});

test('pins as a tree, and a map by its pin', () => {
  assert.equal(text('same-node', 'ls /sys/fs/bpf'), 'cilium\ntc\n');
  assert.equal(text('same-node', 'ls /sys/fs/bpf/tc'), 'globals\n');
  assert.equal(text('same-node', 'ls /sys/fs/bpf/tc/globals | grep ipcache'), 'cilium_ipcache_v2\n');
  assert.equal(text('same-node', 'ls /sys/fs/bpf/cilium/endpoints/101'), 'links\n');
  assert.deepEqual(run('same-node', 'ls /sys/fs/bpf/none'), {
    text: '',
    errors: "ls: cannot access '/sys/fs/bpf/none': No such file or directory\n",
    exitCode: 2,
  });
  refused('same-node', 'ls /etc', /there is \/sys\/fs\/bpf and what is in it alone/);
  const dump = 'bpftool map dump pinned /sys/fs/bpf/tc/globals/cilium_lxc | tail -n 1';
  assert.equal(text('same-node', dump), 'Found 4 elements\n');
});

describe('into a pod', () => {
  const ARP = '? (10.244.0.201) at f6:93:7d:11:4d:37 [ether] on eth0\n';

  test('by nsenter, kubectl, ip netns', () => {
    for (const way of [
      'nsenter -t 10762 -n',
      'nsenter --target=10762 --net',
      'nsenter -t pod -n',
      'nsenter --net=/var/run/netns/pod',
      'sudo nsenter -t10762 -n --',
      'kubectl exec -it pod --',
      'kubectl exec -n default pod -c app --',
      'k exec pod --',
      'ip netns exec pod',
    ]) {
      assert.equal(text('digitalocean', `${way} arp -an`), ARP, way);
    }
  });

  test('the agent’s pod is in the node’s namespace, and so is process 1', () => {
    const listing = text('digitalocean', 'cilium bpf endpoint list');
    assert.equal(
      text('digitalocean', 'kubectl exec -ti cilium-r7ffp -nkube-system -- cilium bpf endpoint list'),
      listing,
    );
    assert.equal(text('digitalocean', 'nsenter -t 1 -n ip link | grep -c cilium'), '2\n');
  });

  test('what is not there is named', () => {
    refused(
      'digitalocean',
      'nsenter -t 5 -n arp',
      /no such process of a pod on node-7o7xd; there are 10762 \(pod\)/,
    );
    refused('digitalocean', 'kubectl exec nobody -- arp', /no such pod; there are pod, first-pod/);
    refused('digitalocean', 'kubectl exec -it pod -- bash', /there is no shell to stay in/);
    refused('digitalocean', 'kubectl get pods', /there is kubectl exec alone/);
    refused('digitalocean', 'ip netns exec x arp', /no network namespace x/);
  });

  test('the peer’s index, as ethtool tells it', () => {
    const peer = 'nsenter -t 10762 -n ethtool -S eth0 | grep peer_ifindex';
    assert.equal(text('digitalocean', peer), '     peer_ifindex: 25\n');
    assert.match(text('digitalocean', 'ip link | grep ^25:'), /^25: lxcf4cd39e34601@if24: /);
    assert.deepEqual(run('digitalocean', 'ethtool -S eth1'), {
      text: '',
      errors: 'no stats available\n',
      exitCode: 94,
    });
  });
});

describe('what the agent tells', () => {
  test('status', () => {
    assert.equal(text('life-of-a-packet', 'cilium-dbg status --brief'), 'OK\n');
    assert.equal(
      text('life-of-a-packet', 'cilium-dbg status | grep -E "KubeProxy|Routing:|Attach|Masq"'),
      'KubeProxyReplacement:    True       [bond0   10.255.255.11 (Direct Routing)]\n' +
        'Routing:                 Network: Native   Host: Legacy\n' +
        'Attach Mode:             TCX\n' +
        'Masquerading:            Disabled\n',
    );
  });

  test('its configuration, and the cluster’s', () => {
    assert.equal(
      text('digitalocean', 'cilium config view | grep -i masq'),
      'enable-bpf-masquerade                  false\nmasquerade                             true\n',
    );
    assert.equal(
      text('life-of-a-packet', 'cilium-dbg config | head -2'),
      '##### Read-write configurations #####\nConntrackAccounting               : Enabled\n',
    );
  });

  test('addresses and nodes', () => {
    assert.equal(
      text('life-of-a-packet', 'cilium-dbg ip list | head -4'),
      `IP                 IDENTITY               SOURCE
0.0.0.0/0          reserved:world         local
10.1.1.1/32        reserved:host          local
10.1.1.10/32       k8s:app=client         custom-resource
`,
    );
    assert.equal(
      text('life-of-a-packet', 'cilium-dbg node list'),
      `Name    IPv4 Address    Endpoint CIDR   IPv6 Address   Endpoint CIDR   Source
node1   10.255.255.11   10.1.1.0/24                                    local
node2   10.255.255.12   10.1.2.0/24                                    custom-resource
`,
    );
  });

  test('objects in JSON', () => {
    const [endpoint] = JSON.parse(text('life-of-a-packet', 'cilium-dbg endpoint get 1001'));
    assert.equal(endpoint.id, 1001);
    assert.equal(endpoint.status.networking['interface-name'], 'lxc00aa');
    assert.deepEqual(endpoint.status.identity.labels, ['k8s:app=client']);
    assert.match(endpoint.status.identity.labelsSHA256, /^[0-9a-f]{64}$/);
    const [service] = JSON.parse(text('life-of-a-packet', 'cilium-dbg service list -o json'));
    assert.deepEqual(service.spec['frontend-address'], {
      ip: '10.96.0.80',
      port: 80,
      protocol: 'TCP',
      scope: 'external',
    });
    assert.equal(service.spec.flags.name, 'web');
    refused('life-of-a-packet', 'cilium-dbg endpoint get 7', /no endpoint 7 on node1; there are /);
  });

  test('what is elsewhere is pointed to', () => {
    refused(
      'life-of-a-packet',
      'cilium-dbg monitor --type drop',
      /packetwalk monitor -t TOPOLOGY --capture FILE/,
    );
    refused('life-of-a-packet', 'hubble observe --pod pod1', /no packet has been sent yet/);
    refused('life-of-a-packet', 'cilium-dbg bpf tunnel list', /ipcache list shows tunnel endpoints/);
  });
});
