/** Debug messages of the conntrack and service steps; only debug builds send them. IPv6 shows the address's last word. */
import type { PacketContext } from '../../engine/packet.js';
import { i32le, swap16 } from '../../engine/wire/bytes.js';
import type { Family } from '../family.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import { debug } from './notify.js';

export const DEBUG_LOCAL_DELIVERY = 2;
export const DEBUG_ENCAP = 3;
export const DEBUG_POLICY_DENIED = 5;
const DEBUG_CT_MATCH = 8;
export const DEBUG_ICMP6_HANDLE = 11;
export const DEBUG_ICMP6_NS = 13;
export const DEBUG_ICMP6_TIME_EXCEEDED = 14;
const DEBUG_CT_VERDICT = 15;
const DEBUG_LB6 = 22;
const DEBUG_LB4 = 30;
/** Offsets from DEBUG_LB4 / DEBUG_LB6. */
export const LB_SLOT = 2;
export const LB_SLOT_MISSING = 4;
export const LB_BACKEND_MISSING = 5;
export const LB_REVERSE_NAT_LOOKUP = 6;
export const LB_REVERSE_NAT = 7;
export const DEBUG_LOOPBACK = 38;
export const DEBUG_LOOPBACK_REVERSE = 39;
const DEBUG_CT_LOOKUP4_1 = 48;
const DEBUG_CT_LOOKUP4_2 = 49;
const DEBUG_CT_CREATED4 = 50;
const DEBUG_CT_LOOKUP6_1 = 51;
const DEBUG_CT_LOOKUP6_2 = 52;
const DEBUG_CT_CREATED6 = 53;
export const DEBUG_SKIP_PROXY = 54;
export const DEBUG_L4_POLICY = 55;
const DEBUG_IP_ID_FAILED4 = 56;
const DEBUG_IP_ID_FAILED6 = 57;
const DEBUG_IP_ID4 = 58;
const DEBUG_IP_ID6 = 59;
export const DEBUG_INHERIT_IDENTITY = 61;
export const DEBUG_L7_LB = 65;

/** Capture types. */
export const CAPTURE_DELIVERY = 4;
export const CAPTURE_PROXY_PRE = 8;
export const CAPTURE_PROXY_POST = 9;

/** The word of an address that debug messages show: IPv4 the whole, IPv6 the last. */
export function shownWord(flow: Flow, source: boolean): number {
  const n = flow.family.addressWords;
  return flow.tuple[source ? 2 * n - 1 : n - 1];
}

/** What the ipcache says of an address, see `shownWord`: `found`, and the identity taken for it. */
export function debugIdentity(
  program: ProgramInstance,
  packet: PacketContext,
  family: Family,
  shown: number,
  found: boolean,
  identity: number,
): void {
  const success = family.isV6 ? DEBUG_IP_ID6 : DEBUG_IP_ID4;
  const failure = family.isV6 ? DEBUG_IP_ID_FAILED6 : DEBUG_IP_ID_FAILED4;
  debug(program, packet, found ? success : failure, shown, identity, 0);
}

/** As `debugIdentity`, for the address at `addressAt` in the frame. */
export function debugIdentityAt(
  program: ProgramInstance,
  packet: PacketContext,
  family: Family,
  addressAt: number,
  found: boolean,
  identity: number,
): void {
  const shown = i32le(packet.bytes, addressAt + 4 * (family.addressWords - 1));
  debugIdentity(program, packet, family, shown, found, identity);
}

export function debugConntrackLookup(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  direction: number,
  scope: number,
): void {
  const v6 = flow.family.isV6;
  const ports = flow.tuple[flow.family.portsWord];
  const meta = flow.tuple[flow.family.metaWord];
  debug(
    program,
    packet,
    v6 ? DEBUG_CT_LOOKUP6_1 : DEBUG_CT_LOOKUP4_1,
    shownWord(flow, true),
    shownWord(flow, false),
    // The source port above the destination port, as numbers.
    (swap16(ports >>> 16) << 16) | swap16(ports & 0xffff),
  );
  debug(
    program,
    packet,
    v6 ? DEBUG_CT_LOOKUP6_2 : DEBUG_CT_LOOKUP4_2,
    ((meta & 0xff) << 8) | ((meta >> 8) & 0xff),
    direction,
    scope,
  );
}

export function debugConntrackMatch(
  program: ProgramInstance,
  packet: PacketContext,
  lifetime: number,
  revNat: number,
): void {
  debug(program, packet, DEBUG_CT_MATCH, lifetime, revNat, 0);
}

export function debugConntrackVerdict(
  program: ProgramInstance,
  packet: PacketContext,
  status: number,
  revNat: number,
): void {
  debug(program, packet, DEBUG_CT_VERDICT, status, revNat, 0);
}

export function debugConntrackCreated(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  revNat: number,
  sourceIdentity: number,
): void {
  debug(program, packet, flow.family.isV6 ? DEBUG_CT_CREATED6 : DEBUG_CT_CREATED4, revNat, sourceIdentity, 0);
}

/** A load-balancer message of the flow's family; `kind` is LB_*. */
export function debugLoadBalancer(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  kind: number,
  a: number,
  b: number,
): void {
  debug(program, packet, (flow.family.isV6 ? DEBUG_LB6 : DEBUG_LB4) + kind, a, b, 0);
}
