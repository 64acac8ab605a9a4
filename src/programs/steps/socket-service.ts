/** Which service a socket's peer address is: by the address itself, or by the wildcard entry of node addresses. */
import { swap16 } from '../../engine/wire/bytes.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ipv6 from '../../engine/wire/ipv6.js';
import { IDENTITY_HOST } from '../constants.js';
import type { Family } from '../family.js';
import type { ProgramInstance } from '../instance.js';
import * as services from '../tables/services.js';
import { ipcacheIdentity, isRemoteNode, lookupIpcache } from './identity.js';
import { lookupService } from './load-balancer.js';
import { serviceFlags } from './service-entry.js';

/**
 * The service of an address (raw words at `words[at]`), port (raw) and protocol, in its internal scope: offset of its
 * value, or -1. NodePort and HostPort services are found under every address of this node that means it, NodePort ones
 * under those of other nodes too. Leaves the service key as it was at the hit.
 */
export function lookupSocketService(
  program: ProgramInstance,
  family: Family,
  words: Int32Array,
  at: number,
  port: number,
  protocol: number,
  isInHostNamespace: boolean,
): number {
  const serviceAt = lookupExact(program, family, words, at, port, protocol);
  if (serviceAt >= 0 || !program.features.nodePort) return serviceAt;
  const flow = program.datapath.flow;
  if (isNodePort(program, port)) {
    if (!isNodeAddress(program, family, words, at, isInHostNamespace, true)) return -1;
    const wildcardAt = lookupWildcard(program, family, port, protocol);
    if (wildcardAt < 0 || (serviceFlags(flow, wildcardAt) & services.NODEPORT) === 0) return -1;
    return wildcardAt;
  }
  if (!isNodeAddress(program, family, words, at, isInHostNamespace, false)) return -1;
  const wildcardAt = lookupWildcard(program, family, port, protocol);
  if (wildcardAt < 0) return -1;
  const flags = serviceFlags(flow, wildcardAt);
  if ((flags & services.HOSTPORT) === 0) return -1;
  const isLoopbackOnly = (flags & services.LOOPBACK_OR_L7_DELEGATE) !== 0;
  return isLoopbackOnly && !isLoopback(family, words, at) ? -1 : wildcardAt;
}

/**
 * As `lookupSocketService`, for an address that a socket of the host is bound to: the wildcard entry is tried for
 * NodePort ports and this node's own addresses only.
 */
export function lookupBoundService(
  program: ProgramInstance,
  family: Family,
  words: Int32Array,
  at: number,
  port: number,
  protocol: number,
): number {
  const serviceAt = lookupExact(program, family, words, at, port, protocol);
  if (serviceAt >= 0 || !isNodePort(program, port)) return serviceAt;
  if (!isNodeAddress(program, family, words, at, true, false)) return -1;
  return lookupWildcard(program, family, port, protocol);
}

function lookupExact(
  program: ProgramInstance,
  family: Family,
  words: Int32Array,
  at: number,
  port: number,
  protocol: number,
): number {
  const flow = program.datapath.flow;
  flow.family = family;
  flow.protocol = protocol;
  for (let i = 0; i < family.addressWords; i++) flow.tuple[i] = words[at + i];
  flow.tuple[family.portsWord] = port << 16;
  return lookupService(program, flow, true);
}

function lookupWildcard(program: ProgramInstance, family: Family, port: number, protocol: number): number {
  const words = program.datapath.keys.address;
  words.fill(0);
  return lookupExact(program, family, words, 0, port, protocol);
}

function isNodePort(program: ProgramInstance, port: number): boolean {
  const [minimum, maximum] = program.datapath.constants.nodePortRange;
  const number = swap16(port);
  return number >= minimum && number <= maximum;
}

/** The address means this node (or with `withRemotes` any node), as seen from the socket. */
function isNodeAddress(
  program: ProgramInstance,
  family: Family,
  words: Int32Array,
  at: number,
  isInHostNamespace: boolean,
  withRemotes: boolean,
): boolean {
  if (isInHostNamespace && isLoopback(family, words, at)) return true;
  const entryAt = lookupIpcache(program.datapath, family, words, at, 0);
  if (entryAt < 0) return false;
  const identity = ipcacheIdentity(program.datapath, entryAt);
  return identity === IDENTITY_HOST || (withRemotes && isRemoteNode(identity));
}

/** 127.0.0.0/8 or ::1. */
export function isLoopback(family: Family, words: Int32Array, at: number): boolean {
  return family.isV6 ? ipv6.isLoopbackWords(words, at) : ipv4.isLoopbackWord(words[at]);
}
