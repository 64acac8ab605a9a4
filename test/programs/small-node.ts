/** A node as small as a unit test needs: a datapath without devices, programs that are run on literal frames. */
import { parseAddress } from '../../src/engine/address-text.js';
import { Clock } from '../../src/engine/clock.js';
import { FIB_NOT_FORWARDED, type FibLookup } from '../../src/engine/fib.js';
import type { HookProgram } from '../../src/engine/hooks/program.js';
import { createMap } from '../../src/engine/maps/create-map.js';
import type { BpfMap } from '../../src/engine/maps/map.js';
import { PacketContext } from '../../src/engine/packet.js';
import { SeededRandom } from '../../src/engine/random.js';
import { Datapath } from '../../src/programs/datapath.js';
import { DEFAULT_FEATURES, type Features } from '../../src/programs/features.js';
import {
  DEFAULT_INSTANCE_CONFIG,
  type InstanceConfig,
  type ObjectKind,
  ProgramInstance,
} from '../../src/programs/instance.js';
import { DEFAULT_CONSTANTS, type NodeConstants } from '../../src/programs/node-constants.js';
import { POLICY_MAP_SPEC } from '../../src/programs/tables/map-specs.js';
import { fromHex, toHex } from '../support/hex.js';

const ENTRIES = 64;
const HEADROOM = 256;
const ROOM = 4096;
/** What stands around a frame. */
const POISON = 0xa5;

export function address(text: string): Uint8Array {
  const bytes = parseAddress(text);
  if (bytes === null) throw new Error(`${text} is no address`);
  return bytes;
}

/** The raw words of an address. */
export function addressWords(text: string): Int32Array {
  return new Int32Array(Uint8Array.from(address(text)).buffer);
}

export const NO_ROUTE: FibLookup = { lookup: () => FIB_NOT_FORWARDED };

export class SmallNode {
  readonly clock = new Clock();
  readonly datapath: Datapath;
  readonly packet = new PacketContext(new Uint8Array(HEADROOM + ROOM));

  constructor(
    features: Partial<Features>,
    constants: Partial<NodeConstants> = {},
    fib: FibLookup = NO_ROUTE,
  ) {
    this.clock.set(1000e9);
    this.datapath = new Datapath({
      features: { ...DEFAULT_FEATURES, ...features },
      constants: { ...DEFAULT_CONSTANTS, ...constants },
      clock: this.clock,
      random: new SeededRandom(1),
      fib,
      mapSpec: (spec) => ({ ...spec, maxEntries: Math.min(spec.maxEntries, ENTRIES) }),
    });
  }

  instance(kind: ObjectKind, config: Partial<InstanceConfig> = {}): ProgramInstance {
    const policy = createMap({ ...POLICY_MAP_SPEC, maxEntries: ENTRIES });
    return new ProgramInstance(this.datapath, kind, { ...DEFAULT_INSTANCE_CONFIG, ...config }, policy);
  }

  map(name: string): BpfMap {
    return this.datapath.map(name);
  }

  /** Lays a frame into the context; whatever is to be said of the packet is set on it afterwards. */
  lay(frame: Uint8Array, ifindex: number, poison = POISON): PacketContext {
    const { packet } = this;
    packet.bytes.fill(poison);
    packet.bytes.set(frame, HEADROOM);
    packet.reset(HEADROOM, HEADROOM + frame.length, 0, HEADROOM + ROOM);
    packet.ifindex = ifindex;
    packet.ingressIfindex = ifindex;
    packet.protocol = frame.length < 14 ? 0 : (frame[12] << 8) | frame[13];
    return packet;
  }

  run(
    program: HookProgram,
    frame: string,
    ifindex = 10,
  ): { readonly verdict: number; readonly frame: string } {
    const verdict = program.run(this.lay(fromHex(frame), ifindex));
    return { verdict, frame: this.frame() };
  }

  /** The frame as it is now. */
  frame(): string {
    return toHex(this.packet.bytes, this.packet.start, this.packet.length);
  }

  /** The value of a key (hex of its bytes) as hex, null when there is none. */
  value(map: string, key: string): string | null {
    const found = this.map(map);
    const padded = new Uint8Array(found.keyWords * 4);
    padded.set(fromHex(key));
    const at = found.lookup(new Int32Array(padded.buffer), 0);
    return at < 0 ? null : toHex(found.bytes, at, found.spec.valueSize);
  }

  /** Packets counted for a reason and direction. */
  counted(reason: number, direction: number): number {
    const { map } = this.datapath.metrics;
    const at = map.lookup(Int32Array.of(reason | (direction << 8), 0), 0);
    return at < 0 ? 0 : map.words[at >> 2];
  }

  /** The events since the last call, as hex. */
  events(): string[] {
    const ring = this.datapath.events;
    const records: string[] = [];
    for (let at = ring.read(); at >= 0; at = ring.read()) records.push(toHex(ring.bytes, at, ring.length));
    return records;
  }
}
