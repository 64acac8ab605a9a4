/** `cilium-dbg service list`: what the agent tells of its services, read back from the maps. As of 1.18. */
import type { BpfMap } from '../../engine/maps/map.js';
import { recordsOf } from '../../engine/maps/records.js';
import { addressPort, protocolName, u16be, u16le, u32le } from './names.js';
import { serviceTypeName } from './print-services.js';
import { SCOPE_INTERNAL } from './services.js';
import { tabulate } from './tab-writer.js';

const REVERSE_NAT_AT = 6;
const FLAGS_AT = 8;
const STATES = ['active', 'terminating', 'quarantined', 'maintenance'];

export interface ListedService {
  readonly id: number;
  /** `10.96.0.1:443/TCP`. */
  readonly frontend: string;
  readonly type: string;
  /** `172.18.0.3:6443/TCP (active)`, by slot. */
  readonly backends: readonly string[];
}

function servicesOf(services: BpfMap, backends: BpfMap): ListedService[] {
  const texts = new Map(recordsOf(backends).map(({ key, value }) => [u32le(key, 0), backendText(value)]));
  const length = services.spec.keySize === 12 ? 4 : 16;
  const all = recordsOf(services).map(({ key, value }) => ({
    slot: u16le(key, length + 2),
    frontend: frontendText(key, length),
    value,
  }));
  return all
    .filter(({ slot }) => slot === 0)
    .map(({ frontend, value }) => ({
      id: u16be(value, REVERSE_NAT_AT),
      frontend,
      type: serviceTypeName(u16le(value, FLAGS_AT)),
      backends: all
        .filter((other) => other.frontend === frontend && other.slot > 0)
        .sort((a, b) => a.slot - b.slot)
        .flatMap((other) => texts.get(u32le(other.value, 0)) ?? []),
    }));
}

function frontendText(key: Uint8Array, length: number): string {
  const scope = key[length + 5] === SCOPE_INTERNAL ? '/i' : '';
  return `${addressPort(key, 0, length, u16be(key, length))}/${protocolName(key[length + 4])}${scope}`;
}

function backendText(value: Uint8Array): string {
  const length = value.length === 12 ? 4 : 16;
  const backend = `${addressPort(value, 0, length, u16be(value, length))}/${protocolName(value[length + 2])}`;
  return `${backend} (${STATES[value[length + 3]] ?? value[length + 3]})`;
}

/** Services of all families, `[services, backends]` each, by id. */
export function listedServices(
  maps: readonly (readonly [services: BpfMap, backends: BpfMap])[],
): ListedService[] {
  return maps.flatMap(([services, backends]) => servicesOf(services, backends)).sort((a, b) => a.id - b.id);
}

/** The table, every line padded. */
export function serviceListText(all: readonly ListedService[]): string {
  const lines = all.flatMap(({ id, frontend, type, backends }) => {
    const numbered = backends.map((backend, i) => `${i + 1} => ${backend}`);
    const [first = '', ...others] = numbered;
    return [`${id}\t${frontend}\t${type}\t${first}\t\n`, ...others.map((backend) => `\t\t\t${backend}\t\n`)];
  });
  return tabulate(`ID\tFrontend\tService Type\tBackend\t\n${lines.join('')}`);
}
