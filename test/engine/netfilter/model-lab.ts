/** Shows the cases to the model of the same router. */
import { parseAddress } from '../../../src/engine/address-text.js';
import { Clock } from '../../../src/engine/clock.js';
import { type Device, PACKET_OUTGOING } from '../../../src/engine/device.js';
import { FrameArena } from '../../../src/engine/frame-arena.js';
import type { Namespace } from '../../../src/engine/namespace.js';
import type { TableName } from '../../../src/engine/netfilter/iptables.js';
import { type Family, Netfilter } from '../../../src/engine/netfilter/netfilter.js';
import { Network } from '../../../src/engine/network.js';
import { Node } from '../../../src/engine/node.js';
import { ALL_PROTOCOLS } from '../../../src/engine/packet-socket.js';
import { SeededRandom } from '../../../src/engine/random.js';
import { HostStack } from '../../../src/engine/stack/host-stack.js';
import { Walker } from '../../../src/engine/walker.js';
import { procConntrack } from '../../../src/topologies/listings/conntrack-show.js';
import { fromHex, toHex } from '../../support/hex.js';
import type { KernelCase } from './kernel-cases.js';
import { ethernetHex } from './lab-addresses.js';
import type { CaseResult } from './results.js';

export interface ModelOptions {
  readonly maximumConnections?: number;
  /** Time that a frame takes, as the kernel's side waits for what comes out; default 0. */
  readonly stepNs?: number;
  /** Changes the router before it runs. */
  readonly configure?: (host: Namespace) => void;
  /** Of IPv4. */
  readonly nat?: readonly string[];
  readonly givesPort?: (port: number) => boolean;
  /** All tables, by family, in place of those that masquerade. */
  readonly tables?: readonly (readonly [Family, ReadonlyMap<TableName, readonly string[]>])[];
}

export class ModelLab {
  readonly node = new Node('router');
  readonly clock = new Clock();
  readonly netfilter: Netfilter;
  readonly walker: Walker;
  readonly stack: HostStack;
  readonly #devices: Readonly<Record<'a' | 'b', Device>>;
  readonly #stepNs: number;
  #sent: (readonly [string, string])[] = [];

  constructor(options: ModelOptions = {}) {
    const { host } = this.node;
    this.clock.set(1000e9);
    host.ipv4Forwarding = true;
    host.ipv6Forwarding = true;
    const device = (name: 'a' | 'b', ifindex: number, addresses: readonly string[]): Device => {
      const made = host.addDevice({ name, ifindex, kind: 'physical', mac: fromHex(ethernetHex[name]) });
      for (const address of addresses) {
        const bytes = parseAddress(address)!;
        host.addAddress(made, bytes, bytes.length === 4 ? 24 : 64);
      }
      return made;
    };
    this.#devices = {
      a: device('a', 2, ['10.0.1.1', 'fd00:1::1']),
      b: device('b', 3, ['10.0.2.1', 'fd00:2::1']),
    };
    const know = (ifindex: number, macHex: string, addresses: readonly string[]): void => {
      for (const address of addresses) host.neighbours.set(ifindex, parseAddress(address)!, fromHex(macHex));
    };
    know(2, ethernetHex.clientMac, ['10.0.1.2', '10.0.1.3', 'fd00:1::2']);
    know(3, ethernetHex.serverMac, ['10.0.2.2', '10.0.2.3', '10.0.2.9', 'fd00:2::2', 'fd00:2::3']);
    const { maximumConnections, nat, tables, configure, stepNs = 0 } = options;
    this.#stepNs = stepNs;
    configure?.(host);
    this.netfilter = new Netfilter(host, {
      clock: this.clock,
      random: new SeededRandom(1),
      givesPort: options.givesPort,
      ...(maximumConnections === undefined ? {} : { maximumConnections }),
    });
    if (tables === undefined) {
      this.netfilter.addTable(
        4,
        'nat',
        nat ?? ['-A POSTROUTING -s 10.0.1.0/24 ! -d 10.0.1.0/24 -o b -j MASQUERADE'],
      );
      this.netfilter.addTable(6, 'nat', ['-A POSTROUTING -s fd00:1::/64 -o b -j MASQUERADE']);
    } else {
      for (const [family, lines] of tables) {
        for (const [table, rules] of lines) this.netfilter.addTable(family, table, rules);
      }
    }
    this.netfilter.install();
    this.walker = new Walker(new Network([this.node]), new FrameArena(4, 1));
    this.stack = new HostStack(host, this.walker.output, this.clock);
    // As in the kernel's lab.
    this.stack.redirects.sendsOnAll = false;
    for (const device of host.devices) {
      device.sendRedirects = false;
      device.openSocket({
        protocol: ALL_PROTOCOLS,
        receive: ({ bytes, start, end, packetType }) => {
          if (packetType === PACKET_OUTGOING) this.#sent.push([device.name, toHex(bytes.slice(start, end))]);
        },
      });
    }
  }

  /** Device and hex of the frame that came out, or null. */
  show(at: 'a' | 'b', frame: Uint8Array): readonly [string, string] | null {
    return this.#showAll(at, frame)[0] ?? null;
  }

  #showAll(at: 'a' | 'b', frame: Uint8Array): readonly (readonly [string, string])[] {
    const { walker } = this;
    const { arena } = walker;
    this.#sent = [];
    const handle = arena.put(new DataView(frame.buffer, frame.byteOffset, frame.byteLength), 0, frame.length);
    walker.receive(handle, this.#devices[at]);
    arena.free(handle);
    return this.#sent;
  }

  get connections(): string[] {
    return procConntrack(this.netfilter.conntrack).split('\n').slice(0, -1);
  }

  run({ name, steps }: KernelCase): CaseResult {
    const outputs: (readonly [string, string])[] = [];
    for (const step of steps) {
      if (typeof step === 'number') {
        this.clock.set(this.clock.nowNs + step * 1e9);
        continue;
      }
      outputs.push(...this.#showAll(step.at, step.frame));
      this.clock.set(this.clock.nowNs + this.#stepNs);
    }
    return { name, outputs, connections: this.connections };
  }
}
