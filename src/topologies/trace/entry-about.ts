/** Whom a map entry is about, by the topology's names. */
import { parseAddress } from '../../engine/address-text.js';
import type { ValueField } from '../../programs/tables/describe.js';
import type { Names } from '../names.js';

/** `10.0.0.1:80/TCP …`, `[fd00::1]:80/TCP`, `10.0.0.1:80`: address, port, protocol name. */
const ENDPOINT = /^(?:\[([^\]]*)\]|([^:/ ]*)):(\d+)(?:\/([A-Za-z]+))?/;
const PROTOCOLS: Readonly<Record<string, number>> = { TCP: 6, UDP: 17, SCTP: 132 };
const ANY_PROTOCOLS = Object.values(PROTOCOLS);

/** `service web`, `pod4`, `10004 (pod4)`; empty when nobody is known. `key` and `value` are as described. */
export function aboutEntry(
  names: Names,
  node: string,
  map: string,
  key: string,
  value: readonly ValueField[],
): string {
  const field = (name: string): string => value.find(([other]) => other === name)?.[1] ?? '';
  if (/_services_v2$/.test(map)) return value.length === 0 ? '' : serviceName(names, key);
  if (/_backends_v3$/.test(map)) return ownerOf(names, field('address'));
  if (/_reverse_nat$/.test(map)) return serviceName(names, field('frontend'));
  if (map === 'cilium_ipcache_v2') {
    return value.length === 0 ? '' : names.identityOwner(Number(field('identity')));
  }
  if (map === 'cilium_lxc') {
    if (field('host') !== '') return node;
    return value.length === 0 ? '' : names.endpointOwner(node, Number(field('id')));
  }
  return '';
}

function serviceName(names: Names, text: string): string {
  const match = ENDPOINT.exec(text);
  const address = match === null ? null : parseAddress(match[1] ?? match[2]);
  if (match === null || address === null) return '';
  const protocols = match[4] === undefined ? ANY_PROTOCOLS : [PROTOCOLS[match[4]] ?? 0];
  for (const protocol of protocols) {
    const name = names.frontend(address, Number(match[3]), protocol);
    if (name !== '') return name;
  }
  return '';
}

function ownerOf(names: Names, text: string): string {
  const match = ENDPOINT.exec(text);
  const address = match === null ? null : parseAddress(match[1] ?? match[2]);
  return address === null ? '' : names.owner(address);
}
