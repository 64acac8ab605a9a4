/** Changes of a topology in a word: what `lab policy`, `service`, `backend` and `pod` do to its declaration. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { contains, parseAddress, parsePrefix } from '../../engine/address-text.js';
import { addressText, networkAddress } from '../../topologies/check-text.js';
import { suggestion } from '../../topologies/faults.js';
import { matches } from '../../topologies/selectors.js';
import type { NodeSpec, PodSpec, PolicySpec, ServiceSpec, TopologySpec } from '../../topologies/spec.js';
import { UsageError } from '../exit-codes.js';

export interface NewPod {
  readonly name: string;
  /** Default the first node. */
  readonly node?: string | undefined;
  /** Default a free one of each of the node's podCIDRs. */
  readonly ips: readonly string[];
  /** `key=value`. */
  readonly labels: readonly string[];
}

/** Policies or services of a file: one, or a list. They replace those of the same name. */
export function withPolicies(spec: TopologySpec, file: string): TopologySpec {
  return { ...spec, policies: merged(spec.policies ?? [], readList<PolicySpec>(file, 'policies')) };
}

export function withServices(spec: TopologySpec, file: string): TopologySpec {
  return { ...spec, services: merged(spec.services ?? [], readList<ServiceSpec>(file, 'services')) };
}

export function withoutPolicy(spec: TopologySpec, name: string): TopologySpec {
  return { ...spec, policies: without(spec.policies ?? [], name, 'policy') };
}

export function withoutService(spec: TopologySpec, name: string): TopologySpec {
  return { ...spec, services: without(spec.services ?? [], name, 'service') };
}

/** A service's backends are listed one by one from then on. */
export function withBackend(spec: TopologySpec, serviceName: string, backend: string): TopologySpec {
  const added = parseAddress(backend) === null ? { pod: backend } : { address: backend };
  return withBackends(spec, serviceName, (backends) => [
    ...backends.filter((other) => nameOf(other) !== backend),
    added,
  ]);
}

export function withoutBackend(spec: TopologySpec, serviceName: string, backend: string): TopologySpec {
  return withBackends(spec, serviceName, (backends) => {
    const rest = backends.filter((other) => nameOf(other) !== backend);
    if (rest.length < backends.length) return rest;
    throw missing(`backend of ${serviceName}`, backend, backends.map(nameOf));
  });
}

export function withPod(spec: TopologySpec, pod: NewPod): TopologySpec {
  const node = pod.node === undefined ? spec.nodes[0] : find(spec.nodes, pod.node, 'node');
  const ips = pod.ips.length > 0 ? pod.ips : freeAddresses(node);
  const labels = Object.fromEntries(
    pod.labels.map((label) => {
      const [key, value, ...rest] = label.split('=');
      if (value === undefined || rest.length > 0) throw new UsageError(`--label ${label}: give KEY=VALUE`);
      return [key, value];
    }),
  );
  const added: PodSpec = { name: pod.name, ips: [...ips], ...(pod.labels.length > 0 ? { labels } : {}) };
  return withPods(spec, (of) => (of === node ? [...(node.pods ?? []), added] : (of.pods ?? [])));
}

export function withoutPod(spec: TopologySpec, name: string): TopologySpec {
  find(
    spec.nodes.flatMap(({ pods }) => pods ?? []),
    name,
    'pod',
  );
  return withPods(spec, ({ pods }) => (pods ?? []).filter((pod) => pod.name !== name));
}

function withPods(spec: TopologySpec, pods: (node: NodeSpec) => PodSpec[]): TopologySpec {
  return { ...spec, nodes: spec.nodes.map((node) => ({ ...node, pods: pods(node) })) };
}

type Backends = NonNullable<ServiceSpec['backends']>;

function withBackends(
  spec: TopologySpec,
  name: string,
  change: (backends: Backends) => Backends,
): TopologySpec {
  const service = find(spec.services ?? [], name, 'service');
  const { selector, ...rest } = service;
  const selected =
    selector === undefined
      ? []
      : spec.nodes
          .flatMap(({ pods }) => pods ?? [])
          .filter(({ labels }) => matches(selector, { labels: labels ?? {} }))
          .map((pod) => ({ pod: pod.name }));
  const changed: ServiceSpec = { ...rest, backends: change([...selected, ...(service.backends ?? [])]) };
  return { ...spec, services: (spec.services ?? []).map((other) => (other === service ? changed : other)) };
}

function nameOf(backend: Backends[number]): string {
  return backend.pod ?? backend.address ?? '';
}

/** The lowest addresses of the node's podCIDRs that no pod has and that are not Cilium's own (the first). */
function freeAddresses(node: NodeSpec): string[] {
  const taken = new Set(
    [node.ciliumInternalIP, ...(node.pods ?? []).flatMap(({ ip, ips }) => [ip, ...(ips ?? [])])].map(
      (text) => (text === undefined ? '' : addressText(parseAddress(text) ?? new Uint8Array(4))),
    ),
  );
  const cidrs = [node.podCIDR, ...(node.podCIDRs ?? [])].filter((text) => text !== undefined);
  if (cidrs.length === 0) throw new UsageError(`${node.name} has no podCIDR: give --ip ADDRESS`);
  return cidrs.map((text) => {
    const prefix = parsePrefix(text)!;
    const address = networkAddress(prefix);
    const last = address.length - 1;
    for (let i = 2; i < 255; i++) {
      address[last] = (networkAddress(prefix)[last] & 0xff) + i;
      if (!contains(prefix, address)) break;
      if (!taken.has(addressText(address))) return addressText(address);
    }
    throw new UsageError(`no address of ${text} is free: give --ip ADDRESS`);
  });
}

/** One thing or a list of them, or a topology's section of the name. */
function readList<T>(file: string, section: string): T[] {
  let value: unknown;
  try {
    value = parse(readFileSync(file === '-' ? 0 : file, 'utf8'));
  } catch (error) {
    throw new UsageError(`${file}: ${(error as Error).message.split('\n')[0]}`);
  }
  if (typeof value !== 'object' || value === null) throw new UsageError(`${file}: no ${section} in it`);
  const inner = section in value ? (value as Record<string, unknown>)[section] : value;
  return (Array.isArray(inner) ? inner : [inner]) as T[];
}

/** Those of the same name are replaced; those without a name are added. */
function merged<T extends { readonly name?: string | undefined }>(
  old: readonly T[],
  added: readonly T[],
): T[] {
  const names = added.map(({ name }) => name);
  return [...old.filter(({ name }) => name === undefined || !names.includes(name)), ...added];
}

function without<T extends { readonly name?: string | undefined }>(
  all: readonly T[],
  name: string,
  kind: string,
): T[] {
  const found = find(all, name, kind);
  return all.filter((other) => other !== found);
}

function find<T extends { readonly name?: string | undefined }>(
  all: readonly T[],
  name: string,
  kind: string,
): T {
  const found = all.find((other) => other.name === name);
  if (found !== undefined) return found;
  throw missing(
    kind,
    name,
    all.map((other) => other.name ?? ''),
  );
}

function missing(kind: string, name: string, names: readonly string[]): UsageError {
  const known = names.filter((other) => other !== '');
  const hint =
    suggestion(name, known) || (known.length > 0 ? `; there are ${known.join(', ')}` : '; there is none');
  return new UsageError(`there is no ${kind} ${name}${hint}`);
}
