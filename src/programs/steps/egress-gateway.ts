/** Egress gateway: traffic of chosen pods leaves the cluster by a chosen node, with an address of that node. */
import type { PacketContext } from '../../engine/packet.js';
import { i32le } from '../../engine/wire/bytes.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as policies from '../tables/egress-gateway.js';

/** Offset of the policy for a pod's address at `podAt` and an outside one at `outsideAt`, or -1. */
export function lookupEgressPolicy(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  podAt: number,
  outsideAt: number,
): number {
  const key = program.datapath.keys.lpm;
  const n = flow.family.addressWords;
  key[0] = flow.family.isV6 ? policies.FULL_PREFIX_V6 : policies.FULL_PREFIX_V4;
  for (let i = 0; i < n; i++) {
    key[1 + i] = i32le(packet.bytes, podAt + 4 * i);
    key[1 + n + i] = i32le(packet.bytes, outsideAt + 4 * i);
  }
  return flow.family.egressGateway.lookup(key, 0);
}

/** Gateway node's IPv4 address (raw) of a policy; GATEWAY_NONE and GATEWAY_EXCLUDED are none. */
export function policyGateway(flow: Flow, policyAt: number): number {
  const family = flow.family;
  return family.egressGateway.words[(policyAt >> 2) + policies.gatewayWord(family.addressWords)];
}

/** The policy names a gateway node. */
export function hasGateway(flow: Flow, policyAt: number): boolean {
  if (policyAt < 0) return false;
  const gateway = policyGateway(flow, policyAt);
  return gateway !== policies.GATEWAY_NONE && gateway !== policies.GATEWAY_EXCLUDED;
}
