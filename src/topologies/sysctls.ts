/** Settings of a machine's kernel (`sysctl`), as far as the emulated one has what they set. */
import type { Device } from '../engine/device.js';
import type { HostStack } from '../engine/stack/host-stack.js';
import { type FaultList, type Path, suggestion } from './faults.js';
import type { PlannedDevice } from './plan.js';

export interface PlannedSysctl {
  readonly setting: Setting;
  /** Name of the device for those that are per device, else empty: for all of them. */
  readonly device: string;
  readonly value: number;
}

interface Setting {
  /** The name; DEV stands for `all`, `default` or a device. */
  readonly name: string;
  readonly least: number;
  readonly most: number;
  readonly apply: (stack: HostStack, value: number, devices: readonly Device[], device: string) => void;
}

const flag = { least: 0, most: 1 } as const;
const count = { least: 0, most: 0x7fffffff } as const;

const SETTINGS: readonly Setting[] = [
  {
    name: 'net.ipv4.ip_forward',
    ...flag,
    apply: ({ namespace }, value) => setIpv4Forwarding(namespace, value),
  },
  {
    name: 'net.ipv4.conf.DEV.forwarding',
    ...flag,
    apply: ({ namespace }, value, devices, device) => {
      if (device === 'all') setIpv4Forwarding(namespace, value);
      else for (const one of devices) one.ipv4Forwarding = value === 1;
    },
  },
  {
    // The larger one of a device's own and that of all counts.
    name: 'net.ipv4.conf.DEV.rp_filter',
    least: 0,
    most: 2,
    apply: (_, value, devices) => {
      for (const one of devices) one.reversePathFilter = Math.max(one.reversePathFilter, value);
    },
  },
  {
    name: 'net.ipv4.conf.DEV.accept_local',
    ...flag,
    apply: (_, value, devices) => {
      for (const one of devices) one.acceptLocal ||= value === 1;
    },
  },
  {
    name: 'net.ipv4.conf.DEV.send_redirects',
    ...flag,
    apply: ({ redirects }, value, devices, device) => {
      if (device === 'all') redirects.sendsOnAll = value === 1;
      else for (const one of devices) one.sendRedirects = value === 1;
    },
  },
  {
    name: 'net.ipv4.conf.DEV.accept_redirects',
    ...flag,
    apply: ({ redirects }, value, devices, device) => {
      if (device === 'all') redirects.acceptsOnAll = value === 1;
      else for (const one of devices) one.acceptRedirects = value === 1;
    },
  },
  {
    name: 'net.ipv4.conf.DEV.shared_media',
    ...flag,
    apply: ({ redirects }, value, devices, device) => {
      if (device === 'all') redirects.sharesOnAll = value === 1;
      else for (const one of devices) one.sharesMedia = value === 1;
    },
  },
  {
    name: 'net.ipv4.fib_multipath_hash_policy',
    ...flag,
    apply: ({ namespace: { flowHash } }, value) => {
      flowHash.ipv4Policy = value;
    },
  },
  {
    name: 'net.ipv6.fib_multipath_hash_policy',
    ...flag,
    apply: ({ namespace: { flowHash } }, value) => {
      flowHash.ipv6Policy = value;
    },
  },
  {
    name: 'net.ipv4.fib_multipath_hash_seed',
    least: 1,
    most: 0xffffffff,
    apply: ({ namespace: { flowHash } }, value) => {
      flowHash.seed = value;
    },
  },
  {
    name: 'net.ipv6.conf.all.forwarding',
    ...flag,
    apply: ({ namespace }, value) => {
      namespace.ipv6Forwarding = value === 1;
    },
  },
  {
    name: 'net.ipv4.ip_default_ttl',
    least: 1,
    most: 255,
    apply: ({ errors }, value) => {
      errors.timeToLive = value;
    },
  },
  {
    name: 'net.ipv6.conf.all.hop_limit',
    least: 1,
    most: 255,
    apply: ({ errors }, value) => {
      errors.hopLimit = value;
    },
  },
  {
    name: 'net.ipv4.icmp_ratelimit',
    ...count,
    apply: ({ errors }, value) => {
      errors.ipv4Limit.intervalNs = value * 1e6;
    },
  },
  {
    name: 'net.ipv4.icmp_ratemask',
    ...count,
    apply: ({ errors }, value) => {
      errors.ipv4LimitedTypes = value;
    },
  },
  {
    name: 'net.ipv4.icmp_msgs_per_sec',
    ...count,
    apply: ({ errors: { ipv4Limit, ipv6Limit } }, value) => {
      for (const limit of [ipv4Limit, ipv6Limit]) limit.perSecond = value;
    },
  },
  {
    name: 'net.ipv4.icmp_msgs_burst',
    ...count,
    apply: ({ errors: { ipv4Limit, ipv6Limit } }, value) => {
      for (const limit of [ipv4Limit, ipv6Limit]) limit.burst = value;
    },
  },
  {
    name: 'net.ipv4.icmp_echo_ignore_all',
    ...flag,
    apply: (stack, value) => {
      stack.answersEcho = value === 0;
    },
  },
  {
    name: 'net.ipv6.icmp.ratelimit',
    ...count,
    apply: ({ errors }, value) => {
      errors.ipv6Limit.intervalNs = value * 1e6;
    },
  },
  tracking('be_liberal', flag, (settings, value) => {
    settings.beLiberal = value === 1;
  }),
  tracking('loose', flag, (settings, value) => {
    settings.loose = value === 1;
  }),
  tracking('ignore_invalid_rst', flag, (settings, value) => {
    settings.ignoreInvalidReset = value === 1;
  }),
  tracking('max_retrans', { least: 0, most: 255 }, (settings, value) => {
    settings.maximumRetransmissions = value;
  }),
];

/** A setting of how conntrack takes TCP. */
function tracking(
  name: string,
  range: { readonly least: number; readonly most: number },
  apply: (settings: HostStack['namespace']['tcpTracking'], value: number) => void,
): Setting {
  return {
    name: `net.netfilter.nf_conntrack_tcp_${name}`,
    ...range,
    apply: ({ namespace }, value) => apply(namespace.tcpTracking, value),
  };
}

function setIpv4Forwarding(namespace: HostStack['namespace'], value: number): void {
  namespace.ipv4Forwarding = value === 1;
  for (const device of namespace.devices) device.ipv4Forwarding = null;
}

/** Reads `sysctls:`; faults are reported at `path`. Those for all come first, as they are overridden by those for one. */
export function readSysctls(
  spec: Readonly<Record<string, string | number | boolean>>,
  devices: readonly PlannedDevice[],
  path: Path,
  faults: FaultList,
): PlannedSysctl[] {
  const names = devices.map(({ name }) => name);
  const planned = Object.entries(spec).flatMap(([name, given]): PlannedSysctl[] => {
    const at = [...path, name];
    const found = find(name.replaceAll('/', '.'));
    if (found === null) {
      const known = SETTINGS.map((setting) => setting.name);
      faults.error(
        at,
        `there is no such setting here${suggestion(name, known) || `; there are ${known.join(', ')}`}`,
      );
      return [];
    }
    const { setting, device } = found;
    if (!['', 'all', 'default', ...names].includes(device)) {
      faults.error(
        at,
        `there is no device ${device}${suggestion(device, names) || `; there are all, default, ${names.join(', ')}`}`,
      );
      return [];
    }
    const value = given === true ? 1 : given === false ? 0 : Number(given);
    if (!Number.isInteger(value) || value < setting.least || value > setting.most) {
      faults.error(
        at,
        `${JSON.stringify(given)} is not a whole number from ${setting.least} to ${setting.most}`,
      );
      return [];
    }
    return [{ setting, device, value }];
  });
  const isForOne = ({ device }: PlannedSysctl): number => Number(names.includes(device));
  return planned.sort((a, b) => isForOne(a) - isForOne(b));
}

function find(name: string): { setting: Setting; device: string } | null {
  for (const setting of SETTINGS) {
    if (setting.name === name) return { setting, device: '' };
    const [before, after] = setting.name.split('DEV');
    if (after !== undefined && name.startsWith(before) && name.endsWith(after)) {
      return { setting, device: name.slice(before.length, name.length - after.length) };
    }
  }
  return null;
}

export function applySysctls(stack: HostStack, sysctls: readonly PlannedSysctl[]): void {
  const { devices } = stack.namespace;
  for (const { setting, device, value } of sysctls) {
    const one = devices.filter(({ name }) => name === device);
    setting.apply(stack, value, one.length > 0 ? one : devices, device);
  }
}
