/**
 * The way through a frame's headers to one of its transport headers: which IP headers are in front of it, and which
 * tunnels. Reused for frame after frame.
 */
import * as ethernet from '../wire/ethernet.js';
import * as geneve from '../wire/geneve.js';
import * as ipv4 from '../wire/ipv4.js';
import * as ipv6 from '../wire/ipv6.js';
import * as udp from '../wire/udp.js';
import * as vlan from '../wire/vlan.js';
import * as vxlan from '../wire/vxlan.js';

/** IP headers inside of one another that are followed. */
const LAYER_LIMIT = 4;

export class Layers {
  /** IP headers on the way, the outermost first. */
  count = 0;
  readonly ipAt = new Int32Array(LAYER_LIMIT);
  /** 1 for IPv6. */
  readonly isIpv6 = new Uint8Array(LAYER_LIMIT);
  /** What follows the IP header with its options or extensions: its kind, and where. */
  readonly protocol = new Uint8Array(LAYER_LIMIT);
  readonly transportAt = new Int32Array(LAYER_LIMIT);

  /** Whether a frame at `start` has a transport header at `target`; the last layer is then that header's. */
  find(bytes: Uint8Array, start: number, end: number, target: number): boolean {
    let at = start;
    let type = ethernet.TYPE_TEB;
    for (let depth = 0; depth < LAYER_LIMIT; depth++) {
      this.count = depth;
      if (type === ethernet.TYPE_TEB) {
        if (!ethernet.fits(at, end)) return false;
        type = ethernet.type(bytes, at);
        at += ethernet.HEADER_LENGTH;
        for (; ethernet.isTag(type) && vlan.fits(at, end); at += vlan.HEADER_LENGTH)
          type = vlan.type(bytes, at);
      }
      const next = this.#passIp(bytes, at, end, type, depth);
      if (next < 0) return false;
      this.count = depth + 1;
      if (next >= target) return next === target;
      const protocol = this.protocol[depth];
      if (protocol === ipv4.PROTOCOL_IPIP || protocol === ipv6.NEXT_IPV6) {
        type = protocol === ipv4.PROTOCOL_IPIP ? ethernet.TYPE_IPV4 : ethernet.TYPE_IPV6;
        at = next;
      } else {
        at = protocol === ipv4.PROTOCOL_UDP ? passTunnel(bytes, next, end) : -1;
        if (at < 0) return false;
        type = ethernet.TYPE_TEB;
      }
    }
    return false;
  }

  /** Notes the IP header at `at`; answers where what it carries begins, or -1. */
  #passIp(bytes: Uint8Array, at: number, end: number, type: number, depth: number): number {
    this.ipAt[depth] = at;
    if (type === ethernet.TYPE_IPV4) {
      if (!ipv4.fits(at, end) || !ipv4.fitsOptions(bytes, at, end)) return -1;
      this.isIpv6[depth] = 0;
      this.protocol[depth] = ipv4.protocol(bytes, at);
      this.transportAt[depth] = at + ipv4.headerLength(bytes, at);
      return this.transportAt[depth];
    }
    if (type !== ethernet.TYPE_IPV6 || !ipv6.fits(at, end)) return -1;
    let next = ipv6.nextHeader(bytes, at);
    let nextAt = at + ipv6.HEADER_LENGTH;
    while (ipv6.isExtension(next)) {
      if (!ipv6.fitsExtension(nextAt, end)) return -1;
      const length = ipv6.extensionLength(bytes, nextAt, next);
      next = ipv6.extensionNextHeader(bytes, nextAt);
      nextAt += length;
    }
    this.isIpv6[depth] = 1;
    this.protocol[depth] = next;
    this.transportAt[depth] = nextAt;
    return nextAt <= end ? nextAt : -1;
  }
}

/**
 * Where the frame inside a VXLAN or Geneve packet begins, or -1. Told apart by their first words, since their ports can
 * be any: Geneve names its payload where VXLAN has zeros (RFC 8926 section 3.4, RFC 7348 section 5).
 */
function passTunnel(bytes: Uint8Array, udpAt: number, end: number): number {
  const at = udpAt + udp.HEADER_LENGTH;
  if (!vxlan.fits(at, end)) return -1;
  if (geneve.protocolType(bytes, at) === ethernet.TYPE_TEB) {
    return at + geneve.HEADER_LENGTH + geneve.optionsLength(bytes, at);
  }
  return (vxlan.flags(bytes, at) & vxlan.FLAG_IDENTIFIER) !== 0 ? at + vxlan.HEADER_LENGTH : -1;
}
