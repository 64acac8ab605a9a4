import type { PacketContext } from '../../engine/packet.js';
import { EGRESS, IDENTITY_REMOTE_NODE, MARK_MAGIC_MASK, MARK_SNAT_DONE } from '../constants.js';
import { DROP_NAT_NO_MAPPING } from '../drop-reasons.js';
import { CT_REPLY, type Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as ct from '../tables/conntrack.js';
import * as conntrack from './conntrack.js';
import { hasTunnelEndpoint, skipsTunnel, toTunnel } from './encapsulation.js';
import { decrementTtl, HOP_LIMIT_EXCEEDED, lookupFib, redirectByFib } from './forward.js';
import { loadPorts } from './fragments.js';
import { locateL4, readTuple } from './headers.js';
import { answerTimeExceeded } from './icmpv6-answers.js';
import { ipcacheIdentity, lookupIpcacheAt } from './identity.js';
import { drop } from './notify.js';
import { reverseNat } from './reverse-nat.js';
import { encapsulateSrv6, lookupSegment, lookupVrf } from './srv6.js';

/** SNAT is done: only the magic nibble of the mark says so. */
export function markSnatDone(packet: PacketContext): void {
  packet.mark = (packet.mark & ~MARK_MAGIC_MASK) | MARK_SNAT_DONE;
}

/**
 * A pod's reply to a client that came through NodePort: the frontend's address again, then out towards the
 * client. Answers the verdict; drops are reported here, without labels.
 */
export function replyFromNodePort(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const verdict = translateReply(program, packet, flow);
  return verdict < 0 ? drop(program, packet, verdict, EGRESS, 0, 0, 0, flow.extendedError) : verdict;
}

function translateReply(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const datapath = program.datapath;
  const features = program.features;
  const family = flow.family;
  let error = locateL4(packet, flow);
  if (error < 0) return error;
  readTuple(packet, flow);
  const vrf = features.srv6 && !family.isV6 ? lookupVrf(program, packet, flow) : 0;
  error = loadPorts(program, packet, flow, EGRESS);
  if (error < 0) return error;
  flow.tuple[family.metaWord] = flow.protocol | (ct.TUPLE_OUT << 8);
  conntrack.useNodeMaps(flow);
  const status = conntrack.lookupTuple(
    program,
    packet,
    flow,
    conntrack.CT_INGRESS,
    conntrack.SCOPE_REVERSE,
    conntrack.KIND_NODEPORT,
    0,
  );
  if (status < 0) return status;
  if (status !== CT_REPLY) return DROP_NAT_NO_MAPPING;
  if (family.isV6) {
    error = decrementTtl(packet, flow);
    if (error === HOP_LIMIT_EXCEEDED) return answerTimeExceeded(program, packet, EGRESS);
  }
  error = reverseNat(program, packet, flow, flow.entryRevNat, false);
  if (error < 0) return error;
  markSnatDone(packet);
  const destinationAt = flow.l3At + family.destinationOffset;
  let tunnelAt = -1;
  if (features.tunnelMode) {
    const ipcacheAt = lookupIpcacheAt(datapath, family, packet, destinationAt, 0);
    if (hasTunnelEndpoint(program, ipcacheAt) && !skipsTunnel(program, ipcacheAt)) tunnelAt = ipcacheAt;
  }
  if (features.srv6 && !family.isV6) {
    const segment = lookupSegment(program, packet, flow, vrf);
    if (segment >= 0) return encapsulateSrv6(program, packet, flow, segment, program.config.securityLabel);
  }
  if (!family.isV6) {
    error = decrementTtl(packet, flow);
    if (error < 0) return error;
  }
  if (tunnelAt >= 0) {
    const identity = ipcacheIdentity(datapath, tunnelAt);
    return toTunnel(program, packet, tunnelAt, IDENTITY_REMOTE_NODE, identity, CT_REPLY, flow.monitor);
  }
  return redirectByFib(program, packet, flow, lookupFib(program, packet, flow));
}
