/** ARP for Ethernet and IPv4 (RFC 826). `at` is the first byte of the ARP message (after the Ethernet header). */
import { copy, i32le, put16, put32le, u16 } from './bytes.js';
import * as ethernet from './ethernet.js';

export const HEADER_LENGTH = 28;

export const HARDWARE_ETHERNET = 1;
export const OPERATION_REQUEST = 1;
export const OPERATION_REPLY = 2;

export function fits(at: number, end: number): boolean {
  return at + HEADER_LENGTH <= end;
}

export function hardwareType(bytes: Uint8Array, at: number): number {
  return u16(bytes, at);
}

export function protocolType(bytes: Uint8Array, at: number): number {
  return u16(bytes, at + 2);
}

export function hardwareLength(bytes: Uint8Array, at: number): number {
  return bytes[at + 4];
}

export function protocolLength(bytes: Uint8Array, at: number): number {
  return bytes[at + 5];
}

export function operation(bytes: Uint8Array, at: number): number {
  return u16(bytes, at + 6);
}

export function putOperation(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at + 6, value);
}

export function senderMacAt(at: number): number {
  return at + 8;
}

export function senderAddressAt(at: number): number {
  return at + 14;
}

export function targetMacAt(at: number): number {
  return at + 18;
}

export function targetAddressAt(at: number): number {
  return at + 24;
}

/** Sender's IPv4 address as the raw word: its bytes in memory order as a little-endian int32. */
export function senderAddress(bytes: Uint8Array, at: number): number {
  return i32le(bytes, at + 14);
}

/** Target's IPv4 address as the raw word. */
export function targetAddress(bytes: Uint8Array, at: number): number {
  return i32le(bytes, at + 24);
}

export function putSenderMac(bytes: Uint8Array, at: number, mac: Uint8Array, macAt: number): void {
  copy(bytes, at + 8, mac, macAt, ethernet.ADDRESS_LENGTH);
}

export function putTargetMac(bytes: Uint8Array, at: number, mac: Uint8Array, macAt: number): void {
  copy(bytes, at + 18, mac, macAt, ethernet.ADDRESS_LENGTH);
}

export function putSenderAddress(bytes: Uint8Array, at: number, rawWord: number): void {
  put32le(bytes, at + 14, rawWord);
}

export function putTargetAddress(bytes: Uint8Array, at: number, rawWord: number): void {
  put32le(bytes, at + 24, rawWord);
}

/** Whether hardware and protocol are Ethernet and IPv4 with their address lengths; only after `fits`. */
export function isEthernetIpv4(bytes: Uint8Array, at: number): boolean {
  return (
    hardwareType(bytes, at) === HARDWARE_ETHERNET &&
    protocolType(bytes, at) === ethernet.TYPE_IPV4 &&
    hardwareLength(bytes, at) === ethernet.ADDRESS_LENGTH &&
    protocolLength(bytes, at) === 4
  );
}

/** Writes a whole message; MACs come from 6-byte arrays, addresses are raw words. */
export function write(
  bytes: Uint8Array,
  at: number,
  operationValue: number,
  senderMac: Uint8Array,
  senderAddressWord: number,
  targetMac: Uint8Array,
  targetAddressWord: number,
): void {
  put16(bytes, at, HARDWARE_ETHERNET);
  put16(bytes, at + 2, ethernet.TYPE_IPV4);
  bytes[at + 4] = ethernet.ADDRESS_LENGTH;
  bytes[at + 5] = 4;
  putOperation(bytes, at, operationValue);
  putSenderMac(bytes, at, senderMac, 0);
  putSenderAddress(bytes, at, senderAddressWord);
  putTargetMac(bytes, at, targetMac, 0);
  putTargetAddress(bytes, at, targetAddressWord);
}
