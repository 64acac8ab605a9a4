import type { Bridge } from './bridge.js';
import type { HookChain } from './hooks/chain.js';
import { DeviceHooks } from './hooks/device-hooks.js';
import { errnoName } from './hooks/errno.js';
import type { HookProgram } from './hooks/program.js';
import type { Namespace } from './namespace.js';
import { ALL_PROTOCOLS, type PacketSocket } from './packet-socket.js';
import type { Segment } from './segment.js';
import { type DeviceAddress, linkLocalOf } from './stack/addresses.js';
import type { Encapsulation } from './stack/encapsulation.js';
import * as ethernet from './wire/ethernet.js';
import { HEADER_LENGTH as VLAN_TAG_LENGTH } from './wire/vlan.js';

/**
 * `physical` leads out of the network unless it is wired to another device; the two ends of a `veth` are each other's
 * peer; what is sent to a `tap` is read from its file, outside the network; a `dummy` discards what is sent to it;
 * `loopback` is a stack's own; `bridge` joins its ports; `tunnel` and `wireguard` are for programs and encapsulation.
 */
export type DeviceKind =
  | 'physical'
  | 'veth'
  | 'tap'
  | 'dummy'
  | 'loopback'
  | 'bridge'
  | 'tunnel'
  | 'wireguard';

/** Kinds whose drivers run XDP programs; elsewhere there is generic XDP only. */
const NATIVE_XDP: readonly DeviceKind[] = ['physical', 'veth', 'tap'];

/** skb packet types (linux/if_packet.h). */
export const PACKET_HOST = 0;
const PACKET_BROADCAST = 1;
const PACKET_MULTICAST = 2;
export const PACKET_OTHER_HOST = 3;
export const PACKET_OUTGOING = 4;

/** What a device has besides tc hooks, as bits of `Device.features`: a frame pays for them where there are any. */
export const HAS_NATIVE_XDP = 1;
export const HAS_GENERIC_XDP = 2;
export const HAS_TAPS = 4;
const HAS_SOCKETS = 8;
export const HAS_NETFILTER_INGRESS = 16;
export const HAS_NETFILTER_EGRESS = 32;
export const IS_BRIDGE_PORT = 64;
/** The driver says which queue a frame came by. */
export const RECORDS_QUEUE = 128;
/** Packets have no link header here. */
export const IS_LAYER3 = 256;

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
  acceptLocal: boolean;
  /** rp_filter, the larger of the device's and of all devices': 1 strict, 2 loose, 0 off. */
  reversePathFilter = 0;
  /** conf.DEVICE.send_redirects, accept_redirects and shared_media. */
  sendRedirects = true;
  acceptRedirects = true;
  sharesMedia = true;
  /** Whether IPv4 packets that came by it are forwarded (conf.DEVICE.forwarding); null as the namespace does. */
  ipv4Forwarding: boolean | null = null;
  up: boolean;
  peer: Device | null = null;
  /** The link that it is on together with others; null when it leads out of the network, or to its peer. */
  segment: Segment | null = null;
  /** What a tunnel or WireGuard device puts around what is sent to it; null for the others. */
  tunnel: Encapsulation | null = null;
  /** First address of each family, which the stack takes as source of what it sends here. */
  ipv4Address: Uint8Array | null = null;
  ipv6Address: Uint8Array | null = null;
  /** All of them, without the link-local one that each device has. */
  readonly addresses: DeviceAddress[] = [];
  #linkLocal: Uint8Array | null = null;

  readonly hooks: DeviceHooks;
  /** The tc programs for received and for transmitted frames, as they run. */
  readonly ingress: HookChain;
  readonly egress: HookChain;
  /** HAS_ bits. */
  features = 0;
  /** Packet sockets for all protocols, and for one. */
  taps: readonly PacketSocket[] = [];
  sockets: readonly PacketSocket[] = [];
  /** The bridge whose port this is, or (kind `bridge`) that it is the device of. */
  bridge: Bridge | null = null;

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
    this.acceptLocal = options.acceptLocal ?? options.kind === 'loopback';
    this.#macHead = ethernet.addressHead(options.mac, 0);
    this.#macTail = ethernet.addressTail(options.mac, 0);
    const { bpf } = namespace.node;
    this.hooks = new DeviceHooks(bpf, NATIVE_XDP.includes(options.kind), () => this.#noteFeatures());
    this.ingress = this.hooks.ingress;
    this.egress = this.hooks.egress;
    this.#noteFeatures();
  }

  /**
  /**
   * Attaches a program to one of the HOOK_ places, behind those already there, or with `first` before them; a tc filter
   * is a direct-action one. Throws when the kernel would refuse it.
   */
  attach(hook: number, program: HookProgram, first = false): void {
    const result = this.hooks.place(hook, program, first);
    if (result < 0) throw new Error(`${this.name}: ${program.name}: ${errnoName(result)}`);
  }

  openSocket(socket: PacketSocket): void {
    if (socket.protocol === ALL_PROTOCOLS) this.taps = [...this.taps, socket];
    else this.sockets = [...this.sockets, socket];
    this.#noteFeatures();
  }

  closeSocket(socket: PacketSocket): void {
    this.taps = this.taps.filter((other) => other !== socket);
    this.sockets = this.sockets.filter((other) => other !== socket);
    this.#noteFeatures();
  }

  /** Makes the device a port of a bridge, or of none. */
  setBridge(bridge: Bridge | null): void {
    this.bridge = bridge;
    this.#noteFeatures();
  }

  get linkLocal(): Uint8Array {
    this.#linkLocal ??= linkLocalOf(this.mac);
    return this.#linkLocal;
  }

  /** Bytes of a frame that the device takes: MTU, Ethernet header and one VLAN tag (is_skb_forwardable). */
  get frameLimit(): number {
    return this.mtu + ethernet.HEADER_LENGTH + VLAN_TAG_LENGTH;
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

  #noteFeatures(): void {
    const { hooks } = this;
    this.features =
      (hooks.xdp.native === null ? 0 : HAS_NATIVE_XDP) |
      (hooks.xdp.generic === null ? 0 : HAS_GENERIC_XDP) |
      (this.taps.length === 0 ? 0 : HAS_TAPS) |
      (this.sockets.length === 0 ? 0 : HAS_SOCKETS) |
      (hooks.netfilterIngress.chains.length === 0 ? 0 : HAS_NETFILTER_INGRESS) |
      (hooks.netfilterEgress.chains.length === 0 ? 0 : HAS_NETFILTER_EGRESS) |
      (this.bridge === null || this.kind === 'bridge' ? 0 : IS_BRIDGE_PORT) |
      (this.kind === 'tap' ? RECORDS_QUEUE : 0) |
      (this.kind === 'wireguard' ? IS_LAYER3 : 0);
  }
}

/** Makes two devices each other's peer: the ends of a veth, or of a wire. */
export function connect(a: Device, b: Device): void {
  a.peer = b;
  b.peer = a;
}
