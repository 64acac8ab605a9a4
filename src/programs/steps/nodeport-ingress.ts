/**
 * NodePort on the way in: packets to the services of this node become packets to backends, here or elsewhere;
 * replies of backends elsewhere become replies of the service. Called by every program where packets enter the node.
 */
import type { PacketContext } from '../../engine/packet.js';
import { INGRESS } from '../constants.js';
import { DSR_MODE_GENEVE } from '../features.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import { receiveDsr } from './dsr-receive.js';
import { isPortProtocol, loadPorts } from './fragments.js';
import { locateL4, readTuple } from './headers.js';
import { lookupService } from './load-balancer.js';
import { REPLY_OF_HOST, replyAsIpv6, throughGateway } from './nat46-nodeport.js';
import { noteNoService } from './nodeport-marks.js';
import { reverseTranslate } from './nodeport-reverse.js';
import { toService } from './nodeport-service.js';
import { CONTINUE } from './outcome.js';

/**
 * NodePort on the way in. CONTINUE: the packet goes on, possibly rewritten to a local backend (headers must be read
 * again); RECIRCULATE_*: it is to be looked at again from its IP header, its label in cb[0]; a verdict: ended
 * (redirected, answered, punted, or dropped with the drop reported); below 0: a drop reason for the caller to report
 * (ingress, `label`). The caller has read the IP header.
 */
export function nodePortIngress(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  label: number,
): number {
  flow.extendedError = 0;
  flow.isDsr = false;
  flow.lbLoopback = false;
  flow.lbClusterId = 0;
  let error = locateL4(packet, flow);
  if (error < 0) return error;
  readTuple(packet, flow);
  if (isPortProtocol(program, flow.protocol)) {
    error = loadPorts(program, packet, flow, INGRESS);
    if (error < 0) return error;
    const serviceAt = lookupService(program, flow, false);
    if (serviceAt >= 0) return toService(program, packet, flow, serviceAt, label);
    return notAService(program, packet, flow, label, true);
  }
  if (flow.protocol === flow.family.icmpProtocol) return notAService(program, packet, flow, label, false);
  noteNoService(program, packet);
  return CONTINUE;
}

/** What is sent to no service: maybe a request that another node sent on by DSR, maybe the reply of a backend. */
function notAService(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  label: number,
  hasPorts: boolean,
): number {
  const features = program.features;
  const v6 = flow.family.isV6;
  if (features.nat46x64Gateway) {
    const outcome = throughGateway(program, packet, flow);
    if (outcome !== CONTINUE) return outcome;
  }
  noteNoService(program, packet);
  if (features.dsr && hasPorts && receivesDsr(program)) {
    const outcome = receiveDsr(program, packet, flow);
    if (outcome !== 0) return outcome < 0 ? outcome : CONTINUE;
  }
  // Without masquerading no ICMP message has left under this node's address.
  if (!hasPorts && !(v6 ? features.masqueradeIpv6 : features.masqueradeIpv4)) return CONTINUE;
  if (v6) packet.cb1 = 0;
  packet.cb0 = label;
  const tupleRead = hasPorts && !flow.isFragment && !features.dsr;
  if (v6 || !hasPorts || !(features.nat46x64 || features.nat46x64Gateway)) {
    return reverseTranslate(program, packet, flow, false, tupleRead);
  }
  const reply = replyAsIpv6(program, packet, flow);
  return reply < 0 ? reply : reverseTranslate(program, packet, flow, reply === REPLY_OF_HOST, false);
}

/** DSR by Geneve arrives at the tunnel device, the other modes anywhere else. */
function receivesDsr(program: ProgramInstance): boolean {
  return (program.features.dsrMode === DSR_MODE_GENEVE) === (program.kind === 'overlay');
}
