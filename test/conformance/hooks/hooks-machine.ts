/** The machine that the packet vectors were recorded on: two network namespaces, three veth pairs, a tap. */
import { parseIpv4 } from '../../../src/engine/address-text.js';
import { Bridge } from '../../../src/engine/bridge.js';
import { Clock } from '../../../src/engine/clock.js';
import { connect, type Device } from '../../../src/engine/device.js';
import * as fate from '../../../src/engine/fate.js';
import { DROPPED, NETFILTER_DROP, TAKEN_BY_PROGRAM, TRANSMITTED } from '../../../src/engine/fate.js';
import { FrameArena } from '../../../src/engine/frame-arena.js';
import { Network } from '../../../src/engine/network.js';
import { Node } from '../../../src/engine/node.js';
import type { WalkObserver } from '../../../src/engine/observer.js';
import type { PacketContext } from '../../../src/engine/packet.js';
import { ALL_PROTOCOLS } from '../../../src/engine/packet-socket.js';
import { NeighbourResolver } from '../../../src/engine/stack/resolver.js';
import { Walker } from '../../../src/engine/walker.js';
import { fromHex, toHex } from '../../support/hex.js';
import { EventRecorder } from './event-recorder.js';
import type { ScriptChain } from './nft-script.js';

/** In namespace R, then in P: name, ifindex, last byte of the MAC. */
const HOST_DEVICES = [
  ['a0', 10, 0xa0],
  ['b0', 20, 0xb0],
  ['c0', 40, 0xc0],
  ['c1', 41, 0xc1],
  ['t0', 50, 0xf0],
] as const;
const PEER_DEVICES = [
  ['a1', 11, 0xa1],
  ['b1', 21, 0xb1],
] as const;
const PAIRS = [
  ['a0', 'a1'],
  ['b0', 'b1'],
  ['c0', 'c1'],
] as const;
const BRIDGE_IFINDEX = 60;
const SOCKET_PROTOCOLS = [0x88b5, 0x0800];

/** What one packet did. */
export interface PacketOutcome {
  readonly events: readonly Record<string, unknown>[];
  /** Frames that were read from the tap's file. */
  readonly tapFile: readonly string[];
  readonly sendErrno: string | null;
}

export class HooksMachine {
  readonly node = new Node('R');
  readonly recorder: EventRecorder;
  readonly deviceMap = new Int32Array(64);
  readonly chains: ScriptChain[] = [];
  bridge: Bridge | null = null;
  readonly #devices = new Map<string, Device>();
  readonly #arena = new FrameArena(64, 0);
  readonly #walker: Walker;

  constructor() {
    const { host } = this.node;
    const peers = this.node.addPod('P');
    const add = (namespace: typeof host, [name, ifindex, last]: readonly [string, number, number]): void => {
      const kind = name === 't0' ? 'tap' : 'veth';
      const mac = Uint8Array.of(2, 0, 0, 0, 0, last);
      this.#devices.set(name, namespace.addDevice({ name, ifindex, kind, mac }));
    };
    for (const device of HOST_DEVICES) add(host, device);
    for (const device of PEER_DEVICES) add(peers, device);
    for (const [a, b] of PAIRS) connect(this.device(a), this.device(b));
    const bridgeMac = Uint8Array.of(2, 0, 0, 0, 0, 0xbb);
    host.addDevice({ name: 'br0', ifindex: BRIDGE_IFINDEX, kind: 'bridge', mac: bridgeMac });
    const b0 = this.device('b0');
    host.addAddress(b0, address('10.0.0.1'), 24);
    host.neighbours.set(b0.ifindex, address('10.0.0.2'), Uint8Array.of(2, 0, 0, 0, 0, 0xb1));
    host.neighbours.set(b0.ifindex, address('10.0.0.3'), Uint8Array.of(2, 0, 0, 0, 0, 0xcc));
    const network = new Network([this.node]);
    this.recorder = new EventRecorder(network);
    this.#walker = new Walker(network, this.#arena);
    host.resolver = new NeighbourResolver(new Clock());
    for (const device of this.#devices.values()) this.#openSockets(device);
  }

  device(name: string): Device {
    const device = this.#devices.get(name);
    if (device === undefined) throw new Error(`device ${name} is not there`);
    return device;
  }

  ifindex(name: string): number {
    return this.device(name).ifindex;
  }

  closeSockets(device: Device): void {
    for (const socket of [...device.taps, ...device.sockets]) device.closeSocket(socket);
  }

  addBridge(): void {
    this.bridge = new Bridge(this.node.host.deviceNamed('br0')!);
  }

  /** Sends a frame by a packet socket on a device, or writes it to the tap's file. */
  send(deviceName: string, toTap: boolean, frameHex: string): PacketOutcome {
    const device = this.device(deviceName);
    const frame = fromHex(frameHex);
    const handle = this.#arena.put(new DataView(frame.buffer), 0, frame.length);
    const watcher = new SendWatcher();
    this.#walker.observer = watcher;
    this.recorder.begin(frameHex);
    for (const chain of this.chains) chain.packets = 0;
    if (toTap) this.#walker.receive(handle, device);
    else this.#walker.transmit(handle, device);
    this.#arena.free(handle);
    return {
      events: this.recorder.events,
      tapFile: watcher.transmitted,
      sendErrno: toTap ? null : watcher.sendErrno,
    };
  }

  #openSockets(device: Device): void {
    device.openSocket({
      protocol: ALL_PROTOCOLS,
      receive: (packet) =>
        this.recorder.socket(device, packet.packetType === 4 ? 'tap-out' : 'tap-in', packet),
    });
    for (const protocol of SOCKET_PROTOCOLS) {
      device.openSocket({ protocol, receive: (packet) => this.recorder.socket(device, 'stack', packet) });
    }
  }
}

/** Whether the sender learns of a drop, and what left the network. */
class SendWatcher implements WalkObserver {
  readonly transmitted: string[] = [];
  sendErrno: string | null = null;
  #sender: PacketContext | null = null;
  #hasLeftSender = false;

  started(packet: PacketContext): void {
    this.#sender = packet;
  }

  hookEntered(): void {}

  hookLeft(packet: PacketContext, _device: number, hook: number): void {
    // Whoever is past its first device's egress hooks is sent, whatever becomes of it.
    void hook;
    void packet;
  }

  forwarded(packet: PacketContext): void {
    if (packet === this.#sender) this.#hasLeftSender = true;
  }

  ended(packet: PacketContext, kind: number, _device: number, reason: number): void {
    if (kind === TRANSMITTED) {
      this.transmitted.push(toHex(packet.bytes.slice(packet.start, packet.end)));
    }
    if (packet !== this.#sender || this.#hasLeftSender || kind !== DROPPED) return;
    if (reason === fate.NO_REASON_GIVEN || reason === NETFILTER_DROP) this.sendErrno = 'ENOBUFS';
    else if (reason === fate.DEVICE_DOWN) this.sendErrno = 'ENETDOWN';
    void TAKEN_BY_PROGRAM;
  }
}

function address(text: string): Uint8Array {
  return parseIpv4(text)!;
}
