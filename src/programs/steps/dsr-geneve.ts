/** DSR by Geneve: the request goes to the backend's node through a tunnel, the service's address in an option. */
import type { PacketContext } from '../../engine/packet.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ipv6 from '../../engine/wire/ipv6.js';
import * as udp from '../../engine/wire/udp.js';
import { DROP_CT_INVALID_HDR, DROP_FRAG_NEEDED, DROP_NO_TUNNEL_ENDPOINT } from '../drop-reasons.js';
import { CT_NEW, type Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as dsr from '../tables/dsr.js';
import { carriesAddress, forwardRequest, isTooBig } from './dsr-shared.js';
import { hasTunnelEndpoint, toTunnel } from './encapsulation.js';
import { readTuple } from './headers.js';
import { ipcacheIdentity, lookupIpcacheAt } from './identity.js';
import { MONITOR_ALWAYS } from './notify.js';
import { CONTINUE } from './outcome.js';
import { OUTER_LENGTH, resendInTunnel } from './xdp-encapsulation.js';

/** The packet has the backend as its destination. A verdict or a drop reason. */
export function requestByGeneve(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const datapath = program.datapath;
  const family = flow.family;
  const bytes = packet.bytes;
  const isInTunnel = flow.outerAt >= 0;
  if (!isInTunnel) {
    // The tuple is read for its hash only, and as if no packet were a fragment.
    if (flow.l4At + udp.PORTS_LENGTH > packet.end) return DROP_CT_INVALID_HDR;
    readTuple(packet, flow);
    flow.tuple[family.portsWord] = udp.portsRaw(bytes, flow.l4At);
  }
  const backendAt = flow.l3At + family.destinationOffset;
  const tunnelAt = lookupIpcacheAt(datapath, family, packet, backendAt, 0);
  if (!hasTunnelEndpoint(program, tunnelAt)) return DROP_NO_TUNNEL_ENDPOINT;
  const carries = carriesAddress(packet, flow);
  if (carries < 0) return carries;
  let optionLength = 0;
  if (carries > 0) {
    const words = family.addressWords;
    optionLength = dsr.writeGeneveOption(
      packet.tunnelOption,
      0,
      flow.frontendAddress,
      words,
      flow.frontendPort,
    );
  }
  const inner = family.isV6
    ? ipv6.payloadLength(bytes, flow.l3At) + ipv6.HEADER_LENGTH
    : ipv4.totalLength(bytes, flow.l3At);
  if (isTooBig(program, inner + (isInTunnel ? 0 : OUTER_LENGTH) + optionLength)) return DROP_FRAG_NEEDED;
  let sent: number;
  if (isInTunnel) {
    sent = resendInTunnel(program, packet, flow, tunnelAt, optionLength);
  } else {
    const identity = ipcacheIdentity(datapath, tunnelAt);
    const label = family.worldIdentity;
    sent = toTunnel(program, packet, tunnelAt, label, identity, CT_NEW, MONITOR_ALWAYS, optionLength);
  }
  if (sent !== CONTINUE) return sent;
  // The outer packet is IPv4 in either case; its TTL goes down for an IPv4 request only.
  return forwardRequest(program, packet, flow, family.isV6);
}
