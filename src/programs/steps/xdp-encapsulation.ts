/** Tunnel headers that XDP writes itself, since it has no tunnel device to leave that to. */
import type { PacketContext } from '../../engine/packet.js';
import { GENEVE } from '../../engine/stack/tunnel.js';
import { copy, i32le } from '../../engine/wire/bytes.js';
import * as checksum from '../../engine/wire/checksum.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import * as geneve from '../../engine/wire/geneve.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as udp from '../../engine/wire/udp.js';
import * as vxlan from '../../engine/wire/vxlan.js';
import { DEFAULT_HOP_LIMIT } from '../constants.js';
import { DROP_INVALID } from '../drop-reasons.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as ipcache from '../tables/ipcache.js';
import { tupleHash } from './hash.js';
import { readIpv4 } from './headers.js';
import { CONTINUE } from './outcome.js';

/** Length of either tunnel header without options. */
const TUNNEL_HEADER_LENGTH = 8;
/** What a tunnel adds to a packet: all headers, the inner Ethernet header too. */
export const OUTER_LENGTH =
  ethernet.HEADER_LENGTH + ipv4.HEADER_LENGTH + udp.HEADER_LENGTH + TUNNEL_HEADER_LENGTH;

/**
 * Source port of the outer UDP header, raw: the hash of the tuple (packet layout) as it stands in the flow, its ports
 * the other way round than Maglev hashes them, folded to 16 bits.
 */
function sourcePort(program: ProgramInstance): number {
  const flow = program.datapath.flow;
  const ports = flow.tuple[flow.family.portsWord];
  const hash = tupleHash(program, flow, (ports << 16) | (ports >>> 16));
  return ((hash >>> 16) ^ hash) & 0xffff;
}

/**
 * Puts Ethernet, IPv4, UDP and VXLAN or Geneve headers in front of the frame, Ethernet addresses zero. The tuple is in
 * packet layout, for the source port. A Geneve option stands in `packet.tunnelOption`. CONTINUE, or a drop reason: VXLAN
 * takes no options. The flow describes the outer packet then. An IPv6 endpoint is not supported here: the packet goes
 * on as it is.
 */
export function writeTunnelHeader(
  program: ProgramInstance,
  packet: PacketContext,
  endpoint: Uint8Array,
  endpointAt: number,
  v6: boolean,
  networkId: number,
  optionLength: number,
): number {
  if (v6) return CONTINUE;
  const isGeneve = program.features.tunnelProtocol === GENEVE;
  if (!isGeneve && optionLength > 0) return DROP_INVALID;
  const inner = packet.length;
  const tunnelLength = TUNNEL_HEADER_LENGTH + optionLength;
  const udpLength = udp.HEADER_LENGTH + tunnelLength + inner;
  if (!packet.insertAt(0, OUTER_LENGTH + optionLength)) return DROP_INVALID;
  const bytes = packet.bytes;
  const at = packet.start + ethernet.HEADER_LENGTH;
  bytes.fill(0, packet.start, at);
  ethernet.putType(bytes, packet.start, ethernet.TYPE_IPV4);
  const constants = program.datapath.constants;
  const remote = i32le(endpoint, endpointAt);
  ipv4.write(
    bytes,
    at,
    udpLength,
    0,
    0,
    DEFAULT_HOP_LIMIT,
    ipv4.PROTOCOL_UDP,
    constants.ipv4DirectRouting,
    remote,
  );
  const udpAt = at + ipv4.HEADER_LENGTH;
  udp.write(bytes, udpAt, 0, program.features.tunnelPort, tunnelLength + inner);
  udp.putSourcePortRaw(bytes, udpAt, sourcePort(program));
  const tunnelAt = udpAt + udp.HEADER_LENGTH;
  if (isGeneve) {
    geneve.write(bytes, tunnelAt, optionLength, ethernet.TYPE_TEB, networkId);
    copy(bytes, geneve.optionsAt(tunnelAt), packet.tunnelOption, 0, optionLength);
  } else {
    vxlan.write(bytes, tunnelAt, networkId);
  }
  readIpv4(program.datapath, packet, program.datapath.flow);
  return CONTINUE;
}

/**
 * A request that came in a Geneve tunnel goes on in it, to the endpoint of an ipcache entry: outer addresses, and the
 * option in `packet.tunnelOption` behind the Geneve header. CONTINUE, with the flow describing the outer packet, or a
 * drop reason. Voids offsets.
 */
export function resendInTunnel(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  ipcacheAt: number,
  optionLength: number,
): number {
  const bytes = packet.bytes;
  const offset = flow.outerAt - packet.start;
  if (optionLength > 0) {
    const geneveOffset = offset + ipv4.HEADER_LENGTH + udp.HEADER_LENGTH + geneve.HEADER_LENGTH;
    if (!packet.insertAt(geneveOffset, optionLength)) return DROP_INVALID;
  }
  const at = packet.start + offset;
  flow.outerAt = at;
  const udpAt = at + ipv4.HEADER_LENGTH;
  const header = program.datapath.scratch;
  copy(header, 0, bytes, at, ipv4.HEADER_LENGTH);
  ipv4.putTotalLength(bytes, at, ipv4.totalLength(bytes, at) + optionLength);
  ipv4.putSource(bytes, at, program.datapath.constants.ipv4DirectRouting);
  copy(
    bytes,
    ipv4.destinationAt(at),
    program.datapath.ipcache.bytes,
    ipcacheAt + ipcache.TUNNEL_ENDPOINT,
    ipv4.ADDRESS_LENGTH,
  );
  const difference = checksum.differenceOfBytes(0, header, 0, bytes, at, ipv4.HEADER_LENGTH);
  checksum.addDifference(bytes, ipv4.checksumAt(at), difference);
  if (optionLength > 0) {
    udp.putLength(bytes, udpAt, udp.length(bytes, udpAt) + optionLength);
    const geneveAt = udpAt + udp.HEADER_LENGTH;
    geneve.putOptionsLength(bytes, geneveAt, geneve.optionsLength(bytes, geneveAt) + optionLength);
    copy(bytes, geneve.optionsAt(geneveAt), packet.tunnelOption, 0, optionLength);
  }
  readIpv4(program.datapath, packet, flow);
  return CONTINUE;
}
