/**
 * Takes frames from ports to ports through a topology, in bursts: up to 64 from each port that has some, each walked to
 * its end, then what came out of the network goes to its ports in batches. There is no queue in between that could grow:
 * what a port does not take is lost there and counted, and what is not read waits in the kernel.
 */
import type { Clock } from '../engine/clock.js';
import type { Device } from '../engine/device.js';
import * as fate from '../engine/fate.js';
import type { FrameArena } from '../engine/frame-arena.js';
import { DatagramMerger } from '../engine/offload/datagram-merger.js';
import type { PacketContext } from '../engine/packet.js';
import type { Walker } from '../engine/walker.js';
import * as ethernet from '../engine/wire/ethernet.js';
import * as udp from '../engine/wire/udp.js';
import type { LivePort } from '../io/live/live-port.js';
import type { BuiltTopology } from '../topologies/built.js';
import { boundDevices, type NumberedBinding, outletOf } from './binding.js';
import { FOR_ALL_WORKERS, type Steering } from './steering/steering.js';

/** Frames that are read from a port before those of the next, and before what came of them is sent. */
const BURST = 64;
/** Frames that wait for a port at most until they are sent: a burst and its copies. */
const QUEUE_LENGTH = 256;
const NO_PORT = -1;
/** More than any tunnel adds to a frame. */
const ENCAPSULATION_ROOM = 150;

/** Is shown each frame before its walk, and told when the walk is over; the walker has the result. */
export interface WalkWatcher {
  /** A frame that came in; `isShared` where another worker has walked it as well, and shown it there. */
  begin(isShared: boolean): void;
  ended(): void;
  /** All frames that were read have walked, and what came of them was sent. */
  roundEnded(): void;
}

/** A port and the devices whose frames it carries. */
export interface BoundPort {
  readonly port: LivePort;
  readonly binding: NumberedBinding;
}

interface Outlet {
  readonly port: LivePort;
  readonly portRow: number;
  readonly devices: readonly Device[];
  readonly handles: Int32Array;
  count: number;
}

export class Forwarder {
  /** Frames that left the network at a device without port, or reached a pod without one. */
  unbound = 0;
  /** Frames for a device's MAC that no device of the port has. */
  strangers = 0;
  /** Frames from other workers that were theirs as well. */
  copies = 0;
  watcher: WalkWatcher | null = null;
  readonly merger: DatagramMerger;

  /** Of the frame in hand, see WalkWatcher. */
  #isShared = false;
  readonly #steering: Steering | null;
  readonly #takeHandedOver = (handle: number, portRow: number, isCopy: boolean): void =>
    this.#dispatchHandedOver(handle, portRow, isCopy);
  readonly #clock: Clock;
  readonly #walker: Walker;
  readonly #arena: FrameArena;
  readonly #outlets: Outlet[];
  /** By row of `Network.devices`: row of the port that takes the frames which end there. */
  readonly #portAt: Int32Array;
  /** Frames to groups that go on to other devices of their link; they are few (ARP, neighbour discovery). */
  readonly #linkCopies: { readonly handle: number; readonly device: Device }[] = [];
  readonly #inbox = new Int32Array(BURST);

  /** `steering` where there are several workers. */
  constructor(built: BuiltTopology, ports: readonly BoundPort[], steering: Steering | null = null) {
    this.#steering = steering;
    this.#clock = built.clock;
    this.#walker = built.walker;
    this.#arena = built.walker.arena;
    this.merger = mergerFor(built);
    this.#portAt = new Int32Array(built.network.devices.length).fill(NO_PORT);
    this.#outlets = ports.map(({ port, binding }, row) => {
      const devices = boundDevices(built, binding);
      for (const device of devices) {
        this.#portAt[outletOf(device).index] = row;
        if (device.segment !== null) device.segment.hasOutlet = true;
        for (const hop of binding.nextHops ?? []) {
          device.namespace.neighbours.set(device.ifindex, hop, Uint8Array.from(port.mac));
        }
      }
      return { port, portRow: binding.row, devices, handles: new Int32Array(QUEUE_LENGTH), count: 0 };
    });
    built.walker.copyEnded = (packet, fateOfCopy, device) => {
      if (fateOfCopy <= fate.TRANSMITTED) this.#queueCopy(packet, device);
    };
  }

  /** Reads a burst from a port and walks it; answers how many frames there were. What came of them waits for `flush`. */
  take(row: number): number {
    const inbox = this.#inbox;
    const received = this.#outlets[row].port.receive(this.#arena, inbox, 0, BURST);
    const count = this.merger.merge(inbox, received);
    const steering = this.#steering;
    for (let i = 0; i < count; i++) {
      if (steering === null) this.#dispatch(inbox[i], row);
      else this.#steer(steering, inbox[i], row);
    }
    return received;
  }

  /** Walks what other workers have handed over. */
  collect(): void {
    this.#steering?.collect(this.#arena, this.#takeHandedOver);
  }

  /** Walks a frame that is this worker's, and gives others theirs. */
  #steer(steering: Steering, handle: number, row: number): void {
    const owner = steering.ownerOf(this.#arena, handle, this.#clock.nowSeconds);
    const { portRow } = this.#outlets[row];
    if (owner === FOR_ALL_WORKERS) steering.handOverToAll(this.#arena, handle, portRow);
    else if (owner !== steering.worker) {
      steering.handOver(this.#arena, handle, portRow, owner);
      this.#arena.free(handle);
      return;
    }
    this.#dispatch(handle, row);
  }

  #dispatchHandedOver(handle: number, portRow: number, isCopy: boolean): void {
    const row = this.#outlets.findIndex((outlet) => outlet.portRow === portRow);
    if (row < 0) {
      // Its port has gone since.
      this.unbound++;
      this.#arena.free(handle);
      return;
    }
    if (isCopy) this.copies++;
    this.#isShared = isCopy;
    this.#dispatch(handle, row);
    this.#isShared = false;
  }

  #dispatch(handle: number, row: number): void {
    const { devices } = this.#outlets[row];
    if (devices.length === 1) this.#walk(handle, devices[0]);
    else this.#walkFromSwitch(handle, devices);
  }

  /** Sends all that waits for its port. */
  flush(): void {
    while (this.#linkCopies.length > 0) {
      const { handle, device } = this.#linkCopies.shift()!;
      this.#walk(handle, device);
    }
    for (let row = 0; row < this.#outlets.length; row++) {
      if (this.#outlets[row].count > 0) this.#send(row);
    }
  }

  #walk(handle: number, device: Device): void {
    const walker = this.#walker;
    const { watcher } = this;
    if (watcher !== null) watcher.begin(this.#isShared);
    const end = walker.receive(handle, device);
    if (watcher !== null) watcher.ended();
    if (end <= fate.TRANSMITTED) this.#queue(handle, walker.device);
    else this.#arena.free(handle);
  }

  /** A frame of a link that several devices are on: for one of them by its MAC, for all when it is for a group. */
  #walkFromSwitch(handle: number, devices: readonly Device[]): void {
    const arena = this.#arena;
    const start = arena.start[handle];
    const at = ethernet.destinationAt(start);
    if (arena.length[handle] >= ethernet.HEADER_LENGTH && !ethernet.isGroup(arena.bytes, at)) {
      for (let i = 0; i < devices.length; i++) {
        if (devices[i].hasMac(arena.bytes, at)) {
          this.#walk(handle, devices[i]);
          return;
        }
      }
      this.strangers++;
      arena.free(handle);
      return;
    }
    for (let i = 1; i < devices.length; i++) {
      const copy = this.#copy(start, arena.length[handle]);
      if (copy < 0) continue;
      if (arena.owes[handle] !== 0) arena.copyOwed(handle, copy, arena.start[copy] - start);
      this.#walk(copy, devices[i]);
    }
    this.#walk(handle, devices[0]);
  }

  /** A slot with the frame of `length` bytes at `start`, which owes nothing; -1 when none is free. */
  #copy(start: number, length: number): number {
    const arena = this.#arena;
    const handle = arena.allocate(length);
    if (handle >= 0) arena.bytes.copyWithin(arena.start[handle], start, start + length);
    return handle;
  }

  #queueCopy(packet: PacketContext, device: Device): void {
    if (this.#portAt[device.index] < 0) {
      this.unbound++;
      return;
    }
    const arena = this.#arena;
    const from = arena.handleAt(packet.headLimit);
    const handle = this.#copy(packet.start, packet.length);
    if (handle < 0) return;
    if (arena.owes[from] !== 0) arena.copyOwed(from, handle, arena.start[handle] - packet.start);
    this.#queue(handle, device);
  }

  #queue(handle: number, device: Device): void {
    const row = this.#portAt[device.index];
    if (row < 0) {
      this.unbound++;
      this.#arena.free(handle);
      return;
    }
    const outlet = this.#outlets[row];
    if (this.#steering !== null) this.#steering.claim(this.#arena, handle, this.#clock.nowSeconds);
    if (outlet.devices.length > 1) this.#showToLink(handle, device, outlet.devices);
    outlet.handles[outlet.count++] = handle;
    if (outlet.count === QUEUE_LENGTH) this.#send(row);
  }

  /** A frame to a group left by one device of a link: the others on it get it as well. */
  #showToLink(handle: number, from: Device, devices: readonly Device[]): void {
    const { bytes, start, length } = this.#arena;
    if (!ethernet.isGroup(bytes, ethernet.destinationAt(start[handle]))) return;
    for (let i = 0; i < devices.length; i++) {
      const copy = devices[i] === from ? -1 : this.#copy(start[handle], length[handle]);
      if (copy >= 0) this.#linkCopies.push({ handle: copy, device: devices[i] });
    }
  }

  #send(row: number): void {
    const { port, handles, count } = this.#outlets[row];
    port.send(this.#arena, handles, 0, count);
    for (let i = 0; i < count; i++) this.#arena.free(handles[i]);
    this.#outlets[row].count = 0;
  }
}

/** What datapaths take out of tunnels is not merged: to them each datagram is a frame. */
function mergerFor({ nodes, network, walker }: BuiltTopology): DatagramMerger {
  const features = nodes.map(({ planned }) => planned.config.features);
  const mtus = network.devices.map(({ mtu }) => mtu);
  const ports = [
    ...new Set([udp.PORT_VXLAN, udp.PORT_GENEVE, ...features.map(({ tunnelPort }) => tunnelPort)]),
  ];
  return new DatagramMerger(walker.arena, Math.min(...mtus) - ENCAPSULATION_ROOM, ports);
}
