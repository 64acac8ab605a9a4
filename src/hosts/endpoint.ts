/** One end of a conversation. */
import { addressText } from '../engine/address-text.js';
import { isEqual } from '../engine/wire/bytes.js';

export interface Endpoint {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  /** Host order; 0 where the protocol has none. */
  readonly port: number;
}

/** `10.0.0.1:80`, `[fd00::1]:80`. */
export function endpointText({ address, port }: Endpoint): string {
  const text = addressText(address);
  return address.length === 4 ? `${text}:${port}` : `[${text}]:${port}`;
}

export function isSameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a.port === b.port && isEqual(a.address, b.address);
}
