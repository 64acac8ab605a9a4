/** Services as kube-proxy sees them: one per port and protocol, with all its addresses, and the names of its chains. */
import { createHash } from 'node:crypto';
import { formatAddress, type Prefix } from '../engine/address-text.js';
import type { Family } from '../engine/netfilter/netfilter.js';
import { PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP } from '../engine/wire/ipv4.js';
import { STATE_ACTIVE, STATE_TERMINATING } from '../programs/tables/backends.js';
import * as tables from '../programs/tables/services.js';
import type { PlannedBackend, PlannedService } from './plan.js';

const PROTOCOLS: Readonly<Record<number, string>> = {
  [PROTOCOL_TCP]: 'tcp',
  [PROTOCOL_UDP]: 'udp',
  [PROTOCOL_SCTP]: 'sctp',
};

export interface ServicePort {
  /** `NAMESPACE/NAME:PORT`, or without `:PORT` for a port without a name. */
  readonly name: string;
  readonly protocol: string;
  /** At all addresses but the nodes' own. */
  readonly port: number;
  /** At the nodes' own; 0 for none. */
  readonly nodePort: number;
  readonly clusterAddresses: readonly Uint8Array[];
  readonly externalAddresses: readonly Uint8Array[];
  readonly loadBalancerAddresses: readonly Uint8Array[];
  readonly sourceRanges: readonly Prefix[];
  /** 0 for none. */
  readonly affinitySeconds: number;
  /** Whether what comes from outside, and from inside, of the cluster stays on its node. */
  readonly externalLocal: boolean;
  readonly internalLocal: boolean;
  /** Those that serve. */
  readonly backends: readonly PlannedBackend[];
}

/** The service ports of a family, in the order in which they are declared. */
export function servicePortsOf(services: readonly PlannedService[], family: Family): ServicePort[] {
  const groups = new Map<string, PlannedService[]>();
  for (const service of services) {
    // Redirects and host ports, which are one node's alone, are not kube-proxy's.
    if (service.node !== null || service.address.length !== (family === 4 ? 4 : 16)) continue;
    const { name, portName, portNumber, protocol } = service;
    const key = `${name} ${portName} ${portNumber} ${protocol}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [service]);
    else group.push(service);
  }
  return [...groups.values()].map(servicePort);
}

function servicePort(frontends: readonly PlannedService[]): ServicePort {
  const [first] = frontends;
  // Those of two scopes are there twice.
  const of = (kind: number): PlannedService[] =>
    frontends.filter(({ flags, scope }) => kindOf(flags) === kind && scope === tables.SCOPE_EXTERNAL);
  const addressesOf = (kind: number): Uint8Array[] => of(kind).map(({ address }) => address);
  const active = first.backends.filter(({ state }) => state === STATE_ACTIVE);
  return {
    name: nameOf(first),
    protocol: PROTOCOLS[first.protocol],
    port: first.portNumber,
    nodePort: of(tables.NODEPORT)[0]?.port ?? 0,
    clusterAddresses: addressesOf(0),
    externalAddresses: addressesOf(tables.EXTERNAL_IP),
    loadBalancerAddresses: addressesOf(tables.LOADBALANCER),
    sourceRanges: of(tables.LOADBALANCER)[0]?.sourceRanges ?? [],
    affinitySeconds: first.affinitySeconds,
    externalLocal: (first.flags & tables.EXTERNAL_LOCAL_SCOPE) !== 0,
    internalLocal: (first.flags & tables.INTERNAL_LOCAL_SCOPE) !== 0,
    backends: active.length > 0 ? active : first.backends.filter(({ state }) => state === STATE_TERMINATING),
  };
}

const KINDS = tables.NODEPORT | tables.EXTERNAL_IP | tables.LOADBALANCER;
const kindOf = (flags: number): number => flags & KINDS;

/** A name without a namespace is of the default one. */
function nameOf({ name, portName }: PlannedService): string {
  return `${name.includes('/') ? '' : 'default/'}${name}${portName === '' ? '' : ':'}${portName}`;
}

export function isExternal(service: ServicePort): boolean {
  const { nodePort, externalAddresses, loadBalancerAddresses } = service;
  return nodePort !== 0 || externalAddresses.length > 0 || loadBalancerAddresses.length > 0;
}

export type ChainKind = 'SVC' | 'SVL' | 'EXT' | 'FW';

/** Name of a service port's chain: of what it is called and its protocol the hash. */
export function chainName(kind: ChainKind, { name, protocol }: ServicePort): string {
  return `KUBE-${kind}-${hash(name + protocol)}`;
}

/** Name of the chain that translates to one backend. */
export function endpointChain({ name, protocol }: ServicePort, backend: PlannedBackend): string {
  return `KUBE-SEP-${hash(name + protocol + endpointText(backend))}`;
}

/** `ADDRESS:PORT`, IPv6 in brackets. */
export function endpointText({ address, port }: PlannedBackend): string {
  const text = formatAddress(address, 0, address.length);
  return address.length === 4 ? `${text}:${port}` : `[${text}]:${port}`;
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const HASH_BITS = 80;

/** The first 80 bits of the SHA-256, in base 32 (RFC 4648 section 6): the length of a chain's name is limited. */
function hash(text: string): string {
  const digest = createHash('sha256').update(text).digest('hex');
  const bits = digest
    .slice(0, HASH_BITS / 4)
    .replace(/./g, (digit) => Number.parseInt(digit, 16).toString(2).padStart(4, '0'));
  return bits.replace(/.{5}/g, (five) => BASE32[Number.parseInt(five, 2)]);
}
