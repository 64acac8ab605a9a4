/** A TCP segment (RFC 9293 section 3.1) taken out of its packet, and put into one. Sequence numbers are int32. */
import * as ipv4 from '../engine/wire/ipv4.js';
import * as tcp from '../engine/wire/tcp.js';
import type { Endpoint } from './endpoint.js';
import type { Host } from './host.js';
import { fillTransportChecksum, type IpPacket } from './ip-packet.js';

export interface TcpSegment {
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly flags: number;
  readonly window: number;
  /** 0 when it announces none. */
  readonly maximumSegmentSize: number;
  readonly data: Uint8Array;
}

/** Null when the packet is too short for the header it announces. */
export function readSegment({ bytes, at, end }: IpPacket): TcpSegment | null {
  if (!tcp.fits(at, end) || !tcp.fitsOptions(bytes, at, end)) return null;
  return {
    sequence: tcp.sequence(bytes, at),
    acknowledgment: tcp.acknowledgment(bytes, at),
    flags: tcp.flags(bytes, at),
    window: tcp.window(bytes, at),
    maximumSegmentSize: tcp.maximumSegmentSize(bytes, at),
    data: bytes.slice(at + tcp.headerLength(bytes, at), end),
  };
}

/** Sends a segment; 0 or an errno. */
export function sendSegment(host: Host, from: Endpoint, to: Endpoint, segment: TcpSegment): number {
  const { data, maximumSegmentSize } = segment;
  const optionLength = maximumSegmentSize === 0 ? 0 : tcp.MAXIMUM_SEGMENT_SIZE_LENGTH;
  const headerLength = tcp.HEADER_LENGTH + optionLength;
  const packet = host.packetTo(to.address, ipv4.PROTOCOL_TCP, headerLength + data.length, {
    source: from.address,
  });
  if (typeof packet === 'number') return packet;
  const { bytes, at } = packet;
  const { sequence, acknowledgment, flags, window } = segment;
  tcp.write(bytes, at, from.port, to.port, sequence, acknowledgment, flags, window);
  tcp.putHeaderLength(bytes, at, headerLength);
  if (optionLength > 0) tcp.writeMaximumSegmentSize(bytes, at + tcp.HEADER_LENGTH, maximumSegmentSize);
  bytes.set(data, at + headerLength);
  fillTransportChecksum(packet, ipv4.PROTOCOL_TCP, tcp.CHECKSUM_OFFSET);
  return host.send(packet.bytes);
}

/** How many sequence numbers a segment takes: its data, SYN and FIN. */
export function sequenceLength({ flags, data }: TcpSegment): number {
  return data.length + ((flags & tcp.SYN) !== 0 ? 1 : 0) + ((flags & tcp.FIN) !== 0 ? 1 : 0);
}

export const NO_DATA = new Uint8Array(0);

/** What answers a segment that no socket is for (RFC 9293 section 3.5.2); null for a reset, which is not answered. */
export function resetFor(segment: TcpSegment): TcpSegment | null {
  if ((segment.flags & tcp.RST) !== 0) return null;
  const base = { window: 0, maximumSegmentSize: 0, data: NO_DATA };
  if ((segment.flags & tcp.ACK) !== 0) {
    return { ...base, sequence: segment.acknowledgment, acknowledgment: 0, flags: tcp.RST };
  }
  const acknowledgment = (segment.sequence + sequenceLength(segment)) | 0;
  return { ...base, sequence: 0, acknowledgment, flags: tcp.RST | tcp.ACK };
}
