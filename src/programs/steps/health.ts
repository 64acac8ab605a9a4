import { BPF_F_INGRESS, type PacketContext } from '../../engine/packet.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import { MARK_HEALTH_DONE } from '../constants.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import { etherType, IP_NONE, IP_V6, ipVersion } from './headers.js';
import { lookupEndpoint } from './identity.js';
import { CONTINUE } from './outcome.js';
import { sendThroughTunnel } from './tunnel-key.js';

/**
 * Health checks of backends by the node's load balancer take the way of its IPIP packets: into the IPIP device, to the
 * backend that the checking socket has asked for. CONTINUE for every other packet, else the redirect's verdict.
 */
export function encapsulateHealth(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const datapath = program.datapath;
  const constants = datapath.constants;
  if ((packet.mark & MARK_HEALTH_DONE) === MARK_HEALTH_DONE) return CONTINUE;
  const type = etherType(packet);
  const version = type < 0 ? IP_NONE : ipVersion(datapath, type);
  if (version === IP_NONE) return CONTINUE;
  const v6 = version === IP_V6;
  flow.family = v6 ? datapath.ipv6 : datapath.ipv4;
  const health = flow.family.health;
  const cookie = datapath.keys.small;
  cookie[0] = packet.socketCookie;
  cookie[1] = 0;
  const at = health.lookup(cookie, 0);
  if (at < 0) return CONTINUE;
  const ifindex = v6 ? constants.ipipIfindexIpv6 : constants.ipipIfindexIpv4;
  if (lookupEndpoint(datapath, flow.family, health.words, at >> 2) >= 0) {
    const destinationAt = ethernet.destinationAt(packet.start);
    packet.bytes.fill(0, destinationAt, destinationAt + ethernet.ADDRESS_LENGTH);
    return packet.redirect(ifindex, BPF_F_INGRESS);
  }
  sendThroughTunnel(packet, 0, health.bytes, at, v6);
  packet.mark |= MARK_HEALTH_DONE;
  return packet.redirect(ifindex, 0);
}
