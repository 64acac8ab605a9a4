/**
 * How a DSR request carries the service's address and port to the backend's node: IPv4 option, IPv6 destination
 * option, or Geneve option. `at` is the first byte of each. Addresses and ports are given raw.
 */
import { i32le, put16, put16le, put32, put32le, swap16, swap32, u16le } from '../../engine/wire/bytes.js';
import * as geneve from '../../engine/wire/geneve.js';
import * as ipv6 from '../../engine/wire/ipv6.js';

/** IPv4 option: type, length, port, address; the numbers stand in it as little-endian ones. */
export const IPV4_OPTION_LENGTH = 8;
const IPV4_OPTION_TYPE = 0x9a;

/** Writes the option. */
export function writeIpv4Option(bytes: Uint8Array, at: number, address: number, port: number): void {
  bytes[at] = IPV4_OPTION_TYPE;
  bytes[at + 1] = IPV4_OPTION_LENGTH;
  put16(bytes, at + 2, port);
  put32(bytes, at + 4, address);
}

export function isIpv4Option(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === IPV4_OPTION_TYPE && bytes[at + 1] === IPV4_OPTION_LENGTH;
}

export function ipv4OptionPort(bytes: Uint8Array, at: number): number {
  return swap16(u16le(bytes, at + 2));
}

export function ipv4OptionAddress(bytes: Uint8Array, at: number): number {
  return swap32(i32le(bytes, at + 4));
}

/** IPv6 destination options header with one option: next header, length, option type and length, address, port. */
export const IPV6_HEADER_LENGTH = 24;
const IPV6_OPTION_TYPE = 0x1b;
const IPV6_OPTION_LENGTH = 20;

export function writeIpv6Header(
  bytes: Uint8Array,
  at: number,
  nextHeader: number,
  address: Int32Array,
  port: number,
): void {
  ipv6.putExtensionNextHeader(bytes, at, nextHeader);
  ipv6.putExtensionLengthField(bytes, at, (IPV6_HEADER_LENGTH - 8) >> 3);
  bytes[at + 2] = IPV6_OPTION_TYPE;
  bytes[at + 3] = IPV6_OPTION_LENGTH;
  for (let i = 0; i < 4; i++) put32le(bytes, at + 4 + 4 * i, address[i]);
  put16le(bytes, at + 20, port);
  put16le(bytes, at + 22, 0);
}

export function isIpv6Header(bytes: Uint8Array, at: number): boolean {
  return (
    ipv6.extensionLengthField(bytes, at) === (IPV6_HEADER_LENGTH - 8) >> 3 &&
    bytes[at + 2] === IPV6_OPTION_TYPE &&
    bytes[at + 3] === IPV6_OPTION_LENGTH
  );
}

export function readIpv6Header(bytes: Uint8Array, at: number, address: Int32Array): number {
  for (let i = 0; i < 4; i++) address[i] = i32le(bytes, at + 4 + 4 * i);
  return u16le(bytes, at + 20);
}

/** Geneve option: its header, then address (4 or 16 bytes), port, two zero bytes. */
export const GENEVE_OPTION_LENGTH_V4 = 12;
export const GENEVE_OPTION_LENGTH_V6 = 24;
const GENEVE_CLASS = 0x014b;
const GENEVE_TYPE = 0x81;

/** Writes the option for an address of `words` words; answers its length. */
export function writeGeneveOption(
  bytes: Uint8Array,
  at: number,
  address: Int32Array,
  words: number,
  port: number,
): number {
  const data = 4 * words + 4;
  geneve.writeOption(bytes, at, GENEVE_CLASS, GENEVE_TYPE, data);
  const dataAt = geneve.optionDataAt(at);
  for (let i = 0; i < words; i++) put32le(bytes, dataAt + 4 * i, address[i]);
  put16le(bytes, dataAt + 4 * words, port);
  put16le(bytes, dataAt + 4 * words + 2, 0);
  return geneve.OPTION_HEADER_LENGTH + data;
}

/** Whether the option of another node is one of these; its length is not looked at. */
export function isGeneveOption(bytes: Uint8Array, at: number): boolean {
  return geneve.optionClass(bytes, at) === GENEVE_CLASS && geneve.optionType(bytes, at) === GENEVE_TYPE;
}

/** Address into `address`; answers the port. */
export function readGeneveOption(bytes: Uint8Array, at: number, address: Int32Array, words: number): number {
  const dataAt = geneve.optionDataAt(at);
  for (let i = 0; i < words; i++) address[i] = i32le(bytes, dataAt + 4 * i);
  return u16le(bytes, dataAt + 4 * words);
}
