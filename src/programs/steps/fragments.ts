/** Ports of a packet, with those of later fragments remembered from the first one. */
import { BPF_ANY } from '../../engine/maps/map.js';
import type { PacketContext } from '../../engine/packet.js';
import { i32le, u16le } from '../../engine/wire/bytes.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import {
  DROP_CT_INVALID_HDR,
  DROP_FRAG_NOSUPPORT,
  DROP_FRAG_NOT_FOUND,
  DROP_UNKNOWN_L4,
  DROP_UNSUPP_SERVICE_PROTO,
} from '../drop-reasons.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import { locateL4, readTuple } from './headers.js';

const REASON_FRAGMENT_UPDATE_FAILED = 10;

/** Protocols with ports: TCP, UDP, and SCTP where the node handles it. */
export function isPortProtocol(program: ProgramInstance, protocol: number): boolean {
  return (
    protocol === ipv4.PROTOCOL_TCP ||
    protocol === ipv4.PROTOCOL_UDP ||
    (protocol === ipv4.PROTOCOL_SCTP && program.datapath.features.sctp)
  );
}

/**
 * Puts the packet's ports into the tuple's ports word as they stand in the packet (packet layout). The fragment
 * map is keyed by the addresses as they are now, so a first fragment to a service is entered again after its
 * translation. 0 or a drop reason.
 */
export function loadPorts(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  metricDirection: number,
): number {
  const family = flow.family;
  if (flow.isLaterFragment) {
    if (!family.fragmentTracking) return DROP_FRAG_NOSUPPORT;
    const at = family.fragments.lookup(fragmentKey(program, packet, flow), 0);
    if (at < 0) return DROP_FRAG_NOT_FOUND;
    flow.tuple[family.portsWord] = family.fragments.words[at >> 2];
    return 0;
  }
  const at = flow.l4At;
  if (at + 4 > packet.end) return DROP_CT_INVALID_HDR;
  const ports = packet.view.getInt32(at, true);
  flow.tuple[family.portsWord] = ports;
  if (flow.isFragment && family.fragmentTracking) {
    const value = family.fragments.insert(fragmentKey(program, packet, flow), 0, BPF_ANY);
    if (value < 0) {
      program.datapath.metrics.count(
        REASON_FRAGMENT_UPDATE_FAILED,
        metricDirection,
        packet.end - packet.start,
      );
    } else {
      family.fragments.words[value >> 2] = ports;
    }
  }
  return 0;
}

/** Addresses, protocol and ports of the packet into the tuple. 0, or a drop reason where there are no ports to have. */
export function readPortTuple(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  direction: number,
): number {
  const error = locateL4(packet, flow);
  if (error < 0) return error;
  readTuple(packet, flow);
  if (isPortProtocol(program, flow.protocol)) return loadPorts(program, packet, flow, direction);
  flow.tuple[flow.family.portsWord] = 0;
  return flow.protocol === flow.family.icmpProtocol ? DROP_UNSUPP_SERVICE_PROTO : DROP_UNKNOWN_L4;
}

/** Key of the datagram: IPv4 daddr, saddr, id, protocol; IPv6 id, protocol, saddr, daddr. */
function fragmentKey(program: ProgramInstance, packet: PacketContext, flow: Flow): Int32Array {
  const key = program.datapath.keys.fragment;
  const bytes = packet.bytes;
  const source = flow.l3At + flow.family.sourceOffset;
  const destination = flow.l3At + flow.family.destinationOffset;
  if (flow.family.isV6) {
    key[0] = flow.fragmentId;
    key[1] = flow.fragmentProtocol;
    for (let i = 0; i < 4; i++) {
      key[2 + i] = i32le(bytes, source + 4 * i);
      key[6 + i] = i32le(bytes, destination + 4 * i);
    }
  } else {
    key[0] = i32le(bytes, destination);
    key[1] = i32le(bytes, source);
    key[2] = u16le(bytes, flow.l3At + ipv4.IDENTIFICATION_OFFSET) | (flow.protocol << 16);
  }
  return key;
}
