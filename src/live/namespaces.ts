/** Makes and removes the network namespaces of a lab by `ip` (iproute2). */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { BAD_INPUT, LiveError, MISSING } from '../io/live/live-error.js';
import { noTunDevice } from '../io/live/tap.js';
import { type LabNamespace, macText, TAP_QUEUE_LENGTH } from './lab-plan.js';

const NAMESPACES = '/run/netns';
/** What a shell answers for a program that is not there. */
const NOT_FOUND = 127;
const MAY_MOUNT =
  'run as root: network namespaces need CAP_SYS_ADMIN and CAP_NET_ADMIN ' +
  '(in a container: docker run --cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt apparmor=unconfined)';

/** Throws a LiveError that names the first namespace that is there already; `lab` is who would make them. */
export function checkFree(names: readonly string[], lab: string): void {
  const taken = names.find((name) => existsSync(`${NAMESPACES}/${name}`));
  if (taken === undefined) return;
  throw new LiveError(
    taken,
    'a network namespace of this name is there already',
    `remove what a lab left (packetwalk lab --clean ${lab}), or give another --name`,
    BAD_INPUT,
  );
}

/** Names of the namespaces that are there and begin with `prefix`. */
export function namespacesWith(prefix: string): string[] {
  if (!existsSync(NAMESPACES)) return [];
  return readdirSync(NAMESPACES).filter((name) => name.startsWith(prefix));
}

/** A namespace with its TAPs, of `queues` each, which stay when the process that serves them ends. */
export function makeNamespace({ name, interfaces, sysctls }: LabNamespace, queues: number): void {
  ip(['netns', 'add', name]);
  setSysctls(name, sysctls);
  ipBatch(
    name,
    interfaces.flatMap(({ name: device, mac, mtu }) => [
      `tuntap add dev ${device} mode tap vnet_hdr${queues > 1 ? ' multi_queue' : ''}`,
      `link set ${device} address ${macText(mac)} mtu ${mtu} txqueuelen ${TAP_QUEUE_LENGTH}`,
    ]),
  );
}

/** Addresses and routes, once the TAPs are served. */
export function configureNamespace({ name, interfaces, commands }: LabNamespace): void {
  ipBatch(name, [...interfaces.map((device) => `link set ${device.name} up`), ...commands]);
}

/** Removes a namespace with all that is in it; one that is not there is as good as removed. */
export function removeNamespace(name: string): void {
  if (existsSync(`${NAMESPACES}/${name}`)) ip(['netns', 'del', name]);
}

/**
 * sysctl(8) is not everywhere where `ip` is. In a container /proc/sys may be mounted read-only; `ip netns exec` has mounts
 * of its own, which are changed here.
 */
function setSysctls(namespace: string, sysctls: Readonly<Record<string, string>>): void {
  const writes = Object.entries(sysctls).map(([key, value]) => {
    const file = `/proc/sys/${key.replaceAll('.', '/')}`;
    return `[ ! -e ${file} ] || echo ${value} > ${file}`;
  });
  if (writes.length === 0) return;
  const script = [
    'set -e',
    '[ -w /proc/sys/net/ipv4/ip_forward ] || mount -o remount,bind,rw /proc/sys',
    ...writes,
  ].join('\n');
  try {
    runWhole(['netns', 'exec', namespace, 'sh'], script);
  } catch (error) {
    const fault = `its sysctls cannot be set: ${errorLine(error)}`;
    throw new LiveError(namespace, fault, MAY_MOUNT, MISSING, error);
  }
}

function ipBatch(namespace: string, lines: readonly string[]): void {
  ip(['-n', namespace, '-batch', '-'], `${lines.join('\n')}\n`);
}

/** Runs `ip`; throws a LiveError with its own words when it fails. */
function ip(args: readonly string[], input?: string): void {
  try {
    runWhole(args, input);
  } catch (error) {
    if ((error as { status?: number }).status === NOT_FOUND) {
      throw new LiveError('ip', 'iproute2 is not installed', 'apt install iproute2', MISSING);
    }
    const line = errorLine(error);
    if (/^open: No such (file|device)/.test(line)) throw noTunDevice('lab');
    const command = `ip ${args.filter((word) => word !== '-').join(' ')}`;
    if (/not permitted|Permission denied/i.test(line)) {
      throw new LiveError(command, line, MAY_MOUNT, MISSING);
    }
    throw new LiveError(command, line, 'see: ip netns list', BAD_INPUT);
  }
}

/** Runs `ip` to its end: Ctrl-C, which a terminal sends to all of a command's processes, is the lab's alone. */
function runWhole(args: readonly string[], input = ''): void {
  execFileSync('sh', ['-c', 'trap "" INT; exec ip "$@"', 'ip', ...args], { input, stdio: 'pipe' });
}

/** The first line of what a program that failed has said. */
function errorLine(error: unknown): string {
  const { stderr, message } = error as Error & { stderr?: string | Buffer | null };
  return (stderr?.toString().trim() || message).split('\n')[0];
}
