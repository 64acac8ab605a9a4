/** Services: their frontends, and their backends by pod, label or address. */
import { addressText } from '../engine/address-text.js';
import { PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP } from '../engine/wire/ipv4.js';
import * as tables from '../programs/tables/services.js';
import { NumberPool, type Register, readAddress, readNetwork } from './check-text.js';
import type { FaultList, Path } from './faults.js';
import type { PlannedBackend, PlannedPod, PlannedService } from './plan.js';
import type { PodIndex } from './pod-index.js';
import { readTargets, type Target } from './service-targets.js';
import type { PodSpec, ServiceSpec } from './spec.js';

const PROTOCOLS = { TCP: PROTOCOL_TCP, UDP: PROTOCOL_UDP, SCTP: PROTOCOL_SCTP } as const;

const ALGORITHMS = { random: tables.ALGORITHM_RANDOM, maglev: tables.ALGORITHM_MAGLEV } as const;

/** Kubernetes' default of sessionAffinityConfig.clientIP.timeoutSeconds. */
const DEFAULT_AFFINITY_SECONDS = 10800;

type PortSpec = ServiceSpec['ports'][number];

/** Where clients find a service: which kind of frontend, its address (zero for the nodes' own), and which port of it. */
interface FrontendAddress {
  readonly kind: number;
  readonly address: Uint8Array;
}

const CLUSTER_IP = 0;
/** Kinds whose frontends the source ranges of a service are about. */
const WITH_SOURCE_RANGES = tables.LOADBALANCER | tables.EXTERNAL_IP;

export class ServiceCheck {
  readonly services: PlannedService[] = [];
  readonly #faults: FaultList;
  readonly #pods: PodIndex;
  readonly #nodeAddresses: Register;
  readonly #frontends: Register;
  readonly #backends = new Map<string, PlannedBackend>();
  readonly #backendIds: NumberPool;

  /** `addresses` are those of pods and devices, `frontends` is filled with `ADDRESS:PORT/PROTOCOL`. */
  constructor(
    pods: PodIndex,
    addresses: Register,
    frontends: Register,
    faults: FaultList,
    backendIds?: Map<string, number>,
  ) {
    this.#backendIds = new NumberPool(1, backendIds);
    this.#pods = pods;
    this.#nodeAddresses = addresses;
    this.#frontends = frontends;
    this.#faults = faults;
  }

  add(spec: ServiceSpec, path: Path): void {
    const faults = this.#faults;
    const addresses = this.#frontendAddresses(spec, path);
    const targets = readTargets(spec, path, this.#pods, faults);
    if (targets.length === 0 && (spec.backends ?? []).length === 0)
      faults.warning(path, `service ${spec.name} has no backend: what is sent to it is rejected`);
    if (spec.sessionAffinity === 'ClientIP' && spec.l7ProxyPort !== undefined) {
      faults.error([...path, 'sessionAffinity'], 'cannot be combined with l7ProxyPort');
    }
    for (const frontend of addresses) {
      spec.ports.forEach((port, i) => {
        if (frontend.kind === tables.NODEPORT && port.nodePort === undefined) return;
        this.#addFrontend(spec, path, frontend, port, i, targets);
      });
    }
  }

  /** A port of the node that leads to a pod on it. */
  addHostPort(spec: NonNullable<PodSpec['hostPorts']>[number], pod: PlannedPod, path: Path): void {
    const faults = this.#faults;
    const address = spec.hostIP === undefined ? null : readAddress(spec.hostIP, [...path, 'hostIP'], faults);
    const protocol = spec.protocol ?? 'TCP';
    for (const podAddress of pod.addresses) {
      const frontend = address ?? new Uint8Array(podAddress.length);
      if (frontend.length !== podAddress.length) continue;
      const key = `${pod.node} ${addressText(frontend)}:${spec.hostPort}/${protocol}`;
      if (!this.#frontends.take(key, pod.name, path, faults)) continue;
      const target = { address: podAddress, port: undefined, state: 0, node: pod.node };
      const port = { port: spec.hostPort, protocol, targetPort: spec.containerPort ?? spec.hostPort };
      this.services.push({
        name: pod.name,
        address: frontend,
        port: spec.hostPort,
        protocol: PROTOCOLS[protocol],
        portName: '',
        portNumber: spec.hostPort,
        scope: tables.SCOPE_EXTERNAL,
        flags: tables.HOSTPORT,
        algorithm: 0,
        proxyPort: 0,
        localOnly: true,
        node: pod.node,
        notOn: null,
        affinitySeconds: 0,
        sourceRanges: [],
        backends: this.#backendsOf([target], podAddress.length, port),
      });
    }
  }

  #addFrontend(
    spec: ServiceSpec,
    path: Path,
    { kind, address }: FrontendAddress,
    port: PortSpec,
    portIndex: number,
    targets: readonly Target[],
  ): void {
    const isNodePort = kind === tables.NODEPORT;
    const frontendPort = isNodePort ? port.nodePort! : port.port;
    const protocol = port.protocol ?? 'TCP';
    const place = isNodePort ? `node port ${address.length === 4 ? 'IPv4' : 'IPv6'} ` : addressText(address);
    const at = [...path, 'ports', portIndex];
    if (!this.#frontends.take(`${place}:${frontendPort}/${protocol}`, spec.name, at, this.#faults)) return;
    const affinity = spec.sessionAffinity === 'ClientIP';
    const [externalLocal, internalLocal] = [spec.externalTrafficPolicy, spec.internalTrafficPolicy].map(
      (policy) => policy === 'Local',
    );
    const hasTwoScopes = externalLocal !== internalLocal && kind !== CLUSTER_IP;
    const sourceRanges = this.#sourceRanges(spec, path, kind);
    let flags = kind | (affinity ? tables.AFFINITY : 0);
    if (externalLocal) flags |= tables.EXTERNAL_LOCAL_SCOPE;
    if (internalLocal) flags |= tables.INTERNAL_LOCAL_SCOPE;
    if (hasTwoScopes) flags |= tables.TWO_SCOPES;
    if (sourceRanges.length > 0) {
      flags |= tables.SOURCE_RANGE | (spec.sourceRangesPolicy === 'Deny' ? tables.SOURCE_RANGE_DENY : 0);
    }
    if (spec.l7ProxyPort !== undefined) flags |= tables.L7_LOADBALANCER;
    if (spec.forwardingMode === 'dsr') flags |= tables.FORWARDING_MODE_DSR;
    const scopes = hasTwoScopes ? [tables.SCOPE_EXTERNAL, tables.SCOPE_INTERNAL] : [tables.SCOPE_EXTERNAL];
    for (const scope of scopes) {
      const isInternal = kind === CLUSTER_IP || scope === tables.SCOPE_INTERNAL;
      this.services.push({
        name: spec.name,
        address,
        port: frontendPort,
        protocol: PROTOCOLS[protocol],
        portName: port.name ?? '',
        portNumber: port.port,
        scope,
        flags,
        algorithm: spec.algorithm === undefined ? 0 : ALGORITHMS[spec.algorithm],
        proxyPort: spec.l7ProxyPort ?? 0,
        localOnly: isInternal ? internalLocal : externalLocal,
        node: null,
        notOn: null,
        affinitySeconds: affinity ? (spec.sessionAffinityTimeoutSeconds ?? DEFAULT_AFFINITY_SECONDS) : 0,
        sourceRanges,
        backends: this.#backendsOf(targets, address.length, port),
      });
    }
  }

  #sourceRanges(spec: ServiceSpec, path: Path, kind: number) {
    if ((kind & WITH_SOURCE_RANGES) === 0) return [];
    return (spec.loadBalancerSourceRanges ?? []).flatMap(
      (text, i) => readNetwork(text, [...path, 'loadBalancerSourceRanges', i], this.#faults) ?? [],
    );
  }

  #frontendAddresses(spec: ServiceSpec, path: Path): FrontendAddress[] {
    const faults = this.#faults;
    const texts: { text: string; path: Path; kind: number }[] = [];
    const add = (list: readonly string[] | undefined, key: string, kind: number): void => {
      list?.forEach((text, i) => {
        texts.push({ text, path: [...path, key, i], kind });
      });
    };
    if (spec.clusterIP !== undefined) {
      texts.push({ text: spec.clusterIP, path: [...path, 'clusterIP'], kind: CLUSTER_IP });
    }
    add(spec.clusterIPs, 'clusterIPs', CLUSTER_IP);
    add(spec.loadBalancerIPs, 'loadBalancerIPs', tables.LOADBALANCER);
    add(spec.externalIPs, 'externalIPs', tables.EXTERNAL_IP);
    const hasNodePort = spec.ports.some((port) => port.nodePort !== undefined);
    if (texts.length === 0 && !hasNodePort) {
      faults.error(
        path,
        'missing: clusterIP, clusterIPs, loadBalancerIPs, externalIPs, or a port with nodePort',
      );
    }
    const seen = new Set<string>();
    const addresses = texts.flatMap(({ text, path: at, kind }) => {
      const address = readAddress(text, at, faults);
      if (address === null || seen.has(addressText(address))) return [];
      seen.add(addressText(address));
      const owner = this.#nodeAddresses.ownerOf(addressText(address));
      if (owner !== null && kind === CLUSTER_IP) {
        faults.error(at, `${text} is also the address of ${owner}`);
        return [];
      }
      return { address, kind };
    });
    if (!hasNodePort) return addresses;
    // Node ports are for the families of the service's own addresses; for IPv4 where it has none.
    const families =
      addresses.length === 0 ? [4] : [...new Set(addresses.map(({ address }) => address.length))];
    return [
      ...addresses,
      ...families.map((length) => ({ kind: tables.NODEPORT, address: new Uint8Array(length) })),
    ];
  }

  /** Backends of one frontend: those of its family. Equal backends are one entry, whatever service they are of. */
  #backendsOf(
    targets: readonly Target[],
    addressLength: number,
    port: Pick<PortSpec, 'port' | 'protocol' | 'targetPort'>,
  ): PlannedBackend[] {
    const protocol = PROTOCOLS[port.protocol ?? 'TCP'];
    return targets
      .filter((target) => target.address.length === addressLength)
      .map((target) => {
        const backendPort = target.port ?? port.targetPort ?? port.port;
        const key = `${addressText(target.address)}:${backendPort}/${protocol}`;
        const known = this.#backends.get(key);
        if (known !== undefined) return known;
        const backend: PlannedBackend = {
          id: this.#backendIds.next(key),
          address: target.address,
          port: backendPort,
          protocol,
          state: target.state,
          node: target.node,
        };
        this.#backends.set(key, backend);
        return backend;
      });
  }
}
