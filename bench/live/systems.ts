/** What joins two network namespaces: packetwalk, and what it is measured against. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

/** The two ends while a system stands. */
export interface Joined {
  readonly client: string;
  readonly server: string;
  /** Where the client finds the server. */
  readonly address: string;
  readonly answersPings: boolean;
  close(): Promise<void>;
}

export interface System {
  readonly name: string;
  /** Program that it needs besides `ip`. */
  readonly needs: string | null;
  open(): Promise<Joined>;
}

const CLIENT = `pwb${process.pid}-a`;
const SERVER = `pwb${process.pid}-b`;
const MIDDLE = `pwb${process.pid}-m`;
const CLIENT_ADDRESS = '10.99.0.1';
const SERVER_ADDRESS = '10.99.0.2';

export function isInstalled(program: string): boolean {
  return (process.env.PATH ?? '').split(path.delimiter).some((directory) => {
    try {
      accessSync(path.join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function ip(line: string): void {
  execFileSync('ip', line.split(' '), { stdio: ['ignore', 'ignore', 'inherit'] });
}

function addNamespaces(...names: string[]): void {
  for (const name of names) {
    ip(`netns add ${name}`);
    ip(`-n ${name} link set lo up`);
  }
}

function configure(): void {
  ip(`-n ${CLIENT} addr add ${CLIENT_ADDRESS}/24 dev eth0`);
  ip(`-n ${SERVER} addr add ${SERVER_ADDRESS}/24 dev eth0`);
  for (const name of [CLIENT, SERVER]) ip(`-n ${name} link set eth0 up`);
}

function joined(names: readonly string[], address = SERVER_ADDRESS, end?: () => Promise<void>): Joined {
  return {
    client: CLIENT,
    server: SERVER,
    address,
    answersPings: true,
    close: async () => {
      await end?.();
      for (const name of names) ip(`netns del ${name}`);
    },
  };
}

const veth: System = {
  name: 'veth',
  needs: null,
  open: async () => {
    addNamespaces(CLIENT, SERVER);
    ip(`link add eth0 netns ${CLIENT} type veth peer name eth0 netns ${SERVER}`);
    configure();
    return joined([CLIENT, SERVER]);
  },
};

/** Each end on a veth whose other end, `a` or `b`, is in the middle. */
function addVethsToMiddle(): void {
  addNamespaces(CLIENT, SERVER, MIDDLE);
  ip(`link add eth0 netns ${CLIENT} type veth peer name a netns ${MIDDLE}`);
  ip(`link add eth0 netns ${SERVER} type veth peer name b netns ${MIDDLE}`);
  for (const name of ['a', 'b']) ip(`-n ${MIDDLE} link set dev ${name} up`);
  configure();
}

const bridge: System = {
  name: 'bridge',
  needs: null,
  open: async () => {
    addVethsToMiddle();
    ip(`-n ${MIDDLE} link add br0 type bridge`);
    for (const name of ['a', 'b']) ip(`-n ${MIDDLE} link set dev ${name} master br0`);
    ip(`-n ${MIDDLE} link set br0 up`);
    return joined([CLIENT, SERVER, MIDDLE]);
  },
};

/** Open vSwitch's userspace datapath on veths; its processes live in the middle, its files in a directory of ours. */
function openVswitch(segments: boolean): System {
  return {
    name: segments ? 'ovs-netdev-tso' : 'ovs-netdev',
    needs: 'ovs-vswitchd',
    open: async () => {
      addVethsToMiddle();
      if (!segments) {
        for (const [name, device] of [
          [CLIENT, 'eth0'],
          [SERVER, 'eth0'],
          [MIDDLE, 'a'],
          [MIDDLE, 'b'],
        ]) {
          execFileSync(
            'ip',
            ['netns', 'exec', name, 'ethtool', '-K', device, 'tx', 'off', 'tso', 'off', 'gso', 'off'],
            {
              stdio: 'ignore',
            },
          );
        }
      }
      const directory = mkdtempSync(path.join(tmpdir(), 'pwb-'));
      const database = path.join(directory, 'conf.db');
      const socket = `unix:${path.join(directory, 'db.sock')}`;
      const env = { ...process.env, OVS_RUNDIR: directory, OVS_LOGDIR: directory, OVS_DBDIR: directory };
      const schema = '/usr/share/openvswitch/vswitch.ovsschema';
      execFileSync('ovsdb-tool', ['create', database, schema], { env });
      const vsctl = (...words: string[]): void => {
        execFileSync('ovs-vsctl', [`--db=${socket}`, ...words], { env, timeout: 20_000, stdio: 'ignore' });
      };
      const start = (...words: string[]): ChildProcess =>
        spawn('ip', ['netns', 'exec', MIDDLE, ...words], { env, stdio: 'ignore' });
      const server = start('ovsdb-server', `--remote=p${socket}`, database);
      await pause(700);
      vsctl('--no-wait', 'init');
      vsctl('--no-wait', 'set', 'Open_vSwitch', '.', `other_config:userspace-tso-enable=${segments}`);
      const daemon = start('ovs-vswitchd', socket, '--pidfile');
      await pause(700);
      vsctl('add-br', 'br0', '--', 'set', 'bridge', 'br0', 'datapath_type=netdev');
      vsctl('add-port', 'br0', 'a', '--', 'add-port', 'br0', 'b');
      return joined([CLIENT, SERVER, MIDDLE], SERVER_ADDRESS, async () => {
        for (const child of [daemon, server]) await end(child, 'SIGTERM');
        rmSync(directory, { recursive: true });
      });
    },
  };
}

const slirp: System = {
  name: 'slirp4netns',
  needs: 'slirp4netns',
  open: async () => {
    addNamespaces(CLIENT, SERVER);
    const words = [
      'slirp4netns',
      '--configure',
      '--mtu=65520',
      '--netns-type=path',
      `/run/netns/${CLIENT}`,
      'tap0',
    ];
    const child = spawn('ip', ['netns', 'exec', SERVER, ...words], { stdio: 'ignore' });
    await pause(1000);
    // Its gateway is the loopback of whoever runs it.
    return joined([CLIENT, SERVER], '10.0.2.2', () => end(child, 'SIGTERM'));
  },
};

/** A lab of one node; to the other pod, or to a service that leads there. */
function packetwalk(to: 'pod' | 'service', workers = 1): System {
  return {
    name: `packetwalk${to === 'pod' ? '' : '-service'}${workers === 1 ? '' : `-${workers}-workers`}`,
    needs: null,
    open: async () => {
      const directory = mkdtempSync(path.join(tmpdir(), 'pwb-'));
      const file = path.join(directory, 'bench.yaml');
      writeFileSync(file, topologyFor(to));
      const name = `b${process.pid}`;
      const args = [
        ...process.execArgv,
        MAIN,
        'lab',
        file,
        '--name',
        name,
        '--quiet',
        '--workers',
        String(workers),
      ];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
      await new Promise<void>((resolve, reject) => {
        let said = '';
        child.stderr.on('data', (data) => {
          said += data;
          if (said.includes('lab ready')) resolve();
        });
        child.once('exit', () => reject(new Error(said)));
      });
      return {
        client: `pw-${name}-client`,
        server: `pw-${name}-server`,
        address: to === 'pod' ? '10.99.1.2' : '10.99.2.1',
        answersPings: to === 'pod',
        close: async () => {
          await end(child, 'SIGINT');
          rmSync(directory, { recursive: true });
        },
      };
    },
  };
}

/** The service has the port that the measurements use. */
function topologyFor(to: 'pod' | 'service'): string {
  const service = `services: [{ name: s, clusterIP: 10.99.2.1, ports: [${['TCP', 'UDP']
    .map((protocol) => `{ port: 5201, protocol: ${protocol} }`)
    .join(', ')}], backends: [{ pod: server }] }]`;
  return `name: bench
cilium: { routing-mode: native, kube-proxy-replacement: true, bpf-lb-sock: false }
nodes:
  - name: node
    podCIDR: 10.99.1.0/24
    ciliumInternalIP: 10.99.1.254
    devices: [{ name: eth0, addresses: [10.99.0.1/24] }]
    pods: [{ name: client, ip: 10.99.1.1 }, { name: server, ip: 10.99.1.2 }]
${to === 'service' ? service : ''}
`;
}

/** In the order in which they are shown. */
export const systems: readonly System[] = [
  veth,
  bridge,
  openVswitch(false),
  openVswitch(true),
  slirp,
  packetwalk('pod'),
  packetwalk('service'),
  packetwalk('pod', 2),
];

/** Ends a process that was started here, and waits for it. */
async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await ended;
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Removes the namespaces, after a failure. */
export function removeLeftovers(): void {
  for (const name of [CLIENT, SERVER, MIDDLE]) {
    try {
      execFileSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
    } catch {
      // It was not made, or is gone.
    }
  }
}
