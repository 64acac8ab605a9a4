/** The ports and ICMP types of a policy rule, as keys of the policy map. */
import { PROTOCOL_ICMP, PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP } from '../engine/wire/ipv4.js';
import { NEXT_ICMPV6 } from '../engine/wire/ipv6.js';
import type { PolicyKey } from '../programs/tables/policy.js';
import type { RuleSpec } from './check-policies.js';
import type { FaultList, Path } from './faults.js';

export type PortKey = Pick<PolicyKey, 'protocol' | 'port' | 'portBits'>;

const PROTOCOLS = {
  TCP: [PROTOCOL_TCP],
  UDP: [PROTOCOL_UDP],
  SCTP: [PROTOCOL_SCTP],
  ANY: [PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_SCTP],
} as const;

const PORT_BITS = 16;
const LAST_PORT = 65535;

/** Null when the rule names neither ports nor ICMP types. */
export function readPorts(rule: RuleSpec, path: Path, faults: FaultList): readonly PortKey[] | null {
  if (rule.toPorts === undefined && rule.icmps === undefined) return null;
  const keys: PortKey[] = [];
  rule.toPorts?.forEach((toPorts, i) => {
    toPorts.ports.forEach((spec, j) => {
      const at: Path = [...path, 'toPorts', i, 'ports', j];
      const first = Number(spec.port);
      if (!Number.isInteger(first) || first < 0 || first > LAST_PORT || spec.port === '') {
        const hint = Number.isNaN(first) ? '; ports by name are not known here' : '';
        faults.error(
          [...at, 'port'],
          `${JSON.stringify(spec.port)} is not a port from 0 (any) to 65535${hint}`,
        );
        return;
      }
      const last = spec.endPort ?? first;
      if (last < first) {
        faults.error([...at, 'endPort'], `${last} is below the port ${first}`);
        return;
      }
      for (const protocol of PROTOCOLS[spec.protocol ?? 'ANY']) {
        if (first === 0) keys.push({ protocol, port: 0, portBits: 0 });
        else for (const range of portPrefixes(first, last)) keys.push({ protocol, ...range });
      }
    });
  });
  for (const { fields } of rule.icmps ?? []) {
    for (const { family, type } of fields) {
      const protocol = family === 'IPv6' ? NEXT_ICMPV6 : PROTOCOL_ICMP;
      keys.push({ protocol, port: type, portBits: PORT_BITS });
    }
  }
  return keys;
}

/** The fewest prefixes that make up the ports from `first` to `last`. */
export function portPrefixes(first: number, last: number): { port: number; portBits: number }[] {
  const prefixes: { port: number; portBits: number }[] = [];
  let port = first;
  while (port <= last) {
    let size = port === 0 ? LAST_PORT + 1 : port & -port;
    while (port + size - 1 > last) size >>= 1;
    prefixes.push({ port, portBits: PORT_BITS - Math.log2(size) });
    port += size;
  }
  return prefixes;
}
