/**
 * NAT46 and NAT64 in NodePort: services whose backends speak the other family, and the gateway between IPv4 hosts and
 * addresses behind the node's prefix.
 */
import type { PacketContext } from '../../engine/packet.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import { EGRESS } from '../constants.js';
import { DROP_NAT46, DROP_NAT64 } from '../drop-reasons.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as nat from '../tables/nat.js';
import { forwardLowering } from './forward.js';
import { isMappedWords, isPrefixed, putMapped, putPrefixed, toIpv6, unmap } from './nat46.js';
import { rememberNeighbour } from './neighbours.js';
import { requestBySnat } from './nodeport-remote.js';
import { drop } from './notify.js';
import { CONTINUE, RECIRCULATE_IPV6 } from './outcome.js';

/** Addresses of a packet that becomes an IPv6 one: source, destination. */
const addresses = new Int32Array(8);

/** The packet is a reply to an IPv6 client, from an IPv4 backend (`REPLY_OF_SERVICE`) or host (`REPLY_OF_HOST`). */
const REPLY_OF_SERVICE = 1;
export const REPLY_OF_HOST = 2;

/** An IPv4 request to a service with IPv6 backends: it becomes IPv6, and finds the service again under its mapped address. */
export function requestAsIpv6(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  label: number,
): number {
  packet.cb0 = label;
  putMapped(addresses, 0, ipv4.source(packet.bytes, flow.l3At));
  putMapped(addresses, 4, ipv4.destination(packet.bytes, flow.l3At));
  const error = toIpv6(program, packet, flow, addresses);
  return error < 0 ? error : RECIRCULATE_IPV6;
}

/** The frontend of a translated service (`flow.frontendAddress`) is IPv6 itself, so its backends are IPv4. */
export function isNat64Frontend(flow: Flow): boolean {
  return !isMappedWords(flow.frontendAddress, 0);
}

/**
 * What goes to no service may be for the gateway: IPv4 to anything but this node, IPv6 to the node's prefix. CONTINUE
 * when it is not; else the verdict, drops reported as egress without label.
 */
export function throughGateway(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const bytes = packet.bytes;
  const at = flow.l3At;
  if (!flow.family.isV6) {
    if (ipv4.destination(bytes, at) === program.datapath.constants.ipv4DirectRouting) return CONTINUE;
    putPrefixed(program, addresses, 0, ipv4.source(bytes, at));
    putPrefixed(program, addresses, 4, ipv4.destination(bytes, at));
    const error = toIpv6(program, packet, flow, addresses);
    return send(program, packet, flow, error < 0 ? DROP_NAT46 : 0);
  }
  if (!isPrefixed(program, bytes, at + flow.family.destinationOffset)) return CONTINUE;
  rememberNeighbour(program, packet, flow);
  if (!isPrefixed(program, bytes, at + flow.family.sourceOffset)) {
    return requestBySnat(program, packet, flow, flow.family.worldIdentity, true);
  }
  return send(program, packet, flow, unmap(program, packet, flow) < 0 ? DROP_NAT64 : 0);
}

function send(program: ProgramInstance, packet: PacketContext, flow: Flow, error: number): number {
  const verdict = error < 0 ? error : forwardLowering(program, packet, flow, true);
  return verdict < 0 ? drop(program, packet, verdict, EGRESS, 0, 0, 0, flow.extendedError) : verdict;
}

/**
 * An IPv4 packet (tuple in packet layout, with ports) that answers an IPv6 client becomes an IPv6 one: REPLY_*, 0 when
 * it is none, or a drop reason.
 */
export function replyAsIpv6(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const features = program.features;
  let kind = 0;
  if (features.nat46x64 && isAwaited(program, flow, false)) kind = REPLY_OF_SERVICE;
  else if (features.nat46x64Gateway && isAwaited(program, flow, true)) kind = REPLY_OF_HOST;
  if (kind === 0) return 0;
  const error = toIpv6(program, packet, flow, addresses);
  if (error < 0) return error;
  packet.cb1 = kind === REPLY_OF_HOST ? 2 : 0;
  return kind;
}

/** Whether an IPv6 flow left this node from `addresses[4..7]` to `addresses[0..3]`, which it fills. */
function isAwaited(program: ProgramInstance, flow: Flow, fromHost: boolean): boolean {
  if (fromHost) putPrefixed(program, addresses, 0, flow.tuple[1]);
  else putMapped(addresses, 0, flow.tuple[1]);
  putMapped(addresses, 4, flow.tuple[0]);
  const v6 = program.datapath.ipv6;
  const key = program.datapath.keys.nat;
  for (let i = 0; i < 4; i++) {
    key[i] = addresses[4 + i];
    key[4 + i] = addresses[i];
  }
  const ports = flow.tuple[flow.family.portsWord];
  key[v6.portsWord] = (ports << 16) | (ports >>> 16);
  key[v6.metaWord] = flow.protocol | (nat.TUPLE_IN << 8);
  return v6.snat.lookup(key, 0) >= 0;
}
