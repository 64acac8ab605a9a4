/** `ip rule` as iproute2 6.1 prints it. */
import { formatAddress } from '../../engine/address-text.js';
import { ROUTE_BLACKHOLE, ROUTE_PROHIBIT, ROUTE_UNREACHABLE } from '../../engine/stack/route-table.js';
import {
  LOOPBACK_IFINDEX,
  type Rule,
  type RulePrefix,
  TABLE_DEFAULT,
} from '../../engine/stack/routing-policy.js';
import { ipJson } from '../../topologies/listings/json-text.js';
import type { Invocation, Output, Place } from './command.js';
import { tableName } from './route-list.js';

const ACTIONS: Readonly<Record<number, string>> = {
  [ROUTE_BLACKHOLE]: 'blackhole',
  [ROUTE_UNREACHABLE]: 'unreachable',
  [ROUTE_PROHIBIT]: 'prohibit',
};

export function rules(invocation: Invocation): Output {
  const { place } = invocation;
  const isV6 = invocation.has('-6');
  // IPv6 has no rule for the default table.
  const listed = place.namespace
    .policy(isV6 ? 16 : 4)
    .rules.filter(({ table, priority }) => !(isV6 && table === TABLE_DEFAULT && priority > 32766));
  if (!invocation.json) return { text: listed.map((rule) => ruleLine(place, rule)).join('') };
  const objects = listed.map((rule) => ruleObject(place, rule));
  return { text: ipJson(objects, invocation.has('-p', '-pretty')) };
}

function ruleLine(place: Place, rule: Rule): string {
  const { priority, from, to, mark, suppressPrefixLength } = rule;
  const words = [
    ...(rule.not === true ? ['not'] : []),
    `from ${from ? prefixText(from) : 'all'}`,
    ...(to ? [`to ${prefixText(to)}`] : []),
    ...(mark === undefined ? [] : [`fwmark ${hex(mark)}${isWhole(rule) ? '' : `/${hex(rule.mask!)}`}`]),
    ...(rule.inIfindex === undefined ? [] : [`iif ${deviceName(place, rule.inIfindex)}`]),
    ...(rule.outIfindex === undefined ? [] : [`oif ${deviceName(place, rule.outIfindex)}`]),
    rule.action === undefined ? `lookup ${tableName(rule.table)}` : ACTIONS[rule.action],
    ...(suppressPrefixLength === undefined ? [] : [`suppress_prefixlength ${suppressPrefixLength}`]),
  ];
  return `${priority}:\t${words.join(' ')}\n`;
}

function ruleObject(place: Place, rule: Rule): Record<string, unknown> {
  const { priority, from, to, mark, suppressPrefixLength } = rule;
  return {
    priority,
    ...(rule.not === true ? { not: null } : {}),
    ...(from ? prefixObject('src', from) : { src: 'all' }),
    ...(to ? prefixObject('dst', to) : {}),
    ...(mark === undefined ? {} : { fwmark: hex(mark) }),
    ...(mark === undefined || isWhole(rule) ? {} : { fwmask: hex(rule.mask!) }),
    ...(rule.inIfindex === undefined ? {} : { iif: deviceName(place, rule.inIfindex) }),
    ...(rule.outIfindex === undefined ? {} : { oif: deviceName(place, rule.outIfindex) }),
    ...(rule.action === undefined ? { table: tableName(rule.table) } : { action: ACTIONS[rule.action] }),
    ...(suppressPrefixLength === undefined ? {} : { suppress_prefixlen: suppressPrefixLength }),
  };
}

/** The mark as it is, without a mask. */
function isWhole({ mask }: Rule): boolean {
  return mask === undefined || mask === -1;
}

const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;

function prefixText({ address, length }: RulePrefix): string {
  const text = formatAddress(address, 0, address.length);
  return length === 8 * address.length ? text : `${text}/${length}`;
}

function prefixObject(name: 'src' | 'dst', { address, length }: RulePrefix): Record<string, unknown> {
  const text = formatAddress(address, 0, address.length);
  return { [name]: text, ...(length === 8 * address.length ? {} : { [`${name}len`]: length }) };
}

function deviceName({ namespace }: Place, ifindex: number): string {
  if (ifindex === LOOPBACK_IFINDEX) return 'lo';
  return namespace.device(ifindex)?.name ?? `if${ifindex}`;
}
