/** A node with one program and whatever services a test gives it; frames in, frames and verdicts out. */
import { parseAddress } from '../../src/engine/address-text.js';
import { Clock } from '../../src/engine/clock.js';
import {
  FIB_DESTINATION_MAC,
  FIB_IFINDEX,
  FIB_NO_NEIGHBOUR,
  FIB_SOURCE_MAC,
  FIB_SUCCESS,
  type FibLookup,
} from '../../src/engine/fib.js';
import type { HookProgram } from '../../src/engine/hooks/program.js';
import { createMap } from '../../src/engine/maps/create-map.js';
import { PacketContext } from '../../src/engine/packet.js';
import { SeededRandom } from '../../src/engine/random.js';
import { i32le } from '../../src/engine/wire/bytes.js';
import * as ethernet from '../../src/engine/wire/ethernet.js';
import { Datapath } from '../../src/programs/datapath.js';
import { DEFAULT_FEATURES, type Features } from '../../src/programs/features.js';
import { hostPrograms } from '../../src/programs/host.js';
import {
  DEFAULT_INSTANCE_CONFIG,
  type InstanceConfig,
  ProgramInstance,
} from '../../src/programs/instance.js';
import { DEFAULT_CONSTANTS, type NodeConstants } from '../../src/programs/node-constants.js';
import { writeBackend } from '../../src/programs/tables/backends.js';
import { POLICY_MAP_SPEC } from '../../src/programs/tables/map-specs.js';
import { writeReverseNat } from '../../src/programs/tables/reverse-nat.js';
import { ROUTABLE, writeService, writeServiceBackend } from '../../src/programs/tables/services.js';
import { xdpPrograms } from '../../src/programs/xdp.js';
import { fromHex, toHex } from '../support/hex.js';

export const NATIVE_IFINDEX = 10;
const ENTRIES = 64;
const HEADROOM = 256;
const ROOM = 4096;

/** The bytes of an address. */
export function address(text: string): Uint8Array {
  const bytes = parseAddress(text);
  if (bytes === null) throw new Error(`${text} is no address`);
  return bytes;
}

/** An IPv4 address as the raw word. */
export function word(text: string): number {
  return i32le(address(text), 0);
}

export const CONSTANTS: NodeConstants = {
  ...DEFAULT_CONSTANTS,
  hostIfindex: 3,
  netIfindex: 4,
  hostMac: Uint8Array.of(2, 0, 0, 0, 0, 3),
  netMac: Uint8Array.of(2, 0, 0, 0, 0, 4),
  nativeDeviceMac: () => Uint8Array.of(2, 0, 0, 0, 0, 0x99),
  hostEndpointId: 4242,
  directRoutingIfindex: NATIVE_IFINDEX,
  ipv4DirectRouting: word('192.168.0.11'),
  ipv6DirectRouting: address('fd00::11'),
};

/** Everything leaves by the native device to the gateway 02:00:00:00:00:01, whose MAC may be unknown. */
export class OneRoute implements FibLookup {
  knowsNeighbour = true;
  ifindex = NATIVE_IFINDEX;

  lookup(_packet: PacketContext, params: Uint8Array): number {
    params[FIB_IFINDEX] = this.ifindex;
    if (!this.knowsNeighbour) return FIB_NO_NEIGHBOUR;
    params.set([2, 0, 0, 0, 0, 1], FIB_DESTINATION_MAC);
    params.set([2, 0, 0, 0, 0, 0x10], FIB_SOURCE_MAC);
    return FIB_SUCCESS;
  }
}

export interface NodeOptions {
  readonly features?: Partial<Features>;
  readonly constants?: Partial<NodeConstants>;
  readonly config?: Partial<InstanceConfig>;
}

export class NodePortNode {
  readonly datapath: Datapath;
  readonly fib = new OneRoute();
  readonly packet = new PacketContext(new Uint8Array(HEADROOM + ROOM));
  readonly #entry: HookProgram;
  #services = 0;

  /** `kind` chooses the program: XDP's, or from-netdev. */
  constructor(kind: 'xdp' | 'host', options: NodeOptions = {}) {
    const clock = new Clock();
    clock.set(1000e9);
    this.datapath = new Datapath({
      features: {
        ...DEFAULT_FEATURES,
        ipv6: true,
        nodePort: true,
        nodePortAcceleration: true,
        ipv4Fragments: true,
        ipv6Fragments: true,
        ...options.features,
      },
      constants: { ...CONSTANTS, ...options.constants },
      clock,
      random: new SeededRandom(1),
      fib: this.fib,
      mapSpec: (spec) => ({ ...spec, maxEntries: Math.min(spec.maxEntries, ENTRIES) }),
    });
    this.datapath.events.mode = 'discard';
    this.datapath.signals.mode = 'discard';
    const config = { ...DEFAULT_INSTANCE_CONFIG, interfaceIfindex: NATIVE_IFINDEX, ...options.config };
    const policy = createMap({ ...POLICY_MAP_SPEC, maxEntries: ENTRIES });
    const instance = new ProgramInstance(this.datapath, kind, config, policy);
    this.#entry = kind === 'xdp' ? xdpPrograms(instance).entry : hostPrograms(instance).fromNetdev;
  }

  /** A service with one backend; both of one family. */
  addService(frontend: string, port: number, backend: string, backendPort: number, flags = ROUTABLE): void {
    const id = ++this.#services;
    const bytes = address(frontend);
    const version = bytes.length === 4 ? 4 : 6;
    const key = { address: bytes, port, protocol: 0 };
    const services = this.datapath.map(`cilium_lb${version}_services_v2`);
    writeService(services, key, { backendCount: 1, reverseNatId: id, flags });
    writeServiceBackend(services, key, 1, id, id);
    const backends = this.datapath.map(`cilium_lb${version}_backends_v3`);
    writeBackend(backends, id, { address: address(backend), port: backendPort, protocol: 0 });
    writeReverseNat(this.datapath.map(`cilium_lb${version}_reverse_nat`), id, bytes, port);
  }

  /** Runs the program on a frame that arrives at the native device. */
  run(frame: string | Uint8Array): { readonly verdict: number; readonly frame: Uint8Array } {
    const bytes = typeof frame === 'string' ? fromHex(frame) : frame;
    const { packet } = this;
    packet.reset(HEADROOM, HEADROOM + bytes.length, 0, HEADROOM + ROOM);
    packet.bytes.set(bytes, HEADROOM);
    packet.ifindex = NATIVE_IFINDEX;
    packet.ingressIfindex = NATIVE_IFINDEX;
    packet.protocol = ethernet.type(bytes, 0);
    const verdict = this.#entry.run(packet);
    return { verdict, frame: packet.bytes.slice(packet.start, packet.end) };
  }

  /** As `run`, the frame as hex. */
  runHex(frame: string): { readonly verdict: number; readonly frame: string } {
    const outcome = this.run(frame);
    return { verdict: outcome.verdict, frame: toHex(outcome.frame) };
  }

  /** Packets counted for a reason and direction. */
  counted(reason: number, direction: number): number {
    const { map } = this.datapath.metrics;
    const at = map.lookup(Int32Array.of(reason | (direction << 8), 0), 0);
    return at < 0 ? 0 : map.words[at >> 2];
  }
}
