/** What the agent writes into a node's maps for single features: each its own, where the node has it. */
import * as ipv4 from '../engine/wire/ipv4.js';
import type { Datapath } from '../programs/datapath.js';
import * as state from '../programs/tables/node-state.js';
import { writeNode } from '../programs/tables/nodes.js';
import { DIRECTION_EGRESS, DIRECTION_INGRESS } from '../programs/tables/throttle.js';
import type { Plan, PlannedNode } from './plan.js';
import { netnsCookie } from './plan-constants.js';

/** What the queue of a device lets a packet wait (drop horizon of FQ). */
const EDT_HORIZON_NS = 2e9;

export function fillFeatures(datapath: Datapath, plan: Plan, node: PlannedNode): void {
  const { features } = datapath;
  fillNodes(datapath, plan, node);
  if (features.vtep) fillVteps(datapath, node);
  if (features.l2Announcements) fillAnnouncements(datapath, plan, node);
  if (features.bandwidthManager) fillBandwidth(datapath, node);
  if (features.localRedirectPolicy) fillSkips(datapath, plan, node);
  if (features.srv6) fillSrv6(datapath, plan, node);
}

/** Ids of the nodes: 0 for this one, the others numbered from 1. */
function fillNodes(datapath: Datapath, plan: Plan, node: PlannedNode): void {
  let id = 0;
  for (const other of plan.nodes) {
    const own = other === node ? 0 : ++id;
    for (const address of other.addresses) writeNode(datapath.nodes, address, own, 0);
  }
}

function fillVteps({ vtep }: Datapath, { config }: PlannedNode): void {
  const mask = config.features.vtepMask;
  config.vtepNetworks.forEach(({ address }, row) => {
    const network = address.map((byte, i) => byte & (mask >>> (8 * i)));
    state.writeVtep(vtep, network, config.vtepMacs[row], config.vtepEndpoints[row]);
  });
}

function fillAnnouncements({ l2Responder }: Datapath, plan: Plan, node: PlannedNode): void {
  for (const announcement of plan.announcements) {
    if (announcement.node !== node.name) continue;
    state.writeAnnouncement(l2Responder, announcement.address, announcement.ifindex);
  }
}

function fillBandwidth({ throttle }: Datapath, { pods }: PlannedNode): void {
  for (const { bandwidth, endpointId } of pods) {
    if (bandwidth === null) continue;
    const { egressBytesPerSecond, ingressBytesPerSecond } = bandwidth;
    const priority = bandwidth.priority === 0 ? 0 : bandwidth.priority + 1;
    if (egressBytesPerSecond > 0 || priority > 0) {
      state.writeBandwidthLimit(throttle, {
        endpointId,
        direction: DIRECTION_EGRESS,
        bytesPerSecond: egressBytesPerSecond,
        horizonNs: EDT_HORIZON_NS,
        priority,
      });
    }
    if (ingressBytesPerSecond > 0) {
      state.writeBandwidthLimit(throttle, {
        endpointId,
        direction: DIRECTION_INGRESS,
        bytesPerSecond: ingressBytesPerSecond,
        horizonNs: 0,
        priority: 0,
      });
    }
  }
}

function fillSkips(datapath: Datapath, plan: Plan, node: PlannedNode): void {
  for (const { node: name, endpointId, address, port } of plan.redirectSkips) {
    if (name !== node.name) continue;
    const { skipLoadBalancer } = address.length === ipv4.ADDRESS_LENGTH ? datapath.ipv4 : datapath.ipv6;
    state.writeSkippedService(skipLoadBalancer, netnsCookie(endpointId), address, port);
  }
}

function fillSrv6(datapath: Datapath, plan: Plan, node: PlannedNode): void {
  const { vrfs, policies, segments } = plan.srv6;
  for (const { id, source, destination } of vrfs) {
    const { srv6Vrf } = source.length === ipv4.ADDRESS_LENGTH ? datapath.ipv4 : datapath.ipv6;
    state.writeSrv6Vrf(srv6Vrf, source, destination, id);
  }
  for (const { vrf, destination, segment } of policies) {
    const { srv6Policy } = destination.address.length === ipv4.ADDRESS_LENGTH ? datapath.ipv4 : datapath.ipv6;
    state.writeSrv6Policy(srv6Policy, vrf, destination, segment);
  }
  for (const { node: name, segment, vrf } of segments) {
    if (name === node.name) state.writeSrv6Segment(datapath.srv6Segments, segment, vrf);
  }
}
