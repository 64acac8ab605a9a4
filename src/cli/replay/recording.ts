/**
 * Writes walks as pcapng: one interface per hook point and per place where walks end, the frame as it came there,
 * the same packet id along one walk, the verdict, and in words what happened. The records of a walk are held back
 * until its fate is known, since it decides whether they are wanted.
 */
import { DELIVERED, DROPPED, TRANSMITTED } from '../../engine/fate.js';
import { HOOK_NAMES, isIngressHook, isXdpHook } from '../../engine/hooks/order.js';
import type { WalkObserver } from '../../engine/observer.js';
import type { PacketContext } from '../../engine/packet.js';
import { LINKTYPE_ETHERNET, LINKTYPE_RAW } from '../../io/link-type.js';
import {
  DIRECTION_INBOUND,
  DIRECTION_OUTBOUND,
  type PacketOptions,
  type PacketSink,
  VERDICT_EBPF_TC,
  VERDICT_EBPF_XDP,
} from '../../io/packet-source.js';
import { type DatapathEvent, decodeEvent } from '../../programs/tables/events.js';
import type { BuiltNode, BuiltTopology } from '../../topologies/built.js';
import { Describer } from './describe.js';
import { LONG_TUPLE, type Talk, TupleReader, talkOf } from './frame-tuple.js';

/** Reads a node's event ring as well: is told of the record at `at` that was just read. */
export interface EventTaker {
  take(node: BuiltNode, at: number): void;
}

/** A record that waits for the end of its walk. */
interface Held {
  readonly interfaceId: number;
  /** The frame's place in the recorder's memory, and its length. */
  readonly at: number;
  readonly length: number;
  options: PacketOptions;
}

const INITIAL_MEMORY = 1 << 18;

export class WalkRecorder implements WalkObserver {
  readonly #sink: PacketSink;
  readonly #topology: BuiltTopology;
  readonly #describer: Describer;
  readonly #monitor: EventTaker | null;
  readonly #interfaces = new Map<string, number>();
  readonly #tuples: TupleReader;
  readonly #tuple = new Int32Array(LONG_TUPLE);
  #memory = new Uint8Array(INITIAL_MEMORY);
  #used = 0;
  #held: Held[] = [];
  #steps: string[] = [];
  /** The hook that is being run: what went in. */
  #before: Talk | null = null;

  /** The capture's frame at hand. */
  #number = 0;
  #seconds = 0;
  #nanoseconds = 0;
  /** Bytes at the frame's end that the capture does not have. */
  #missing = 0;

  /** `monitor` is told of the events too, since a ring has one reader. */
  constructor(sink: PacketSink, topology: BuiltTopology, monitor: EventTaker | null = null) {
    this.#monitor = monitor;
    this.#sink = sink;
    this.#topology = topology;
    this.#describer = new Describer(topology);
    this.#tuples = new TupleReader(topology.walker.arena.bytes);
    for (const { datapath } of topology.nodes) datapath.events.mode = 'queue';
  }

  /** Announces the frame that is walked next: its number in the capture and its time. */
  begin(number: number, seconds: number, nanoseconds: number, missing: number): void {
    this.#number = number;
    this.#seconds = seconds;
    this.#nanoseconds = nanoseconds;
    this.#missing = missing;
    this.#used = 0;
    this.#held = [];
    this.#steps = [];
  }

  /** Where a walk begins is recorded unless a hook there does it. */
  started(packet: PacketContext, deviceIndex: number, namespaceIndex: number): void {
    if (deviceIndex < 0) {
      const { name } = this.#topology.network.namespaces[namespaceIndex];
      this.#hold(`${name}:stack`, packet, {
        flags: DIRECTION_OUTBOUND,
        comment: `sent by the stack of ${name}`,
      });
      return;
    }
    const device = this.#topology.network.devices[deviceIndex];
    if (device.hooks.xdp.program !== null || device.ingress.programs.length > 0) return;
    this.#hold(`${this.#deviceName(deviceIndex)}:in`, packet, {
      flags: DIRECTION_INBOUND,
      comment: `arrives at ${device.name}`,
    });
  }

  hookEntered(packet: PacketContext, deviceIndex: number, hook: number, program: number): void {
    this.#takeEvents(deviceIndex);
    this.#before = this.#talk(packet);
    const device = this.#topology.network.devices[deviceIndex];
    const isInbound = isIngressHook(hook);
    const name = device.hooks.nameAt(hook, program);
    const place = `${this.#deviceName(deviceIndex)}:${HOOK_NAMES[hook].replace(' ', '-')}:${name}`;
    this.#hold(place, packet, { flags: isInbound ? DIRECTION_INBOUND : DIRECTION_OUTBOUND });
  }

  hookLeft(
    packet: PacketContext,
    deviceIndex: number,
    hook: number,
    _program: number,
    verdict: number,
  ): void {
    const last = this.#held[this.#held.length - 1];
    const events = this.#takeEvents(deviceIndex);
    const device = this.#topology.network.devices[deviceIndex];
    const words = this.#describer.hook(
      this.#before!,
      this.#talk(packet),
      events,
      packet,
      device,
      hook,
      verdict,
    );
    last.options = {
      ...last.options,
      comment: [...this.#takeSteps(), words].join('; '),
      verdictKind: isXdpHook(hook) ? VERDICT_EBPF_XDP : VERDICT_EBPF_TC,
      verdict,
    };
  }

  forwarded(_packet: PacketContext, fromIndex: number, toIndex: number, how: number): void {
    const step = this.#describer.step(fromIndex, toIndex, how);
    if (step !== '') this.#steps.push(step);
  }

  ended(packet: PacketContext, fate: number, deviceIndex: number, reason: number): void {
    // A drop by a program is told by the record of its hook.
    if (fate === DROPPED && packet.dropReason !== 0 && packet.dropReason === reason) return;
    const name = this.#deviceName(deviceIndex);
    const place =
      fate === TRANSMITTED
        ? `${name}:out`
        : fate === DELIVERED
          ? `${name}:in`
          : `${this.#namespaceName(deviceIndex)}:stack`;
    const flags = fate === TRANSMITTED ? DIRECTION_OUTBOUND : DIRECTION_INBOUND;
    const end = this.#describer.end(fate, deviceIndex, reason);
    this.#hold(place, packet, { flags, comment: [...this.#takeSteps(), end].join('; ') });
  }

  /** Writes the records of the walk that ended last. */
  write(): void {
    for (const { interfaceId, at, length, options } of this.#held) {
      const captured = Math.max(0, length - this.#missing);
      this.#sink.write(
        interfaceId,
        this.#seconds,
        this.#nanoseconds,
        this.#memory,
        at,
        captured,
        length,
        options,
      );
    }
  }

  #hold(place: string, packet: PacketContext, options: PacketOptions): void {
    const { length } = packet;
    this.#reserve(length);
    this.#memory.set(packet.bytes.subarray(packet.start, packet.end), this.#used);
    this.#held.push({
      interfaceId: this.#interfaceId(place, packet.layer3Device !== 0),
      at: this.#used,
      length,
      options: { ...options, packetId: this.#number },
    });
    this.#used += length;
  }

  #reserve(length: number): void {
    if (this.#used + length <= this.#memory.length) return;
    const memory = new Uint8Array(Math.max(this.#used + length, 2 * this.#memory.length));
    memory.set(this.#memory);
    this.#memory = memory;
  }

  /** A device without link header has packets of another link type. */
  #interfaceId(place: string, isLayer3: boolean): number {
    const linkType = isLayer3 ? LINKTYPE_RAW : LINKTYPE_ETHERNET;
    const key = `${place} ${linkType}`;
    let id = this.#interfaces.get(key);
    if (id === undefined) {
      id = this.#sink.addInterface({ name: place, linkType });
      this.#interfaces.set(key, id);
    }
    return id;
  }

  #talk(packet: PacketContext): Talk {
    const { start, end } = packet;
    const length =
      packet.layer3Device === 0
        ? this.#tuples.read(start, end, this.#tuple, 0)
        : this.#tuples.readPacket(start, end, this.#tuple, 0);
    return talkOf(this.#tuple, 0, length);
  }

  /** How the frame came here, since the last record. */
  #takeSteps(): readonly string[] {
    const steps = this.#steps;
    this.#steps = [];
    return steps;
  }

  /** What the node of a device has told since the last call. */
  #takeEvents(deviceIndex: number): DatapathEvent[] {
    const { namespace } = this.#topology.network.devices[deviceIndex];
    const events: DatapathEvent[] = [];
    // Routers tell nothing.
    const node = this.#topology.findNode(namespace);
    if (node === null) return events;
    const ring = node.datapath.events;
    for (let at = ring.read(); at >= 0; at = ring.read()) {
      this.#monitor?.take(node, at);
      events.push(decodeEvent(ring.bytes, at, ring.length));
    }
    return events;
  }

  /** `node1:bond0`, and for a pod's own device `pod1:eth0`. */
  #deviceName(deviceIndex: number): string {
    return `${this.#namespaceName(deviceIndex)}:${this.#topology.network.devices[deviceIndex].name}`;
  }

  #namespaceName(deviceIndex: number): string {
    return this.#topology.network.devices[deviceIndex].namespace.name;
  }
}
