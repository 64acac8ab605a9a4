/** Takes source translation back: what a packet was before the stack gave it its receiver's own address. */
import * as icmp from '../wire/icmp.js';
import * as icmpv6 from '../wire/icmpv6.js';
import * as ipv6 from '../wire/ipv6.js';
import * as layer4 from '../wire/layer4.js';
import { type Conntrack, IPS_SRC_NAT, ORIGINAL, REPLY } from './conntrack.js';
import { DESTINATION, fillIcmpChecksum, rewrite, SOURCE } from './translate.js';
import {
  DESTINATION_WORD,
  destinationPort,
  invert,
  isIcmp,
  PacketTuple,
  protocolOf,
  quotesPacket,
  sourcePort,
  TUPLE_WORDS,
} from './tuple.js';

export class Untranslate {
  readonly #conntrack: Conntrack;
  readonly #packet = new PacketTuple();
  readonly #quoted = new PacketTuple();
  readonly #inverse = new Int32Array(TUPLE_WORDS);

  constructor(conntrack: Conntrack) {
    this.#conntrack = conntrack;
  }

  /**
   * Gives the IP packet at `ipAt`, on its way to who opened a connection, the destination that it came in with. False
   * when it belongs to no connection whose source was translated.
   */
  restoreDestination(bytes: Uint8Array, ipAt: number, end: number, isIpv4: boolean): boolean {
    const tuple = this.#packet;
    if (!tuple.read(bytes, ipAt, end, isIpv4, 0)) return false;
    if (quotesPacket(bytes, tuple)) return this.#restoreError(bytes, end);
    if (!invert(tuple.words, 0, this.#inverse, 0)) return false;
    const reply = this.#replyTuple(this.#inverse);
    if (reply < 0) return false;
    const { tuples } = this.#conntrack;
    rewrite(bytes, end, tuple, DESTINATION, tuples, reply + DESTINATION_WORD, mappedPort(tuples, reply));
    return true;
  }

  /** The error quotes the packet as its sender sent it. */
  #restoreError(bytes: Uint8Array, end: number): boolean {
    const tuple = this.#packet;
    const quoted = this.#quoted;
    const { transportAt, isIpv4, ipAt } = tuple;
    const quotedAt = isIpv4 ? icmp.quotedAt(transportAt) : icmpv6.quotedAt(transportAt);
    if (quotedAt + ipv6.HEADER_LENGTH > end && !isIpv4) return false;
    if (!quoted.read(bytes, quotedAt, end, isIpv4, 0) || quoted.transportAt < 0) return false;
    const reply = this.#replyTuple(quoted.words);
    if (reply < 0) return false;
    const { tuples } = this.#conntrack;
    rewrite(bytes, end, quoted, SOURCE, tuples, reply + DESTINATION_WORD, mappedPort(tuples, reply));
    tuple.transportAt = -1;
    rewrite(bytes, end, tuple, DESTINATION, tuples, reply + DESTINATION_WORD, 0);
    tuple.transportAt = transportAt;
    const pseudo = isIpv4 ? 0 : layer4.pseudoIpv6(bytes, ipAt, ipv6.NEXT_ICMPV6, end - transportAt);
    fillIcmpChecksum(bytes, end, tuple, pseudo);
    return true;
  }

  /** Of the connection that was opened with a tuple and got another source, or -1. */
  #replyTuple(opening: Int32Array): number {
    const found = this.#conntrack.find(opening, 0);
    if (found < 0 || (found & 1) !== ORIGINAL) return -1;
    const row = found >> 1;
    if ((this.#conntrack.status[row] & IPS_SRC_NAT) === 0) return -1;
    return this.#conntrack.tupleAt(row, REPLY);
  }
}

/** The port, or identifier, that the connection's source has outside; memory order. */
function mappedPort(tuples: Int32Array, reply: number): number {
  return isIcmp(protocolOf(tuples, reply)) ? sourcePort(tuples, reply) : destinationPort(tuples, reply);
}
