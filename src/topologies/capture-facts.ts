/** What a capture's frames tell about its network: which MAC sent from which addresses, who began talking. */
import { formatIpv4, formatIpv6, formatMac } from '../engine/address-text.js';
import * as arp from '../engine/wire/arp.js';
import * as ethernet from '../engine/wire/ethernet.js';
import * as icmp from '../engine/wire/icmp.js';
import * as ipv4 from '../engine/wire/ipv4.js';
import * as ipv6 from '../engine/wire/ipv6.js';
import * as tcp from '../engine/wire/tcp.js';
import * as vlan from '../engine/wire/vlan.js';

/** A capture is judged by its first frames; later ones rarely tell more. */
const FRAMES_EXAMINED = 50_000;
/** Addresses and MACs that are kept; a scan or a flood has more than matter. */
const ENTRIES_KEPT = 4096;

export interface AddressFacts {
  readonly text: string;
  readonly isIpv6: boolean;
  /** MACs that frames with this source came from, with their number. */
  readonly macs: Map<string, number>;
  frames: number;
  /** SYNs and echo requests sent, SYN-ACKs and echo replies sent. */
  asked: number;
  answered: number;
  /** Largest TTL sent. */
  ttl: number;
  /** Place in the order of first appearance. */
  readonly order: number;
}

export interface MacFacts {
  readonly text: string;
  sent: number;
  received: number;
}

export class CaptureFacts {
  frames = 0;
  readonly addresses = new Map<string, AddressFacts>();
  readonly macs = new Map<string, MacFacts>();
  /** IP addresses that a MAC claimed by ARP. */
  readonly claims = new Map<string, string>();
  /** Every address seen as source or destination. */
  readonly seen = new Set<string>();

  /** False when enough was seen. */
  add(bytes: Uint8Array, at: number, length: number): boolean {
    if (this.frames >= FRAMES_EXAMINED) return false;
    this.frames++;
    if (length < ethernet.HEADER_LENGTH) return true;
    // No host has a group address or none; what claims to is no station.
    if ((bytes[ethernet.sourceAt(at)] & 1) !== 0) return true;
    const source = formatMac(bytes, ethernet.sourceAt(at));
    this.#countMac(source, true);
    if ((bytes[ethernet.destinationAt(at)] & 1) === 0) {
      this.#countMac(formatMac(bytes, ethernet.destinationAt(at)), false);
    }
    let type = ethernet.type(bytes, at);
    let networkAt = at + ethernet.HEADER_LENGTH;
    while (type === ethernet.TYPE_VLAN || type === ethernet.TYPE_QINQ) {
      if (!vlan.fits(networkAt, at + length)) return true;
      type = vlan.type(bytes, networkAt);
      networkAt += vlan.HEADER_LENGTH;
    }
    const end = at + length;
    if (type === ethernet.TYPE_ARP && arp.fits(networkAt, end)) this.#addArp(bytes, networkAt);
    else if (type === ethernet.TYPE_IPV4 && ipv4.fits(networkAt, end)) {
      this.#addIpv4(bytes, networkAt, end, source);
    } else if (type === ethernet.TYPE_IPV6 && ipv6.fits(networkAt, end)) {
      this.#addIpv6(bytes, networkAt, source);
    }
    return true;
  }

  #countMac(text: string, sent: boolean): void {
    let facts = this.macs.get(text);
    if (facts === undefined) {
      if (this.macs.size >= ENTRIES_KEPT) return;
      facts = { text, sent: 0, received: 0 };
      this.macs.set(text, facts);
    }
    if (sent) facts.sent++;
    else facts.received++;
  }

  #addArp(bytes: Uint8Array, at: number): void {
    if (!arp.isEthernetIpv4(bytes, at)) return;
    const address = formatIpv4(bytes, arp.senderAddressAt(at));
    this.seen.add(address);
    if (this.claims.size < ENTRIES_KEPT) this.claims.set(address, formatMac(bytes, arp.senderMacAt(at)));
  }

  #addIpv4(bytes: Uint8Array, at: number, end: number, mac: string): void {
    this.seen.add(formatIpv4(bytes, ipv4.destinationAt(at)));
    const facts = this.#address(formatIpv4(bytes, ipv4.sourceAt(at)), false, mac);
    if (facts === null) return;
    facts.ttl = Math.max(facts.ttl, ipv4.timeToLive(bytes, at));
    const l4At = at + ipv4.headerLength(bytes, at);
    if (ipv4.isLaterFragment(bytes, at)) return;
    const protocol = ipv4.protocol(bytes, at);
    if (protocol === ipv4.PROTOCOL_TCP && tcp.fits(l4At, end)) countSyn(facts, tcp.flags(bytes, l4At));
    else if (protocol === ipv4.PROTOCOL_ICMP && icmp.fits(l4At, end)) {
      if (icmp.type(bytes, l4At) === icmp.ECHO_REQUEST) facts.asked++;
      else if (icmp.type(bytes, l4At) === icmp.ECHO_REPLY) facts.answered++;
    }
  }

  #addIpv6(bytes: Uint8Array, at: number, mac: string): void {
    this.seen.add(formatIpv6(bytes, ipv6.destinationAt(at)));
    const facts = this.#address(formatIpv6(bytes, ipv6.sourceAt(at)), true, mac);
    if (facts === null) return;
    facts.ttl = Math.max(facts.ttl, ipv6.hopLimit(bytes, at));
    if (ipv6.nextHeader(bytes, at) === ipv4.PROTOCOL_TCP) {
      countSyn(facts, tcp.flags(bytes, at + ipv6.HEADER_LENGTH));
    }
  }

  /** Facts of a source address, counted once more; null for one that is no host's, or when there are too many. */
  #address(text: string, isIpv6: boolean, mac: string): AddressFacts | null {
    if (!isHostAddress(text)) return null;
    this.seen.add(text);
    let facts = this.addresses.get(text);
    if (facts === undefined) {
      if (this.addresses.size >= ENTRIES_KEPT) return null;
      const order = this.addresses.size;
      facts = { text, isIpv6, macs: new Map(), frames: 0, asked: 0, answered: 0, ttl: 0, order };
      this.addresses.set(text, facts);
    }
    facts.frames++;
    facts.macs.set(mac, (facts.macs.get(mac) ?? 0) + 1);
    return facts;
  }
}

function countSyn(facts: AddressFacts, flags: number): void {
  if ((flags & tcp.SYN) === 0) return;
  if ((flags & tcp.ACK) === 0) facts.asked++;
  else facts.answered++;
}

/** Not unspecified, loopback, link-local, multicast or broadcast. */
function isHostAddress(text: string): boolean {
  return text.includes(':')
    ? !/^(::1?$|ff|fe[89ab])/.test(text)
    : !/^(0\.|127\.|169\.254\.|2(2[4-9]|[3-5]\d)\.)/.test(text);
}

/** RFC 1918, RFC 6598 and RFC 4193 addresses. */
export function isPrivate(text: string): boolean {
  return text.includes(':')
    ? /^f[cd]/.test(text)
    : /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)/.test(text);
}
