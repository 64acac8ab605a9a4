/** Policies: which entries the policy map of each pod gets. */
import { IDENTITY_HOST } from '../programs/constants.js';
import { TYPE_ALWAYS_FAIL, TYPE_SPIRE } from '../programs/tables/authentication.js';
import { IDENTITY_ANY } from '../programs/tables/policy.js';
import { type FaultList, type Path, pathText } from './faults.js';
import type { Identities } from './identities.js';
import type { PlannedNode, PlannedPolicy, PlannedPolicyEntry } from './plan.js';
import type { PodIndex } from './pod-index.js';
import { readPeers, registerPrefixes } from './policy-peers.js';
import { type PortKey, readPorts } from './policy-ports.js';
import { matches, readSelector } from './selectors.js';
import type { EgressRuleSpec, IngressRuleSpec, PolicySpec } from './spec.js';

const NEEDS_SUBJECT = 'needs one of endpointSelector, pods and nodeSelector: whom the policy is about';
const ANY_PORT: PortKey = { protocol: 0, port: 0, portBits: 0 };

export type RuleSpec = IngressRuleSpec & EgressRuleSpec;

/** What is known when policies are read. */
export interface PolicyContext {
  readonly nodes: readonly PlannedNode[];
  readonly pods: PodIndex;
  readonly identities: Identities;
  readonly faults: FaultList;
}

const SECTIONS = [
  { key: 'ingress', egress: false, deny: false },
  { key: 'egress', egress: true, deny: false },
  { key: 'ingressDeny', egress: false, deny: true },
  { key: 'egressDeny', egress: true, deny: true },
] as const;

/** One pod, or host, while entries are collected for it. */
class EndpointPolicy {
  readonly entries: PlannedPolicyEntry[] = [];
  /** The policies because of which what no entry allows is denied. */
  readonly ingressBy: string[] = [];
  readonly egressBy: string[] = [];

  enforce(policy: PolicySpec, name: string): void {
    const { ingress, egress } = policy.enableDefaultDeny ?? {};
    if (ingress ?? (policy.ingress !== undefined || policy.ingressDeny !== undefined))
      this.ingressBy.push(name);
    if (egress ?? (policy.egress !== undefined || policy.egressDeny !== undefined)) this.egressBy.push(name);
  }
}

/** The policies of every pod and of every node's host endpoint, by name. */
export interface PlannedPolicies {
  readonly pods: ReadonlyMap<string, PlannedPolicy>;
  readonly hosts: ReadonlyMap<string, PlannedPolicy>;
}

export function checkPolicies(policies: readonly PolicySpec[], context: PolicyContext): PlannedPolicies {
  const drafts = new Map(context.pods.pods.map((pod) => [pod.name, new EndpointPolicy()]));
  const hosts = new Map(context.nodes.map((node) => [node.name, new EndpointPolicy()]));
  // A rule about a prefix covers the identities of all narrower ones, so all prefixes have to be known first.
  forEachRule(policies, (rule, path) => {
    registerPrefixes(rule, path, context);
  });
  const selected = policies.map((policy, i) => {
    const path = ['policies', i];
    if (policy.nodeSelector !== undefined) {
      return selectNodes(policy, path, context).map((node) => hosts.get(node.name)!);
    }
    const { pods, endpointSelector } = policy;
    return context.pods
      .choose(pods, endpointSelector, 'endpointSelector', path, NEEDS_SUBJECT, context.faults)
      .map((pod) => drafts.get(pod.name)!);
  });
  policies.forEach((policy, i) => {
    for (const draft of selected[i]) draft.enforce(policy, nameOf(policy, i));
  });
  forEachRule(policies, (rule, path, section, i) => {
    const own = {
      egress: section.egress,
      deny: section.deny,
      ...readAuthentication(rule, path, section.deny, context),
      policy: nameOf(policies[i], i),
      openBecause: '',
    };
    const entries = ruleKeys(rule, path, context).map((key) => ({ ...key, ...own }));
    for (const draft of selected[i]) draft.entries.push(...entries);
  });
  return {
    pods: new Map(
      context.nodes.flatMap((node) =>
        node.pods.map(({ name }) => [name, finish(drafts.get(name)!, node)] as const),
      ),
    ),
    hosts: new Map(context.nodes.map((node) => [node.name, finish(hosts.get(node.name)!, node)])),
  };
}

/** `server`, or `policies[0]` for one without a name. */
function nameOf(policy: PolicySpec, index: number): string {
  return policy.name ?? pathText(['policies', index]);
}

/** Policies of nodes are the host firewall's. */
function selectNodes(
  policy: PolicySpec,
  path: Path,
  { nodes, faults }: PolicyContext,
): readonly PlannedNode[] {
  if (policy.pods !== undefined || policy.endpointSelector !== undefined) {
    faults.error(path, 'has nodeSelector beside a selector of pods; a policy is about nodes or about pods');
    return [];
  }
  const at = [...path, 'nodeSelector'];
  const labels = readSelector(policy.nodeSelector!, at, faults);
  const selected = nodes.filter((node) => matches(labels, node));
  if (selected.length === 0) faults.warning(at, 'selects no node');
  for (const node of selected) {
    if (!node.config.features.hostFirewall) {
      faults.warning(path, `has no effect on ${node.name}: enable-host-firewall is off`);
    }
  }
  return selected;
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

const AUTHENTICATION_TYPES = { disabled: 0, required: TYPE_SPIRE, 'test-always-fail': TYPE_ALWAYS_FAIL };

function readAuthentication(
  { authentication }: RuleSpec,
  path: Path,
  deny: boolean,
  { nodes, faults }: PolicyContext,
): Pick<PlannedPolicyEntry, 'authType' | 'explicitAuth'> {
  if (authentication === undefined) return { authType: 0, explicitAuth: false };
  const at = [...path, 'authentication'];
  if (deny) faults.error(at, 'who is denied need not be authenticated');
  if (authentication.mode === 'required' && !nodes.some(({ config }) => config.mutualAuthentication)) {
    faults.warning(
      at,
      'nobody authenticates: mesh-auth-mutual-enabled is off, and what the rule allows is dropped',
    );
  }
  return { authType: AUTHENTICATION_TYPES[authentication.mode], explicitAuth: true };
}

/** Every peer of the rule with every port of it. A rule that says neither allows nothing. */
function ruleKeys(
  rule: RuleSpec,
  path: Path,
  context: PolicyContext,
): readonly Pick<PlannedPolicyEntry, 'identity' | 'protocol' | 'port' | 'portBits'>[] {
  const peers = readPeers(rule, path, context);
  const ports = readPorts(rule, path, context.faults);
  if (peers === null && ports === null) return [];
  return (peers ?? [IDENTITY_ANY]).flatMap((identity) =>
    (ports ?? [ANY_PORT]).map((port) => ({ ...port, identity })),
  );
}

/** Adds what is open by default, and leaves out what a broader denial covers: longest prefix alone would allow it. */
function finish(draft: EndpointPolicy, node: PlannedNode): PlannedPolicy {
  const { enforcement, allowLocalhost } = node.config;
  const open = (identity: number, egress: boolean, openBecause: string): PlannedPolicyEntry => ({
    ...ANY_PORT,
    identity,
    egress,
    deny: false,
    authType: 0,
    explicitAuth: false,
    policy: null,
    openBecause,
  });
  if (enforcement === 'never') {
    const entries = [false, true].map((egress) => open(IDENTITY_ANY, egress, 'enable-policy is never'));
    return { entries, ingressBy: [], egressBy: [] };
  }
  // Of entries for the same the one that asks for authentication is written last, and stays.
  const entries = [...draft.entries].sort((a, b) => a.authType - b.authType);
  const enforcedBy = (names: readonly string[]): readonly string[] =>
    names.length === 0 && enforcement === 'always' ? ['enable-policy always'] : names;
  const ingressBy = enforcedBy(draft.ingressBy);
  const egressBy = enforcedBy(draft.egressBy);
  for (const egress of [false, true]) {
    if ((egress ? egressBy : ingressBy).length === 0) {
      entries.push(open(IDENTITY_ANY, egress, `no policy selects its ${egress ? 'egress' : 'ingress'}`));
    } else if (!egress && allowLocalhost) {
      entries.push(open(IDENTITY_HOST, egress, 'its node may always, by allow-localhost'));
    }
  }
  const denials = entries.filter((entry) => entry.deny);
  return {
    entries: entries.filter((entry) => entry.deny || !denials.some((denial) => covers(denial, entry))),
    ingressBy,
    egressBy,
  };
}

function covers(denial: PlannedPolicyEntry, entry: PlannedPolicyEntry): boolean {
  if (denial.egress !== entry.egress) return false;
  if (denial.identity !== IDENTITY_ANY && denial.identity !== entry.identity) return false;
  if (denial.protocol === 0) return true;
  if (denial.protocol !== entry.protocol || denial.portBits > entry.portBits) return false;
  const mask = (0xffff << (16 - denial.portBits)) & 0xffff;
  return ((denial.port ^ entry.port) & mask) === 0;
}
