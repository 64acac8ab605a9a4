import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as services from '../tables/services.js';
import { tupleHash } from './hash.js';
import { serviceFlags } from './service-entry.js';

/**
 * Maglev: the backend id at the tuple's hash in the service's lookup table; 0 without a table. The destination is
 * not hashed; with session affinity the client's port counts as 0.
 */
export function maglevBackend(
  program: ProgramInstance,
  flow: Flow,
  serviceAt: number,
  revNat: number,
): number {
  const maglev = flow.family.maglev;
  const key = program.datapath.keys.small;
  key[0] = revNat;
  const at = maglev.lookup(key, 0);
  if (at < 0) return 0;
  const table = maglev.inner(at);
  if (table === null) return 0;
  const affinity =
    program.features.sessionAffinity && (serviceFlags(flow, serviceAt) & services.AFFINITY) !== 0;
  // Packet layout: the client's port is in the lower half, the service's in the upper.
  const ports = flow.tuple[flow.family.portsWord];
  const hashedPorts = affinity ? ports & 0xffff0000 : ports;
  const hash = tupleHash(program, flow, hashedPorts);
  key[0] = 0;
  const tableAt = table.lookup(key, 0);
  if (tableAt < 0) return 0;
  const slots = table.spec.valueSize >> 2;
  return table.words[(tableAt >> 2) + ((hash >>> 0) % slots)];
}
