/** DSR by IPIP: the request goes to the backend inside a packet from an address that spreads clients over its queues. */
import type { PacketContext } from '../../engine/packet.js';
import { copy, i32le, swap32 } from '../../engine/wire/bytes.js';
import * as checksum from '../../engine/wire/checksum.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ipv6 from '../../engine/wire/ipv6.js';
import { DROP_FRAG_NEEDED, DROP_WRITE_ERROR } from '../drop-reasons.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import { forwardRequest, isTooBig } from './dsr-shared.js';

const OUTER_TTL = 64;
const GOLDEN_RATIO_32 = 0x9e3779b9 | 0;

/** The packet has the service as its destination, the tuple (packet layout) the backend. A verdict or a drop reason. */
export function requestByIpip(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const bytes = packet.bytes;
  const family = flow.family;
  const growth = family.headerLength;
  const inner = family.isV6
    ? ipv6.payloadLength(bytes, flow.l3At) + ipv6.HEADER_LENGTH
    : ipv4.totalLength(bytes, flow.l3At);
  if (isTooBig(program, inner + growth)) return DROP_FRAG_NEEDED;
  const offset = flow.l3At - packet.start;
  // The kernel makes room behind the fixed header, so in tc the inner header is what is in that room: zeros.
  if (!packet.insertAt(program.isXdp ? offset : offset + growth, growth)) return DROP_WRITE_ERROR;
  const at = packet.start + offset;
  flow.l3At = at;
  if (program.isXdp) copy(bytes, at, bytes, at + growth, growth);
  else bytes.fill(0, at + growth, at + 2 * growth);
  if (family.isV6) writeOuterIpv6(program, bytes, at, flow);
  else writeOuterIpv4(program, bytes, at, flow, inner + growth);
  return forwardRequest(program, packet, flow, family.isV6);
}

/** The rest of the header stays as the client sent it; the checksum follows by what changes. */
function writeOuterIpv4(
  program: ProgramInstance,
  bytes: Uint8Array,
  at: number,
  flow: Flow,
  totalLength: number,
): void {
  const hint = flow.tuple[flow.family.portsWord];
  const source = outerIpv4Source(program, ipv4.source(bytes, at) ^ hint);
  const header = program.datapath.scratch;
  copy(header, 0, bytes, at, ipv4.HEADER_LENGTH);
  ipv4.putTotalLength(bytes, at, totalLength);
  ipv4.putTimeToLive(bytes, at, OUTER_TTL);
  ipv4.putProtocol(bytes, at, ipv4.PROTOCOL_IPIP);
  ipv4.putSource(bytes, at, source);
  ipv4.putDestination(bytes, at, flow.tuple[0]);
  const difference = checksum.differenceOfBytes(0, header, 0, bytes, at, ipv4.HEADER_LENGTH);
  checksum.addDifference(bytes, ipv4.checksumAt(at), difference);
}

function outerIpv4Source(program: ProgramInstance, seed: number): number {
  const constants = program.datapath.constants;
  const prefix = constants.ipv4RssPrefix;
  if (prefix === null) return constants.ipv4DirectRouting;
  return prefix.address | swap32(spread(seed, 32 - prefix.prefixLength));
}

function writeOuterIpv6(program: ProgramInstance, bytes: Uint8Array, at: number, flow: Flow): void {
  const constants = program.datapath.constants;
  const prefix = constants.ipv6RssPrefix;
  const hint = flow.tuple[flow.family.portsWord];
  for (let i = 0; i < 4; i++) {
    let word = i32le(prefix === null ? constants.ipv6DirectRouting : prefix.address, 4 * i);
    if (prefix !== null) {
      const freeBits = Math.min(Math.max(32 * (i + 1) - prefix.prefixLength, 0), 32);
      word |= swap32(spread(ipv6.sourceWord(bytes, at, i) ^ hint, freeBits));
    }
    ipv6.putSourceWord(bytes, at, i, word);
    ipv6.putDestinationWord(bytes, at, i, flow.tuple[i]);
  }
  ipv6.putPayloadLength(bytes, at, ipv6.payloadLength(bytes, at) + ipv6.HEADER_LENGTH);
  ipv6.putNextHeader(bytes, at, ipv6.NEXT_IPV6);
  ipv6.putHopLimit(bytes, at, OUTER_TTL);
}

/** Fibonacci hash of a word to so many bits. */
function spread(value: number, bits: number): number {
  return bits === 0 ? 0 : Math.imul(value, GOLDEN_RATIO_32) >>> (32 - bits);
}
