/** Numbers as Cilium's command line names them, and the reading of fields that its listings share. */
import { formatAddress, formatIpv4 } from '../../engine/address-text.js';
import { i32le, u16le } from '../../engine/wire/bytes.js';

const PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [0, 'ANY'],
  [1, 'ICMP'],
  [6, 'TCP'],
  [17, 'UDP'],
  [58, 'ICMPv6'],
  [132, 'SCTP'],
]);

const IDENTITIES: ReadonlyMap<number, string> = new Map([
  [0, 'unknown'],
  [1, 'host'],
  [2, 'world'],
  [3, 'unmanaged'],
  [4, 'health'],
  [5, 'init'],
  [6, 'remote-node'],
  [7, 'kube-apiserver'],
  [8, 'ingress'],
  [9, 'world-ipv4'],
  [10, 'world-ipv6'],
]);

const AUTH_TYPES: ReadonlyMap<number, string> = new Map([
  [0, 'disabled'],
  [1, 'spire'],
  [2, 'test-always-fail'],
]);

export function protocolName(protocol: number): string {
  return PROTOCOLS.get(protocol) ?? String(protocol);
}

/** The reserved identity's name, or the number. */
export function identityName(identity: number): string {
  return IDENTITIES.get(identity) ?? String(identity);
}

/** `reserved:host` for a reserved identity, else null: other labels are the control plane's to know. */
export function reservedLabel(identity: number): string | null {
  const name = IDENTITIES.get(identity);
  return name === undefined ? null : `reserved:${name}`;
}

export function authName(type: number): string {
  return AUTH_TYPES.get(type) ?? `Unknown-auth-type-${type}`;
}

export function u32le(bytes: Uint8Array, at: number): number {
  return i32le(bytes, at) >>> 0;
}

export function u64le(bytes: Uint8Array, at: number): bigint {
  return (BigInt(u32le(bytes, at + 4)) << 32n) | BigInt(u32le(bytes, at));
}

/** Port, or reverse NAT id: 16 bits in network order. */
export function u16be(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

/** As the raw fields of a record in JSON: not swapped. */
export { u16le };

/** Numbers of the bytes, as JSON lists them. */
export function numbers(bytes: Uint8Array, at: number, length: number): number[] {
  return Array.from(bytes.slice(at, at + length));
}

const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/** As Go's net.IP prints: an IPv6 address that maps an IPv4 one is shown as that. */
export function netIp(bytes: Uint8Array, at: number, length: number): string {
  const isMapped = length === 16 && MAPPED.every((byte, i) => bytes[at + i] === byte);
  return isMapped ? formatIpv4(bytes, at + 12) : formatAddress(bytes, at, length);
}

/** As Go's netip.Addr prints: `::ffff:1.2.3.4` stays IPv6. */
export function netipAddress(bytes: Uint8Array, at: number, length: number): string {
  const isMapped = length === 16 && MAPPED.every((byte, i) => bytes[at + i] === byte);
  return isMapped ? `::ffff:${formatIpv4(bytes, at + 12)}` : formatAddress(bytes, at, length);
}

/** `1.2.3.4:80`, `[fd00::1]:80`. */
export function addressPort(bytes: Uint8Array, at: number, length: number, port: number): string {
  const address = netIp(bytes, at, length);
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** ` @ID` behind an address of another cluster. */
export function atCluster(clusterId: number): string {
  return clusterId === 0 ? '' : `@${clusterId}`;
}
