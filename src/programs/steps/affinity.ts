/** Session affinity: a client keeps its backend, known by its address, or at sockets by its network namespace. */
import type { SocketContext } from '../../engine/hooks/socket.js';
import { BPF_ANY } from '../../engine/maps/map.js';
import type { Family } from '../family.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as affinity from '../tables/affinity.js';
import * as services from '../tables/services.js';
import { readU64, writeU64 } from '../tables/u64.js';

/** Key of the client that sent the packet (the tuple's source), for a service. */
export function addressKey(program: ProgramInstance, flow: Flow, revNat: number): Int32Array {
  const key = program.datapath.keys.affinity;
  const n = flow.family.addressWords;
  for (let i = 0; i < n; i++) key[i] = flow.tuple[n + i];
  if (n === 1) {
    key[1] = 0;
    key[affinity.KEY_REV_NAT_V4] = revNat;
    key[affinity.KEY_REV_NAT_V4 + 1] = 0;
  } else {
    key[affinity.KEY_REV_NAT_V6] = revNat;
    key[affinity.KEY_REV_NAT_V6 + 1] = 0;
  }
  return key;
}

/** Key of the network namespace that a socket is in, for a service. */
export function namespaceKey(
  program: ProgramInstance,
  socket: SocketContext,
  family: Family,
  revNat: number,
): Int32Array {
  const key = program.datapath.keys.affinity;
  key.fill(0);
  key[0] = socket.namespaceCookieLow;
  key[1] = socket.namespaceCookieHigh;
  key[family.isV6 ? affinity.KEY_REV_NAT_V6 : affinity.KEY_REV_NAT_V4] = revNat | affinity.KEY_BY_NAMESPACE;
  return key;
}

/** Backend id that the client of a key is bound to, 0 for none. An expired or no longer valid binding is deleted. */
export function boundBackend(
  program: ProgramInstance,
  family: Family,
  key: Int32Array,
  serviceAt: number,
  revNat: number,
): number {
  const datapath = program.datapath;
  const map = family.affinity;
  const at = map.lookup(key, 0);
  if (at < 0) return 0;
  const word = at >> 2;
  const serviceWord = family.services.words[(serviceAt >> 2) + services.AFFINITY_AND_ALGORITHM];
  const timeout = serviceWord & services.AFFINITY_TIMEOUT_MASK;
  const now = datapath.clock.nowSeconds;
  const backendId = map.words[word + affinity.BACKEND];
  const match = datapath.keys.affinityMatch;
  match[0] = backendId;
  match[1] = revNat;
  const isExpired = readU64(map.words, word + affinity.LAST_USED) + timeout <= now;
  if (isExpired || datapath.affinityMatch.lookup(match, 0) < 0) {
    map.delete(key, 0);
    return 0;
  }
  writeU64(map.words, word + affinity.LAST_USED, now);
  return backendId;
}

/** Binds the client of a key to a backend from now on. */
export function bindBackend(
  program: ProgramInstance,
  family: Family,
  key: Int32Array,
  backendId: number,
): void {
  const map = family.affinity;
  const at = map.insert(key, 0, BPF_ANY);
  if (at < 0) return;
  const word = at >> 2;
  writeU64(map.words, word + affinity.LAST_USED, program.datapath.clock.nowSeconds);
  map.words[word + affinity.BACKEND] = backendId;
  map.words[word + affinity.BACKEND + 1] = 0;
}
