/** Network policy: which entry of the endpoint's policy map decides, and what it says. */
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
import * as decisions from '../policy-decisions.js';
import * as entry from '../tables/policy.js';
import { addU64 } from '../tables/u64.js';
import { DEBUG_L4_POLICY, DEBUG_POLICY_DENIED } from './debug.js';
import { debug, policyVerdict } from './notify.js';

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
  flow.proxyPort = 0;
  flow.matchType = decisions.MATCH_NONE;
  flow.audited = false;
  flow.authType = 0;
  const destinationPort = flow.tuple[flow.family.portsWord] & 0xffff;
  if (direction === EGRESS && flow.protocol === ipv4.PROTOCOL_UDP && localLabel !== IDENTITY_HOST) {
    const features = program.features;
    if (destinationPort === swap16(features.tunnelPort) && haveEncapsulation(features))
      return DROP_ENCAP_PROHIBITED;
  }
  let keyPort = destinationPort;
  if (flow.protocol === flow.family.icmpProtocol) {
    keyPort = icmpKeyPort(program, packet, flow, destinationPort);
    if (keyPort === EXEMPT) return 0;
  }
  const verdict =
    keyPort < 0
      ? keyPort
      : decide(program, packet, flow, direction, localLabel, remoteLabel, keyPort, destinationPort);
  return verdict >= 0 ? verdict : refuse(program, packet, flow, direction, localLabel, remoteLabel, verdict);
}

/** A refusal, which audit mode lets pass. */
function refuse(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  direction: number,
  localLabel: number,
  remoteLabel: number,
  verdict: number,
): number {
  const features = program.features;
  if (features.debug) {
    const egress = direction === EGRESS;
    const source = egress ? localLabel : remoteLabel;
    const destination = egress ? remoteLabel : localLabel;
    debug(program, packet, DEBUG_POLICY_DENIED, source, destination, 0);
  }
  if (!features.policyAuditMode) return verdict;
  flow.audited = true;
  flow.authType = 0;
  return 0;
}

/** Answer of `icmpKeyPort`: the message passes without policy. */
const EXEMPT = 0x10000;

/** The port that stands for an ICMP message in policy keys: with ICMP rules its type. EXEMPT, or a drop reason. */
function icmpKeyPort(program: ProgramInstance, packet: PacketContext, flow: Flow, port: number): number {
  const features = program.features;
  if (flow.family.isV6) {
    if (!features.icmpRules) return port;
    if (flow.l4At + 1 > packet.end) return DROP_INVALID;
    return icmp.type(packet.bytes, flow.l4At) << 8;
  }
  if (!features.icmpRules && !features.allowIcmpFragmentationNeeded) return port;
  if (!icmp.fits(flow.l4At, packet.end)) return DROP_INVALID;
  const type = icmp.type(packet.bytes, flow.l4At);
  if (
    features.allowIcmpFragmentationNeeded &&
    type === icmp.DESTINATION_UNREACHABLE &&
    icmp.code(packet.bytes, flow.l4At) === icmp.CODE_FRAGMENTATION_NEEDED
  ) {
    return EXEMPT;
  }
  // The type as a network-order number.
  return features.icmpRules ? type << 8 : port;
}

/** What the map says, counted. */
function decide(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  direction: number,
  localLabel: number,
  remoteLabel: number,
  keyPort: number,
  destinationPort: number,
): number {
  const known = program.policyDecisions;
  const bit = direction === EGRESS ? entry.DIRECTION_EGRESS : entry.DIRECTION_INGRESS;
  const at = known.find(remoteLabel, bit | (flow.protocol << 8) | (keyPort << 16), destinationPort);
  const words = known.words;
  const match = words[at + decisions.MATCH];
  flow.matchType = match;
  if (match === decisions.MATCH_NONE) {
    const untracked = flow.isFragment && !flow.family.fragmentTracking;
    return direction === INGRESS && untracked ? DROP_FRAG_NOSUPPORT : DROP_POLICY;
  }
  if (program.features.debug && isByIdentity(match)) {
    debug(program, packet, DEBUG_L4_POLICY, remoteLabel, localLabel, (destinationPort << 16) | flow.protocol);
  }
  const statsAt = words[at + decisions.STATS];
  if (statsAt !== 0) {
    addU64(known.stats.words, statsAt >> 2, 1);
    addU64(known.stats.words, (statsAt >> 2) + 2, packet.end - packet.start);
  }
  return apply(flow, words[at + decisions.CHOSEN], words[at + decisions.OTHER]);
}

function isByIdentity(match: number): boolean {
  return (
    match === decisions.MATCH_L3_ONLY || match === decisions.MATCH_L3_L4 || match === decisions.MATCH_L3_PROTO
  );
}

/** What the chosen entry says; `other` is the entry that lost, whose authentication demand may be stricter. */
function apply(flow: Flow, first: number, other: number): number {
  if ((first & entry.DENY) !== 0) return DROP_POLICY_DENY;
  flow.proxyPort = entry.proxyPort(first);
  let type = entry.authType(first);
  if (!entry.hasExplicitAuthType(first) && entry.authType(other) > type) type = entry.authType(other);
  if (type === 0) return 0;
  flow.authType = type;
  flow.extendedError = type;
  return DROP_POLICY_AUTH_REQUIRED;
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
  if (verdict >= 0 && flow.status === CT_ESTABLISHED) return;
  if (!program.features.policyVerdictEvents) return;
  if (program.kind === 'host') {
    // What no rule of the host endpoint is about would tell of every connection of the node.
    if (verdict >= 0 && flow.matchType === decisions.MATCH_ALL) return;
  } else if ((program.config.policyVerdictLogFilter & direction) === 0) {
    // The filter has bit 0 for ingress and bit 1 for egress: the direction's number.
    return;
  }
  const port = swap16(flow.tuple[flow.family.portsWord] & 0xffff);
  policyVerdict(program, packet, flow, remoteLabel, port, direction, verdict < 0 ? verdict : flow.proxyPort);
}
