/** Makes synthetic traffic: the same options give the same frames. For benchmarks and tests. */
import { SeededRandom } from '../engine/random.js';
import * as ethernet from '../engine/wire/ethernet.js';
import * as ipv4 from '../engine/wire/ipv4.js';
import * as ipv6 from '../engine/wire/ipv6.js';
import * as layer4 from '../engine/wire/layer4.js';
import * as tcp from '../engine/wire/tcp.js';
import * as udp from '../engine/wire/udp.js';
import { LINKTYPE_ETHERNET } from './link-type.js';
import type { PacketBatch } from './packet-batch.js';
import { type CaptureInterface, END, type PacketSource } from './packet-source.js';

const CHUNK_SIZE = 256 * 1024;
const MAXIMUM_FLOWS = 1 << 20;
const HOP_LIMIT = 64;
const WINDOW = 0xffff;
const FIRST_EPHEMERAL_PORT = 0x8000;
const DESTINATION_PORTS = [80, 443, 53, 8080, 5353, 6443, 9090, 4240];

const SOURCE_MAC = Uint8Array.of(0x02, 0, 0, 0, 0, 1);
const DESTINATION_MAC = Uint8Array.of(0x02, 0, 0, 0, 0, 2);

export interface GeneratorOptions {
  /** Packets to make. */
  readonly packets: number;
  /** Default 1. Each flow has its own source address; the flows take turns, packet by packet. */
  readonly flows?: number;
  /** Lengths with the Ethernet header, without FCS, that take turns; default [64]. At least 74 for TCP on IPv6. */
  readonly frameLengths?: readonly number[];
  /** Default 'tcp'; 'mixed' takes turns, flow by flow. */
  readonly protocol?: 'tcp' | 'udp' | 'mixed';
  /** Default 'ipv4'; 'mixed' takes turns, flow by flow. */
  readonly family?: 'ipv4' | 'ipv6' | 'mixed';
  readonly seed?: number;
  /** Time of the first packet, and between packets; default 1,700,000,000 s and 1,000 ns. */
  readonly startSeconds?: number;
  readonly intervalNanoseconds?: number;
}

/**
 * A flow runs from 10.x.y.z (fd00::x:y:z) to 10.128 + n (fd00:1::n); the first packet of a TCP flow is a SYN,
 * those after it go on in the sequence (exactly so with one frame length). All checksums are right. Throws
 * RangeError for options that cannot be.
 */
export class GeneratorSource implements PacketSource {
  readonly name = 'generator';
  readonly size = -1;
  readonly position = -1;
  readonly interfaces: readonly CaptureInterface[] = [
    {
      linkType: LINKTYPE_ETHERNET,
      snapLength: 0,
      unitsPerSecond: 1e9,
      timestampOffsetSeconds: 0,
      frameCheckLength: 0,
      name: 'generator',
      description: '',
      operatingSystem: '',
    },
  ];
  readonly #options: Required<GeneratorOptions>;
  readonly #bytes = new Uint8Array(CHUNK_SIZE);
  /** Random bits of each flow: destination and ports. */
  readonly #flowBits: Int32Array;
  readonly #source = new Uint8Array(ipv6.ADDRESS_LENGTH);
  readonly #destination = new Uint8Array(ipv6.ADDRESS_LENGTH);
  #packet = 0;
  #end: number;

  constructor(options: GeneratorOptions) {
    this.#options = {
      flows: 1,
      frameLengths: [64],
      protocol: 'tcp',
      family: 'ipv4',
      seed: 1,
      startSeconds: 1_700_000_000,
      intervalNanoseconds: 1000,
      ...options,
    };
    const { flows, packets, frameLengths, seed } = this.#options;
    if (!(flows >= 1 && flows <= MAXIMUM_FLOWS))
      throw new RangeError(`flows: 1 to ${MAXIMUM_FLOWS}, not ${flows}`);
    if (frameLengths.length === 0) throw new RangeError('frameLengths: at least one');
    for (const length of frameLengths) this.#checkLength(length);
    const random = new SeededRandom(seed);
    this.#flowBits = Int32Array.from({ length: flows }, () => random.next());
    this.#source[0] = 0xfd;
    this.#destination[0] = 0xfd;
    this.#destination[3] = 1;
    this.#end = packets;
  }

  #checkLength(length: number): void {
    const { family, protocol } = this.#options;
    const shortest =
      ethernet.HEADER_LENGTH +
      (family === 'ipv4' ? ipv4.HEADER_LENGTH : ipv6.HEADER_LENGTH) +
      (protocol === 'udp' ? udp.HEADER_LENGTH : tcp.HEADER_LENGTH);
    if (!(length >= shortest && length <= 0xffff)) {
      throw new RangeError(`frameLengths: ${shortest} to 65535 for ${protocol} on ${family}, not ${length}`);
    }
  }

  read(batch: PacketBatch): number {
    const { flows, frameLengths, startSeconds, intervalNanoseconds } = this.#options;
    const bytes = this.#bytes;
    let at = 0;
    let count = 0;
    while (count < batch.capacity && this.#packet < this.#end) {
      const packet = this.#packet;
      const length = frameLengths[packet % frameLengths.length];
      if (at + length > bytes.length) break;
      this.#writeFrame(at, length, packet % flows, Math.floor(packet / flows));
      const elapsed = packet * intervalNanoseconds;
      const elapsedSeconds = Math.floor(elapsed / 1e9);
      batch.offset[count] = at;
      batch.capturedLength[count] = length;
      batch.originalLength[count] = length;
      batch.seconds[count] = startSeconds + elapsedSeconds;
      batch.nanoseconds[count] = elapsed - elapsedSeconds * 1e9;
      batch.interfaceIndex[count] = 0;
      at += length;
      count++;
      this.#packet++;
    }
    batch.bytes = bytes;
    batch.count = count;
    batch.hasOptions = false;
    return count === 0 ? END : count;
  }

  #writeFrame(at: number, length: number, flow: number, round: number): void {
    const { family, protocol } = this.#options;
    const bytes = this.#bytes;
    const isIpv6 = family === 'mixed' ? (flow & 1) === 1 : family === 'ipv6';
    const isUdp = protocol === 'mixed' ? (flow & 2) === 2 : protocol === 'udp';
    const transportProtocol = isUdp ? ipv4.PROTOCOL_UDP : ipv4.PROTOCOL_TCP;
    const ipAt = at + ethernet.HEADER_LENGTH;
    const transportAt = ipAt + (isIpv6 ? ipv6.HEADER_LENGTH : ipv4.HEADER_LENGTH);
    const transportLength = at + length - transportAt;
    const bits = this.#flowBits[flow];
    ethernet.write(bytes, at, DESTINATION_MAC, SOURCE_MAC, isIpv6 ? ethernet.TYPE_IPV6 : ethernet.TYPE_IPV4);
    if (isIpv6) this.#writeIpv6(ipAt, transportLength, transportProtocol, flow, bits);
    else writeIpv4(bytes, ipAt, transportLength, transportProtocol, flow, bits, round);
    const sourcePort = FIRST_EPHEMERAL_PORT | (bits & 0x7fff);
    const destinationPort = DESTINATION_PORTS[(bits >>> 15) & 7];
    const payloadLength = transportLength - (isUdp ? udp.HEADER_LENGTH : tcp.HEADER_LENGTH);
    if (isUdp) {
      udp.write(bytes, transportAt, sourcePort, destinationPort, payloadLength);
    } else {
      const flags = round === 0 ? tcp.SYN : tcp.ACK | tcp.PSH;
      const sequence = round === 0 ? bits : bits + 1 + round * payloadLength;
      tcp.write(
        bytes,
        transportAt,
        sourcePort,
        destinationPort,
        sequence,
        round === 0 ? 0 : 1,
        flags,
        WINDOW,
      );
    }
    bytes.fill(round, at + length - payloadLength, at + length);
    const checksumAt = isUdp ? udp.checksumAt(transportAt) : tcp.checksumAt(transportAt);
    if (isIpv6) layer4.fillIpv6(bytes, ipAt, transportProtocol, transportAt, transportLength, checksumAt);
    else layer4.fillIpv4(bytes, ipAt, transportAt, transportLength, checksumAt);
  }

  #writeIpv6(at: number, payloadLength: number, protocol: number, flow: number, bits: number): void {
    const host = flow + 1;
    this.#source[13] = host >> 16;
    this.#source[14] = host >> 8;
    this.#source[15] = host;
    this.#destination[15] = bits >>> 24;
    ipv6.write(this.#bytes, at, payloadLength, protocol, HOP_LIMIT, this.#source, this.#destination);
  }

  async wait(): Promise<void> {}

  close(): void {
    this.#end = 0;
  }
}

/** Address words are in memory order: the first byte is the lowest. */
function writeIpv4(
  bytes: Uint8Array,
  at: number,
  payloadLength: number,
  protocol: number,
  flow: number,
  bits: number,
  round: number,
): void {
  const host = flow + 1;
  const source = 10 | (((host >> 16) & 0x7f) << 8) | (((host >> 8) & 0xff) << 16) | ((host & 0xff) << 24);
  const destination = 10 | (0x80 << 8) | (bits & 0xff000000);
  ipv4.write(
    bytes,
    at,
    payloadLength,
    round & 0xffff,
    ipv4.DONT_FRAGMENT,
    HOP_LIMIT,
    protocol,
    source,
    destination,
  );
}
