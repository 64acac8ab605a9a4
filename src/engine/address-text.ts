/** Addresses and prefixes as text: RFC 791 dotted decimal, RFC 4291 section 2.2 and RFC 5952, MACs with colons. */
import { u16 } from './wire/bytes.js';

/** The four bytes, or null when the text is not an IPv4 address (leading zeros are refused: octal to some). */
export function parseIpv4(text: string): Uint8Array | null {
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  const bytes = new Uint8Array(4);
  for (let i = 0; i < 4; i++) {
    if (!/^(0|[1-9]\d{0,2})$/.test(parts[i]) || Number(parts[i]) > 255) return null;
    bytes[i] = Number(parts[i]);
  }
  return bytes;
}

/** The 16 bytes, or null. Takes `::` and an IPv4 tail; no zone. */
export function parseIpv6(text: string): Uint8Array | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const head = parseGroups(halves[0], halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1], true) : [];
  if (head === null || tail === null) return null;
  const length = head.length + tail.length;
  if (halves.length === 1 ? length !== 16 : length > 14) return null;
  const bytes = new Uint8Array(16);
  bytes.set(head);
  bytes.set(tail, 16 - tail.length);
  return bytes;
}

function parseGroups(text: string, mayEndInIpv4: boolean): number[] | null {
  if (text === '') return [];
  const bytes: number[] = [];
  const groups = text.split(':');
  for (const [i, group] of groups.entries()) {
    if (mayEndInIpv4 && i === groups.length - 1 && group.includes('.')) {
      const ipv4 = parseIpv4(group);
      if (ipv4 === null) return null;
      bytes.push(...ipv4);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return null;
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    }
  }
  return bytes;
}

/** An address of either family: 4 or 16 bytes, or null. */
export function parseAddress(text: string): Uint8Array | null {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

export interface Prefix {
  /** 4 or 16 bytes, as written: bits behind the prefix may be set (an interface address). */
  readonly address: Uint8Array;
  readonly length: number;
}

/** `ADDRESS/LENGTH`, or an address alone, which is a prefix of its whole length. Null when it is neither. */
export function parsePrefix(text: string): Prefix | null {
  const slash = text.indexOf('/');
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (address === null) return null;
  const bits = address.length * 8;
  if (slash < 0) return { address, length: bits };
  const lengthText = text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(lengthText) || Number(lengthText) > bits) return null;
  return { address, length: Number(lengthText) };
}

/** Whether `address` (4 or 16 bytes) is in the prefix; never across families. */
export function contains(prefix: Prefix, address: Uint8Array): boolean {
  if (prefix.address.length !== address.length) return false;
  for (let bit = 0; bit < prefix.length; bit += 8) {
    const mask = prefix.length - bit >= 8 ? 0xff : 0xff << (8 - (prefix.length - bit));
    if (((prefix.address[bit >> 3] ^ address[bit >> 3]) & mask) !== 0) return false;
  }
  return true;
}

/** Six bytes from `aa:bb:cc:dd:ee:ff`, or null. */
export function parseMac(text: string): Uint8Array | null {
  if (!/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/.test(text)) return null;
  return Uint8Array.from(text.split(':'), (part) => Number.parseInt(part, 16));
}

export function formatMac(bytes: Uint8Array, at = 0): string {
  return Array.from(bytes.slice(at, at + 6), (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

export function formatIpv4(bytes: Uint8Array, at = 0): string {
  return bytes.slice(at, at + 4).join('.');
}

/** RFC 5952: lower case, the longest run of two or more zero groups (the first of equals) as `::`. */
export function formatIpv6(bytes: Uint8Array, at = 0): string {
  const groups = Array.from({ length: 8 }, (_, i) => u16(bytes, at + 2 * i));
  let [best, bestLength] = [-1, 1];
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && groups[i + length] === 0) length++;
    if (length > bestLength) [best, bestLength] = [i, length];
  }
  const text = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return best < 0 ? text(0, 8) : `${text(0, best)}::${text(best + bestLength, 8)}`;
}

/** An address of `length` bytes, 4 or 16. */
export function formatAddress(bytes: Uint8Array, at: number, length: number): string {
  return length === 4 ? formatIpv4(bytes, at) : formatIpv6(bytes, at);
}

/** As `formatAddress`, of an address that has the array to itself. */
export function addressText(address: Uint8Array): string {
  return formatAddress(address, 0, address.length);
}
