/** ICMP header (RFC 792). `at` is the first byte of the header. */
import { put16, u16 } from './bytes.js';

export * from './icmp-header.js';

export const ECHO_REPLY = 0;
export const DESTINATION_UNREACHABLE = 3;
export const REDIRECT = 5;
export const ECHO_REQUEST = 8;
export const TIME_EXCEEDED = 11;
export const PARAMETER_PROBLEM = 12;

/** Codes of DESTINATION_UNREACHABLE. */
export const CODE_NETWORK_UNREACHABLE = 0;
export const CODE_HOST_UNREACHABLE = 1;
export const CODE_PROTOCOL_UNREACHABLE = 2;
export const CODE_PORT_UNREACHABLE = 3;
export const CODE_FRAGMENTATION_NEEDED = 4;
export const CODE_SOURCE_ROUTE_FAILED = 5;
/** RFC 1122 section 3.2.2.1. */
export const CODE_NETWORK_UNKNOWN = 6;
export const CODE_HOST_UNKNOWN = 7;
export const CODE_HOST_ISOLATED = 8;
export const CODE_NETWORK_PROHIBITED = 9;
export const CODE_HOST_PROHIBITED = 10;
export const CODE_NETWORK_UNREACHABLE_FOR_SERVICE = 11;
export const CODE_HOST_UNREACHABLE_FOR_SERVICE = 12;
/** Communication administratively prohibited (RFC 1812 section 5.2.7.1). */
export const CODE_PROHIBITED = 13;
/** Precedence cutoff in effect, the last code (RFC 1812 section 5.2.7.1). */
export const MAXIMUM_UNREACHABLE_CODE = 15;

/** Codes of TIME_EXCEEDED. */
/** Of REDIRECT: for the one destination. */
export const CODE_REDIRECT_HOST = 1;

export const CODE_TTL_EXCEEDED = 0;
export const CODE_REASSEMBLY_TIME_EXCEEDED = 1;

/** Next-hop MTU of CODE_FRAGMENTATION_NEEDED (RFC 1191 section 4). */
export function nextHopMtu(bytes: Uint8Array, at: number): number {
  return u16(bytes, at + 6);
}

/** Where the better gateway of REDIRECT is. */
export function gatewayAt(at: number): number {
  return at + 4;
}

export function putNextHopMtu(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at + 6, value);
}

/** Destination unreachable, time exceeded, parameter problem: the ones that quote a datagram of a flow. */
export function isError(bytes: Uint8Array, at: number): boolean {
  const value = bytes[at];
  return value === DESTINATION_UNREACHABLE || value === TIME_EXCEEDED || value === PARAMETER_PROBLEM;
}
