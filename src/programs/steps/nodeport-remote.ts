import type { PacketContext } from '../../engine/packet.js';
import { i32le } from '../../engine/wire/bytes.js';
import * as ports from '../../engine/wire/ports.js';
import { EGRESS } from '../constants.js';
import { CT_NEW, type Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import { toTunnel, tunnelTowards } from './encapsulation.js';
import { decrementTtl, forwardByFib, HOP_LIMIT_EXCEEDED } from './forward.js';
import { readPortTuple } from './fragments.js';
import { answerTimeExceeded } from './icmpv6-answers.js';
import { ipcacheIdentity } from './identity.js';
import { putMapped, unmap } from './nat46.js';
import { noteSnatDone } from './nodeport-marks.js';
import { drop, MONITOR_ALWAYS } from './notify.js';
import { CONTINUE } from './outcome.js';
import { SnatTarget, snatMapped } from './snat.js';

const target = new SnatTarget();

/**
 * Sends a request on to a backend on another node, under this node's address so that the reply comes back here. Its
 * destination is the backend already. `label` is the source identity in a tunnel; with `toIpv4` the backend is an
 * IPv4 one behind its mapped address. Answers the verdict; drops are reported here, as egress without label.
 */
export function requestBySnat(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  label: number,
  toIpv4: boolean,
): number {
  leaveControlBlock(packet, flow, label, toIpv4);
  const verdict = translateAndSend(program, packet, flow, label, toIpv4);
  return verdict < 0 ? drop(program, packet, verdict, EGRESS, 0, 0, 0, flow.extendedError) : verdict;
}

/** What Cilium hands to its program for this stays in the control block: IPv6 has no label there. */
function leaveControlBlock(packet: PacketContext, flow: Flow, label: number, toIpv4: boolean): void {
  if (flow.family.isV6) {
    packet.cb1 = toIpv4 ? 1 : 0;
  } else {
    packet.cb0 = label;
    packet.cb1 = flow.lbClusterId;
  }
}

function translateAndSend(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  label: number,
  toIpv4: boolean,
): number {
  const datapath = program.datapath;
  let error = readPortTuple(program, packet, flow, EGRESS);
  if (error < 0) return error;
  const tunnelAt = tunnelTowards(program, packet, flow, flow.lbClusterId);
  setTarget(program, flow, toIpv4, tunnelAt >= 0);
  error = decrementTtl(packet, flow);
  if (error === HOP_LIMIT_EXCEEDED) return answerTimeExceeded(program, packet, EGRESS);
  if (error < 0) return error;
  error = snatMapped(program, packet, flow, target, ports.SOURCE_PORT_OFFSET);
  if (error < 0) return error;
  noteSnatDone(program, packet);
  if (tunnelAt >= 0) {
    const identity = ipcacheIdentity(datapath, tunnelAt);
    const sent = toTunnel(program, packet, tunnelAt, label, identity, CT_NEW, MONITOR_ALWAYS);
    if (sent !== CONTINUE) return sent;
  }
  if (toIpv4) {
    error = unmap(program, packet, flow);
    if (error < 0) return error;
  }
  return forwardByFib(program, packet, flow, false);
}

/** This node's address as the backend is to see it: that of the tunnel's inner side, or the direct routing one. */
function setTarget(program: ProgramInstance, flow: Flow, toIpv4: boolean, isTunnel: boolean): void {
  const constants = program.datapath.constants;
  target.reset(constants.natPortRange[0], constants.natPortRange[1]);
  const address = target.address;
  if (!flow.family.isV6) {
    address[0] = isTunnel ? constants.ipv4Gateway : constants.ipv4DirectRouting;
  } else if (toIpv4) {
    putMapped(address, 0, constants.ipv4DirectRouting);
  } else {
    const bytes = isTunnel ? program.config.routerIpv6 : constants.ipv6DirectRouting;
    for (let i = 0; i < 4; i++) address[i] = i32le(bytes, 4 * i);
  }
}
