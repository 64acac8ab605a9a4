/**
 * The three answers that an XDP program has for a frame alone: VERDICT=drop, pass, or tx, which sends it back out of
 * the device it came in by, MACs exchanged. PORT of the environment limits it to TCP and UDP to one port.
 */
import {
  ethernet,
  i32le,
  ipv4,
  type OwnProgram,
  type ProgramContext,
  put16le,
  put32le,
  u16le,
  udp,
  XDP_DROP,
  XDP_PASS,
  XDP_TX,
} from 'packetwalk';

const VERDICTS: Readonly<Record<string, number>> = { drop: XDP_DROP, pass: XDP_PASS, tx: XDP_TX };

const { VERDICT = 'pass', PORT = '0' } = process.env;
const port = Number(PORT);

export default function xdpVerdict({ dropReason }: ProgramContext): OwnProgram {
  const verdict = VERDICTS[VERDICT];
  if (verdict === undefined)
    throw new Error(`VERDICT=${VERDICT}: one of ${Object.keys(VERDICTS).join(', ')}`);
  const reason = dropReason('by XDP');
  let matched = 0;
  return {
    name: 'xdp-verdict',
    run(packet) {
      const { bytes, start, end } = packet;
      if (!ethernet.fits(start, end) || !isMeant(bytes, start, end)) return XDP_PASS;
      matched++;
      if (verdict === XDP_TX) exchangeMacs(bytes, start);
      packet.dropReason = reason;
      return verdict;
    },
    counts: () => ({ [VERDICT]: matched }),
  };
}

function isMeant(bytes: Uint8Array, start: number, end: number): boolean {
  if (port === 0) return true;
  const at = start + ethernet.HEADER_LENGTH;
  if (ethernet.type(bytes, start) !== ethernet.TYPE_IPV4 || !ipv4.fits(at, end)) return false;
  const protocol = ipv4.protocol(bytes, at);
  if (protocol !== ipv4.PROTOCOL_TCP && protocol !== ipv4.PROTOCOL_UDP) return false;
  const portsAt = at + ipv4.headerLength(bytes, at);
  return udp.fits(portsAt, end) && udp.destinationPort(bytes, portsAt) === port;
}

function exchangeMacs(bytes: Uint8Array, start: number): void {
  const [to, from] = [ethernet.destinationAt(start), ethernet.sourceAt(start)];
  const [head, tail] = [i32le(bytes, to), u16le(bytes, to + 4)];
  put32le(bytes, to, i32le(bytes, from));
  put16le(bytes, to + 4, u16le(bytes, from + 4));
  put32le(bytes, from, head);
  put16le(bytes, from + 4, tail);
}
