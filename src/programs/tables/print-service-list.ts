/** `cilium-dbg service list`: what the agent tells of its services, read back from the maps. As of 1.18. */
import type { BpfMap } from '../../engine/maps/map.js';
import { recordsOf } from '../../engine/maps/records.js';
import { u16be, u16le, u32le } from './names.js';
import {
  backendText,
  FLAGS_AT,
  frontendText,
  REVERSE_NAT_AT,
  serviceTypeName,
  stateText,
} from './print-services.js';
import { tabulate } from './tab-writer.js';

export interface ListedService {
  readonly id: number;
  /** `10.96.0.1:443/TCP`. */
  readonly frontend: string;
  readonly type: string;
  /** `172.18.0.3:6443/TCP (active)`, by slot. */
  readonly backends: readonly string[];
}

function servicesOf(services: BpfMap, backends: BpfMap): ListedService[] {
  const texts = new Map(
    recordsOf(backends).map(({ key, value }) => [
      u32le(key, 0),
      `${backendText(value)} (${stateText(value)})`,
    ]),
  );
  const length = services.spec.keySize === 12 ? 4 : 16;
  const all = recordsOf(services).map(({ key, value }) => ({
    slot: u16le(key, length + 2),
    frontend: frontendText(key),
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
