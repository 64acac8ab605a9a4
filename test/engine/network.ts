/** A node with an outside device and two pods, for tests of the walk. */
import { connect, type Device } from '../../src/engine/device.js';
import { FrameArena } from '../../src/engine/frame-arena.js';
import type { HookProgram } from '../../src/engine/hooks/program.js';
import { Network } from '../../src/engine/network.js';
import { Node } from '../../src/engine/node.js';
import type { PacketContext } from '../../src/engine/packet.js';
import { ROUTE_LOCAL, ROUTE_UNICAST } from '../../src/engine/stack/route-table.js';
import { Walker } from '../../src/engine/walker.js';
import { fromHex, toHex } from '../support/hex.js';

export const MAC_ETH0 = '0200000000e0';
export const MAC_GATEWAY = '0200000000ff';
export const MAC_POD_A = '020000000a01';
export const MAC_LXC_A = '020000000aaa';
export const MAC_POD_B = '020000000b01';
export const MAC_LXC_B = '020000000bbb';

/** Node address 192.168.0.1, gateway .254; pods 10.0.0.1 and 10.0.0.2 behind lxca (3) and lxcb (4). */
export class TestNode {
  readonly node = new Node('n1');
  readonly eth0: Device;
  readonly podA: Device;
  readonly lxcA: Device;
  readonly podB: Device;
  readonly lxcB: Device;
  readonly network: Network;
  readonly arena = new FrameArena(4, 1);
  readonly walker: Walker;

  constructor() {
    const { host } = this.node;
    host.ipv4Forwarding = true;
    this.eth0 = host.addDevice({ name: 'eth0', ifindex: 2, kind: 'physical', mac: fromHex(MAC_ETH0) });
    host.addAddress(this.eth0, fromHex('c0a80001'), 24);
    const gateway = fromHex('c0a800fe');
    host.neighbours.set(2, gateway, fromHex(MAC_GATEWAY));
    host.ipv4Routes.add({
      prefix: new Uint8Array(4),
      prefixLength: 0,
      kind: ROUTE_UNICAST,
      ifindex: 2,
      gateway,
    });
    [this.lxcA, this.podA] = this.#addPod('a', 3, MAC_LXC_A, MAC_POD_A, '0a000001');
    [this.lxcB, this.podB] = this.#addPod('b', 4, MAC_LXC_B, MAC_POD_B, '0a000002');
    this.network = new Network([this.node]);
    this.walker = new Walker(this.network, this.arena);
  }

  #addPod(
    name: string,
    ifindex: number,
    lxcMac: string,
    podMac: string,
    addressHex: string,
  ): [Device, Device] {
    const { host } = this.node;
    const lxc = host.addDevice({ name: `lxc${name}`, ifindex, kind: 'veth', mac: fromHex(lxcMac) });
    const pod = this.node.addPod(name);
    const eth = pod.addDevice({ name: 'eth0', ifindex: 2, kind: 'veth', mac: fromHex(podMac) });
    connect(lxc, eth);
    const address = fromHex(addressHex);
    pod.ipv4Routes.add({ prefix: address, prefixLength: 32, kind: ROUTE_LOCAL, ifindex: 2 });
    host.ipv4Routes.add({ prefix: address, prefixLength: 32, ifindex });
    host.neighbours.set(ifindex, address, fromHex(podMac));
    return [lxc, eth];
  }

  /** Puts a frame into a slot. */
  slot(frameHex: string): number {
    const frame = fromHex(frameHex);
    return this.arena.put(new DataView(frame.buffer), 0, frame.length);
  }

  /** The frame after its walk; frees the slot. */
  frame(handle: number): string {
    const start = this.arena.start[handle];
    const hex = toHex(this.arena.bytes.slice(start, start + this.arena.length[handle]));
    this.arena.free(handle);
    return hex;
  }
}

export function program(name: string, run: (packet: PacketContext) => number): HookProgram {
  return { name, run };
}
