/** ICMP errors about a translated flow: the packet that they quote is translated too. */
import type { PacketContext } from '../../engine/packet.js';
import { i32le } from '../../engine/wire/bytes.js';
import * as icmp from '../../engine/wire/icmp.js';
import * as icmpv6 from '../../engine/wire/icmpv6.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ports from '../../engine/wire/ports.js';
import {
  DROP_INVALID,
  DROP_UNKNOWN_ICMP4_CODE,
  DROP_UNKNOWN_ICMP6_CODE,
  DROP_UNKNOWN_L4,
  NAT_NOT_NEEDED,
} from '../drop-reasons.js';
import type { Family } from '../family.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as nat from '../tables/nat.js';
import { isPortProtocol } from './fragments.js';
import { walkExtensions } from './headers.js';
import * as icmpKinds from './icmp-kinds.js';
import { NO_PORT, rewriteEnd } from './snat-rewrite.js';

/** Where the quoted packet is. One for all: an error is done with before the next packet. */
const quoted = { l3At: 0, l4At: 0, protocol: 0, portOffset: NO_PORT };

/**
 * Translates an ICMP error and the packet it quotes. `direction` TUPLE_OUT: we complain about a packet whose
 * destination was translated back; quoted destination and outer source become the NAT's. TUPLE_IN: somebody
 * complains about what we sent; quoted source and outer destination become the sender's again. 0, NAT_NOT_NEEDED,
 * or a drop reason.
 */
export function translateError(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  direction: number,
): number {
  const family = flow.family;
  const located = locateQuoted(packet, flow, direction);
  if (located < 0) return located;
  const key = program.datapath.keys.nat;
  const unsuitable = readKey(program, packet, family, key, direction);
  if (unsuitable < 0) return unsuitable;
  const map = family.snat;
  const at = map.lookup(key, 0);
  if (at < 0) return NAT_NOT_NEEDED;
  const out = direction === nat.TUPLE_OUT;
  const word = (at >> 2) + nat.ADDRESS;
  const error = rewriteEnd(
    packet,
    family,
    quoted.protocol,
    quoted.l3At,
    quoted.l4At,
    true,
    out ? family.destinationOffset : family.sourceOffset,
    map.words,
    word,
    quoted.portOffset,
    map.words[word + family.addressWords] & 0xffff,
  );
  if (error < 0) return error;
  return rewriteEnd(
    packet,
    family,
    flow.protocol,
    flow.l3At,
    flow.l4At,
    true,
    out ? family.sourceOffset : family.destinationOffset,
    map.words,
    word,
    NO_PORT,
    0,
  );
}

/**
 * Finds the headers of the quoted packet. Cilium looks for what an IPv6 "packet too big" that comes in quotes 4
 * bytes too early, at the MTU, so that it hardly ever finds a flow there.
 */
function locateQuoted(packet: PacketContext, flow: Flow, direction: number): number {
  const family = flow.family;
  const early = family.isV6 && direction === nat.TUPLE_IN;
  const at = early ? icmpv6.mtuAt(flow.l4At) : icmp.quotedAt(flow.l4At);
  if (at + family.headerLength > packet.end) return DROP_INVALID;
  quoted.l3At = at;
  if (!family.isV6) {
    quoted.l4At = at + ipv4.headerLength(packet.bytes, at);
    quoted.protocol = ipv4.protocol(packet.bytes, at);
    return 0;
  }
  const { l3At, l4At, protocol, isFragment, isLaterFragment, fragmentId, fragmentProtocol } = flow;
  flow.l3At = at;
  const error = walkExtensions(packet, flow, false);
  quoted.l4At = flow.l4At;
  quoted.protocol = flow.protocol;
  flow.l3At = l3At;
  flow.l4At = l4At;
  flow.protocol = protocol;
  flow.isFragment = isFragment;
  flow.isLaterFragment = isLaterFragment;
  flow.fragmentId = fragmentId;
  flow.fragmentProtocol = fragmentProtocol;
  return error;
}

/** The key of the quoted packet's flow as its sender or its receiver has it. 0, NAT_NOT_NEEDED, or a drop reason. */
function readKey(
  program: ProgramInstance,
  packet: PacketContext,
  family: Family,
  key: Int32Array,
  direction: number,
): number {
  const bytes = packet.bytes;
  const n = family.addressWords;
  for (let i = 0; i < n; i++) {
    key[i] = i32le(bytes, quoted.l3At + family.sourceOffset + 4 * i);
    key[n + i] = i32le(bytes, quoted.l3At + family.destinationOffset + 4 * i);
  }
  key[family.metaWord] = quoted.protocol | (direction << 8);
  const at = quoted.l4At;
  const out = direction === nat.TUPLE_OUT;
  if (isPortProtocol(program, quoted.protocol)) {
    if (at + 4 > packet.end) return DROP_INVALID;
    key[family.portsWord] = i32le(bytes, at);
    quoted.portOffset = out ? ports.DESTINATION_PORT_OFFSET : ports.SOURCE_PORT_OFFSET;
    return 0;
  }
  if (quoted.protocol !== family.icmpProtocol) return out ? DROP_UNKNOWN_L4 : NAT_NOT_NEEDED;
  if (at + 1 > packet.end) return DROP_INVALID;
  const kind = icmpKinds.classify(family, icmp.type(bytes, at));
  // Of an echo we answered a request comes back, of one we sent the reply goes out.
  if (kind === (out ? icmpKinds.ECHO_REQUEST : icmpKinds.ECHO_REPLY)) return NAT_NOT_NEEDED;
  if (kind !== (out ? icmpKinds.ECHO_REPLY : icmpKinds.ECHO_REQUEST)) {
    return family.isV6 ? DROP_UNKNOWN_ICMP6_CODE : DROP_UNKNOWN_ICMP4_CODE;
  }
  if (at + 6 > packet.end) return DROP_INVALID;
  const identifier = icmp.identifierRaw(bytes, at);
  key[family.portsWord] = out ? identifier << 16 : identifier;
  quoted.portOffset = icmp.IDENTIFIER_OFFSET;
  return 0;
}
