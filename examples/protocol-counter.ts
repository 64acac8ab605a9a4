/** Counts packets at a tc hook by protocol, and lets every one of them pass on. */
import { ethernet, ipv4, ipv6, type OwnProgram, TC_ACT_UNSPEC } from 'packetwalk';

const NAMES: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmpv6', 132: 'sctp' };
const NOT_IP = 256;

export default function protocolCounter(): OwnProgram {
  const packets = new Float64Array(NOT_IP + 1);
  return {
    name: 'protocol-counter',
    run({ bytes, start, end, protocol }) {
      const at = start + ethernet.HEADER_LENGTH;
      if (protocol === ethernet.TYPE_IPV4 && ipv4.fits(at, end)) packets[ipv4.protocol(bytes, at)]++;
      else if (protocol === ethernet.TYPE_IPV6 && ipv6.fits(at, end)) packets[ipv6.nextHeader(bytes, at)]++;
      else packets[NOT_IP]++;
      return TC_ACT_UNSPEC;
    },
    counts() {
      const seen = [...packets.entries()].filter(([, count]) => count > 0);
      const name = (protocol: number) =>
        protocol === NOT_IP ? 'not IP' : (NAMES[protocol] ?? `protocol ${protocol}`);
      return Object.fromEntries(seen.map(([protocol, count]) => [name(protocol), count]));
    },
  };
}
