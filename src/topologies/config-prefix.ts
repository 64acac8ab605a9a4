import { type Prefix, parsePrefix } from '../engine/address-text.js';
import { networkAddress } from './check-text.js';
import type { Draft, Setter } from './config-values.js';

type PrefixSetting = {
  [K in keyof Draft]: Prefix extends Draft[K] ? (Draft[K] extends Prefix | null ? K : never) : never;
}[keyof Draft];

/** A prefix of the family with addresses of `length` bytes. */
export function prefixKey(name: PrefixSetting, length: number): Setter {
  return (draft, text) => {
    const prefix = parsePrefix(text);
    if (prefix?.address.length !== length)
      return `a prefix such as ${length === 4 ? '10.0.0.0/8' : 'fd00::/8'}`;
    draft[name] = { address: networkAddress(prefix), length: prefix.length };
    return null;
  };
}
