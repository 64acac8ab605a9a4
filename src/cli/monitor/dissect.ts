/**
 * The headers of a captured frame, found as the packet library of Cilium's monitor and Hubble finds them
 * (gopacket with the layers that the two ask for): from the outermost one on, until a header that they do not ask
 * for, an empty payload, or a fault. The faults are that library's too: a frame that is cut short behind its headers
 * is none.
 */
import { i32 } from '../../engine/wire/bytes.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ipv6 from '../../engine/wire/ipv6.js';
import * as sctp from '../../engine/wire/sctp.js';
import * as tcp from '../../engine/wire/tcp.js';
import * as udp from '../../engine/wire/udp.js';
import { ipProtocolName } from './packet-names.js';

export type LayerName = 'Ethernet' | 'IPv4' | 'IPv6' | 'TCP' | 'UDP' | 'SCTP' | 'ICMPv4' | 'ICMPv6';

export interface Layer {
  readonly name: LayerName;
  /** Of the header's first byte and of the byte behind it. */
  readonly at: number;
  readonly payloadAt: number;
  readonly end: number;
}

export interface Dissection {
  readonly bytes: Uint8Array;
  /** Outermost first. */
  readonly layers: readonly Layer[];
  /** What is wrong with the header behind the last layer; null for nothing. */
  readonly error: string | null;
  /** A header tells of more bytes than there are. */
  readonly truncated: boolean;
}

/** A header that was read: its layer, and what its payload is; null for what is not looked at. */
interface Step {
  readonly layer: Layer;
  readonly next: LayerName | null;
}

class DissectionError extends Error {}

const PROTOCOL_IPIP_OLD = 94;
/** IPv6 option of jumbograms, and the least length of one. */
const OPTION_JUMBO = 0xc2;
const JUMBO_LENGTH = 65536;

const PROTOCOL_LAYERS: ReadonlyMap<number, LayerName> = new Map([
  [ipv4.PROTOCOL_ICMP, 'ICMPv4'],
  [ipv4.PROTOCOL_IPIP, 'IPv4'],
  [ipv4.PROTOCOL_TCP, 'TCP'],
  [ipv4.PROTOCOL_UDP, 'UDP'],
  [ipv4.PROTOCOL_IPV6, 'IPv6'],
  [ipv6.NEXT_ICMPV6, 'ICMPv6'],
  [PROTOCOL_IPIP_OLD, 'IPv4'],
  [ipv4.PROTOCOL_SCTP, 'SCTP'],
]);

const ETHERNET_LAYERS: ReadonlyMap<number, LayerName> = new Map([
  [ethernet.TYPE_IPV4, 'IPv4'],
  [ethernet.TYPE_IPV6, 'IPv6'],
  [ethernet.TYPE_TEB, 'Ethernet'],
]);

/** Dissects `bytes[at .. at + length)`; `first` is its outermost header. For observers: it allocates. */
export function dissect(
  bytes: Uint8Array,
  at: number,
  length: number,
  first: LayerName = 'Ethernet',
): Dissection {
  const reader = new Reader(bytes);
  const layers: Layer[] = [];
  let error: string | null = null;
  let next: LayerName | null = length === 0 ? null : first;
  let [from, end] = [at, at + length];
  try {
    while (next !== null) {
      const step: Step = reader.read(next, from, end);
      layers.push(step.layer);
      from = step.layer.payloadAt;
      end = step.layer.end;
      next = from < end ? step.next : null;
    }
  } catch (fault) {
    if (!(fault instanceof DissectionError)) throw fault;
    error = fault.message;
  }
  return { bytes, layers, error, truncated: reader.truncated };
}

/** The innermost layer of that name; undefined when there is none. */
export function layerOf({ layers }: Dissection, ...names: readonly LayerName[]): Layer | undefined {
  return layers.findLast(({ name }) => names.includes(name));
}

class Reader {
  truncated = false;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  read(name: LayerName, at: number, end: number): Step {
    switch (name) {
      case 'Ethernet':
        return this.#ethernet(at, end);
      case 'IPv4':
        return this.#ipv4(at, end);
      case 'IPv6':
        return this.#ipv6(at, end);
      case 'TCP':
        return this.#tcp(at, end);
      case 'UDP':
        return this.#udp(at, end);
      case 'SCTP':
        if (!sctp.fits(at, end)) throw new DissectionError('Invalid SCTP common header length');
        return last(name, at, at + sctp.HEADER_LENGTH, end);
      case 'ICMPv4':
        return this.#icmp(name, at, end, 8);
      case 'ICMPv6':
        return this.#icmp(name, at, end, 4);
    }
  }

  #cut(message: string): never {
    this.truncated = true;
    throw new DissectionError(message);
  }

  #ethernet(at: number, end: number): Step {
    if (end - at < ethernet.HEADER_LENGTH) throw new DissectionError('Ethernet packet too small');
    const type = ethernet.type(this.#bytes, at);
    const payloadAt = at + ethernet.HEADER_LENGTH;
    if (type >= ethernet.MINIMUM_TYPE) {
      return { layer: { name: 'Ethernet', at, payloadAt, end }, next: ETHERNET_LAYERS.get(type) ?? null };
    }
    // IEEE 802.3: the field is the payload's length.
    if (payloadAt + type > end) this.truncated = true;
    return last('Ethernet', at, payloadAt, Math.min(end, payloadAt + type));
  }

  #ipv4(at: number, end: number): Step {
    const bytes = this.#bytes;
    const available = end - at;
    if (available < ipv4.HEADER_LENGTH)
      this.#cut(`Invalid ip4 header. Length ${available} less than ${ipv4.HEADER_LENGTH}`);
    const headerLength = ipv4.headerLength(bytes, at);
    // Segmentation offload leaves the length 0.
    const length = ipv4.totalLength(bytes, at) || available & 0xffff;
    if (length < ipv4.HEADER_LENGTH)
      throw new DissectionError(`Invalid (too small) IP length (${length} < 20)`);
    if (headerLength < ipv4.HEADER_LENGTH) {
      throw new DissectionError(`Invalid (too small) IP header length (${headerLength / 4} < 5)`);
    }
    if (headerLength > length) {
      throw new DissectionError(`Invalid IP header length > IP length (${headerLength / 4} > ${length})`);
    }
    if (length > available) this.truncated = true;
    if (headerLength > available) throw new DissectionError('Not all IP header bytes available');
    const layer: Layer = {
      name: 'IPv4',
      at,
      payloadAt: at + headerLength,
      end: Math.min(end, at + length),
    };
    this.#checkIpOptions(at + ipv4.HEADER_LENGTH, layer.payloadAt);
    const protocol = ipv4.protocol(bytes, at);
    return { layer, next: ipv4.isFragment(bytes, at) ? null : (PROTOCOL_LAYERS.get(protocol) ?? null) };
  }

  #checkIpOptions(from: number, end: number): void {
    for (let at = from; at < end; ) {
      const type = this.#bytes[at];
      if (type === ipv4.OPTION_END) return;
      if (type === ipv4.OPTION_NO_OPERATION) {
        at++;
        continue;
      }
      if (end - at < 2) this.#cut('Invalid ip4 option length. Length 1 less than 2');
      const length = this.#bytes[at + 1];
      if (length > end - at) {
        this.#cut(`IP option length exceeds remaining IP header size, option type ${type} length ${length}`);
      }
      if (length <= 2) {
        throw new DissectionError(`Invalid IP option type ${type} length ${length}. Must be greater than 2`);
      }
      at += length;
    }
  }

  #ipv6(at: number, end: number): Step {
    const bytes = this.#bytes;
    if (end - at < ipv6.HEADER_LENGTH)
      this.#cut(`Invalid ip6 header. Length ${end - at} less than ${ipv6.HEADER_LENGTH}`);
    let length = ipv6.payloadLength(bytes, at);
    let next = ipv6.nextHeader(bytes, at);
    let payloadAt = at + ipv6.HEADER_LENGTH;
    if (next === ipv6.NEXT_HOP_BY_HOP) {
      const extensionEnd = this.#hopByHop(payloadAt, end);
      if (this.#isJumbo(payloadAt, extensionEnd, length)) length = JUMBO_LENGTH;
      next = ipv6.extensionNextHeader(bytes, payloadAt);
      payloadAt = extensionEnd;
    } else if (length === 0) {
      throw new DissectionError(`IPv6 length 0, but next header is ${ipProtocolName(next)}, not HopByHop`);
    }
    // The library holds the length against what follows the hop-by-hop header, though it counts that in.
    if (payloadAt + length > end) this.truncated = true;
    const layer: Layer = { name: 'IPv6', at, payloadAt, end: Math.min(end, payloadAt + length) };
    return { layer, next: PROTOCOL_LAYERS.get(next) ?? null };
  }

  /** Where the hop-by-hop header at `at` ends. */
  #hopByHop(at: number, end: number): number {
    const available = end - at;
    if (available < ipv6.EXTENSION_PREFIX_LENGTH)
      this.#cut(`Invalid ip6-extension header. Length ${available} less than 2`);
    const length = 8 * (ipv6.extensionLengthField(this.#bytes, at) + 1);
    if (length > available) {
      throw new DissectionError(
        `Invalid ip6-extension header. Length ${available} less than specified length ${length}`,
      );
    }
    for (let option = at + 2; option < at + length; ) {
      if (this.#bytes[option] === 0) {
        option++;
        continue;
      }
      // Held against all that is there, not against the extension header.
      const optionEnd = option + 2 > end ? end + 1 : option + 2 + this.#bytes[option + 1];
      if (optionEnd > end) this.#cut('IPv6 header TLV option too small');
      option = optionEnd;
    }
    return at + length;
  }

  /** Whether there is the option of a jumbogram (RFC 2675), whose payload length is 0. */
  #isJumbo(at: number, end: number, payloadLength: number): boolean {
    for (let option = at + 2; option < end; ) {
      const type = this.#bytes[option];
      if (type === OPTION_JUMBO) {
        if (this.#bytes[option + 1] !== 4)
          throw new DissectionError('Jumbo length TLV data must have length 4');
        const length = i32(this.#bytes, option + 2) >>> 0;
        if (length < JUMBO_LENGTH) throw new DissectionError('Jumbo length cannot be less than 65536');
        if (payloadLength === 0) return true;
        throw new DissectionError('IPv6 has jumbo length and IPv6 length is not 0');
      }
      option += type === 0 ? 1 : 2 + this.#bytes[option + 1];
    }
    if (payloadLength > 0) return false;
    throw new DissectionError('IPv6 length 0, but HopByHop header does not have jumbogram option');
  }

  #tcp(at: number, end: number): Step {
    const available = end - at;
    if (available < tcp.HEADER_LENGTH)
      this.#cut(`Invalid TCP header. Length ${available} less than ${tcp.HEADER_LENGTH}`);
    const headerLength = tcp.headerLength(this.#bytes, at);
    if (headerLength < tcp.HEADER_LENGTH) {
      throw new DissectionError(`Invalid TCP data offset ${headerLength / 4} < 5`);
    }
    if (headerLength > available) this.#cut('TCP data offset greater than packet length');
    this.#checkTcpOptions(at + tcp.HEADER_LENGTH, at + headerLength);
    return last('TCP', at, at + headerLength, end);
  }

  #checkTcpOptions(from: number, end: number): void {
    for (let at = from; at < end; ) {
      const kind = this.#bytes[at];
      if (kind === 0) return;
      if (kind === 1) {
        at++;
        continue;
      }
      if (end - at < 2) this.#cut('Invalid TCP option length. Length 1 less than 2');
      const length = this.#bytes[at + 1];
      if (length < 2) throw new DissectionError(`Invalid TCP option length ${length} < 2`);
      if (length > end - at) {
        this.#cut(`Invalid TCP option length ${length} exceeds remaining ${end - at} bytes`);
      }
      at += length;
    }
  }

  #udp(at: number, end: number): Step {
    const available = end - at;
    if (available < udp.HEADER_LENGTH)
      this.#cut(`Invalid UDP header. Length ${available} less than ${udp.HEADER_LENGTH}`);
    const length = udp.length(this.#bytes, at);
    // A jumbogram's length is 0.
    if (length === 0) return last('UDP', at, at + udp.HEADER_LENGTH, end);
    if (length < udp.HEADER_LENGTH) throw new DissectionError(`UDP packet too small: ${length} bytes`);
    if (length > available) this.truncated = true;
    return last('UDP', at, at + udp.HEADER_LENGTH, Math.min(end, at + length));
  }

  #icmp(name: 'ICMPv4' | 'ICMPv6', at: number, end: number, headerLength: number): Step {
    if (end - at < headerLength) {
      this.#cut(`ICMP layer less then ${headerLength} bytes for ${name} packet`);
    }
    return last(name, at, at + headerLength, end);
  }
}

function last(name: LayerName, at: number, payloadAt: number, end: number): Step {
  return { layer: { name, at, payloadAt, end }, next: null };
}
