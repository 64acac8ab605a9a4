/** Who sends echo requests and waits for their replies: ping sockets. */
import * as checksum from '../engine/wire/checksum.js';
import * as icmp from '../engine/wire/icmp.js';
import * as ipv4 from '../engine/wire/ipv4.js';
import type { Host } from './host.js';
import { echoKinds, type IcmpError, isIcmp, readIcmpError } from './icmp-message.js';
import { fillTransportChecksum, type IpPacket, isTransportValid } from './ip-packet.js';

export interface EchoReply {
  readonly from: Uint8Array;
  readonly sequence: number;
  readonly hopLimit: number;
  /** Bytes of the ICMP message. */
  readonly length: number;
}

/** Who sent echo requests under an identifier. */
export interface EchoListener {
  onReply(reply: EchoReply): void;
  onError(error: IcmpError, sequence: number): void;
}

export class EchoSockets {
  readonly #host: Host;
  readonly #listeners = new Map<number, EchoListener>();

  constructor(host: Host) {
    this.#host = host;
  }

  /** An identifier for echo requests, whose replies the listener gets. */
  open(listener: EchoListener): number {
    let identifier = this.#host.world.random.next() & 0xffff;
    while (identifier === 0 || this.#listeners.has(identifier)) identifier = (identifier + 1) & 0xffff;
    this.#listeners.set(identifier, listener);
    return identifier;
  }

  close(identifier: number): void {
    this.#listeners.delete(identifier);
  }

  /** Sends an echo request with `length` bytes of data: 0 or an errno. */
  send(
    destination: Uint8Array,
    identifier: number,
    sequence: number,
    length: number,
    options: { dontFragment?: boolean; hopLimit?: number },
  ): number {
    const { protocol, request } = echoKinds(destination.length);
    const packet = this.#host.packetTo(destination, protocol, icmp.HEADER_LENGTH + length, options);
    if (typeof packet === 'number') return packet;
    const { bytes, at } = packet;
    icmp.write(bytes, at, request, 0, (identifier << 16) | sequence);
    for (let i = 0; i < length; i++) bytes[at + icmp.HEADER_LENGTH + i] = i;
    fillTransportChecksum(packet, protocol, icmp.CHECKSUM_OFFSET);
    return this.#host.send(bytes);
  }

  /** Takes an ICMP or ICMPv6 message; answers the error that it is, for other sockets, or null. */
  receive(packet: IpPacket): IcmpError | null {
    const { bytes, at, end, source, hopLimit } = packet;
    if (!icmp.fits(at, end) || !isValid(packet)) return null;
    if (icmp.type(bytes, at) !== echoKinds(source.length).reply)
      return this.#takeError(readIcmpError(packet));
    this.#listeners.get(icmp.identifier(bytes, at))?.onReply({
      from: source,
      sequence: icmp.sequence(bytes, at),
      hopLimit,
      length: end - at,
    });
    return null;
  }

  #takeError(error: IcmpError | null): IcmpError | null {
    if (error === null) return null;
    const { bytes, at, end, protocol } = error.about;
    if (isIcmp(protocol) && icmp.fits(at, end)) {
      this.#listeners.get(icmp.identifier(bytes, at))?.onError(error, icmp.sequence(bytes, at));
    }
    return error;
  }
}

function isValid(packet: IpPacket): boolean {
  const { bytes, at, end, protocol } = packet;
  return protocol === ipv4.PROTOCOL_ICMP ? checksum.isValid(bytes, at, end - at) : isTransportValid(packet);
}
