/** Addresses as programs and plans want them. */
import { parseIpv4 } from '../engine/address-text.js';

/** The first address of `length` bytes. */
export function ofFamily(addresses: readonly Uint8Array[], length: number): Uint8Array | undefined {
  return addresses.find((address) => address.length === length);
}

/** An IPv4 address as the raw word that programs hold; 0 for none. */
export function rawWord(address: Uint8Array | null | undefined): number {
  if (address?.length !== 4) return 0;
  return address[0] | (address[1] << 8) | (address[2] << 16) | (address[3] << 24);
}

/** As `rawWord`, of an address that was checked before. */
export function rawWordOfText(text: string): number {
  return rawWord(parseIpv4(text));
}
