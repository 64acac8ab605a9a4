/** Puts fragments together for local delivery (RFC 791 section 3.2, RFC 8200 section 4.5). */
import type { Clock } from '../clock.js';
import { PacketContext } from '../packet.js';
import * as checksum from '../wire/checksum.js';
import * as ethernet from '../wire/ethernet.js';
import * as ipv4 from '../wire/ipv4.js';
import * as ipv6 from '../wire/ipv6.js';

/** For how long fragments wait for the others (ipfrag_time, ip6frag_time). */
const TIMEOUT_NS = { ipv4: 30e9, ipv6: 60e9 } as const;
/** Datagrams that are incomplete at once; the oldest goes when there are more (the kernel counts their bytes). */
const DATAGRAM_LIMIT = 64;
const LENGTH_LIMIT = 65535;

interface Datagram {
  readonly key: string;
  readonly sinceNs: number;
  /** The payload, as far as it has come, and the headers of the first fragment from the Ethernet header on. */
  readonly payload: Uint8Array;
  header: Uint8Array | null;
  readonly parts: { from: number; to: number }[];
  /** Length of the payload, once the last fragment has come. */
  length: number;
  first: PacketContext | null;
}

export class Reassembly {
  readonly #clock: Clock;
  #datagrams: Datagram[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Datagrams that wait for fragments. */
  get waiting(): number {
    return this.#datagrams.length;
  }

  /**
   * Takes a fragment. Answers the whole packet, in memory of its own, when nothing is missing any more, else null. One
   * that overlaps another makes the datagram void (RFC 5722; Linux treats IPv4 the same).
   */
  takeIpv4(packet: PacketContext): PacketContext | null {
    const { bytes, start, end } = packet;
    const ipAt = start + ethernet.HEADER_LENGTH;
    const at = ipAt + ipv4.headerLength(bytes, ipAt);
    const [source, destination] = [ipv4.source(bytes, ipAt), ipv4.destination(bytes, ipAt)];
    const key = `4 ${ipv4.protocol(bytes, ipAt)} ${ipv4.identification(bytes, ipAt)} ${source} ${destination}`;
    const offset = ipv4.fragmentOffset(bytes, ipAt);
    const isLast = (ipv4.fragmentField(bytes, ipAt) & ipv4.MORE_FRAGMENTS) === 0;
    const datagram = this.#add(packet, key, at, end, offset, isLast, TIMEOUT_NS.ipv4);
    if (datagram === null) return null;
    const whole = wholePacket(datagram, datagram.header!, ethernet.HEADER_LENGTH);
    if (whole === null) return null;
    const wholeIpAt = ethernet.HEADER_LENGTH;
    ipv4.putTotalLength(whole.bytes, wholeIpAt, whole.end - wholeIpAt);
    ipv4.putFragmentField(whole.bytes, wholeIpAt, 0);
    checksum.fillIpv4Header(whole.bytes, wholeIpAt);
    return whole;
  }

  /** As `takeIpv4`; the fragment header is at `at`, and the next header field that announces it at `nextAt`. */
  takeIpv6(packet: PacketContext, at: number, nextAt: number): PacketContext | null {
    const { bytes, start, end } = packet;
    const ipAt = start + ethernet.HEADER_LENGTH;
    const key = `6 ${ipv6.fragmentIdentification(bytes, at)} ${bytes.subarray(ipv6.sourceAt(ipAt), ipAt + ipv6.HEADER_LENGTH)}`;
    const field = ipv6.fragmentField(bytes, at);
    const offset = field & ipv6.FRAGMENT_OFFSET_MASK;
    const isLast = (field & ipv6.FRAGMENT_MORE) === 0;
    const payloadAt = at + ipv6.FRAGMENT_LENGTH;
    const datagram = this.#add(packet, key, payloadAt, end, offset, isLast, TIMEOUT_NS.ipv6);
    if (datagram === null) return null;
    const header = datagram.header!;
    const unfragmented = header.slice(0, header.length - ipv6.FRAGMENT_LENGTH);
    unfragmented[nextAt - start] = header[header.length - ipv6.FRAGMENT_LENGTH];
    const whole = wholePacket(datagram, unfragmented, ethernet.HEADER_LENGTH + ipv6.HEADER_LENGTH);
    if (whole === null) return null;
    const wholeIpAt = ethernet.HEADER_LENGTH;
    ipv6.putPayloadLength(whole.bytes, wholeIpAt, whole.end - wholeIpAt - ipv6.HEADER_LENGTH);
    return whole;
  }

  #add(
    packet: PacketContext,
    key: string,
    from: number,
    end: number,
    offset: number,
    isLast: boolean,
    timeoutNs: number,
  ): Datagram | null {
    const length = end - from;
    const to = offset + length;
    // All but the last carry units of 8 bytes.
    if (length === 0 || to > LENGTH_LIMIT || (!isLast && length % 8 !== 0)) return null;
    const datagram = this.#datagram(key, timeoutNs);
    const isBeyond = datagram.length >= 0 && (isLast ? to !== datagram.length : to > datagram.length);
    const { parts } = datagram;
    if (parts.some((part) => part.from === offset && part.to === to)) return null;
    if (isBeyond || parts.some((part) => offset < part.to && part.from < to)) {
      this.#forget(datagram);
      return null;
    }
    parts.push({ from: offset, to });
    datagram.payload.set(packet.bytes.subarray(from, end), offset);
    if (isLast) datagram.length = to;
    if (offset === 0) {
      datagram.header = packet.bytes.slice(packet.start, from);
      datagram.first = new PacketContext(new Uint8Array(0));
      datagram.first.takeFields(packet, 0);
    }
    const have = parts.reduce((sum, part) => sum + part.to - part.from, 0);
    if (have !== datagram.length || datagram.header === null) return null;
    this.#forget(datagram);
    return datagram;
  }

  #datagram(key: string, timeoutNs: number): Datagram {
    const { nowNs } = this.#clock;
    this.#datagrams = this.#datagrams.filter((one) => nowNs - one.sinceNs < timeoutNs);
    const known = this.#datagrams.find((one) => one.key === key);
    if (known !== undefined) return known;
    if (this.#datagrams.length >= DATAGRAM_LIMIT) this.#datagrams.shift();
    const payload = new Uint8Array(LENGTH_LIMIT);
    const datagram = { key, sinceNs: nowNs, payload, header: null, parts: [], length: -1, first: null };
    this.#datagrams.push(datagram);
    return datagram;
  }

  #forget(datagram: Datagram): void {
    this.#datagrams.splice(this.#datagrams.indexOf(datagram), 1);
  }
}

/** The headers and the payload as one packet; null when it would be longer than IP allows. */
function wholePacket(datagram: Datagram, header: Uint8Array, lengthFrom: number): PacketContext | null {
  const length = header.length + datagram.length;
  if (length - lengthFrom > LENGTH_LIMIT) return null;
  const bytes = new Uint8Array(length);
  bytes.set(header);
  bytes.set(datagram.payload.subarray(0, datagram.length), header.length);
  const packet = new PacketContext(bytes);
  packet.tailLimit = length;
  packet.takeFields(datagram.first!, 0);
  packet.end = length;
  packet.metaLength = 0;
  return packet;
}
