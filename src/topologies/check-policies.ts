/** Policies: which entries the policy map of each pod gets. */
import type { FaultList, Path } from './faults.js';
import type { Identities } from './identities.js';
import type { PlannedNode, PlannedPod, PlannedPolicyEntry } from './plan.js';
import { readPeers, registerPrefixes } from './policy-peers.js';
import { type PortKey, readPorts } from './policy-ports.js';
import { matches, readSelector, requirePod } from './selectors.js';
import type { EgressRuleSpec, IngressRuleSpec, PolicySpec } from './spec.js';

const IDENTITY_ANY = 0;
const IDENTITY_HOST = 1;
const ANY_PORT: PortKey = { protocol: 0, port: 0, portBits: 0 };

export type RuleSpec = IngressRuleSpec & EgressRuleSpec;

/** What is known when policies are read. */
export interface PolicyContext {
  readonly nodes: readonly PlannedNode[];
  readonly pods: readonly PlannedPod[];
  readonly identities: Identities;
  readonly faults: FaultList;
}

const SECTIONS = [
  { key: 'ingress', egress: false, deny: false },
  { key: 'egress', egress: true, deny: false },
  { key: 'ingressDeny', egress: false, deny: true },
  { key: 'egressDeny', egress: true, deny: true },
] as const;

/** One pod while entries are collected for it. */
class PodPolicy {
  readonly entries: PlannedPolicyEntry[] = [];
  /** Whether what no entry allows is denied. */
  ingressEnforced = false;
  egressEnforced = false;

  enforce(policy: PolicySpec): void {
    const { ingress, egress } = policy.enableDefaultDeny ?? {};
    if (ingress ?? (policy.ingress !== undefined || policy.ingressDeny !== undefined))
      this.ingressEnforced = true;
    if (egress ?? (policy.egress !== undefined || policy.egressDeny !== undefined))
      this.egressEnforced = true;
  }
}

/** The policy map entries of every pod, by its name. */
export function checkPolicies(
  policies: readonly PolicySpec[],
  context: PolicyContext,
): Map<string, readonly PlannedPolicyEntry[]> {
  const drafts = new Map(context.pods.map((pod) => [pod.name, new PodPolicy()]));
  // A rule about a prefix covers the identities of all narrower ones, so all prefixes have to be known first.
  forEachRule(policies, (rule, path) => {
    registerPrefixes(rule, path, context);
  });
  const selected = policies.map((policy, i) => selectPods(policy, ['policies', i], context));
  policies.forEach((policy, i) => {
    for (const pod of selected[i]) drafts.get(pod.name)!.enforce(policy);
  });
  forEachRule(policies, (rule, path, section, i) => {
    const entries = ruleEntries(rule, path, section.egress, section.deny, context);
    for (const pod of selected[i]) drafts.get(pod.name)!.entries.push(...entries);
  });
  return new Map(
    context.pods.map((pod) => {
      const node = context.nodes.find((candidate) => candidate.name === pod.node)!;
      return [pod.name, finish(drafts.get(pod.name)!, node)];
    }),
  );
}

function forEachRule(
  policies: readonly PolicySpec[],
  visit: (rule: RuleSpec, path: Path, section: (typeof SECTIONS)[number], policy: number) => void,
): void {
  policies.forEach((policy, i) => {
    for (const section of SECTIONS) {
      policy[section.key]?.forEach((rule, j) => {
        visit(rule, ['policies', i, section.key, j], section, i);
      });
    }
  });
}

function selectPods(policy: PolicySpec, path: Path, { pods, faults }: PolicyContext): readonly PlannedPod[] {
  if ((policy.pods === undefined) === (policy.endpointSelector === undefined)) {
    faults.error(path, 'needs either endpointSelector or pods: whom the policy is about');
    return [];
  }
  if (policy.endpointSelector === undefined) {
    return policy.pods!.flatMap((name, i) => requirePod(name, [...path, 'pods', i], pods, faults) ?? []);
  }
  const at = [...path, 'endpointSelector'];
  const labels = readSelector(policy.endpointSelector, at, faults);
  const selected = pods.filter((pod) => matches(labels, pod));
  if (selected.length === 0) faults.warning(at, 'selects no pod');
  return selected;
}

/** Every peer of the rule with every port of it. A rule that says neither allows nothing. */
function ruleEntries(
  rule: RuleSpec,
  path: Path,
  egress: boolean,
  deny: boolean,
  context: PolicyContext,
): readonly PlannedPolicyEntry[] {
  const peers = readPeers(rule, path, context);
  const ports = readPorts(rule, path, context.faults);
  if (peers === null && ports === null) return [];
  return (peers ?? [IDENTITY_ANY]).flatMap((identity) =>
    (ports ?? [ANY_PORT]).map((port) => ({ ...port, identity, egress, deny })),
  );
}

/** Adds what is open by default, and leaves out what a broader denial covers: longest prefix alone would allow it. */
function finish(draft: PodPolicy, node: PlannedNode): readonly PlannedPolicyEntry[] {
  const { enforcement, allowLocalhost } = node.config;
  if (enforcement === 'never') {
    return [false, true].map((egress) => ({ ...ANY_PORT, identity: IDENTITY_ANY, egress, deny: false }));
  }
  const entries = [...draft.entries];
  for (const egress of [false, true]) {
    const enforced = enforcement === 'always' || (egress ? draft.egressEnforced : draft.ingressEnforced);
    if (!enforced) entries.push({ ...ANY_PORT, identity: IDENTITY_ANY, egress, deny: false });
    else if (!egress && allowLocalhost) {
      entries.push({ ...ANY_PORT, identity: IDENTITY_HOST, egress, deny: false });
    }
  }
  const denials = entries.filter((entry) => entry.deny);
  return entries.filter((entry) => entry.deny || !denials.some((denial) => covers(denial, entry)));
}

function covers(denial: PlannedPolicyEntry, entry: PlannedPolicyEntry): boolean {
  if (denial.egress !== entry.egress) return false;
  if (denial.identity !== IDENTITY_ANY && denial.identity !== entry.identity) return false;
  if (denial.protocol === 0) return true;
  if (denial.protocol !== entry.protocol || denial.portBits > entry.portBits) return false;
  const mask = (0xffff << (16 - denial.portBits)) & 0xffff;
  return ((denial.port ^ entry.port) & mask) === 0;
}
