/**
 * An XDP filter against floods: drops what comes from blocked prefixes, and UDP to one port beyond a rate.
 * BLOCKED, PORT and RATE (packets in a second) of the environment set it up.
 */
import {
  createMap,
  ethernet,
  i32le,
  ipv4,
  type OwnProgram,
  type ProgramContext,
  parsePrefix,
  udp,
  XDP_DROP,
  XDP_PASS,
} from 'packetwalk';

const port = Number(process.env.PORT ?? 53);
const rate = Number(process.env.RATE ?? 1000);
const blocked = (process.env.BLOCKED ?? '').split(',').filter((text) => text !== '');

export default function ddosFilter({ clock, dropReason }: ProgramContext): OwnProgram {
  const isBlocked = dropReason('blocked source');
  const isOverRate = dropReason('over the rate');
  // Key: prefix length, then the address; IPv4 prefixes only.
  const prefixes = createMap({
    name: 'blocked',
    type: 'lpm_trie',
    keySize: 8,
    valueSize: 4,
    maxEntries: 4096,
  });
  for (const text of blocked) {
    const prefix = parsePrefix(text);
    if (prefix === null || prefix.address.length !== 4) throw new Error(`BLOCKED: ${text} is no IPv4 prefix`);
    prefixes.insert(Int32Array.of(prefix.length, i32le(prefix.address, 0)), 0, 0);
  }
  const key = Int32Array.of(32, 0);
  let second = 0;
  let packets = 0;

  return {
    name: 'ddos-filter',
    run(packet) {
      const { bytes, start, end } = packet;
      const at = start + ethernet.HEADER_LENGTH;
      if (!ethernet.fits(start, end) || ethernet.type(bytes, start) !== ethernet.TYPE_IPV4) return XDP_PASS;
      if (!ipv4.fits(at, end)) return XDP_PASS;
      key[1] = ipv4.source(bytes, at);
      if (prefixes.lookup(key, 0) >= 0) {
        packet.dropReason = isBlocked;
        return XDP_DROP;
      }
      const udpAt = at + ipv4.headerLength(bytes, at);
      if (ipv4.protocol(bytes, at) !== ipv4.PROTOCOL_UDP || ipv4.isFragment(bytes, at)) return XDP_PASS;
      if (!udp.fits(udpAt, end) || udp.destinationPort(bytes, udpAt) !== port) return XDP_PASS;
      if (clock.nowSeconds !== second) {
        second = clock.nowSeconds;
        packets = 0;
      }
      if (++packets <= rate) return XDP_PASS;
      packet.dropReason = isOverRate;
      return XDP_DROP;
    },
  };
}
