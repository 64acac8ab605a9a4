import type { PacketContext } from '../../engine/packet.js';
import { i32le } from '../../engine/wire/bytes.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ports from '../../engine/wire/ports.js';
import { DROP_UNKNOWN_L4 } from '../drop-reasons.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import { DEBUG_LOOPBACK_REVERSE, debugLoadBalancer, LB_REVERSE_NAT, LB_REVERSE_NAT_LOOKUP } from './debug.js';
import { debug } from './notify.js';
import * as rewrite from './rewrite.js';

/**
 * Reverse service translation of a reply: source address and port become the frontend's again. A missing entry
 * changes nothing. With `loopback` (a pod that reached itself) the destination becomes the old source. Only the
 * outer addresses of an ICMP error change. 0 or a drop reason; the IP header is written before the L4 fault.
 */
export function reverseNat(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  revNat: number,
  loopback: boolean,
): number {
  const at = lookupReverseNat(program, packet, flow, revNat);
  if (at < 0) return 0;
  return restoreFrontend(program, packet, flow, flow.family.reverseNat.words, at >> 2, loopback);
}

/** Offset of the frontend's entry in the family's reverse NAT map, or -1. */
export function lookupReverseNat(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  revNat: number,
): number {
  if (program.features.debug) debugLoadBalancer(program, packet, flow, LB_REVERSE_NAT_LOOKUP, revNat, 0);
  const key = program.datapath.keys.small;
  key[0] = revNat;
  return flow.family.reverseNat.lookup(key, 0);
}

/**
 * As `reverseNat`, with the frontend at `words[word..]`: address, then the port in the lower half of the next word,
 * 0 for none. Entries of the reverse NAT map and the addresses of SNAT entries are laid out so.
 */
export function restoreFrontend(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  words: Int32Array,
  word: number,
  loopback: boolean,
): number {
  const family = flow.family;
  const key = program.datapath.keys.small;
  const debugging = program.features.debug;
  const port = words[word + family.addressWords] & 0xffff;
  if (debugging)
    debugLoadBalancer(program, packet, flow, LB_REVERSE_NAT, words[word + family.addressWords - 1], port);
  const sourceAt = flow.l3At + family.sourceOffset;
  let difference = 0;
  if (loopback) {
    const destinationAt = flow.l3At + family.destinationOffset;
    key[0] = i32le(packet.bytes, sourceAt);
    if (debugging) {
      debug(program, packet, DEBUG_LOOPBACK_REVERSE, i32le(packet.bytes, destinationAt), key[0], 0);
    }
    difference = rewrite.putAddress(packet, flow, destinationAt, key, 0, difference);
  }
  difference = rewrite.putAddress(packet, flow, sourceAt, words, word, difference);
  rewrite.correctHeader(packet, flow, difference);
  if (flow.isLaterFragment) return 0;
  if (port !== 0) {
    const error = reversePort(packet, flow, port);
    if (error < 0) return error;
  }
  return rewrite.correctL4(packet, flow, difference);
}

function reversePort(packet: PacketContext, flow: Flow, port: number): number {
  switch (flow.protocol) {
    case ipv4.PROTOCOL_TCP:
    case ipv4.PROTOCOL_UDP:
    case ipv4.PROTOCOL_SCTP:
      return rewrite.putPort(packet, flow, ports.SOURCE_PORT_OFFSET, port);
    case flow.family.icmpProtocol:
      return 0;
    default:
      return DROP_UNKNOWN_L4;
  }
}
