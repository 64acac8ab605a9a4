/** The peers of a policy rule, as identities. */
import { contains, type Prefix } from '../engine/address-text.js';
import { IDENTITY_WORLD, IDENTITY_WORLD_IPV4, IDENTITY_WORLD_IPV6 } from '../programs/constants.js';
import { IDENTITY_ANY } from '../programs/tables/policy.js';
import type { PolicyContext, RuleSpec } from './check-policies.js';
import { readNetwork } from './check-text.js';
import { FaultList, type Path, suggestion } from './faults.js';
import { ENTITIES, prefixText } from './identities.js';
import { readSelector } from './selectors.js';

/** Reserved identities that belong to the cluster: host, unmanaged, health, init, remote-node, kube-apiserver, ingress. */
const CLUSTER_IDENTITIES: readonly number[] = [1, 3, 4, 5, 6, 7, 8];

const ENTITY_NAMES = [...ENTITIES.keys(), 'all', 'world', 'cluster'];

interface PrefixRule {
  readonly prefix: Prefix;
  readonly except: readonly Prefix[];
}

/** Gives every prefix that the rule names an identity; faults are told here, not in `readPeers`. */
export function registerPrefixes(rule: RuleSpec, path: Path, context: PolicyContext): void {
  for (const { prefix, except } of prefixRules(rule, path, context.faults)) {
    context.identities.ofPrefix(prefix);
    for (const hole of except) context.identities.ofPrefix(hole);
  }
}

/** Identities that the rule is about, 0 for any; null when it names no peers. */
export function readPeers(rule: RuleSpec, path: Path, context: PolicyContext): readonly number[] | null {
  const { pods, faults } = context;
  const endpoints = [
    ...named(rule.fromEndpoints, 'fromEndpoints', path),
    ...named(rule.toEndpoints, 'toEndpoints', path),
  ];
  const podNames = [...named(rule.fromPods, 'fromPods', path), ...named(rule.toPods, 'toPods', path)];
  const entities = [
    ...named(rule.fromEntities, 'fromEntities', path),
    ...named(rule.toEntities, 'toEntities', path),
  ];
  const identities = new Set<number>();
  for (const { value, at } of endpoints) {
    const labels = readSelector(value, at, faults);
    const selected = pods.select(labels);
    if (selected.length === 0) faults.warning(at, 'selects no pod');
    for (const pod of selected) identities.add(pod.identity);
  }
  for (const { value, at } of podNames) {
    const pod = pods.require(value, at, faults);
    if (pod !== undefined) identities.add(pod.identity);
  }
  for (const { value, at } of entities)
    for (const identity of entity(value, at, context)) identities.add(identity);
  // The faults of prefixes were told when they were registered.
  for (const { prefix, except } of prefixRules(rule, path, new FaultList())) {
    const spared = new Set(except.flatMap((hole) => context.identities.inside(hole)));
    for (const identity of context.identities.inside(prefix))
      if (!spared.has(identity)) identities.add(identity);
  }
  return namesPeers(rule) ? [...identities] : null;
}

function namesPeers(rule: RuleSpec): boolean {
  const { fromEndpoints, fromPods, fromEntities, fromCIDR, fromCIDRSet } = rule;
  const { toEndpoints, toPods, toEntities, toCIDR, toCIDRSet } = rule;
  const from = fromEndpoints ?? fromPods ?? fromEntities ?? fromCIDR ?? fromCIDRSet;
  return (from ?? toEndpoints ?? toPods ?? toEntities ?? toCIDR ?? toCIDRSet) !== undefined;
}

function named<T>(values: readonly T[] | undefined, key: string, path: Path): { value: T; at: Path }[] {
  return (values ?? []).map((value, i) => ({ value, at: [...path, key, i] }));
}

function entity(name: string, at: Path, { pods, identities, faults }: PolicyContext): readonly number[] {
  if (name === 'all') return [IDENTITY_ANY];
  if (name === 'world') {
    const prefixes = identities.prefixes.map((other) => other.identity);
    return [IDENTITY_WORLD, IDENTITY_WORLD_IPV4, IDENTITY_WORLD_IPV6, ...prefixes];
  }
  if (name === 'cluster') return [...CLUSTER_IDENTITIES, ...pods.pods.map((pod) => pod.identity)];
  const found = ENTITIES.get(name);
  if (found === undefined) {
    faults.error(at, `${JSON.stringify(name)} is no entity${suggestion(name, ENTITY_NAMES)}`);
  }
  return found ?? [];
}

function prefixRules(rule: RuleSpec, path: Path, faults: FaultList): PrefixRule[] {
  const rules: PrefixRule[] = [];
  for (const key of ['fromCIDR', 'toCIDR'] as const) {
    rule[key]?.forEach((text, i) => {
      const prefix = readNetwork(text, [...path, key, i], faults);
      if (prefix !== null) rules.push({ prefix, except: [] });
    });
  }
  for (const key of ['fromCIDRSet', 'toCIDRSet'] as const) {
    rule[key]?.forEach((set, i) => {
      const at: Path = [...path, key, i];
      const prefix = readNetwork(set.cidr, [...at, 'cidr'], faults);
      if (prefix === null) return;
      const except = (set.except ?? []).flatMap((text, j) => {
        const hole = readNetwork(text, [...at, 'except', j], faults);
        if (hole === null) return [];
        if (!contains(prefix, hole.address) || hole.length < prefix.length) {
          faults.error([...at, 'except', j], `${text} is not inside ${prefixText(prefix)}`);
        }
        return hole;
      });
      rules.push({ prefix, except });
    });
  }
  return rules;
}
