import { HOOK_XDP, HookChain, RECEIVE_ORDER, TRANSMIT_ORDER } from './hooks/chain.js';
import type { HookProgram } from './hooks/program.js';
import { XdpDispatcher } from './hooks/xdp-dispatcher.js';
import type { Namespace } from './namespace.js';
import type { Segment } from './segment.js';
import type { Tunnel } from './stack/tunnel.js';
import * as ethernet from './wire/ethernet.js';

/**
 * `physical` leads out of the network unless it is wired to another device; the two ends of a `veth` are each other's
 * peer; a `dummy` discards what is sent to it; `loopback` is a stack's own; `tunnel` and `wireguard` are for programs
 * and encapsulation.
 */
export type DeviceKind = 'physical' | 'veth' | 'dummy' | 'loopback' | 'tunnel' | 'wireguard';

/** skb packet types (linux/if_packet.h). */
export const PACKET_HOST = 0;
export const PACKET_BROADCAST = 1;
export const PACKET_MULTICAST = 2;
export const PACKET_OTHER_HOST = 3;

export interface DeviceOptions {
  readonly name: string;
  readonly ifindex: number;
  readonly kind: DeviceKind;
  /** 6 bytes. */
  readonly mac: Uint8Array;
  readonly mtu?: number;
  readonly up?: boolean;
  /** NOARP: link addresses are not resolved, each neighbour has the device's own MAC. */
  readonly noArp?: boolean;
  /** Takes packets whose source address is one of the namespace's own (sysctl accept_local). */
  readonly acceptLocal?: boolean;
}

/** A network interface. Its frames are counted in the run's counters, under `index`. */
export class Device {
  /** Row in `Network.devices`; set when the network takes the device. */
  index = -1;
  readonly namespace: Namespace;
  readonly name: string;
  readonly ifindex: number;
  readonly kind: DeviceKind;
  readonly mac: Uint8Array;
  readonly mtu: number;
  readonly noArp: boolean;
  readonly acceptLocal: boolean;
  up: boolean;
  peer: Device | null = null;
  /** The link that it is on together with others; null when it leads out of the network, or to its peer. */
  segment: Segment | null = null;
  /** What a tunnel device puts around frames; null for the others. */
  tunnel: Tunnel | null = null;
  /** First address of each family, which the stack takes as source of what it sends here. */
  ipv4Address: Uint8Array | null = null;
  ipv6Address: Uint8Array | null = null;

  /** Programs for received and for transmitted frames. */
  readonly ingress = new HookChain(RECEIVE_ORDER);
  readonly egress = new HookChain(TRANSMIT_ORDER);
  xdp: HookProgram | null = null;

  readonly #macHead: number;
  readonly #macTail: number;

  constructor(namespace: Namespace, options: DeviceOptions) {
    this.namespace = namespace;
    this.name = options.name;
    this.ifindex = options.ifindex;
    this.kind = options.kind;
    this.mac = options.mac;
    this.mtu = options.mtu ?? 1500;
    this.up = options.up ?? true;
    this.noArp = options.noArp ?? false;
    this.acceptLocal = options.acceptLocal ?? false;
    this.#macHead = ethernet.addressHead(options.mac, 0);
    this.#macTail = ethernet.addressTail(options.mac, 0);
  }

  /**
   * Attaches a program to one of the HOOK_ places, behind those already there, or with `first` before them. XDP has
   * room for one program: with another there already, a dispatcher of both takes its place.
   */
  attach(hook: number, program: HookProgram, first = false): void {
    if (hook === HOOK_XDP) {
      const { xdp } = this;
      if (xdp === null) this.xdp = program;
      else this.xdp = first ? new XdpDispatcher(program, xdp) : new XdpDispatcher(xdp, program);
    } else if (RECEIVE_ORDER.includes(hook)) this.ingress.attach(hook, program, first);
    else this.egress.attach(hook, program, first);
  }

  /** Whether the MAC at `bytes[macAt]` is the device's own. */
  hasMac(bytes: Uint8Array, macAt: number): boolean {
    return (
      ethernet.addressHead(bytes, macAt) === this.#macHead &&
      ethernet.addressTail(bytes, macAt) === this.#macTail
    );
  }

  /** The packet type that eth_type_trans gives the frame at `at`, by its destination MAC. */
  packetType(bytes: Uint8Array, at: number): number {
    const macAt = ethernet.destinationAt(at);
    if (this.hasMac(bytes, macAt)) return PACKET_HOST;
    if (!ethernet.isGroup(bytes, macAt)) return PACKET_OTHER_HOST;
    return ethernet.isBroadcast(bytes, macAt) ? PACKET_BROADCAST : PACKET_MULTICAST;
  }
}

/** Makes two devices each other's peer: the ends of a veth, or of a wire. */
export function connect(a: Device, b: Device): void {
  a.peer = b;
  b.peer = a;
}
