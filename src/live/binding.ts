/** Which real interface carries the frames of which device of a topology. */
import type { Device } from '../engine/device.js';
import type { PortSpec } from '../io/live/live-port.js';
import type { BuiltTopology } from '../topologies/built.js';

/** Plain data: it is handed from thread to thread. */
export interface Binding {
  readonly port: PortSpec;
  /**
   * `NODE/DEVICE`. A pod's device stands for what the pod sends and gets; any other one for what leaves the network
   * there. Several devices share the port as they would a switch: their MACs tell them apart.
   */
  readonly devices: readonly string[];
  /** Least MTU of the port; one that is smaller is refused. */
  readonly minimumMtu?: number;
  /** Next hops behind the port, whose MAC is that of the port's interface; 4 or 16 bytes. */
  readonly nextHops?: readonly Uint8Array[];
  /** The port takes the place of the link that the topology has the devices on. */
  readonly replacesLink?: boolean;
}

export interface NumberedBinding extends Binding {
  /** The port's number, as long as it is open: the same for all workers. */
  readonly row: number;
}

/** What tells one port from another. */
export function portKey({ port }: Binding): string {
  return `${port.plugin}:${port.namespace ?? ''}:${port.name}`;
}

/** A device of a node's own, with its name; throws where the topology, which was checked, has none. */
export function boundDevices(built: BuiltTopology, binding: Binding): Device[] {
  return binding.devices.map((name) => {
    const device = built.device(name);
    if (device === null) throw new Error(`binding: no device ${name}`);
    return device;
  });
}

/** Where frames for a device's port end their walks: in the pod behind it, or at the device itself. */
export function outletOf(device: Device): Device {
  const { peer } = device;
  return peer !== null && peer.namespace !== device.namespace ? peer : device;
}
