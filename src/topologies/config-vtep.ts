/** External VXLAN endpoints: parallel lists of addresses, networks and MACs, and one mask for all networks. */
import { parseIpv4, parseMac, parsePrefix } from '../engine/address-text.js';
import { feature, type Setter } from './config-values.js';

/** Entries of `cilium_vtep_map`. */
const MOST_ENDPOINTS = 8;

export const VTEP_KEYS: readonly (readonly [string, Setter])[] = [
  ['enable-vtep', feature('vtep')],
  [
    'vtep-endpoint',
    (draft, text) => {
      const addresses = list(text, parseIpv4);
      if (addresses === null || addresses.length > MOST_ENDPOINTS) return 'up to 8 IPv4 addresses';
      draft.vtepEndpoints = addresses;
      return null;
    },
  ],
  [
    'vtep-cidr',
    (draft, text) => {
      const prefixes = list(text, (part) => {
        const prefix = parsePrefix(part);
        return prefix?.address.length === 4 ? prefix : null;
      });
      if (prefixes === null || prefixes.length > MOST_ENDPOINTS)
        return 'up to 8 prefixes such as 10.1.1.0/24';
      draft.vtepNetworks = prefixes;
      return null;
    },
  ],
  [
    'vtep-mac',
    (draft, text) => {
      const macs = list(text, parseMac);
      if (macs === null || macs.length > MOST_ENDPOINTS) return 'up to 8 MAC addresses';
      draft.vtepMacs = macs;
      return null;
    },
  ],
  [
    'vtep-mask',
    (draft, text) => {
      const mask = parseIpv4(text);
      if (mask === null) return 'a mask such as 255.255.255.0';
      draft.features.vtepMask = mask[0] | (mask[1] << 8) | (mask[2] << 16) | (mask[3] << 24);
      return null;
    },
  ],
];

/** What the text lists, apart by spaces or commas; null when a part is not what it should be. */
function list<T>(text: string, read: (part: string) => T | null): T[] | null {
  const values: T[] = [];
  for (const part of text.split(/[\s,]+/).filter((other) => other !== '')) {
    const value = read(part);
    if (value === null) return null;
    values.push(value);
  }
  return values;
}
