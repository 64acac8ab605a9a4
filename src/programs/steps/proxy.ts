import { TC_ACT_OK } from '../../engine/hooks/verdict.js';
import type { PacketContext } from '../../engine/packet.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import { EGRESS, MARK_TO_PROXY } from '../constants.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import { CAPTURE_PROXY_PRE } from './debug.js';
import { decrementTtl, HOP_LIMIT_EXCEEDED } from './forward.js';
import { answerTimeExceeded } from './icmpv6-answers.js';
import { debugCapture } from './notify.js';

/** Mark that takes a packet to the proxy listening on a port (raw; 0 for replies). */
export function proxyMark(port: number): number {
  return MARK_TO_PROXY | (port << 16);
}

/**
 * Sends the packet into the host's stack through cilium_net, where it arrives at cilium_host with the mark of the proxy
 * in its control block. The verdict or a drop reason.
 */
export function hairpinToProxy(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  port: number,
): number {
  const constants = program.datapath.constants;
  packet.cb0 = proxyMark(port);
  const error = decrementTtl(packet, flow);
  if (error === HOP_LIMIT_EXCEEDED) return answerTimeExceeded(program, packet, EGRESS);
  if (error < 0) return error;
  ethernet.putSource(packet.bytes, packet.start, program.config.interfaceMac, 0);
  ethernet.putDestination(packet.bytes, packet.start, constants.hostMac, 0);
  if (program.features.debug) debugCapture(program, packet, CAPTURE_PROXY_PRE, port, 0);
  return packet.redirect(constants.netIfindex, 0);
}

/** Hands the packet to the L7 proxy through the stack: the mark says so, the frame does not change. */
export function toProxy(program: ProgramInstance, packet: PacketContext, port: number): number {
  packet.mark = proxyMark(port);
  if (program.features.debug) debugCapture(program, packet, CAPTURE_PROXY_PRE, port, 0);
  return TC_ACT_OK;
}
