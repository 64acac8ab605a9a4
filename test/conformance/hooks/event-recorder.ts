/** Records what probe programs and packet sockets see, in the words of the vectors: zero fields are left out. */
import type { Device } from '../../../src/engine/device.js';
import type { Network } from '../../../src/engine/network.js';
import type { PacketContext } from '../../../src/engine/packet.js';

export type SeenEvent = Record<string, unknown> & { at: string };

const PACKET_TYPES = ['HOST', 'BROADCAST', 'MULTICAST', 'OTHERHOST', 'OUTGOING'];
const HEAD_BYTES = 24;

export class EventRecorder {
  events: SeenEvent[] = [];
  readonly #deviceNames = new Map<number, string>();
  #sentHead = '';

  constructor(network: Network) {
    for (const { ifindex, name } of network.devices) this.#deviceNames.set(ifindex, name);
  }

  begin(frameHex: string): void {
    this.events = [];
    this.#sentHead = frameHex.slice(0, 2 * HEAD_BYTES);
  }

  tcProgram(at: string, packet: PacketContext): SeenEvent {
    const event = this.#skb(at, packet);
    set(event, 'tc_classid', packet.tcClassid);
    const cb = [packet.cb0, packet.cb1, packet.cb2, packet.cb3, packet.cb4].map((word) => word >>> 0);
    if (cb.some((word) => word !== 0)) event.cb = cb;
    if (packet.metaLength !== 0) {
      event.meta_len = packet.metaLength;
      event.meta_first4 = packet.xdpMeta >>> 0;
    }
    this.events.push(event);
    return event;
  }

  xdpProgram(at: string, packet: PacketContext): SeenEvent {
    const event: SeenEvent = { at, len: packet.length };
    event.ingress_ifindex = this.#deviceNames.get(packet.ingressIfindex);
    set(event, 'meta_len', packet.metaLength);
    this.#noteHead(event, packet);
    this.events.push(event);
    return event;
  }

  socket(device: Device, place: string, packet: PacketContext): void {
    this.events.push(this.#skb(`${device.name}/${place}`, packet));
  }

  #skb(at: string, packet: PacketContext): SeenEvent {
    const event: SeenEvent = { at, ifindex: this.#deviceNames.get(packet.ifindex) };
    if (packet.ingressIfindex !== 0) event.ingress_ifindex = this.#deviceNames.get(packet.ingressIfindex);
    event.len = packet.length;
    event.pkt_type = PACKET_TYPES[packet.packetType];
    event.protocol = hex16(packet.protocol);
    set(event, 'mark', packet.mark >>> 0);
    set(event, 'priority', packet.priority >>> 0);
    set(event, 'tc_index', packet.tcIndex);
    set(event, 'queue_mapping', packet.queueMapping);
    if (packet.vlanPresent !== 0) {
      event.vlan_present = 1;
      event.vlan_tci = packet.vlanTci;
      event.vlan_proto = hex16(packet.vlanProtocol);
    }
    this.#noteHead(event, packet);
    return event;
  }

  /** The probes read the head whole or not at all. */
  #noteHead(event: SeenEvent, { bytes, start, length }: PacketContext): void {
    const head =
      length < HEAD_BYTES
        ? '00'.repeat(HEAD_BYTES)
        : Buffer.from(bytes.buffer, bytes.byteOffset + start, HEAD_BYTES).toString('hex');
    if (head !== this.#sentHead) event.head = head;
  }
}

function set(event: SeenEvent, field: string, value: number): void {
  if (value !== 0) event[field] = value;
}

function hex16(value: number): string {
  return value.toString(16).padStart(4, '0');
}
