/** One interface as `ip addr` prints it. */
import { formatAddress } from '../../engine/address-text.js';
import {
  displayName,
  headLine,
  interfaceJson,
  linkLine,
  namespaceText,
} from '../../topologies/listings/interface.js';
import type { Interface } from './interfaces.js';

const FOREVER = 4294967295;

/** All lines of an interface; without the link line, its namespace stands at the end of the first. */
export function interfaceLines(one: Interface, withLink: boolean): string {
  const head = headLine(one, false);
  const lines = withLink ? [head, linkLine(one)] : [head + namespaceText(one)];
  for (const { address, length, scope } of one.addresses) {
    const text = `${formatAddress(address, 0, address.length)}/${length} scope ${scope}`;
    lines.push(address.length === 4 ? `    inet ${text} ${one.name}` : `    inet6 ${text} `);
    lines.push('       valid_lft forever preferred_lft forever');
  }
  return `${lines.join('\n')}\n`;
}

/** `ip -br addr`: name, state, addresses. */
export function briefLine(one: Interface): string {
  const addresses = one.addresses.map(
    ({ address, length }) => `${formatAddress(address, 0, address.length)}/${length} `,
  );
  return `${displayName(one).padEnd(16)} ${one.state.padEnd(14)} ${addresses.join('')}\n`;
}

export function addressObject(one: Interface): object {
  return {
    ...interfaceJson(one, false),
    addr_info: one.addresses.map(({ address, length, scope }) => ({
      family: address.length === 4 ? 'inet' : 'inet6',
      local: formatAddress(address, 0, address.length),
      prefixlen: length,
      scope,
      ...(address.length === 4 ? { label: one.name } : {}),
      valid_life_time: FOREVER,
      preferred_life_time: FOREVER,
    })),
  };
}
