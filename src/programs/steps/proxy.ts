import { TC_ACT_OK } from '../../engine/hooks/verdict.js';
import type { PacketContext } from '../../engine/packet.js';
import { MARK_TO_PROXY } from '../constants.js';
import type { ProgramInstance } from '../instance.js';
import { CAPTURE_PROXY_PRE } from './debug.js';
import { debugCapture } from './notify.js';

/** Mark that takes a packet to the proxy listening on a port (raw; 0 for replies). */
export function proxyMark(port: number): number {
  return MARK_TO_PROXY | (port << 16);
}

/** Hands the packet to the L7 proxy through the stack: the mark says so, the frame does not change. */
export function toProxy(program: ProgramInstance, packet: PacketContext, port: number): number {
  packet.mark = proxyMark(port);
  if (program.features.debug) debugCapture(program, packet, CAPTURE_PROXY_PRE, port, 0);
  return TC_ACT_OK;
}
