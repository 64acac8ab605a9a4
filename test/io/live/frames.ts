/** IPv4 packets of an experimental protocol (253, RFC 3692) from 10.0.0.2 to 10.0.0.1, or back: the sums are the same. */
import { fromHex } from '../../support/hex.js';

export const NEAR_MAC = fromHex('02 00 00 00 00 01');
export const FAR_MAC = fromHex('02 00 00 00 00 02');

const HEADERS: Readonly<Record<number, string>> = {
  60: '4500 002e 1234 4000 40fd 139d',
  590: '4500 0240 1234 4000 40fd 118b',
  1514: '4500 05dc 1234 4000 40fd 0def',
};

/** A frame of 60, 590 or 1514 bytes; `number` and a pattern are its payload. */
export function frame(length: number, number: number, toNear: boolean): Uint8Array {
  const bytes = Uint8Array.from({ length }, (_, i) => (i * 7 + number) & 0xff);
  const [from, to] = toNear ? [FAR_MAC, NEAR_MAC] : [NEAR_MAC, FAR_MAC];
  bytes.set(to, 0);
  bytes.set(from, 6);
  bytes.set(fromHex('0800'), 12);
  bytes.set(fromHex(HEADERS[length]), 14);
  bytes.set(fromHex(toNear ? '0a000002 0a000001' : '0a000001 0a000002'), 26);
  bytes.set([number >> 8, number & 0xff], 34);
  return bytes;
}

export function isTestFrame(bytes: Uint8Array): boolean {
  return bytes.length >= 34 && bytes[12] === 0x08 && bytes[13] === 0 && bytes[23] === 253;
}

/** The frame with VLAN tag 42, priority 3. */
export function tagged(bytes: Uint8Array): Uint8Array {
  const result = new Uint8Array(bytes.length + 4);
  result.set(bytes.subarray(0, 12));
  result.set(fromHex('8100 602a'), 12);
  result.set(bytes.subarray(12), 16);
  return result;
}

export function isTaggedTestFrame(bytes: Uint8Array): boolean {
  return bytes.length >= 38 && bytes[12] === 0x81 && bytes[16] === 0x08 && bytes[27] === 253;
}
