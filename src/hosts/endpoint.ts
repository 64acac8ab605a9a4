/** One end of a conversation. */
import { formatAddress } from '../engine/address-text.js';

export interface Endpoint {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  /** Host order; 0 where the protocol has none. */
  readonly port: number;
}

export function addressText(address: Uint8Array): string {
  return formatAddress(address, 0, address.length);
}

/** `10.0.0.1:80`, `[fd00::1]:80`. */
export function endpointText({ address, port }: Endpoint): string {
  const text = addressText(address);
  return address.length === 4 ? `${text}:${port}` : `[${text}]:${port}`;
}

export function isSameAddress(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

export function isSameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a.port === b.port && isSameAddress(a.address, b.address);
}
