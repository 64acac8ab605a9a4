/** Replies of this node's backends, on their way out: they get the address of the service back. */
import { FIB_NO_NEIGHBOUR, FIB_SUCCESS } from '../../engine/fib.js';
import type { PacketContext } from '../../engine/packet.js';
import { EGRESS } from '../constants.js';
import { DROP_NO_FIB } from '../drop-reasons.js';
import { CT_REPLY, type Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as ct from '../tables/conntrack.js';
import * as nat from '../tables/nat.js';
import * as conntrack from './conntrack.js';
import { fibIfindex, lookupFibFrom, redirectByFib } from './forward.js';
import { isPortProtocol, loadPorts } from './fragments.js';
import { readTuple } from './headers.js';
import { CONTINUE } from './outcome.js';
import { lookupReverseNat, restoreFrontend } from './reverse-nat.js';
import { natKey } from './snat-mapping.js';

/** The reply of a local backend got its frontend's address back. */
export const TRANSLATED = 0x20000;

/** Reverse DNAT. CONTINUE when it is not such a reply, TRANSLATED, a verdict (redirected), or a drop reason. */
export function reverseTranslate(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  reverseOnly: boolean,
): number {
  if (!isPortProtocol(program, flow.protocol)) return CONTINUE;
  readTuple(packet, flow);
  const error = loadPorts(program, packet, flow, EGRESS);
  if (error < 0) return error;
  flow.tuple[flow.family.metaWord] = flow.protocol | (ct.TUPLE_OUT << 8);
  conntrack.useNodeMaps(flow);
  return restoreReply(program, packet, flow, reverseOnly);
}

function restoreReply(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  reverseOnly: boolean,
): number {
  const family = flow.family;
  const entryAt = flow.conntrackMap.lookup(flow.tuple, 0);
  if (entryAt < 0) return CONTINUE;
  const flags = flow.conntrackMap.words[(entryAt >> 2) + ct.FLAGS];
  const { dsr, skipFib } = program.features;
  const isNodePort = (flags & ct.FLAG_NODE_PORT) !== 0;
  if (!isNodePort && !(dsr && (flags & ct.FLAG_DSR_INTERNAL) !== 0)) return CONTINUE;
  const revNat = isNodePort ? flags >>> 16 : 0;
  let frontend = family.reverseNat;
  let frontendAt = -1;
  if (revNat !== 0) {
    frontendAt = lookupReverseNat(program, packet, flow, revNat);
  } else if (dsr) {
    // A request that another node forwarded as it was: its frontend is kept as a SNAT entry.
    frontend = family.snat;
    frontendAt = frontend.lookup(natKey(program, flow, nat.TUPLE_OUT), 0);
    if (frontendAt >= 0) frontendAt += 4 * nat.ADDRESS;
  }
  if (frontendAt < 0) return CONTINUE;
  if (program.kind === 'host' && !reverseOnly && !skipFib) {
    const elsewhere = leaveByOtherDevice(
      program,
      packet,
      flow,
      frontend.words,
      frontendAt >> 2,
      program.config.interfaceIfindex,
    );
    if (elsewhere !== CONTINUE) return elsewhere;
  }
  const status = conntrack.lookupTuple(
    program,
    packet,
    flow,
    conntrack.CT_INGRESS,
    conntrack.SCOPE_REVERSE,
    conntrack.KIND_NODEPORT_OR_DSR,
    0,
  );
  if (status < 0) return status;
  if (status !== CT_REPLY) return CONTINUE;
  flow.traceReason = CT_REPLY;
  flow.traceMonitor = flow.monitor;
  const error = restoreFrontend(program, packet, flow, frontend.words, frontendAt >> 2, false);
  return error < 0 ? error : TRANSLATED;
}

/**
 * Whether the packet, with the source address at `source[sourceAt]`, belongs to another device: it is sent there,
 * and that device's program translates it. CONTINUE when it is on the right one, `ownIfindex`.
 */
export function leaveByOtherDevice(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  source: Int32Array,
  sourceAt: number,
  ownIfindex: number,
): number {
  const result = lookupFibFrom(program, packet, flow, source, sourceAt);
  if (result !== FIB_SUCCESS && result !== FIB_NO_NEIGHBOUR) {
    flow.extendedError = result;
    return DROP_NO_FIB;
  }
  if (fibIfindex(program) === ownIfindex) return CONTINUE;
  return redirectByFib(program, packet, flow, result);
}
