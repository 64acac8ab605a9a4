/** `--device DEVICE=PLUGIN:INTERFACE[@NAMESPACE]`: a device of a topology on a real interface. */
import { formatMac } from '../../engine/address-text.js';
import { parsePort, portName } from '../../io/live/open.js';
import type { Binding } from '../../live/binding.js';
import { suggestion } from '../../topologies/faults.js';
import type { Plan, PlannedDevice, PlannedNode, PlannedPod, PlannedRouter } from '../../topologies/plan.js';
import { UsageError } from '../exit-codes.js';

interface Place {
  readonly machine: string;
  readonly device: PlannedDevice;
  /** The pod behind the device. */
  readonly pod: PlannedPod | null;
}

/** Throws UsageError for a device that the topology does not have, LiveError for a plugin that there is not. */
export function readDevices(plan: Plan, texts: readonly string[]): Binding[] {
  const bindings = texts.map((text) => readDevice(plan, text));
  bindings.forEach(({ devices, port }, i) => {
    const same = bindings
      .slice(0, i)
      .find((other) => other.devices[0] === devices[0] || isSamePort(other, port));
    if (same === undefined) return;
    const what = same.devices[0] === devices[0] ? devices[0] : portName(port);
    throw new UsageError(`--device ${texts[i]}: ${what} is bound already`);
  });
  return bindings;
}

function isSamePort({ port }: Binding, other: Binding['port']): boolean {
  return port.name === other.name && port.namespace === other.namespace;
}

function readDevice(plan: Plan, text: string): Binding {
  const equals = text.indexOf('=');
  if (equals < 1)
    throw new UsageError(`--device ${text}: write DEVICE=PLUGIN:INTERFACE, as eth0=af-packet:veth7`);
  const { machine, device, pod } = findDevice(plan, text.slice(0, equals));
  const [portText, namespace, ...rest] = text.slice(equals + 1).split('@');
  if (rest.length > 0 || namespace === '') {
    throw new UsageError(`--device ${text}: write INTERFACE@NAMESPACE for an interface in another namespace`);
  }
  const port = parsePort(portText);
  const isTap = port.plugin === 'tap';
  return {
    port: {
      ...port,
      ...(namespace === undefined ? {} : { namespace }),
      // A TAP's other end is the pod's own device, or on the link of the node's.
      ...(isTap ? { mtu: device.mtu } : {}),
      ...(isTap && pod !== null ? { mac: pod.mac } : {}),
    },
    devices: [`${machine}/${device.name}`],
    minimumMtu: device.mtu,
    replacesLink: pod === null,
  };
}

/** By `NODE/DEVICE`, `DEVICE` where only one machine has it, or a pod's name. */
function findDevice(plan: Plan, name: string): Place {
  const machines: readonly (PlannedNode | PlannedRouter)[] = [...plan.nodes, ...plan.routers];
  const places = machines.flatMap((machine) =>
    machine.devices.map((device): Place => {
      const pods = 'pods' in machine ? machine.pods : [];
      const pod = pods.find((candidate) => candidate.device.name === device.name) ?? null;
      return { machine: machine.name, device, pod };
    }),
  );
  const bindable = places.filter(
    ({ device, pod }) => pod !== null || (device.kind === 'physical' && device.peer === null),
  );
  const found = bindable.filter(
    ({ machine, device, pod }) =>
      name === `${machine}/${device.name}` || name === device.name || name === pod?.name,
  );
  if (found.length === 1) return found[0];
  const names = bindable.map(({ machine, device }) => `${machine}/${device.name}`);
  if (found.length > 1) {
    const which = found.map(({ machine, device }) => `${machine}/${device.name}`).join(' or ');
    throw new UsageError(`--device ${name}: which one? ${which}`);
  }
  const hint = suggestion(name, names) || `; there are ${names.join(', ')}`;
  if (places.some(({ machine, device }) => name === device.name || name === `${machine}/${device.name}`)) {
    throw new UsageError(`--device ${name}: neither leads to a pod nor outside${hint}`);
  }
  throw new UsageError(`--device ${name}: the topology ${plan.name} has no such device${hint}`);
}

/** What binding them does, in lines for people. */
export function devicesText(bindings: readonly Binding[]): string {
  return bindings
    .map(({ devices, port, minimumMtu, replacesLink }) => {
      const where = port.namespace === undefined ? '' : ` in ${port.namespace}`;
      const how =
        port.plugin === 'tap'
          ? `makes the TAP ${port.name}${where}, or takes the one that is there`
          : `takes the frames of ${port.name}${where}`;
      const what =
        replacesLink === true ? 'what leaves the node there goes out' : 'it is the device of the pod';
      return `${devices[0]}: ${how}; ${what}; MTU at least ${minimumMtu}\n`;
    })
    .join('');
}

/** The same for programs: one JSON array. */
export function devicesJson(bindings: readonly Binding[]): string {
  const objects = bindings.map(({ devices, port: { plugin, name, namespace, mac, mtu }, ...rest }) => ({
    device: devices[0],
    plugin,
    interface: name,
    namespace: namespace ?? null,
    mac: mac === undefined ? null : formatMac(mac),
    mtu: mtu ?? null,
    ...rest,
  }));
  return `${JSON.stringify(objects)}\n`;
}
