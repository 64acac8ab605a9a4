/** Names of Hubble's enumerations. */
import { REASON_SRV6_DECAP, REASON_SRV6_ENCAP, REASON_UNKNOWN } from '../../../programs/tables/events.js';

/** Of policy verdicts. */
export const DIRECTION_INGRESS = 1;
export const REASON_ENCRYPT_OVERLAY = 8;

const OBSERVATION_POINTS = [
  'TO_ENDPOINT',
  'TO_PROXY',
  'TO_HOST',
  'TO_STACK',
  'TO_OVERLAY',
  'FROM_ENDPOINT',
  'FROM_PROXY',
  'FROM_HOST',
  'FROM_STACK',
  'FROM_OVERLAY',
  'FROM_NETWORK',
  'TO_NETWORK',
  'FROM_CRYPTO',
  'TO_CRYPTO',
];

export function observationPointName(point: number): string {
  return OBSERVATION_POINTS[point] ?? String(point);
}

const TRACE_REASONS = [
  'NEW',
  'ESTABLISHED',
  'REPLY',
  'RELATED',
  'REOPENED',
  undefined,
  'SRV6_ENCAP',
  'SRV6_DECAP',
  'ENCRYPT_OVERLAY',
];

/** Absent for a reason that is not known. */
export function traceReasonName(reason: number): string | undefined {
  return TRACE_REASONS[reason];
}

const REASON_REPLY = 2;
const WITHOUT_DIRECTION = [REASON_UNKNOWN, REASON_SRV6_ENCAP, REASON_SRV6_DECAP, REASON_ENCRYPT_OVERLAY];

/** Absent where conntrack has not said it. */
export function isReply(reason: number): boolean | undefined {
  return WITHOUT_DIRECTION.includes(reason) ? undefined : reason === REASON_REPLY;
}

const CAPTURE_POINTS: ReadonlyMap<number, string> = new Map([
  [4, 'DBG_CAPTURE_DELIVERY'],
  [5, 'DBG_CAPTURE_FROM_LB'],
  [6, 'DBG_CAPTURE_AFTER_V46'],
  [7, 'DBG_CAPTURE_AFTER_V64'],
  [8, 'DBG_CAPTURE_PROXY_PRE'],
  [9, 'DBG_CAPTURE_PROXY_POST'],
  [10, 'DBG_CAPTURE_SNAT_PRE'],
  [11, 'DBG_CAPTURE_SNAT_POST'],
]);

export function capturePointName(point: number): string {
  return CAPTURE_POINTS.get(point) ?? String(point);
}

/** Whether the argument of a capture is an interface. */
export function hasCaptureInterface(point: number): boolean {
  return point !== 8 && point !== 9;
}

const AUTH_TYPES = [undefined, 'SPIRE', 'TEST_ALWAYS_FAIL'];

/** Absent when there is none. */
export function authTypeName(type: number): string | undefined {
  return AUTH_TYPES[type];
}

const SOCKET_POINTS = [
  undefined,
  'SOCK_XLATE_POINT_PRE_DIRECTION_FWD',
  'SOCK_XLATE_POINT_POST_DIRECTION_FWD',
  'SOCK_XLATE_POINT_PRE_DIRECTION_REV',
  'SOCK_XLATE_POINT_POST_DIRECTION_REV',
];
const SOCKET_WORDS = ['unknown', 'pre-xlate-fwd', 'post-xlate-fwd', 'pre-xlate-rev', 'post-xlate-rev'];

export function socketPoint(point: number): string | undefined {
  return SOCKET_POINTS[point];
}

export function socketPointWord(point: number): string {
  return SOCKET_WORDS[point] ?? SOCKET_WORDS[0];
}

export function isReverse(point: number): boolean {
  return point >= 3;
}

export function isTranslated(point: number): boolean {
  return point === 2 || point === 4;
}

const FIRST_REASON = 130;
/** From 130 on; empty for a number without name. */
const DROP_REASONS = `
  INVALID_SOURCE_MAC INVALID_DESTINATION_MAC INVALID_SOURCE_IP POLICY_DENIED INVALID_PACKET_DROPPED
  CT_TRUNCATED_OR_INVALID_HEADER CT_MISSING_TCP_ACK_FLAG CT_UNKNOWN_L4_PROTOCOL
  CT_CANNOT_CREATE_ENTRY_FROM_PACKET UNSUPPORTED_L3_PROTOCOL MISSED_TAIL_CALL ERROR_WRITING_TO_PACKET
  UNKNOWN_L4_PROTOCOL UNKNOWN_ICMPV4_CODE UNKNOWN_ICMPV4_TYPE UNKNOWN_ICMPV6_CODE UNKNOWN_ICMPV6_TYPE
  ERROR_RETRIEVING_TUNNEL_KEY ERROR_RETRIEVING_TUNNEL_OPTIONS INVALID_GENEVE_OPTION UNKNOWN_L3_TARGET_ADDRESS
  STALE_OR_UNROUTABLE_IP NO_MATCHING_LOCAL_CONTAINER_FOUND ERROR_WHILE_CORRECTING_L3_CHECKSUM
  ERROR_WHILE_CORRECTING_L4_CHECKSUM CT_MAP_INSERTION_FAILED INVALID_IPV6_EXTENSION_HEADER
  IP_FRAGMENTATION_NOT_SUPPORTED SERVICE_BACKEND_NOT_FOUND - NO_TUNNEL_OR_ENCAPSULATION_ENDPOINT
  FAILED_TO_INSERT_INTO_PROXYMAP REACHED_EDT_RATE_LIMITING_DROP_HORIZON UNKNOWN_CONNECTION_TRACKING_STATE
  LOCAL_HOST_IS_UNREACHABLE NO_CONFIGURATION_AVAILABLE_TO_PERFORM_POLICY_DECISION UNSUPPORTED_L2_PROTOCOL
  NO_MAPPING_FOR_NAT_MASQUERADE UNSUPPORTED_PROTOCOL_FOR_NAT_MASQUERADE FIB_LOOKUP_FAILED
  ENCAPSULATION_TRAFFIC_IS_PROHIBITED INVALID_IDENTITY UNKNOWN_SENDER NAT_NOT_NEEDED IS_A_CLUSTERIP
  FIRST_LOGICAL_DATAGRAM_FRAGMENT_NOT_FOUND FORBIDDEN_ICMPV6_MESSAGE DENIED_BY_LB_SRC_RANGE_CHECK
  SOCKET_LOOKUP_FAILED SOCKET_ASSIGN_FAILED PROXY_REDIRECTION_NOT_SUPPORTED_FOR_PROTOCOL POLICY_DENY VLAN_FILTERED
  INVALID_VNI INVALID_TC_BUFFER NO_SID MISSING_SRV6_STATE NAT46 NAT64 AUTH_REQUIRED CT_NO_MAP_FOUND
  SNAT_NO_MAP_FOUND INVALID_CLUSTER_ID UNSUPPORTED_PROTOCOL_FOR_DSR_ENCAP NO_EGRESS_GATEWAY UNENCRYPTED_TRAFFIC
  TTL_EXCEEDED NO_NODE_ID DROP_RATE_LIMITED IGMP_HANDLED IGMP_SUBSCRIBED MULTICAST_HANDLED DROP_HOST_NOT_READY
  DROP_EP_NOT_READY DROP_NO_EGRESS_IP DROP_PUNT_PROXY
`
  .trim()
  .split(/\s+/);

export const DROP_REASON_NAMES: readonly string[] = DROP_REASONS.filter((name) => name !== '-');

/** The enumeration's name; the number of a reason that has none, and nothing for 0. */
export function dropReasonName(reason: number): string | number | undefined {
  if (reason === 0) return undefined;
  const name = DROP_REASONS[reason - FIRST_REASON];
  return name === undefined || name === '-' ? reason : name;
}
