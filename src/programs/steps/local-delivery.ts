import { TC_ACT_SHOT } from '../../engine/hooks/verdict.js';
import { addLinkHeader } from '../../engine/link-header.js';
import type { PacketContext } from '../../engine/packet.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import { EGRESS, INGRESS, MARK_IDENTITY } from '../constants.js';
import { DROP_EP_NOT_READY, DROP_WRITE_ERROR } from '../drop-reasons.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as endpoints from '../tables/endpoints.js';
import { policeArrival } from './bandwidth.js';
import { DEBUG_LOCAL_DELIVERY } from './debug.js';
import { decrementTtl, HOP_LIMIT_EXCEEDED } from './forward.js';
import { answerTimeExceeded } from './icmpv6-answers.js';
import { identityMark, isHostEndpoint, lookupEndpointAt } from './identity.js';
import { debug } from './notify.js';
import { CONTINUE } from './outcome.js';
import { TAIL_CALL_FAILED, tailCall } from './tail-call.js';

/**
 * Delivers a packet from outside to the pod of this node that it is for: a verdict, a drop reason, or CONTINUE when
 * there is no such pod (the node itself is none).
 */
export function deliverToPod(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  sourceLabel: number,
  fromTunnel: boolean,
): number {
  const datapath = program.datapath;
  const destinationAt = flow.l3At + flow.family.destinationOffset;
  const endpointAt = lookupEndpointAt(datapath, flow.family, packet, destinationAt);
  if (endpointAt < 0 || isHostEndpoint(datapath, endpointAt)) return CONTINUE;
  if (packet.layer3Device !== 0 && !addLinkHeader(packet)) return DROP_WRITE_ERROR;
  return deliverLocally(
    program,
    packet,
    flow,
    endpointAt,
    sourceLabel,
    INGRESS,
    MARK_IDENTITY,
    false,
    fromTunnel,
    0,
  );
}

/**
 * Delivers to an endpoint of this node: TTL, MACs, metric, then its ingress policy, either by tail call or, with
 * endpoint routes, at its device. Answers the verdict, or a drop reason of this side. `magic` is the mark that
 * carries the identity with endpoint routes. A packet beyond the pod's bandwidth is reported with the verdict's number
 * as the reason.
 */
export function deliverLocally(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  endpointAt: number,
  sourceLabel: number,
  direction: number,
  magic: number,
  fromHost: boolean,
  fromTunnel: boolean,
  clusterId: number,
): number {
  const datapath = program.datapath;
  const map = datapath.endpoints;
  const word = endpointAt >> 2;
  const lxcId = map.words[word + (endpoints.LXC_ID >> 2)] >>> 16;
  if (program.features.debug) debug(program, packet, DEBUG_LOCAL_DELIVERY, lxcId, sourceLabel, 0);
  const error = decrementTtl(packet, flow);
  if (error === HOP_LIMIT_EXCEEDED) return answerTimeExceeded(program, packet, direction);
  if (error < 0) return error;
  const macWord = word + (endpoints.MAC >> 2);
  const nodeMacWord = word + (endpoints.NODE_MAC >> 2);
  ethernet.putAddresses(
    packet.view,
    packet.start,
    map.words[macWord],
    map.words[macWord + 1],
    map.words[nodeMacWord],
    map.words[nodeMacWord + 1],
  );
  if (program.features.localDeliveryMetrics) datapath.metrics.count(0, direction, packet.end - packet.start);
  const ifindex = map.words[word + (endpoints.IFINDEX >> 2)];
  const features = program.features;
  if (features.bandwidthManager && direction === INGRESS && !fromHost) {
    if (!policeArrival(program, packet, lxcId)) return -TC_ACT_SHOT;
  }
  if (features.ingressPolicyAtDevice && !features.hostRouting) {
    packet.mark = identityMark(magic, sourceLabel);
    if (direction !== EGRESS && !features.nodePort && fromTunnel) {
      packet.changeType(0);
      return 0;
    }
    return packet.redirect(ifindex, 0);
  }
  packet.cb0 = sourceLabel;
  packet.cb1 = 1;
  packet.cb2 = clusterId;
  packet.cb3 = fromHost ? 1 : 0;
  packet.cb4 = fromTunnel ? 1 : 0;
  const called = tailCall(datapath, datapath.callPolicy, packet, lxcId);
  return called === TAIL_CALL_FAILED ? DROP_EP_NOT_READY : called;
}
