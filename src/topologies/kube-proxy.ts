/**
 * What kube-proxy of Kubernetes 1.28 or newer makes of a cluster's services in its iptables mode, as iptables-save
 * prints it. What goes to a service is led KUBE-SERVICES → (KUBE-FW → KUBE-EXT →) KUBE-SVC or KUBE-SVL → KUBE-SEP,
 * which translates it; what must come back the same way is marked, and masqueraded in KUBE-POSTROUTING.
 */
import { contains } from '../engine/address-text.js';
import type { TableName } from '../engine/netfilter/iptables.js';
import type { Family } from '../engine/netfilter/netfilter.js';
import { prefixText } from './identities.js';
import {
  chainName,
  endpointChain,
  endpointText,
  isExternal,
  type ServicePort,
  servicePortsOf,
} from './kube-proxy-services.js';
import type { Plan, PlannedBackend, PlannedKubeProxy, PlannedNode } from './plan.js';

const MASQUERADED = '0x4000/0x4000';
const comment = (text: string): string => `-m comment --comment "${text}"`;
const NEW = '-m conntrack --ctstate NEW';

const PORTALS = comment('kubernetes service portals');
const EXTERNAL_PORTALS = comment('kubernetes externally-visible service portals');
const FIREWALL = comment('kubernetes load balancer firewall');
const FORWARDING = comment('kubernetes forwarding rules');
const NODE_PORTS = comment('kubernetes service nodeports; NOTE: this must be the last rule in this chain');

/** The kubelet's chain and kube-proxy's, by which they notice that somebody has emptied the tables. */
const CANARIES = [':KUBE-KUBELET-CANARY -', ':KUBE-PROXY-CANARY -'];

const FILTER_RULES = [
  `-A INPUT ${NEW} ${FIREWALL} -j KUBE-PROXY-FIREWALL`,
  `-A INPUT ${comment('kubernetes health check service ports')} -j KUBE-NODEPORTS`,
  `-A INPUT ${NEW} ${EXTERNAL_PORTALS} -j KUBE-EXTERNAL-SERVICES`,
  '-A INPUT -j KUBE-FIREWALL',
  `-A FORWARD ${NEW} ${FIREWALL} -j KUBE-PROXY-FIREWALL`,
  `-A FORWARD ${FORWARDING} -j KUBE-FORWARD`,
  `-A FORWARD ${NEW} ${PORTALS} -j KUBE-SERVICES`,
  `-A FORWARD ${NEW} ${EXTERNAL_PORTALS} -j KUBE-EXTERNAL-SERVICES`,
  `-A OUTPUT ${NEW} ${FIREWALL} -j KUBE-PROXY-FIREWALL`,
  `-A OUTPUT ${NEW} ${PORTALS} -j KUBE-SERVICES`,
  '-A OUTPUT -j KUBE-FIREWALL',
  '-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP',
  `-A KUBE-FORWARD ${FORWARDING} -m mark --mark ${MASQUERADED} -j ACCEPT`,
  `-A KUBE-FORWARD ${comment('kubernetes forwarding conntrack rule')} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
];
/** Nobody from elsewhere comes to the loopback: kube-proxy lets packets from there be routed (route_localnet). */
const LOCALNET_RULE =
  `-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 ${comment('block incoming localnet connections')} ` +
  '-m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP';

const NAT_RULES = [
  `-A PREROUTING ${PORTALS} -j KUBE-SERVICES`,
  `-A OUTPUT ${PORTALS} -j KUBE-SERVICES`,
  `-A POSTROUTING ${comment('kubernetes postrouting rules')} -j KUBE-POSTROUTING`,
  `-A KUBE-MARK-MASQ -j MARK --set-xmark ${MASQUERADED}`,
  `-A KUBE-POSTROUTING -m mark ! --mark ${MASQUERADED} -j RETURN`,
  // Flipped off, so that a packet that comes by again is not masqueraded twice.
  '-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0',
  `-A KUBE-POSTROUTING ${comment('kubernetes service traffic requiring SNAT')} -j MASQUERADE --random-fully`,
];

/** kube-proxy's lines of a node's tables: `:CHAIN -` and `-A CHAIN …`. */
export function kubeProxyRules(
  plan: Plan,
  node: PlannedNode,
  proxy: PlannedKubeProxy,
  family: Family,
): ReadonlyMap<TableName, readonly string[]> {
  const rules = new NodeRules(node, proxy, family);
  for (const service of servicePortsOf(plan.services, family)) rules.add(service);
  rules.nat.add(
    'KUBE-SERVICES',
    `${family === 6 ? '! -d ::1/128 ' : ''}${NODE_PORTS} -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS`,
  );
  const localnet = family === 4 ? [LOCALNET_RULE] : [];
  return new Map<TableName, readonly string[]>([
    ['mangle', CANARIES],
    ['nat', [...CANARIES, ':KUBE-MARK-MASQ -', ':KUBE-POSTROUTING -', ...NAT_RULES, ...rules.nat.lines]],
    [
      'filter',
      [
        ...CANARIES,
        ':KUBE-FORWARD -',
        ':KUBE-FIREWALL -',
        ...FILTER_RULES,
        ...localnet,
        ...rules.filter.lines,
      ],
    ],
  ]);
}

/** Chains of one table that depend on the services. */
class Chains {
  readonly #rules = new Map<string, string[]>();

  constructor(names: readonly string[]) {
    for (const name of names) this.#rules.set(name, []);
  }

  has(chain: string): boolean {
    return this.#rules.has(chain);
  }

  add(chain: string, ...rules: readonly string[]): void {
    const known = this.#rules.get(chain) ?? [];
    known.push(...rules);
    this.#rules.set(chain, known);
  }

  get lines(): string[] {
    const chains = [...this.#rules];
    return [
      ...chains.map(([chain]) => `:${chain} -`),
      ...chains.flatMap(([chain, rules]) => rules.map((rule) => `-A ${chain} ${rule}`)),
    ];
  }
}

/** What becomes of traffic that no backend takes: nobody is there at all, or nobody on the node that would have to be. */
interface Refusal {
  readonly why: string;
  readonly target: string;
}

class NodeRules {
  readonly nat = new Chains(['KUBE-NODEPORTS', 'KUBE-SERVICES']);
  readonly filter = new Chains([
    'KUBE-NODEPORTS',
    'KUBE-SERVICES',
    'KUBE-EXTERNAL-SERVICES',
    'KUBE-PROXY-FIREWALL',
  ]);
  readonly #node: PlannedNode;
  readonly #proxy: PlannedKubeProxy;
  readonly #family: Family;

  constructor(node: PlannedNode, proxy: PlannedKubeProxy, family: Family) {
    this.#node = node;
    this.#proxy = proxy;
    this.#family = family;
  }

  add(service: ServicePort): void {
    const { name, backends, internalLocal, externalLocal } = service;
    const local = backends.filter(({ node }) => node === this.#node.name);
    const external = isExternal(service);
    // What comes from outside and stays on its node takes the cluster's chain for what the node's own pods send there.
    const cluster = backends.length > 0 && (!internalLocal || external) ? chainName('SVC', service) : null;
    const usesLocal = local.length > 0 && (internalLocal || (externalLocal && external));
    const own = usesLocal ? chainName('SVL', service) : null;
    const internalChain = internalLocal ? own : cluster;
    const refusal = this.#refusal(backends.length > 0);

    for (const address of service.clusterAddresses) {
      if (internalChain !== null) {
        this.nat.add('KUBE-SERVICES', leading(service, address, `${name} cluster IP`, internalChain));
      } else this.#refuse('KUBE-SERVICES', service, address, refusal);
    }
    if (external) this.#addExternal(service, externalLocal ? own : cluster, cluster, refusal);
    for (const [chain, served] of [
      [cluster, backends],
      [own, local],
    ] as const) {
      if (chain === null) continue;
      if (chain === internalChain) this.#addMasquerading(service, chain);
      this.nat.add(chain, ...balancing(service, served));
    }
    for (const backend of cluster !== null ? backends : usesLocal ? local : []) {
      this.nat.add(endpointChain(service, backend), ...translating(service, backend));
    }
  }

  /** What goes to a cluster address and is not a pod's comes back by this node. */
  #addMasquerading(service: ServicePort, chain: string): void {
    const sources = this.#proxy.masqueradeAll ? [''] : this.#podPrefixes().map((prefix) => `! -s ${prefix} `);
    for (const address of service.clusterAddresses) {
      const rule = leading(service, address, `${service.name} cluster IP`, 'KUBE-MARK-MASQ');
      this.nat.add(chain, ...sources.map((source) => source + rule));
    }
  }

  /** The ways in from outside; `chain` is where they lead, null where no backend takes what comes. */
  #addExternal(service: ServicePort, chain: string | null, cluster: string | null, refusal: Refusal): void {
    const { name, protocol, nodePort, externalAddresses, loadBalancerAddresses, sourceRanges } = service;
    const way = chainName('EXT', service);
    const isServed = service.backends.length > 0;
    const firewall = sourceRanges.length > 0 ? chainName('FW', service) : null;
    if (chain === null) {
      for (const address of [...externalAddresses, ...loadBalancerAddresses]) {
        this.#refuse('KUBE-EXTERNAL-SERVICES', service, address, refusal);
      }
      const isOwn = `-p ${protocol} ${comment(`${name} ${refusal.why}`)} -m addrtype --dst-type LOCAL`;
      const toPort = `-m ${protocol} --dport ${nodePort} -j ${refusal.target}`;
      if (nodePort !== 0) this.filter.add('KUBE-EXTERNAL-SERVICES', `${isOwn} ${toPort}`);
    }
    for (const address of firewall === null ? [] : loadBalancerAddresses) {
      const why = `${name} traffic not accepted by ${firewall}`;
      this.filter.add('KUBE-PROXY-FIREWALL', leading(service, address, why, 'DROP'));
    }
    if (!isServed) return;
    for (const address of externalAddresses) {
      this.nat.add('KUBE-SERVICES', leading(service, address, `${name} external IP`, way));
    }
    for (const address of loadBalancerAddresses) {
      this.nat.add('KUBE-SERVICES', leading(service, address, `${name} loadbalancer IP`, firewall ?? way));
    }
    if (nodePort !== 0) {
      this.nat.add(
        'KUBE-NODEPORTS',
        `-p ${protocol} ${comment(name)} -m ${protocol} --dport ${nodePort} -j ${way}`,
      );
    }
    if (firewall !== null && loadBalancerAddresses.length > 0) this.#addFirewall(service, firewall, way);
    this.#addWayIn(service, way, chain, cluster!);
  }

  #addFirewall(service: ServicePort, firewall: string, way: string): void {
    const { name, sourceRanges, loadBalancerAddresses } = service;
    // A node within the ranges that talks to the address may do so under the address itself.
    const allowsNode = sourceRanges.some((range) => this.#node.addresses.some((own) => contains(range, own)));
    const sources = [
      ...sourceRanges
        .filter(({ address }) => address.length === (this.#family === 4 ? 4 : 16))
        .map(prefixText),
      ...(allowsNode ? loadBalancerAddresses.map(wholePrefix) : []),
    ];
    this.nat.add(
      firewall,
      ...sources.map((source) => `-s ${source} ${comment(`${name} loadbalancer IP`)} -j ${way}`),
      comment(`other traffic to ${name} will be dropped by KUBE-PROXY-FIREWALL`),
    );
  }

  /** What comes from outside is masqueraded, unless it stays on its node: then only what the node itself sends is. */
  #addWayIn(service: ServicePort, way: string, chain: string | null, cluster: string): void {
    const about = `${service.name} external destinations`;
    if (!service.externalLocal) {
      this.nat.add(way, `${comment(`masquerade traffic for ${about}`)} -j KUBE-MARK-MASQ`);
    } else {
      const own = '-m addrtype --src-type LOCAL';
      this.nat.add(
        way,
        ...this.#podPrefixes().map(
          (pods) => `-s ${pods} ${comment(`pod traffic for ${about}`)} -j ${cluster}`,
        ),
        `${comment(`masquerade LOCAL traffic for ${about}`)} ${own} -j KUBE-MARK-MASQ`,
        `${comment(`route LOCAL traffic for ${about}`)} ${own} -j ${cluster}`,
      );
    }
    if (chain !== null) this.nat.add(way, `-j ${chain}`);
  }

  #refusal(isServed: boolean): Refusal {
    if (isServed) return { why: 'has no local endpoints', target: 'DROP' };
    const code = this.#family === 4 ? 'icmp-port-unreachable' : 'icmp6-port-unreachable';
    return { why: 'has no endpoints', target: `REJECT --reject-with ${code}` };
  }

  #refuse(chain: string, service: ServicePort, address: Uint8Array, { why, target }: Refusal): void {
    this.filter.add(chain, leading(service, address, `${service.name} ${why}`, target));
  }

  #podPrefixes(): string[] {
    const length = this.#family === 4 ? 4 : 16;
    return this.#proxy.clusterPrefixes.filter(({ address }) => address.length === length).map(prefixText);
  }
}

/** A rule about what goes to a service at an address. */
function leading(
  { protocol, port }: ServicePort,
  address: Uint8Array,
  about: string,
  target: string,
): string {
  return `-d ${wholePrefix(address)} -p ${protocol} ${comment(about)} -m ${protocol} --dport ${port} -j ${target}`;
}

/** The choice among backends: the one that served the client lately, or any by chance. */
function balancing(service: ServicePort, backends: readonly PlannedBackend[]): string[] {
  const { name, affinitySeconds } = service;
  const to = (backend: PlannedBackend): string => comment(`${name} -> ${endpointText(backend)}`);
  const sticky = backends.map((backend) => {
    const chain = endpointChain(service, backend);
    return `${to(backend)} -m recent --rcheck --seconds ${affinitySeconds} --reap ${recent(chain, backend)} -j ${chain}`;
  });
  const random = backends.map((backend, i) => {
    const left = backends.length - i;
    const chance = left === 1 ? '' : ` -m statistic --mode random --probability ${probability(left)}`;
    return `${to(backend)}${chance} -j ${endpointChain(service, backend)}`;
  });
  return affinitySeconds > 0 ? [...sticky, ...random] : random;
}

function translating(service: ServicePort, backend: PlannedBackend): string[] {
  const { name, protocol, affinitySeconds } = service;
  const seen =
    affinitySeconds > 0 ? ` -m recent --set ${recent(endpointChain(service, backend), backend)}` : '';
  return [
    // A backend that comes to itself would answer itself, past the translation.
    `-s ${wholePrefix(backend.address)} ${comment(name)} -j KUBE-MARK-MASQ`,
    `-p ${protocol} ${comment(name)}${seen} -m ${protocol} -j DNAT --to-destination ${endpointText(backend)}`,
  ];
}

/** A list of clients by their whole address. */
function recent(list: string, { address }: PlannedBackend): string {
  const mask = address.length === 4 ? '255.255.255.255' : 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff';
  return `--name ${list} --mask ${mask} --rsource`;
}

/** One of `left`, with the digits that kube-proxy gives, as iptables prints what it keeps in 31 bits. */
function probability(left: number): string {
  const given = Number((1 / left).toFixed(10));
  return (Math.round(given * 0x80000000) / 0x80000000).toFixed(11);
}

function wholePrefix(address: Uint8Array): string {
  return prefixText({ address, length: address.length * 8 });
}
