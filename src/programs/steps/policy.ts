/** Network policy: which entry of the endpoint's policy map decides, and what it says. */
import { BPF_NOEXIST } from '../../engine/maps/map.js';
import type { PacketContext } from '../../engine/packet.js';
import { swap16 } from '../../engine/wire/bytes.js';
import * as icmp from '../../engine/wire/icmp.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import { EGRESS, IDENTITY_HOST, INGRESS } from '../constants.js';
import {
  DROP_ENCAP_PROHIBITED,
  DROP_FRAG_NOSUPPORT,
  DROP_INVALID,
  DROP_POLICY,
  DROP_POLICY_AUTH_REQUIRED,
  DROP_POLICY_DENY,
} from '../drop-reasons.js';
import { haveEncapsulation } from '../features.js';
import { CT_ESTABLISHED, type Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as entry from '../tables/policy.js';
import { addU64 } from '../tables/u64.js';
import { DEBUG_L4_POLICY, DEBUG_POLICY_DENIED } from './debug.js';
import { debug, policyVerdict } from './notify.js';

/** Match types of verdict events. */
export const MATCH_NONE = 0;
export const MATCH_L3_ONLY = 1;
export const MATCH_L3_L4 = 2;
export const MATCH_L4_ONLY = 3;
export const MATCH_ALL = 4;
export const MATCH_L3_PROTO = 5;
export const MATCH_PROTO_ONLY = 6;

/**
 * May the flow pass? `localLabel` is the endpoint's identity, `remoteLabel` the other side's. The tuple is in
 * forward layout. Answers 0 or the drop reason; fills the flow's proxyPort, matchType, audited, authType and
 * extendedError. Runs for every packet that is not a reply.
 */
export function check(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  direction: number,
  localLabel: number,
  remoteLabel: number,
): number {
  const features = program.features;
  flow.proxyPort = 0;
  flow.matchType = MATCH_NONE;
  flow.audited = false;
  flow.authType = 0;
  const destinationPort = flow.tuple[flow.family.portsWord] & 0xffff;
  if (
    direction === EGRESS &&
    flow.protocol === ipv4.PROTOCOL_UDP &&
    localLabel !== IDENTITY_HOST &&
    destinationPort === swap16(features.tunnelPort) &&
    haveEncapsulation(features)
  ) {
    return DROP_ENCAP_PROHIBITED;
  }
  const verdict = decide(program, packet, flow, direction, localLabel, remoteLabel, destinationPort);
  if (verdict >= 0) return verdict;
  if (features.debug) {
    const egress = direction === EGRESS;
    debug(
      program,
      packet,
      DEBUG_POLICY_DENIED,
      egress ? localLabel : remoteLabel,
      egress ? remoteLabel : localLabel,
      0,
    );
  }
  if (!features.policyAuditMode) return verdict;
  flow.audited = true;
  flow.authType = 0;
  return 0;
}

function decide(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  direction: number,
  localLabel: number,
  remoteLabel: number,
  destinationPort: number,
): number {
  const features = program.features;
  let keyPort = destinationPort;
  if (flow.protocol === flow.family.icmpProtocol) {
    if (!flow.family.isV6 && (features.icmpRules || features.allowIcmpFragmentationNeeded)) {
      if (!icmp.fits(flow.l4At, packet.end)) return DROP_INVALID;
      const type = icmp.type(packet.bytes, flow.l4At);
      if (
        features.allowIcmpFragmentationNeeded &&
        type === icmp.DESTINATION_UNREACHABLE &&
        icmp.code(packet.bytes, flow.l4At) === icmp.CODE_FRAGMENTATION_NEEDED
      ) {
        return 0;
      }
      // An ICMP rule's port is the type, as a network-order number.
      if (features.icmpRules) keyPort = type << 8;
    } else if (flow.family.isV6 && features.icmpRules) {
      if (flow.l4At + 1 > packet.end) return DROP_INVALID;
      keyPort = icmp.type(packet.bytes, flow.l4At) << 8;
    }
  }
  const map = program.policy;
  const key = program.datapath.keys.policy;
  key[0] = entry.FULL_PREFIX;
  key[1] = remoteLabel;
  key[2] =
    (direction === EGRESS ? entry.DIRECTION_EGRESS : entry.DIRECTION_INGRESS) |
    (flow.protocol << 8) |
    (keyPort << 16);
  const words = map.words;
  const l3At = map.lookup(key, 0);
  const l3First = l3At < 0 ? 0 : words[l3At >> 2];
  if (l3At >= 0 && (l3First & entry.DENY) !== 0) {
    return chooseL3(
      program,
      packet,
      flow,
      direction,
      localLabel,
      remoteLabel,
      destinationPort,
      l3First,
      0,
      false,
    );
  }
  key[1] = 0;
  const l4At = map.lookup(key, 0);
  if (l4At < 0) {
    if (l3At < 0) {
      if (direction === INGRESS && flow.isFragment && !flow.family.fragmentTracking)
        return DROP_FRAG_NOSUPPORT;
      return DROP_POLICY;
    }
    return chooseL3(
      program,
      packet,
      flow,
      direction,
      localLabel,
      remoteLabel,
      destinationPort,
      l3First,
      0,
      false,
    );
  }
  const l4First = words[l4At >> 2];
  if (l3At >= 0 && (l4First & entry.DENY) === 0 && !winsOver(words, l4At, l3At)) {
    return chooseL3(
      program,
      packet,
      flow,
      direction,
      localLabel,
      remoteLabel,
      destinationPort,
      l3First,
      l4First,
      true,
    );
  }
  const length = entry.prefixLength(l4First);
  flow.matchType = length === 0 ? MATCH_ALL : length <= 8 ? MATCH_PROTO_ONLY : MATCH_L4_ONLY;
  account(program, packet, flow, direction, 0, destinationPort, length);
  return apply(flow, l4First, l3First, l3At >= 0);
}

/** Whether the any-identity entry goes before the identity's own: higher proxy priority, else longer prefix. */
function winsOver(words: Int32Array, l4At: number, l3At: number): boolean {
  const l4Priority = entry.proxyPortPriority(words[(l4At >> 2) + 1]);
  const l3Priority = entry.proxyPortPriority(words[(l3At >> 2) + 1]);
  if (l4Priority !== l3Priority) return l4Priority > l3Priority;
  return entry.prefixLength(words[l4At >> 2]) > entry.prefixLength(words[l3At >> 2]);
}

function chooseL3(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  direction: number,
  localLabel: number,
  remoteLabel: number,
  destinationPort: number,
  first: number,
  other: number,
  hasOther: boolean,
): number {
  const length = entry.prefixLength(first);
  flow.matchType = length > 8 ? MATCH_L3_L4 : length > 0 ? MATCH_L3_PROTO : MATCH_L3_ONLY;
  if (program.features.debug) {
    const shown = (destinationPort << 16) | flow.protocol;
    debug(program, packet, DEBUG_L4_POLICY, remoteLabel, localLabel, shown);
  }
  account(program, packet, flow, direction, remoteLabel, destinationPort, length);
  return apply(flow, first, other, hasOther);
}

/** What the chosen entry says; `other` is the entry that lost, whose authentication demand may be stricter. */
function apply(flow: Flow, first: number, other: number, hasOther: boolean): number {
  if ((first & entry.DENY) !== 0) return DROP_POLICY_DENY;
  flow.proxyPort = entry.proxyPort(first);
  let type = entry.authType(first);
  if (hasOther && !entry.hasExplicitAuthType(first) && entry.authType(other) > type)
    type = entry.authType(other);
  if (type !== 0) {
    flow.authType = type;
    flow.extendedError = type;
    return DROP_POLICY_AUTH_REQUIRED;
  }
  return 0;
}

/** Counts the packet under the entry that decided: `cilium_policystats`. */
function account(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  direction: number,
  label: number,
  destinationPort: number,
  prefixLength: number,
): void {
  if (!program.features.policyAccounting) return;
  const map = program.datapath.policyStats;
  const key = program.datapath.keys.policyStats;
  let port = 0;
  if (prefixLength > 8) {
    // The mask is of the port as a number; the key holds it in network order.
    const mask = (0xffff << (24 - prefixLength)) & 0xffff;
    port = swap16(swap16(destinationPort) & mask);
  }
  key[0] = program.eventSource | (prefixLength << 24);
  key[1] = label;
  key[2] = (direction === EGRESS ? 1 : 0) | (prefixLength < 8 ? 0 : flow.protocol << 8) | (port << 16);
  let at = map.lookup(key, 0);
  if (at < 0) {
    at = map.insert(key, 0, BPF_NOEXIST);
    if (at < 0) return;
  }
  addU64(map.words, at >> 2, 1);
  addU64(map.words, (at >> 2) + 2, packet.end - packet.start);
}

/**
 * The verdict event: for every refusal and for the first packet of a connection, if the endpoint reports this
 * direction. `verdict` is 0 or a drop reason.
 */
export function reportVerdict(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  remoteLabel: number,
  direction: number,
  verdict: number,
): void {
  if (!program.features.policyVerdictEvents) return;
  if (verdict >= 0 && flow.status === CT_ESTABLISHED) return;
  if (program.kind === 'host') {
    // What no rule of the host endpoint is about would tell of every connection of the node.
    if (verdict >= 0 && flow.matchType === MATCH_ALL) return;
  } else if ((program.config.policyVerdictLogFilter & direction) === 0) {
    // The filter has bit 0 for ingress and bit 1 for egress: the direction's number.
    return;
  }
  const port = swap16(flow.tuple[flow.family.portsWord] & 0xffff);
  policyVerdict(program, packet, flow, remoteLabel, port, direction, verdict < 0 ? verdict : flow.proxyPort);
}
