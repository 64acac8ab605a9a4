/**
 * The network of the comparison: a client that only sends what it is told to, two routers and a server.
 *
 *   client cl – a r1 b – c r2 d – e server        10.0.1.0/24, 10.0.2.0/24, 10.0.3.0/24, and fd00:1::/64 …
 *
 * The link of the server has an MTU of 1280. Nobody but the client has a neighbour entry from the start.
 */
export const MACS = {
  a: '02000000000a',
  b: '02000000000b',
  c: '02000000000c',
  d: '02000000000d',
  e: '02000000000e',
} as const;
export const CLIENT_MAC = '0200000000c1';

export type DeviceName = keyof typeof MACS | 'cl';
export const SERVER_LINK_MTU = 1280;

/** By device: address and prefix length, both families. */
export const ADDRESSES: Readonly<Record<keyof typeof MACS, readonly string[]>> = {
  a: ['10.0.1.1/24', 'fd00:1::1/64'],
  b: ['10.0.2.1/24', 'fd00:2::1/64'],
  c: ['10.0.2.2/24', 'fd00:2::2/64'],
  d: ['10.0.3.1/24', 'fd00:3::1/64'],
  e: ['10.0.3.2/24', 'fd00:3::2/64'],
};

/** Machines, their devices, and what `ip` adds to them. */
export const MACHINES = [
  {
    name: 'r1',
    devices: ['a', 'b'],
    routes: [
      '10.0.3.0/24 via 10.0.2.2 dev b',
      'fd00:3::/64 via fd00:2::2 dev b',
      'blackhole 10.9.1.0/24',
      'unreachable 10.9.2.0/24',
      'prohibit 10.9.3.0/24',
      'blackhole fd00:9:1::/64',
      'unreachable fd00:9:2::/64',
      'prohibit fd00:9:3::/64',
      '10.7.0.0/16 via 10.0.2.2 dev b table 100',
      'unreachable default table 101',
    ],
    rules: [
      'from 10.0.1.40 lookup 100 pref 50',
      'from 10.0.1.41 prohibit pref 51',
      'to 10.8.0.0/16 iif a lookup 101 pref 52',
      'not from 0.0.0.0/1 lookup 101 pref 53',
    ],
  },
  {
    name: 'r2',
    devices: ['c', 'd'],
    routes: ['10.0.1.0/24 via 10.0.2.1 dev c', 'fd00:1::/64 via fd00:2::1 dev c', 'unreachable 10.7.0.0/16'],
    rules: [],
  },
  {
    name: 'server',
    devices: ['e'],
    routes: ['default via 10.0.3.1 dev e', 'default via fd00:3::1 dev e'],
    rules: [],
  },
] as const;

/** rp_filter by device. */
export const REVERSE_PATH_FILTERS: Readonly<Record<string, number>> = { a: 2, c: 1 };

/** Addresses that are the client's, as r1 knows them. */
export const CLIENTS = Array.from({ length: 60 }, (_, i) => i + 2).flatMap((i) => [
  `10.0.1.${i}`,
  `fd00:1::${i.toString(16)}`,
]);

export const WIRES = [
  ['cl', 'a'],
  ['b', 'c'],
  ['d', 'e'],
] as const;
