import { i32le } from '../../engine/wire/bytes.js';
import { DROP_NO_NODE_ID, DROP_POLICY_AUTH_REQUIRED } from '../drop-reasons.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as ipcache from '../tables/ipcache.js';
import { readU64 } from '../tables/u64.js';
import { lookupNode, nodeId } from './nodes.js';
import { signalAuthenticationRequired } from './notify.js';

/** Expirations count in units of 512 ns since the Unix epoch. */
const UTIME_UNIT_NS = 512;

/**
 * Mutual authentication: allowed while `cilium_auth_map` holds a valid entry for (local, remote, node of the
 * remote, type). `remoteEntryAt` is the remote's ipcache entry, -1 for none.
 * 0, DROP_POLICY_AUTH_REQUIRED (the agent is told), or DROP_NO_NODE_ID.
 */
export function authenticate(
  program: ProgramInstance,
  flow: Flow,
  localLabel: number,
  remoteLabel: number,
  remoteEntryAt: number,
): number {
  const datapath = program.datapath;
  const nodeIp =
    remoteEntryAt < 0 ? 0 : i32le(datapath.ipcache.bytes, remoteEntryAt + ipcache.TUNNEL_ENDPOINT);
  let remoteNode = 0;
  if (nodeIp !== 0) {
    const endpointAt = remoteEntryAt + ipcache.TUNNEL_ENDPOINT;
    remoteNode = nodeId(program, lookupNode(program, datapath.ipv4, datapath.ipcache.bytes, endpointAt));
    if (remoteNode === 0) return DROP_NO_NODE_ID;
  }
  const key = datapath.keys.small;
  key[0] = localLabel;
  key[1] = remoteLabel;
  key[2] = remoteNode | (flow.authType << 16);
  const at = datapath.authentication.lookup(key, 0);
  if (at >= 0 && utime(program) < readU64(datapath.authentication.words, at >> 2)) return 0;
  signalAuthenticationRequired(program, key);
  return DROP_POLICY_AUTH_REQUIRED;
}

function utime(program: ProgramInstance): number {
  const datapath = program.datapath;
  const key = datapath.keys.policy;
  key[0] = 0;
  const at = datapath.runtimeConfig.lookup(key, 0);
  const offset = at < 0 ? 0 : readU64(datapath.runtimeConfig.words, at >> 2);
  return Math.floor(datapath.clock.nowNs / UTIME_UNIT_NS) + offset;
}
