/**
 * The network of the comparison as Linux has it: a network namespace per machine, which go with the processes that hold
 * them. Packet sockets see what tcpdump would, per machine in the order in which its kernel did it.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { toHex } from '../../support/hex.js';
import type { Case } from './cases.js';
import {
  ADDRESSES,
  CLIENT_MAC,
  CLIENTS,
  MACHINES,
  MACS,
  REVERSE_PATH_FILTERS,
  SERVER_LINK_MTU,
  WIRES,
} from './lab-addresses.js';
import type { Sights } from './results.js';

/** Why the lab cannot be built here, or null. */
export function whyNoLab(): string | null {
  if (process.getuid?.() !== 0) return 'needs root';
  for (const tool of ['ip', 'unshare', 'nsenter', 'python3', 'sysctl']) {
    if (spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0) return `needs ${tool}`;
  }
  return spawnSync('unshare', ['-n', 'true']).status === 0 ? null : 'needs network namespaces';
}

/** Arguments: the process of each machine's namespace. Sends the frames of stdin's cases from the client's device. */
const DRIVER = `
import ctypes, json, os, select, socket, sys, time
libc = ctypes.CDLL(None, use_errno=True)
cases = json.load(sys.stdin)
sockets = {}
for name, pid in zip(("client", "r1", "r2", "server"), sys.argv[1:]):
    fd = os.open("/proc/%s/ns/net" % pid, os.O_RDONLY)
    if libc.setns(fd, 0) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
    sockets[name] = s
    if name == "client":
        sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        sender.bind(("cl", 0))
    names = dict((index, device) for index, device in socket.if_nameindex())
def drain(seconds, seen):
    end = time.time() + seconds
    while True:
        ready, _, _ = select.select(list(sockets.values()), [], [], max(0, end - time.time()))
        if not ready:
            return
        for name, s in sockets.items():
            if s in ready:
                data, address = s.recvfrom(65535)
                if address[0] != "lo":
                    seen[name].append([address[0], "out" if address[2] == 4 else "in", data.hex()])
def nothing():
    return dict((name, []) for name in sockets)
drain(0.3, nothing())
results = []
for case in cases:
    seen = nothing()
    for step in case:
        if isinstance(step, (int, float)):
            drain(step, seen)
        else:
            sender.send(bytes.fromhex(step))
            drain(0.03, seen)
    results.append(seen)
print(json.dumps(results))
`;

const mac = (hex: string): string => hex.replace(/..(?=.)/g, '$&:');

/** Everything quiet: no solicitations, probes or redirects of its own accord. */
const QUIET = `
sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.router_solicitations=0
sysctl -qw net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0
sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
sysctl -qw net.ipv4.icmp_msgs_per_sec=10000 net.ipv4.icmp_msgs_burst=1000 net.ipv6.icmp.ratelimit=1000
`;

function setUp(devices: readonly string[], forwards: boolean): string {
  const lines = devices.flatMap((device) => [
    `sysctl -qw net.ipv4.neigh.${device}.delay_first_probe_time=120 net.ipv6.neigh.${device}.delay_first_probe_time=120`,
    `sysctl -qw net.ipv4.neigh.${device}.base_reachable_time_ms=600000 net.ipv6.neigh.${device}.base_reachable_time_ms=600000`,
    `sysctl -qw net.ipv4.conf.${device}.rp_filter=${REVERSE_PATH_FILTERS[device] ?? 0}`,
    `ip link set dev ${device} ${device === 'd' || device === 'e' ? `mtu ${SERVER_LINK_MTU}` : ''} up`,
    ...ADDRESSES[device as keyof typeof ADDRESSES].map(
      (address) => `ip addr add ${address} ${address.includes(':') ? 'nodad' : 'brd +'} dev ${device}`,
    ),
  ]);
  if (forwards) lines.unshift('sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1');
  return ['set -e', ...lines].join('\n');
}

export function runOnKernel(cases: readonly Case[]): readonly Sights[] {
  const names = ['client', ...MACHINES.map(({ name }) => name)];
  const holders = names.map(() => spawn('unshare', ['-n', 'sleep', '60'], { stdio: 'ignore' }));
  try {
    const pids = holders.map(({ pid }) => String(pid));
    // Until all have left our namespace.
    execFileSync('sh', [
      '-c',
      `for p in ${pids.join(' ')}; do for i in $(seq 100); do [ "$(readlink /proc/$p/ns/net)" != "$(readlink /proc/self/ns/net)" ] && break; sleep 0.02; done; done`,
    ]);
    const inside = (name: string, script: string): void => {
      execFileSync('nsenter', ['-t', pids[names.indexOf(name)], '-n', 'sh', '-c', script], { stdio: 'pipe' });
    };
    const machineOf = (device: string): string =>
      MACHINES.find(({ devices }) => (devices as readonly string[]).includes(device))?.name ?? 'client';
    const macOf = (device: string): string => mac(MACS[device as keyof typeof MACS] ?? CLIENT_MAC);
    for (const name of names) inside(name, QUIET);
    for (const [one, other] of WIRES) {
      const peer = pids[names.indexOf(machineOf(other))];
      inside(
        machineOf(one),
        `ip link add name ${one} address ${macOf(one)} type veth peer name ${other} address ${macOf(other)} netns ${peer}`,
      );
    }
    inside('client', 'sysctl -qw net.ipv6.conf.cl.disable_ipv6=1; ip link set dev cl up');
    for (const { name, devices } of MACHINES) inside(name, setUp(devices, name !== 'server'));
    for (const { name, routes, rules } of MACHINES) {
      inside(
        name,
        ['set -e', ...routes.map((route) => `ip ${route.includes(':') ? '-6 ' : ''}route add ${route}`)].join(
          '\n',
        ),
      );
      inside(name, ['set -e', ...rules.map((rule) => `ip rule add ${rule}`)].join('\n'));
    }
    inside(
      'r1',
      CLIENTS.map((address) => `ip neigh add ${address} lladdr ${mac(CLIENT_MAC)} dev a`).join('\n'),
    );
    const input = JSON.stringify(
      cases.map(({ steps }) => steps.map((step) => (typeof step === 'number' ? step : toHex(step)))),
    );
    const output = execFileSync('python3', ['-c', DRIVER, ...pids], {
      input,
      timeout: 50_000,
      maxBuffer: 1 << 26,
    });
    const seen = JSON.parse(output.toString()) as Record<string, [string, 'in' | 'out', string][]>[];
    return seen.map((byMachine) =>
      Object.fromEntries(
        Object.entries(byMachine).map(([name, sights]) => [
          name,
          sights.map(([device, way, frame]) => ({ device, way, frame })),
        ]),
      ),
    );
  } finally {
    for (const holder of holders) holder.kill();
  }
}
