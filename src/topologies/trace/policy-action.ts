/** A policy decision in words: whose, about whom, how it went, and by which of the topology's policies. */
import type { BpfMap } from '../../engine/maps/map.js';
import { describeKey } from '../../programs/tables/describe.js';
import { type PolicyVerdictEvent, policyMatchText } from '../../programs/tables/events.js';
import { u32le } from '../../programs/tables/names.js';
import { DENY } from '../../programs/tables/policy.js';
import type { Action } from './model.js';
import type { TraceNames } from './trace-names.js';

/** A lookup in an endpoint's policy map: with the remote identity, or with identity 0 for any. */
export interface PolicyLookup {
  readonly map: BpfMap;
  readonly key: Uint8Array;
  readonly matched: Uint8Array | null;
  readonly value: Uint8Array | null;
}

type PolicyAction = Extract<Action, { kind: 'policy' }>;

/** `event` null: the program did not tell, as it does not for packets of a known connection. */
export function policyAction(
  names: TraceNames,
  lookups: readonly PolicyLookup[],
  event: PolicyVerdictEvent | null,
): PolicyAction {
  const [first] = lookups;
  const egress = first === undefined ? event?.direction === 2 : (first.key[8] & 1) === 1;
  const identity = event?.remoteIdentity ?? (first === undefined ? 0 : u32le(first.key, 4));
  const decided = decidingLookup(lookups, event);
  const verdict = verdictOf(lookups, event);
  const map = first?.map;
  const { policies, why } = reason(names, decided, map, egress);
  return {
    kind: 'policy',
    direction: egress ? 'egress' : 'ingress',
    endpoint: map === undefined ? '' : (names.policies.owner(map)?.name ?? map.spec.name),
    peer: peerText(names, identity),
    port: first === undefined ? '' : (describeKey(first.map.spec.name, first.key).split(' ').at(-1) ?? ''),
    verdict,
    match: event === null || decided === undefined ? '' : policyMatchText(event.match),
    policies,
    why,
  };
}

/** `10004 (pod4)`, `world`. */
function peerText(names: TraceNames, identity: number): string {
  const owner = names.identityOwner(identity);
  const name = names.identity(identity);
  return owner === '' ? name : name === owner ? owner : `${identity} (${owner})`;
}

/** The event says by which part of an entry it was decided; deny entries go first anyway. */
function decidingLookup(
  lookups: readonly PolicyLookup[],
  event: PolicyVerdictEvent | null,
): PolicyLookup | undefined {
  const found = lookups.filter(({ value }) => value !== null);
  const denying = found.find(({ value }) => isDenial(value!));
  if (denying !== undefined || found.length < 2 || event === null) return denying ?? found[0];
  const byAny = /^(L4-Only|all|Proto-Only)$/.test(policyMatchText(event.match));
  return found.find(({ key }) => (u32le(key, 4) === 0) === byAny) ?? found[0];
}

function isDenial(value: Uint8Array): boolean {
  return (u32le(value, 0) & DENY) !== 0;
}

function verdictOf(
  lookups: readonly PolicyLookup[],
  event: PolicyVerdictEvent | null,
): PolicyAction['verdict'] {
  if (event !== null) {
    if (event.audited) return 'audited';
    if (event.verdict < 0) return 'denied';
    return event.verdict > 0 ? 'redirected' : 'allowed';
  }
  const found = lookups.filter(({ value }) => value !== null);
  if (found.length === 0 || found.some(({ value }) => isDenial(value!))) return 'denied';
  return 'allowed';
}

/** `by policy client`, `(no egress rule of policy client allows it)`. */
function reason(
  names: TraceNames,
  decided: PolicyLookup | undefined,
  map: BpfMap | undefined,
  egress: boolean,
): { policies: readonly string[]; why: string } {
  if (map === undefined) return { policies: [], why: '' };
  if (decided?.matched) {
    const { policies, openBecause } = names.policies.originsOf(map, decided.matched);
    if (policies.length > 0) return { policies, why: `by ${named(policies)}` };
    return { policies, why: `(${openBecause === '' ? 'no policy of the topology says so' : openBecause})` };
  }
  const direction = egress ? 'egress' : 'ingress';
  const policies = names.policies.enforcers(map, egress);
  const who = policies.length === 0 ? 'no entry' : `no rule of ${named(policies)}`;
  return { policies, why: `(${who} allows this ${direction})` };
}

function named(policies: readonly string[]): string {
  return `${policies.length === 1 ? 'policy' : 'policies'} ${policies.join(', ')}`;
}
