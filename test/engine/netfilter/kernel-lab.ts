/**
 * Shows the cases to Linux: a namespace that routes and masquerades by iptables, and one that holds the far ends of its
 * devices, from where frames are sent and where they come out. Everything goes with the two processes that hold the
 * namespaces.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import type { KernelCase } from './kernel-cases.js';
import { ethernetHex } from './lab-addresses.js';
import type { CaseResult } from './results.js';

/** Why the lab cannot be built here, or null. */
export function whyNoLab(): string | null {
  if (process.getuid?.() !== 0) return 'needs root';
  for (const tool of ['ip', 'iptables', 'ip6tables', 'unshare', 'nsenter', 'python3']) {
    if (spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0) return `needs ${tool}`;
  }
  const probe = spawnSync('unshare', [
    '-n',
    'sh',
    '-c',
    'iptables -t nat -A POSTROUTING -j MASQUERADE && cat /proc/net/nf_conntrack',
  ]);
  return probe.status === 0 ? null : 'needs a kernel with iptables NAT and /proc/net/nf_conntrack';
}

/** Sends each frame of stdin's cases, and says what came out of which device and what is tracked then. */
const DRIVER = `
import json, select, socket, subprocess, sys, time
cases = json.load(sys.stdin)
router = sys.argv[1]
sockets = {}
for name in ("a", "b"):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.bind((name + "p", 0))
    sockets[name] = s
def drain(seconds):
    seen = []
    end = time.time() + seconds
    while True:
        ready, _, _ = select.select(list(sockets.values()), [], [], max(0, end - time.time()))
        if not ready:
            return seen
        for name, s in sockets.items():
            if s in ready:
                data, address = s.recvfrom(65535)
                if address[2] != 4 and not data[0] & 1 and data[12:14] in (b"\\x08\\x00", b"\\x86\\xdd"):
                    seen.append([name, data.hex()])
def enter(*command):
    return subprocess.run(["nsenter", "-t", router, "-n", *command], capture_output=True, text=True).stdout
drain(0.2)
results = []
for case in cases:
    outputs = []
    for step in case["steps"]:
        if isinstance(step, (int, float)):
            time.sleep(step)
            continue
        sockets[step["at"]].send(bytes.fromhex(step["frame"]))
        outputs += drain(0.03)
    listing = enter("cat", "/proc/net/nf_conntrack")
    enter("conntrack", "-F")
    results.append({"name": case["name"], "outputs": outputs, "connections": listing.splitlines()})
print(json.dumps(results))
`;

const { a, b, clientMac, serverMac } = ethernetHex;
const mac = (hex: string): string => hex.replace(/..(?=.)/g, '$&:');

const SETUP = `
set -e
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.accept_dad=0
sysctl -qw net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0
ip link add dev a address ${mac(a)} type veth peer name ap address ${mac(clientMac)} netns $1
ip link add dev b address ${mac(b)} type veth peer name bp address ${mac(serverMac)} netns $1
nsenter -t $1 -n sysctl -qw net.ipv6.conf.all.disable_ipv6=1
for d in a b; do
  sysctl -qw net.ipv6.conf.$d.accept_dad=0
  ip link set dev $d addrgenmode none
  ip link set dev $d up
  nsenter -t $1 -n ip link set dev \${d}p up
done
ip addr add 10.0.1.1/24 dev a; ip addr add 10.0.2.1/24 dev b
ip addr add fd00:1::1/64 dev a nodad; ip addr add fd00:2::1/64 dev b nodad
for host in 10.0.1.2 10.0.1.3 fd00:1::2; do ip neigh add $host lladdr ${mac(clientMac)} dev a; done
for host in 10.0.2.2 10.0.2.3 10.0.2.9 fd00:2::2 fd00:2::3; do ip neigh add $host lladdr ${mac(serverMac)} dev b; done
`;

/** `rules` are those of iptables and of ip6tables, as iptables-restore reads them; `setUp` is run in the router. */
export function runOnKernel(
  kernelCases: readonly KernelCase[],
  rules: readonly [string, string],
  setUp = '',
): readonly CaseResult[] {
  const holders = ['router', 'ends'].map(() => spawn('unshare', ['-n', 'sleep', '60'], { stdio: 'ignore' }));
  try {
    const [router, ends] = holders.map(({ pid }) => String(pid));
    // Until both have left our namespace.
    execFileSync('sh', [
      '-c',
      `for p in ${router} ${ends}; do for i in $(seq 100); do [ "$(readlink /proc/$p/ns/net)" != "$(readlink /proc/self/ns/net)" ] && break; sleep 0.02; done; done`,
    ]);
    execFileSync('nsenter', ['-t', router, '-n', 'sh', '-c', SETUP, 'setup', ends], { stdio: 'pipe' });
    ['iptables', 'ip6tables'].forEach((tool, i) => {
      execFileSync('nsenter', ['-t', router, '-n', `${tool}-restore`], { input: rules[i], stdio: 'pipe' });
    });
    execFileSync('nsenter', ['-t', router, '-n', 'sh', '-ec', setUp], { stdio: 'pipe' });
    const cases = kernelCases.map(({ name, steps }) => ({
      name,
      steps: steps.map((step) =>
        typeof step === 'number' ? step : { at: step.at, frame: Buffer.from(step.frame).toString('hex') },
      ),
    }));
    const input = JSON.stringify(cases);
    const output = execFileSync('nsenter', ['-t', ends, '-n', 'python3', '-c', DRIVER, router], {
      input,
      timeout: 60_000,
    });
    return JSON.parse(output.toString()) as CaseResult[];
  } finally {
    for (const holder of holders) holder.kill();
  }
}
