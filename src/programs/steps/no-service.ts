/** The answer to a packet of a service without usable backend: ICMP port unreachable, made of the packet itself. */
import type { PacketContext } from '../../engine/packet.js';
import { copy, put16 } from '../../engine/wire/bytes.js';
import * as checksum from '../../engine/wire/checksum.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import * as icmp from '../../engine/wire/icmp.js';
import * as icmpv6 from '../../engine/wire/icmpv6.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ipv6 from '../../engine/wire/ipv6.js';
import * as layer4 from '../../engine/wire/layer4.js';
import { DEFAULT_HOP_LIMIT, INGRESS } from '../constants.js';
import { DROP_INVALID, DROP_RATE_LIMITED } from '../drop-reasons.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import { CAPTURE_DELIVERY } from './debug.js';
import { sendBack } from './forward.js';
import { debugCapture, drop } from './notify.js';
import { takeIcmpv6Token } from './rate-limit.js';

/** Bytes of the packet that the answer quotes; Cilium counts the Ethernet header in. */
const SAMPLE_IPV4 = 64;
const SAMPLE_IPV6 = 1280 - ipv6.HEADER_LENGTH - icmpv6.HEADER_LENGTH;

/**
 * Answers and redirects the packet back to its device; a drop counts as ingress. IPv6 answers are rate limited,
 * IPv4 ones are not.
 */
export function answerNoService(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  const label = packet.cb0;
  if (flow.family.isV6 && !takeIcmpv6Token(program, packet.ifindex)) {
    return drop(program, packet, DROP_RATE_LIMITED, INGRESS, label, 0, 0, 0);
  }
  const ok = flow.family.isV6 ? writeV6(packet) : writeV4(packet);
  if (!ok) return drop(program, packet, DROP_INVALID, INGRESS, label, 0, 0, 0);
  if (program.features.debug) debugCapture(program, packet, CAPTURE_DELIVERY, packet.ifindex, 0);
  return sendBack(program, packet);
}

/** Cuts or extends the frame to its sample and opens a gap for the new headers behind Ethernet. */
function makeRoom(packet: PacketContext, sampleLimit: number, headers: number): number {
  const length = packet.end - packet.start;
  const sample = length < sampleLimit ? length : sampleLimit;
  if (!packet.resize(ethernet.HEADER_LENGTH + sample)) return -1;
  if (!packet.insertAt(ethernet.HEADER_LENGTH, headers)) return -1;
  ethernet.swapAddresses(packet.bytes, packet.start);
  return sample;
}

function writeV4(packet: PacketContext): boolean {
  const sample = makeRoom(packet, SAMPLE_IPV4, ipv4.HEADER_LENGTH + icmp.HEADER_LENGTH);
  if (sample < 0) return false;
  const bytes = packet.bytes;
  const at = packet.start + ethernet.HEADER_LENGTH;
  const icmpAt = at + ipv4.HEADER_LENGTH;
  const original = icmpAt + icmp.HEADER_LENGTH;
  ipv4.write(
    bytes,
    at,
    icmp.HEADER_LENGTH + sample,
    0,
    0,
    DEFAULT_HOP_LIMIT,
    ipv4.PROTOCOL_ICMP,
    ipv4.destination(bytes, original),
    ipv4.source(bytes, original),
  );
  ipv4.putTypeOfService(bytes, at, ipv4.typeOfService(bytes, original));
  checksum.fillIpv4Header(bytes, at);
  icmp.putType(bytes, icmpAt, icmp.DESTINATION_UNREACHABLE);
  icmp.putCode(bytes, icmpAt, icmp.CODE_PORT_UNREACHABLE);
  icmp.putRest(bytes, icmpAt, 0);
  checksum.fill(bytes, icmpAt, icmp.HEADER_LENGTH + sample, icmp.checksumAt(icmpAt));
  return true;
}

/** Blocks of the sample that Cilium sums up: every other 128 bytes are left out, so longer answers carry a wrong sum. */
const SUMMED_BLOCK = 128;
const SUMMED_STRIDE = 256;

function writeV6(packet: PacketContext): boolean {
  const sample = makeRoom(packet, SAMPLE_IPV6, ipv6.HEADER_LENGTH + icmpv6.HEADER_LENGTH);
  if (sample < 0) return false;
  const bytes = packet.bytes;
  const at = packet.start + ethernet.HEADER_LENGTH;
  const icmpAt = at + ipv6.HEADER_LENGTH;
  const original = icmpAt + icmpv6.HEADER_LENGTH;
  const length = icmpv6.HEADER_LENGTH + sample;
  ipv6.putTrafficClassAndFlowLabel(bytes, at, 0, 0);
  ipv6.putPayloadLength(bytes, at, length);
  ipv6.putNextHeader(bytes, at, ipv6.NEXT_ICMPV6);
  ipv6.putHopLimit(bytes, at, DEFAULT_HOP_LIMIT);
  copy(bytes, ipv6.sourceAt(at), bytes, ipv6.destinationAt(original), ipv6.ADDRESS_LENGTH);
  copy(bytes, ipv6.destinationAt(at), bytes, ipv6.sourceAt(original), ipv6.ADDRESS_LENGTH);
  icmpv6.putType(bytes, icmpAt, icmpv6.DESTINATION_UNREACHABLE);
  icmpv6.putCode(bytes, icmpAt, icmpv6.CODE_PORT_UNREACHABLE);
  put16(bytes, icmpv6.checksumAt(icmpAt), 0);
  icmpv6.putRest(bytes, icmpAt, 0);
  let sum = layer4.pseudoIpv6(bytes, at, ipv6.NEXT_ICMPV6, length);
  sum = checksum.sum(bytes, icmpAt, icmpv6.HEADER_LENGTH, sum);
  for (let block = 0; block < sample; block += SUMMED_STRIDE) {
    const rest = sample - block;
    sum = checksum.sum(bytes, original + block, rest < SUMMED_BLOCK ? rest : SUMMED_BLOCK, sum);
  }
  icmpv6.putChecksum(bytes, icmpAt, checksum.finish(sum));
  return true;
}
