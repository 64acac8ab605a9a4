/**
 * Checksums of TCP, UDP and ICMPv6, which cover a pseudo-header of the IP header: RFC 9293 section 3.1, RFC 768,
 * RFC 8200 section 8.1. `ipAt` is the IP header, `at` the transport header, `length` the bytes from there on.
 */
import { put16, swap16 } from './bytes.js';
import * as checksum from './checksum.js';
import * as ipv4 from './ipv4.js';
import * as ipv6 from './ipv6.js';

/** Partial sum of the IPv4 pseudo-header; the protocol is that of the IP header. */
export function pseudoIpv4(bytes: Uint8Array, ipAt: number, length: number): number {
  const initial = swap16(ipv4.protocol(bytes, ipAt)) + swap16(length);
  return checksum.sum(bytes, ipv4.sourceAt(ipAt), 2 * ipv4.ADDRESS_LENGTH, initial);
}

/** Partial sum of the IPv6 pseudo-header; `protocol` is the transport's, behind any extension headers. */
export function pseudoIpv6(bytes: Uint8Array, ipAt: number, protocol: number, length: number): number {
  const initial = swap16(protocol) + swap16(length);
  return checksum.sum(bytes, ipv6.sourceAt(ipAt), 2 * ipv6.ADDRESS_LENGTH, initial);
}

/** Stores the checksum of a TCP or UDP packet over IPv4 in its field at `checksumAt`. */
export function fillIpv4(
  bytes: Uint8Array,
  ipAt: number,
  at: number,
  length: number,
  checksumAt: number,
): void {
  const pseudo = pseudoIpv4(bytes, ipAt, length);
  fill(bytes, at, length, checksumAt, pseudo, ipv4.protocol(bytes, ipAt));
}

/** Stores the checksum of a TCP, UDP or ICMPv6 packet over IPv6 in its field at `checksumAt`. */
export function fillIpv6(
  bytes: Uint8Array,
  ipAt: number,
  protocol: number,
  at: number,
  length: number,
  checksumAt: number,
): void {
  fill(bytes, at, length, checksumAt, pseudoIpv6(bytes, ipAt, protocol, length), protocol);
}

/** Whether the checksum of a TCP or UDP packet over IPv4 holds; the caller knows that a UDP field of 0 is none. */
export function isValidIpv4(bytes: Uint8Array, ipAt: number, at: number, length: number): boolean {
  return checksum.fold(checksum.sum(bytes, at, length, pseudoIpv4(bytes, ipAt, length))) === 0xffff;
}

/** Whether the checksum of a TCP, UDP or ICMPv6 packet over IPv6 holds. */
export function isValidIpv6(
  bytes: Uint8Array,
  ipAt: number,
  protocol: number,
  at: number,
  length: number,
): boolean {
  return checksum.fold(checksum.sum(bytes, at, length, pseudoIpv6(bytes, ipAt, protocol, length))) === 0xffff;
}

function fill(
  bytes: Uint8Array,
  at: number,
  length: number,
  checksumAt: number,
  pseudo: number,
  protocol: number,
): void {
  put16(bytes, checksumAt, 0);
  const value = checksum.finish(checksum.sum(bytes, at, length, pseudo));
  put16(bytes, checksumAt, protocol === ipv4.PROTOCOL_UDP ? checksum.udpField(value) : value);
}
