import type { Device } from '../engine/device.js';
import type { BuiltTopology } from '../topologies/built.js';
import { suggestion } from '../topologies/faults.js';
import { UsageError } from './exit-codes.js';
import { plural } from './numbers.js';

/** The device that an option names as `DEVICE` or `NODE/DEVICE`. Throws UsageError, which begins with `option`. */
export function findDevice(built: BuiltTopology, name: string, option: string): Device {
  const device = built.device(name);
  if (device !== null) return device;
  const all = built.network.nodes.flatMap((node) =>
    node.host.devices.map((candidate) => `${node.name}/${candidate.name}`),
  );
  const same = all.filter((candidate) => candidate.endsWith(`/${name}`));
  if (same.length > 1) {
    throw new UsageError(`${option}: ${plural(same.length, 'node')} have it; give ${same.join(' or ')}`);
  }
  const names = [...all, ...all.map((candidate) => candidate.slice(candidate.indexOf('/') + 1))];
  const hint = suggestion(name, names) || `; there are ${all.join(', ')}`;
  throw new UsageError(`${option}: no such device in topology ${built.plan.name}${hint}`);
}
