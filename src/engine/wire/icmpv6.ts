/** ICMPv6 header (RFC 4443) and neighbour discovery (RFC 4861). `at` is the first byte of the ICMPv6 header. */
import { copy, put32 } from './bytes.js';

export * from './icmp-header.js';

export const DESTINATION_UNREACHABLE = 1;
export const PACKET_TOO_BIG = 2;
export const TIME_EXCEEDED = 3;
export const PARAMETER_PROBLEM = 4;
export const ECHO_REQUEST = 128;
export const ECHO_REPLY = 129;
export const MULTICAST_LISTENER_QUERY = 130;
export const MULTICAST_LISTENER_REPORT = 131;
export const MULTICAST_LISTENER_DONE = 132;
export const ROUTER_SOLICITATION = 133;
export const ROUTER_ADVERTISEMENT = 134;
export const NEIGHBOUR_SOLICITATION = 135;
export const NEIGHBOUR_ADVERTISEMENT = 136;
export const REDIRECT = 137;
export const INVERSE_NEIGHBOUR_SOLICITATION = 141;
export const INVERSE_NEIGHBOUR_ADVERTISEMENT = 142;
export const MULTICAST_LISTENER_REPORT_V2 = 143;
export const CERTIFICATION_PATH_SOLICITATION = 148;
export const CERTIFICATION_PATH_ADVERTISEMENT = 149;
export const MULTICAST_ROUTER_ADVERTISEMENT = 151;
export const MULTICAST_ROUTER_SOLICITATION = 152;
export const MULTICAST_ROUTER_TERMINATION = 153;

/** Codes of DESTINATION_UNREACHABLE. */
export const CODE_NO_ROUTE = 0;
export const CODE_PROHIBITED = 1;
export const CODE_BEYOND_SCOPE = 2;
export const CODE_ADDRESS_UNREACHABLE = 3;
export const CODE_PORT_UNREACHABLE = 4;
/** Reject route to destination, the last code of RFC 4443. */
export const MAXIMUM_UNREACHABLE_CODE = 6;

/** Codes of PARAMETER_PROBLEM. */
export const CODE_ERRONEOUS_FIELD = 0;
export const CODE_UNKNOWN_NEXT_HEADER = 1;

/** Codes of TIME_EXCEEDED. */
export const CODE_HOP_LIMIT_EXCEEDED = 0;
export const CODE_REASSEMBLY_TIME_EXCEEDED = 1;

/** Types below 128 are errors and quote a packet (RFC 4443 section 2.1). */
export function isError(bytes: Uint8Array, at: number): boolean {
  return bytes[at] < 128;
}

/** First byte of the MTU of PACKET_TOO_BIG. */
export function mtuAt(at: number): number {
  return at + 4;
}

/** Neighbour solicitation and advertisement: header and target address, without options (RFC 4861 section 4.3, 4.4). */
export const NEIGHBOUR_LENGTH = 24;

/** Source and target link-layer address option for Ethernet: type, length in units of 8 bytes, MAC. */
export const LINK_ADDRESS_OPTION_LENGTH = 8;
export const OPTION_SOURCE_LINK_ADDRESS = 1;
export const OPTION_TARGET_LINK_ADDRESS = 2;

/** Flags of an advertisement, in its fifth byte. */
export const ADVERTISEMENT_ROUTER = 0x80;
export const ADVERTISEMENT_SOLICITED = 0x40;
export const ADVERTISEMENT_OVERRIDE = 0x20;

/** Whether a solicitation or advertisement fits, options apart. */
export function fitsNeighbour(at: number, end: number): boolean {
  return at + NEIGHBOUR_LENGTH <= end;
}

export function targetAt(at: number): number {
  return at + 8;
}

/** First byte of the options of a solicitation or advertisement. */
export function neighbourOptionAt(at: number): number {
  return at + NEIGHBOUR_LENGTH;
}

/** Kind of the option at `at`, and its length in bytes. */
export function optionKind(bytes: Uint8Array, at: number): number {
  return bytes[at];
}

export function optionLength(bytes: Uint8Array, at: number): number {
  return bytes[at + 1] << 3;
}

export function advertisementFlags(bytes: Uint8Array, at: number): number {
  return bytes[at + 4];
}

/** Writes the flags byte and zeroes the three reserved ones. */
export function putAdvertisementFlags(bytes: Uint8Array, at: number, value: number): void {
  put32(bytes, at + 4, value << 24);
}

/** Writes a link-layer address option; `at` is the option's first byte. */
export function writeLinkAddressOption(
  bytes: Uint8Array,
  at: number,
  kind: number,
  mac: Uint8Array,
  macAt: number,
): void {
  bytes[at] = kind;
  bytes[at + 1] = LINK_ADDRESS_OPTION_LENGTH >> 3;
  copy(bytes, at + 2, mac, macAt, 6);
}
