/** What the ways to send a DSR request have in common. */
import type { PacketContext } from '../../engine/packet.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as tcp from '../../engine/wire/tcp.js';
import { DROP_CT_INVALID_HDR } from '../drop-reasons.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import { forwardByFib, forwardLowering } from './forward.js';

/**
 * Whether the packet is to carry the service's address: every datagram, of a TCP connection the SYN only. A drop
 * reason when the flags are not in the frame. Of a later fragment the payload is taken for a TCP header.
 */
export function carriesAddress(packet: PacketContext, flow: Flow): number {
  if (flow.protocol !== ipv4.PROTOCOL_TCP) return 1;
  if (flow.l4At + tcp.FLAGS_OFFSET + 1 > packet.end) return DROP_CT_INVALID_HDR;
  return (tcp.flags(packet.bytes, flow.l4At) & tcp.SYN) !== 0 ? 1 : 0;
}

/** Whether a packet of this length is to be refused; only checked where the node answers to that. */
export function isTooBig(program: ProgramInstance, length: number): boolean {
  return program.features.dsrIcmpErrors && length > program.config.deviceMtu;
}

/** Sends the request out by the FIB, an IPv4 one with a lower TTL, an IPv6 one as it is. A verdict or a drop reason. */
export function forwardRequest(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  isIpv6Request: boolean,
): number {
  return isIpv6Request
    ? forwardByFib(program, packet, flow, false)
    : forwardLowering(program, packet, flow, false);
}
