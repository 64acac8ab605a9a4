/** The network of the comparison as the engine has it. */
import { parseAddress, parsePrefix } from '../../../src/engine/address-text.js';
import { Clock } from '../../../src/engine/clock.js';
import { connect, type Device } from '../../../src/engine/device.js';
import { FrameArena } from '../../../src/engine/frame-arena.js';
import { Network } from '../../../src/engine/network.js';
import { Node } from '../../../src/engine/node.js';
import { ALL_PROTOCOLS } from '../../../src/engine/packet-socket.js';
import { HostStack } from '../../../src/engine/stack/host-stack.js';
import {
  ROUTE_BLACKHOLE,
  ROUTE_PROHIBIT,
  ROUTE_UNICAST,
  ROUTE_UNREACHABLE,
} from '../../../src/engine/stack/route-table.js';
import { TABLE_MAIN } from '../../../src/engine/stack/routing-policy.js';
import { Walker } from '../../../src/engine/walker.js';
import * as ethernet from '../../../src/engine/wire/ethernet.js';
import * as ipv4 from '../../../src/engine/wire/ipv4.js';
import * as ipv6 from '../../../src/engine/wire/ipv6.js';
import { fromHex, toHex } from '../../support/hex.js';
import type { Case } from './cases.js';
import {
  ADDRESSES,
  CLIENT_MAC,
  CLIENTS,
  MACHINES,
  MACS,
  REVERSE_PATH_FILTERS,
  SERVER_LINK_MTU,
  WIRES,
} from './lab-addresses.js';
import type { Sight, Sights } from './results.js';

const KINDS: Readonly<Record<string, number>> = {
  blackhole: ROUTE_BLACKHOLE,
  unreachable: ROUTE_UNREACHABLE,
  prohibit: ROUTE_PROHIBIT,
};
/** Time that a step takes on the kernel's side. */
const STEP_NS = 40e6;

export class ModelLab {
  readonly #clock = new Clock();
  readonly #devices = new Map<string, Device>();
  readonly #stacks: readonly HostStack[];
  readonly #walker: Walker;
  #sights: Record<string, Sight[]> = {};

  constructor() {
    // Kernels do not begin at 0, where limits would have had no time to fill.
    this.#clock.set(1000e9);
    const client = new Node('client');
    this.#add(client, 'cl', CLIENT_MAC, 2);
    const nodes = MACHINES.map(({ name, devices }) => {
      const node = new Node(name);
      devices.forEach((device, i) => {
        this.#add(node, device, MACS[device], i + 2);
      });
      return node;
    });
    for (const [one, other] of WIRES) connect(this.device(one), this.device(other));
    nodes.forEach((node, i) => {
      this.#configure(node, MACHINES[i]);
    });
    this.#walker = new Walker(new Network([client, ...nodes]), new FrameArena());
    this.#stacks = nodes.map(({ host }) => {
      const stack = new HostStack(host, this.#walker.output, this.#clock);
      stack.errors.ipv4Limit.burst = 1000;
      stack.errors.ipv6Limit.burst = 1000;
      // Nobody listens.
      stack.sockets = { receive: (packet) => isUdp(packet) && stack.errors.refuseLocal(packet) };
      return stack;
    });
  }

  device(name: string): Device {
    return this.#devices.get(name)!;
  }

  run({ steps }: Case): Sights {
    this.#sights = { client: [], r1: [], r2: [], server: [] };
    for (const step of steps) {
      if (typeof step === 'number') this.#wait(step * 1e9);
      else {
        this.#send(step);
        this.#wait(STEP_NS);
      }
    }
    return this.#sights;
  }

  #send(frame: Uint8Array): void {
    const { arena } = this.#walker;
    const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    const handle = arena.put(view, 0, frame.length);
    this.#walker.transmit(handle, this.device('cl'));
    arena.free(handle);
  }

  #wait(durationNs: number): void {
    const end = this.#clock.nowNs + durationNs;
    while (this.#clock.nowNs < end) {
      this.#clock.set(Math.min(end, this.#clock.nowNs + 20e6));
      for (const stack of this.#stacks) stack.poll();
    }
  }

  #add(node: Node, name: string, mac: string, ifindex: number): void {
    const mtu = name === 'd' || name === 'e' ? SERVER_LINK_MTU : 1500;
    const device = node.host.addDevice({ name, ifindex, kind: 'veth', mac: fromHex(mac), mtu });
    device.openSocket({
      protocol: ALL_PROTOCOLS,
      receive: (packet) => {
        const frame = toHex(packet.bytes.slice(packet.start, packet.end));
        this.#sights[node.name].push({ device: name, way: packet.packetType === 4 ? 'out' : 'in', frame });
      },
    });
    this.#devices.set(name, device);
  }

  #configure(node: Node, { devices, routes, rules }: (typeof MACHINES)[number]): void {
    const { host } = node;
    host.ipv4Forwarding = node.name !== 'server';
    host.ipv6Forwarding = node.name !== 'server';
    for (const name of devices) {
      const device = this.device(name);
      device.reversePathFilter = REVERSE_PATH_FILTERS[name] ?? 0;
      for (const text of ADDRESSES[name]) {
        const { address, length } = parsePrefix(text)!;
        host.addAddress(device, address, length);
      }
      if (name !== 'a') continue;
      for (const text of CLIENTS) {
        host.neighbours.set(device.ifindex, parseAddress(text)!, fromHex(CLIENT_MAC));
      }
    }
    const isV6 = (words: readonly string[]): boolean => words.some((word) => word.includes(':'));
    for (const text of routes) {
      const words = text.split(' ');
      const kind = KINDS[words[0]];
      if (kind !== undefined) words.shift();
      const after = (word: string): string | undefined => words[words.indexOf(word) + 1 || words.length];
      const length = isV6(words) ? 16 : 4;
      const prefix = words[0] === 'default' ? null : parsePrefix(words[0])!;
      const table = Number(after('table') ?? TABLE_MAIN);
      const routesOfTable = table === TABLE_MAIN ? host.routes(length) : host.policy(length).table(table);
      routesOfTable.add({
        prefix: prefix?.address ?? new Uint8Array(length),
        prefixLength: prefix?.length ?? 0,
        kind: kind ?? ROUTE_UNICAST,
        ifindex: kind === undefined ? this.device(after('dev')!).ifindex : 0,
        gateway: parseAddress(after('via') ?? '') ?? null,
      });
    }
    for (const text of rules) {
      const words = text.split(' ');
      const after = (word: string): string | undefined => words[words.indexOf(word) + 1 || words.length];
      const prefix = (word: string) => {
        const value = after(word);
        if (value === undefined) return null;
        return parsePrefix(value.includes('/') ? value : `${value}/32`);
      };
      const action = KINDS[words.find((word) => KINDS[word] !== undefined) ?? ''];
      host.policy(4).set({
        priority: Number(after('pref')),
        from: prefix('from'),
        to: prefix('to'),
        table: Number(after('lookup') ?? TABLE_MAIN),
        ...(words.includes('not') ? { not: true } : {}),
        ...(action === undefined ? {} : { action }),
        ...(words.includes('iif') ? { inIfindex: this.device(after('iif')!).ifindex } : {}),
      });
    }
  }
}

function isUdp({ bytes, start, protocol }: { bytes: Uint8Array; start: number; protocol: number }): boolean {
  const ipAt = start + ethernet.HEADER_LENGTH;
  const isV6 = protocol === ethernet.TYPE_IPV6;
  return (isV6 ? ipv6.nextHeader(bytes, ipAt) : ipv4.protocol(bytes, ipAt)) === ipv4.PROTOCOL_UDP;
}
