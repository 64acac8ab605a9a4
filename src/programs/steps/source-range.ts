import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as services from '../tables/services.js';

/** Bits of a full key: those that are always compared (reverse NAT index and padding), then the address. */
const PREFIX_IPV4 = 64;
const PREFIX_IPV6 = 160;

/** Whether the tuple's source (packet layout) may use the service: in its ranges, or not in them where they deny. */
export function isInSourceRange(
  program: ProgramInstance,
  flow: Flow,
  revNat: number,
  serviceFlags: number,
): boolean {
  const key = program.datapath.keys.lpm;
  const n = flow.family.addressWords;
  key[0] = flow.family.isV6 ? PREFIX_IPV6 : PREFIX_IPV4;
  key[1] = revNat;
  for (let i = 0; i < n; i++) key[2 + i] = flow.tuple[n + i];
  const isFound = flow.family.sourceRange.lookup(key, 0) >= 0;
  return isFound === ((serviceFlags & services.SOURCE_RANGE_DENY) === 0);
}
