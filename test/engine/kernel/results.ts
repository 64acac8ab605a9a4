/** What machines saw of a case, and how the two are made comparable. */
import * as arp from '../../../src/engine/wire/arp.js';
import * as ethernet from '../../../src/engine/wire/ethernet.js';
import * as ipv4 from '../../../src/engine/wire/ipv4.js';
import * as ipv6 from '../../../src/engine/wire/ipv6.js';
import { fromHex, toHex } from '../../support/hex.js';

/** A frame at a device's tap: `a in 0200…`. */
export interface Sight {
  readonly device: string;
  readonly way: 'in' | 'out';
  readonly frame: string;
}

/** By machine, in order. */
export type Sights = Readonly<Record<string, readonly Sight[]>>;

/** Router solicitations and multicast listener reports, which kernels send unasked. */
const UNASKED = ['333300000002', '333300000016'];
const OWN_IPV4_TTL = [63, 64];

/** Each sight as a line; null for what does not belong to the case. */
export function lineOf({ device, way, frame: hex }: Sight): string | null {
  if (UNASKED.includes(hex.slice(0, 12))) return null;
  const frame = fromHex(hex);
  const at = ethernet.HEADER_LENGTH;
  const type = ethernet.type(frame, 0);
  if (type === ethernet.TYPE_ARP && arp.fits(at, frame.length)) {
    return `${device} ${way} ${toHex(frame.slice(0, at + arp.HEADER_LENGTH))}`;
  }
  if (type === ethernet.TYPE_IPV4 && isOwn(frame, at)) maskIdentification(frame, at);
  // The flow label of what a kernel sends itself is a hash.
  if (type === ethernet.TYPE_IPV6 && ipv6.fits(at, frame.length)) {
    ipv6.putTrafficClassAndFlowLabel(frame, at, ipv6.trafficClass(frame, at), 0);
    const isFragment = ipv6.nextHeader(frame, at) === ipv6.NEXT_FRAGMENT;
    if (isFragment && fromServer(frame, at))
      ipv6.putFragmentIdentification(frame, at + ipv6.HEADER_LENGTH, 0);
  }
  return `${device} ${way} ${toHex(frame)}`;
}

/** What a kernel fragments itself has any identification. */
function fromServer(frame: Uint8Array, at: number): boolean {
  return toHex(frame.slice(ipv6.sourceAt(at), ipv6.sourceAt(at) + 6)) === 'fd0000030000';
}

/** ICMP messages of a stack: their identification is any number, which the header checksum goes by. */
function isOwn(frame: Uint8Array, at: number): boolean {
  return (
    ipv4.fits(at, frame.length) &&
    ipv4.protocol(frame, at) === ipv4.PROTOCOL_ICMP &&
    ipv4.identification(frame, at) !== 0x4242 &&
    OWN_IPV4_TTL.some((ttl) => Math.abs(ipv4.timeToLive(frame, at) - ttl) <= 1)
  );
}

function maskIdentification(frame: Uint8Array, at: number): void {
  ipv4.putIdentification(frame, at, 0);
  ipv4.putHeaderChecksum(frame, at, 0);
}

export function linesOf(sights: Sights): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(sights).map(([machine, seen]) => [machine, seen.flatMap((sight) => lineOf(sight) ?? [])]),
  );
}
