/** Fragmentation of what a host sends, and reassembly of what it receives (RFC 791 section 3.2, RFC 8200 section 4.5). */
import * as checksum from '../engine/wire/checksum.js';
import * as ethernet from '../engine/wire/ethernet.js';
import * as ipv4 from '../engine/wire/ipv4.js';
import * as ipv6 from '../engine/wire/ipv6.js';
import { addressText } from './endpoint.js';
import { type IpPacket, makePacket } from './ip-packet.js';
import { type HostWorld, SECOND_NS } from './world.js';

/** How long fragments wait for the rest (ipfrag_time; RFC 8200 has 60 s). */
const LIFETIME_NS = 30 * SECOND_NS;
const MAXIMUM_DATAGRAM = 65535;
/** Datagrams that wait at a time; the oldest one goes. */
const WAITING_LIMIT = 64;

/** The frames in which a frame with an IP packet without options goes over a link of `mtu` bytes. */
export function fragmentFrame(frame: Uint8Array, mtu: number, identification: number): Uint8Array[] {
  const ipAt = ethernet.HEADER_LENGTH;
  return ipv4.version(frame, ipAt) === ipv4.VERSION
    ? fragmentIpv4(frame, ipAt, mtu)
    : fragmentIpv6(frame, ipAt, mtu, identification);
}

function fragmentIpv4(frame: Uint8Array, ipAt: number, mtu: number): Uint8Array[] {
  const at = ipAt + ipv4.HEADER_LENGTH;
  const size = (mtu - ipv4.HEADER_LENGTH) & ~7;
  const fragments: Uint8Array[] = [];
  for (let offset = 0; at + offset < frame.length; offset += size) {
    const part = frame.subarray(at + offset, Math.min(at + offset + size, frame.length));
    const bytes = new Uint8Array(at + part.length);
    bytes.set(frame.subarray(0, at));
    bytes.set(part, at);
    const more = at + offset + size < frame.length ? ipv4.MORE_FRAGMENTS : 0;
    ipv4.putTotalLength(bytes, ipAt, ipv4.HEADER_LENGTH + part.length);
    ipv4.putFragmentField(bytes, ipAt, (offset >> 3) | more);
    checksum.fillIpv4Header(bytes, ipAt);
    fragments.push(bytes);
  }
  return fragments;
}

function fragmentIpv6(frame: Uint8Array, ipAt: number, mtu: number, identification: number): Uint8Array[] {
  const from = ipAt + ipv6.HEADER_LENGTH;
  const at = from + ipv6.FRAGMENT_LENGTH;
  const size = (mtu - ipv6.HEADER_LENGTH - ipv6.FRAGMENT_LENGTH) & ~7;
  const fragments: Uint8Array[] = [];
  for (let offset = 0; from + offset < frame.length; offset += size) {
    const part = frame.subarray(from + offset, Math.min(from + offset + size, frame.length));
    const bytes = new Uint8Array(at + part.length);
    bytes.set(frame.subarray(0, from));
    bytes.set(part, at);
    const more = from + offset + size < frame.length ? ipv6.FRAGMENT_MORE : 0;
    ipv6.writeFragment(bytes, from, ipv6.nextHeader(frame, ipAt), offset | more, identification);
    ipv6.putNextHeader(bytes, ipAt, ipv6.NEXT_FRAGMENT);
    ipv6.putPayloadLength(bytes, ipAt, ipv6.FRAGMENT_LENGTH + part.length);
    fragments.push(bytes);
  }
  return fragments;
}

interface Waiting {
  readonly parts: Map<number, Uint8Array>;
  /** Of the whole, once the last part is there; else -1. */
  length: number;
  readonly sinceNs: number;
}

export class Reassembly {
  readonly #world: HostWorld;
  readonly #waiting = new Map<string, Waiting>();

  constructor(world: HostWorld) {
    this.#world = world;
  }

  /** Adds a fragment; the whole packet when this was the last one missing, else null. */
  add(packet: IpPacket): IpPacket | null {
    const { source, destination, protocol, fragment, bytes, at, end } = packet;
    if (fragment === null) return packet;
    this.#forget();
    const key = `${addressText(source)} ${addressText(destination)} ${protocol} ${fragment.identification}`;
    let waiting = this.#waiting.get(key);
    if (waiting === undefined) {
      waiting = { parts: new Map(), length: -1, sinceNs: this.#world.nowNs };
      this.#waiting.set(key, waiting);
    }
    const part = bytes.slice(at, end);
    if (fragment.offset + part.length > MAXIMUM_DATAGRAM) return null;
    waiting.parts.set(fragment.offset, part);
    if (!fragment.more) waiting.length = fragment.offset + part.length;
    const payload = assembled(waiting);
    if (payload === null) return null;
    this.#waiting.delete(key);
    const whole = makePacket(
      { source, destination, protocol, hopLimit: packet.hopLimit, identification: 0, dontFragment: false },
      payload.length,
    );
    whole.bytes.set(payload, whole.at);
    return { ...packet, ...whole, end: whole.bytes.length, fragment: null };
  }

  #forget(): void {
    for (const [key, { sinceNs }] of this.#waiting) {
      const isOld = this.#world.nowNs - sinceNs > LIFETIME_NS;
      if (isOld || this.#waiting.size >= WAITING_LIMIT) this.#waiting.delete(key);
    }
  }
}

/** The payload of a datagram whose parts are all there and fit, else null. */
function assembled({ parts, length }: Waiting): Uint8Array | null {
  if (length < 0) return null;
  const payload = new Uint8Array(length);
  let next = 0;
  for (const [offset, part] of [...parts].sort(([a], [b]) => a - b)) {
    if (offset !== next || offset + part.length > length) return null;
    payload.set(part, offset);
    next = offset + part.length;
  }
  return next === length ? payload : null;
}
