import type { PacketContext } from '../../engine/packet.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import * as geneve from '../../engine/wire/geneve.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as udp from '../../engine/wire/udp.js';
import { DROP_INVALID } from '../drop-reasons.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import { readIpv4At } from './headers.js';

/**
 * XDP sees packets of the tunnel before the tunnel device does. One that a plain Geneve header carries is worked on
 * from its inner IPv4 header, `flow.outerAt` tells where the outer one is; any other stays as it is. 0, or a drop
 * reason for a truncated one.
 */
export function enterGeneve(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const bytes = packet.bytes;
  const at = flow.l3At;
  if (flow.protocol !== ipv4.PROTOCOL_UDP || ipv4.headerLength(bytes, at) !== ipv4.HEADER_LENGTH) return 0;
  const udpAt = at + ipv4.HEADER_LENGTH;
  if (!udp.fits(udpAt, packet.end)) return DROP_INVALID;
  if (udp.destinationPort(bytes, udpAt) !== program.features.tunnelPort) return 0;
  if (udp.checksum(bytes, udpAt) !== 0) return 0;
  const geneveAt = udpAt + udp.HEADER_LENGTH;
  if (!geneve.fits(geneveAt, packet.end)) return DROP_INVALID;
  if (geneve.protocolType(bytes, geneveAt) !== ethernet.TYPE_TEB) return 0;
  if (geneve.optionsLength(bytes, geneveAt) !== 0) return 0;
  const innerAt = geneveAt + geneve.HEADER_LENGTH;
  if (!ethernet.fits(innerAt, packet.end)) return DROP_INVALID;
  if (ethernet.type(bytes, innerAt) !== ethernet.TYPE_IPV4) return 0;
  const error = readIpv4At(program.datapath, packet, flow, innerAt + ethernet.HEADER_LENGTH);
  if (error === 0) flow.outerAt = at;
  return error;
}
