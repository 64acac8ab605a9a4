/** A node with a native device for tests of NAT: small maps, a set clock, a FIB that answers "this device". */
import { Clock } from '../../src/engine/clock.js';
import { FIB_IFINDEX, FIB_NO_NEIGHBOUR } from '../../src/engine/fib.js';
import { createMap } from '../../src/engine/maps/create-map.js';
import { PacketContext } from '../../src/engine/packet.js';
import type { RandomSource } from '../../src/engine/random.js';
import { put32le } from '../../src/engine/wire/bytes.js';
import * as checksum from '../../src/engine/wire/checksum.js';
import * as ethernet from '../../src/engine/wire/ethernet.js';
import * as icmp from '../../src/engine/wire/icmp.js';
import * as ipv4 from '../../src/engine/wire/ipv4.js';
import * as ipv6 from '../../src/engine/wire/ipv6.js';
import * as layer4 from '../../src/engine/wire/layer4.js';
import * as tcp from '../../src/engine/wire/tcp.js';
import * as udp from '../../src/engine/wire/udp.js';
import { Datapath } from '../../src/programs/datapath.js';
import { DEFAULT_FEATURES, type Features } from '../../src/programs/features.js';
import { DEFAULT_INSTANCE_CONFIG, ProgramInstance } from '../../src/programs/instance.js';
import { DEFAULT_CONSTANTS } from '../../src/programs/node-constants.js';
import { locateL4, readIpv4, readIpv6 } from '../../src/programs/steps/headers.js';
import { POLICY_MAP_SPEC } from '../../src/programs/tables/map-specs.js';

export const IFINDEX = 10;
/** 192.168.0.11 and fd00::11 as the frames hold them. */
export const NODE_IPV4 = 0x0b00a8c0;
export const NODE_IPV6 = Uint8Array.of(0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x11);
export const NOW_SECONDS = 1000;

const HEADROOM = 256;
const MAXIMUM_FRAME = 2048;

export class NatNode {
  readonly clock = new Clock();
  readonly datapath: Datapath;
  readonly host: ProgramInstance;
  readonly packet = new PacketContext(new Uint8Array(HEADROOM + MAXIMUM_FRAME));

  constructor(features: Partial<Features> = {}, random: RandomSource = { next: () => 0 }, mapEntries = 1024) {
    this.clock.set(NOW_SECONDS * 1e9);
    this.datapath = new Datapath({
      features: { ...DEFAULT_FEATURES, ipv6: true, nodePort: true, ...features },
      constants: { ...DEFAULT_CONSTANTS, directRoutingIfindex: IFINDEX, ipv4DirectRouting: NODE_IPV4 },
      clock: this.clock,
      random,
      fib: {
        lookup(_packet, params) {
          put32le(params, FIB_IFINDEX, IFINDEX);
          return FIB_NO_NEIGHBOUR;
        },
      },
      mapSpec: (spec) => ({ ...spec, maxEntries: Math.min(spec.maxEntries, mapEntries) }),
    });
    const config = {
      ...DEFAULT_INSTANCE_CONFIG,
      interfaceIfindex: IFINDEX,
      natIpv4Masquerade: NODE_IPV4,
      natIpv6Masquerade: NODE_IPV6,
    };
    const policy = createMap({ ...POLICY_MAP_SPEC, maxEntries: 8 });
    this.host = new ProgramInstance(this.datapath, 'host', config, policy);
  }

  /** Puts a frame on the device and reads its headers into the flow. */
  receive(frame: Uint8Array): void {
    const packet = this.packet;
    packet.bytes.fill(0);
    packet.bytes.set(frame, HEADROOM);
    packet.reset(HEADROOM, HEADROOM + frame.length, 0, HEADROOM + MAXIMUM_FRAME);
    packet.ifindex = IFINDEX;
    packet.protocol = ethernet.type(frame, 0);
    this.read();
  }

  /** Reads the headers of the packet as it is now. */
  read(): void {
    const { datapath, packet } = this;
    if (packet.protocol === ethernet.TYPE_IPV6) readIpv6(datapath, packet, datapath.flow);
    else readIpv4(datapath, packet, datapath.flow);
    locateL4(packet, datapath.flow);
  }

  /** A copy of the frame as it is now. */
  frame(): Uint8Array {
    return this.packet.bytes.slice(this.packet.start, this.packet.end);
  }
}

/** One end of a conversation: 4 or 16 address bytes; the port or echo identifier. */
export interface End {
  readonly address: Uint8Array;
  readonly port: number;
}

/** A frame from one end to the other with right checksums. An echo has its identifier from `from` (request) or `to`. */
export function frameBetween(from: End, to: End, protocol: number, payload: Uint8Array): Uint8Array {
  const v6 = from.address.length === 16;
  const isIcmp = protocol === ipv4.PROTOCOL_ICMP || protocol === ipv6.NEXT_ICMPV6;
  const l4Length = (protocol === ipv4.PROTOCOL_TCP ? tcp.HEADER_LENGTH : 8) + payload.length;
  const ipLength = v6 ? ipv6.HEADER_LENGTH : ipv4.HEADER_LENGTH;
  const l3At = ethernet.HEADER_LENGTH;
  const l4At = l3At + ipLength;
  const bytes = new Uint8Array(l4At + l4Length);
  ethernet.putType(bytes, 0, v6 ? ethernet.TYPE_IPV6 : ethernet.TYPE_IPV4);
  bytes.set(payload, bytes.length - payload.length);
  if (v6) ipv6.write(bytes, l3At, l4Length, protocol, 64, from.address, to.address);
  else {
    const words = new Int32Array(Uint8Array.from([...from.address, ...to.address]).buffer);
    ipv4.write(bytes, l3At, l4Length, 1, 0, 64, protocol, words[0], words[1]);
  }
  const fill = (checksumAt: number): void => {
    if (v6) layer4.fillIpv6(bytes, l3At, protocol, l4At, l4Length, checksumAt);
    else if (isIcmp) checksum.fill(bytes, l4At, l4Length, checksumAt);
    else layer4.fillIpv4(bytes, l3At, l4At, l4Length, checksumAt);
  };
  if (isIcmp) {
    const request = from.port !== 0;
    const type = v6 ? (request ? 128 : 129) : request ? icmp.ECHO_REQUEST : icmp.ECHO_REPLY;
    icmp.write(bytes, l4At, type, 0, (request ? from.port : to.port) << 16);
    fill(icmp.checksumAt(l4At));
    return bytes;
  }
  tcp.putSourcePort(bytes, l4At, from.port);
  tcp.putDestinationPort(bytes, l4At, to.port);
  if (protocol === ipv4.PROTOCOL_TCP) {
    tcp.putHeaderLength(bytes, l4At, tcp.HEADER_LENGTH);
    tcp.putFlags(bytes, l4At, tcp.SYN);
    fill(tcp.checksumAt(l4At));
  } else {
    udp.putLength(bytes, l4At, l4Length);
    fill(udp.checksumAt(l4At));
  }
  return bytes;
}

/** Whether the IP header's and the L4 header's checksums are right. */
export function hasRightChecksums(bytes: Uint8Array, protocol: number): boolean {
  const l3At = ethernet.HEADER_LENGTH;
  if (ethernet.type(bytes, 0) === ethernet.TYPE_IPV6) {
    const l4At = l3At + ipv6.HEADER_LENGTH;
    return layer4.isValidIpv6(bytes, l3At, protocol, l4At, bytes.length - l4At);
  }
  if (!checksum.isIpv4HeaderValid(bytes, l3At)) return false;
  const l4At = l3At + ipv4.HEADER_LENGTH;
  if (protocol === ipv4.PROTOCOL_ICMP) return checksum.isValid(bytes, l4At, bytes.length - l4At);
  return layer4.isValidIpv4(bytes, l3At, l4At, bytes.length - l4At);
}
