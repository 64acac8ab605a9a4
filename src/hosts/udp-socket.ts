import { ECONNREFUSED } from '../engine/hooks/errno.js';
import * as ipv4 from '../engine/wire/ipv4.js';
import * as udp from '../engine/wire/udp.js';
import { type Endpoint, isSameEndpoint } from './endpoint.js';
import type { Host } from './host.js';
import { fillTransportChecksum, type IpPacket } from './ip-packet.js';

/** A UDP socket. A call that fails answers an errno, else 0. */
export class UdpSocket {
  readonly port: number;
  /** Called for every datagram; `from` is whom the caller knows: the service, where its backend answered. */
  onDatagram: (data: Uint8Array, from: Endpoint, to: Uint8Array) => void = () => {};
  /** Called when an ICMP error says why what a connected socket sent did not arrive. */
  onError: (error: number) => void = () => {};
  readonly #host: Host;
  readonly #cookie: number;
  /** Of a connected socket: the peer as its packets say it. */
  #peer: Endpoint | null = null;

  constructor(host: Host, port: number) {
    this.#host = host;
    this.port = port;
    this.#cookie = host.nextCookie();
  }

  /** Sends to, and hears from, this peer only. */
  connect(peer: Endpoint): number {
    const { calls } = this.#host;
    const target = calls?.translate('connect', ipv4.PROTOCOL_UDP, this.#cookie, 0, peer) ?? peer;
    if (typeof target === 'number') return target;
    this.#peer = target;
    return 0;
  }

  /** Sends to the peer, or to somebody else. */
  send(data: Uint8Array, to?: Endpoint): number {
    let target = to ?? this.#peer;
    if (target === null) return ECONNREFUSED;
    const { calls } = this.#host;
    if (to !== undefined && calls !== null) {
      const translated = calls.translate('sendmsg', ipv4.PROTOCOL_UDP, this.#cookie, 0, to);
      if (typeof translated === 'number') return translated;
      target = translated;
    }
    return this.reply(data, target, null);
  }

  /** Sends from one of the host's addresses (null: the one that the route says); no program sees it. */
  reply(data: Uint8Array, to: Endpoint, source: Uint8Array | null): number {
    const packet = this.#host.packetTo(to.address, ipv4.PROTOCOL_UDP, udp.HEADER_LENGTH + data.length, {
      source,
    });
    if (typeof packet === 'number') return packet;
    const { bytes, at } = packet;
    udp.write(bytes, at, this.port, to.port, data.length);
    bytes.set(data, at + udp.HEADER_LENGTH);
    fillTransportChecksum(packet, ipv4.PROTOCOL_UDP, udp.CHECKSUM_OFFSET);
    return this.#host.send(packet.bytes);
  }

  /** A datagram for the socket's port; false when the socket is not for it. */
  receive({ bytes, at, end, source, destination }: IpPacket): boolean {
    const sender = { address: source, port: udp.sourcePort(bytes, at) };
    if (this.#peer !== null && !isSameEndpoint(sender, this.#peer)) return false;
    const known =
      this.#host.calls?.translate('recvmsg', ipv4.PROTOCOL_UDP, this.#cookie, 0, sender) ?? sender;
    this.onDatagram(
      bytes.slice(at + udp.HEADER_LENGTH, end),
      typeof known === 'number' ? sender : known,
      destination,
    );
    return true;
  }

  close(): void {
    this.#host.closeUdp(this);
  }
}
