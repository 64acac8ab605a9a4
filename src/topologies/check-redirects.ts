/**
 * Local redirect policies: on a node that has backends of the policy, its frontend leads to these; on the others it is
 * what it was without the policy.
 */
import { addressText } from '../engine/address-text.js';
import { isEqual } from '../engine/wire/bytes.js';
import { PROTOCOL_TCP, PROTOCOL_UDP } from '../engine/wire/ipv4.js';
import * as tables from '../programs/tables/services.js';
import { readAddress } from './check-text.js';
import { type FaultList, type Path, suggestion } from './faults.js';
import type { PlannedBackend, PlannedNode, PlannedPod, PlannedService, PlannedSkip } from './plan.js';
import type { PodIndex } from './pod-index.js';
import { readSelector } from './selectors.js';
import type { LocalRedirectPolicySpec } from './spec-features.js';

const PROTOCOLS = { TCP: PROTOCOL_TCP, UDP: PROTOCOL_UDP } as const;
const ADDRESSES = tables.EXTERNAL_IP | tables.NODEPORT | tables.HOSTPORT | tables.LOADBALANCER;
const LAST_PORT = 65535;

type PortSpec = LocalRedirectPolicySpec['redirectBackend']['toPorts'][number];

interface Port {
  readonly port: number;
  readonly protocol: number;
  readonly name: string | undefined;
}

/** Where clients send what is redirected; by what `service` it is known, if by one. */
interface Frontend extends Port {
  readonly address: Uint8Array;
  readonly service: string | null;
}

export interface Redirects {
  /** All services of the topology, those of redirects with them. */
  readonly services: readonly PlannedService[];
  readonly skips: readonly PlannedSkip[];
}

export class RedirectCheck {
  readonly #services: PlannedService[];
  readonly #skips: PlannedSkip[] = [];
  readonly #nodes: readonly PlannedNode[];
  readonly #pods: PodIndex;
  readonly #faults: FaultList;
  /** Backends by `ADDRESS:PORT/PROTOCOL`, as services have them already. */
  readonly #backends = new Map<string, PlannedBackend>();
  #nextBackend = 1;

  constructor(
    services: readonly PlannedService[],
    nodes: readonly PlannedNode[],
    pods: PodIndex,
    faults: FaultList,
  ) {
    this.#services = [...services];
    this.#nodes = nodes;
    this.#pods = pods;
    this.#faults = faults;
    for (const backend of services.flatMap((service) => service.backends)) {
      this.#backends.set(backendKey(backend.address, backend.port, backend.protocol), backend);
      this.#nextBackend = Math.max(this.#nextBackend, backend.id + 1);
    }
  }

  get result(): Redirects {
    return { services: this.#services, skips: this.#skips };
  }

  add(spec: LocalRedirectPolicySpec, path: Path): void {
    const faults = this.#faults;
    for (const { name, config } of this.#nodes) {
      if (config.features.localRedirectPolicy) continue;
      faults.error(path, `enable-local-redirect-policy is off on ${name}`);
      return;
    }
    const at = [...path, 'redirectBackend'];
    const selector = [...at, 'localEndpointSelector'];
    const labels = readSelector(spec.redirectBackend.localEndpointSelector, selector, faults);
    const selected = this.#pods.select(labels);
    if (selected.length === 0) faults.warning(selector, 'selects no pod: nothing is redirected');
    const targets = readPorts(spec.redirectBackend.toPorts, [...at, 'toPorts'], faults);
    for (const frontend of this.#frontends(spec, [...path, 'redirectFrontend'])) {
      const target = targets.length === 1 ? targets[0] : targets.find(({ name }) => name === frontend.name);
      if (target === undefined) {
        faults.error([...at, 'toPorts'], `has no port named ${frontend.name ?? '(none)'} as the frontend's`);
        continue;
      }
      this.#redirect(spec, frontend, target, selected, path);
    }
  }

  #redirect(
    spec: LocalRedirectPolicySpec,
    frontend: Frontend,
    target: Port,
    selected: readonly PlannedPod[],
    path: Path,
  ): void {
    const name = spec.name ?? `redirect ${path[path.length - 1]}`;
    const { address, port, protocol } = frontend;
    const byNode = new Map<string, PlannedBackend[]>();
    for (const pod of selected) {
      const podAddress = pod.addresses.find(({ length }) => length === address.length);
      if (podAddress === undefined) continue;
      const backend = this.#backend(podAddress, target, pod.node);
      byNode.set(pod.node, [...(byNode.get(pod.node) ?? []), backend]);
      if (spec.skipRedirectFromBackend) {
        this.#skips.push({ node: pod.node, endpointId: pod.endpointId, address, port });
      }
    }
    if (frontend.service !== null) this.#leaveOut(frontend, new Set(byNode.keys()));
    for (const [node, backends] of byNode) {
      this.#services.push({
        name,
        address,
        port,
        protocol,
        portName: '',
        portNumber: port,
        scope: tables.SCOPE_EXTERNAL,
        flags: tables.LOCAL_REDIRECT,
        algorithm: 0,
        proxyPort: 0,
        localOnly: true,
        node,
        notOn: null,
        affinitySeconds: 0,
        sourceRanges: [],
        backends,
      });
    }
  }

  #backend(address: Uint8Array, { port, protocol }: Port, node: string): PlannedBackend {
    const key = backendKey(address, port, protocol);
    const known = this.#backends.get(key);
    if (known !== undefined) return known;
    const backend = { id: this.#nextBackend++, address, port, protocol, state: 0, node };
    this.#backends.set(key, backend);
    return backend;
  }

  /** The service has its frontend no more on the nodes where a redirect takes its place. */
  #leaveOut({ address, port, protocol }: Frontend, nodes: ReadonlySet<string>): void {
    this.#services.forEach((service, i) => {
      const isSame =
        service.port === port && service.protocol === protocol && isEqual(service.address, address);
      if (!isSame || (service.flags & tables.LOCAL_REDIRECT) !== 0) return;
      this.#services[i] = { ...service, notOn: new Set([...(service.notOn ?? []), ...nodes]) };
    });
  }

  #frontends({ redirectFrontend }: LocalRedirectPolicySpec, path: Path): Frontend[] {
    const faults = this.#faults;
    const { addressMatcher, serviceMatcher } = redirectFrontend;
    if ((addressMatcher === undefined) === (serviceMatcher === undefined)) {
      faults.error(path, 'needs either addressMatcher or serviceMatcher: what is redirected');
      return [];
    }
    if (addressMatcher !== undefined) {
      const at = [...path, 'addressMatcher'];
      const address = readAddress(addressMatcher.ip, [...at, 'ip'], faults);
      if (address === null) return [];
      const taken = this.#services.find((other) => addressText(other.address) === addressText(address));
      if (taken !== undefined) {
        faults.error(
          [...at, 'ip'],
          `${addressMatcher.ip} is an address of service ${taken.name}; use serviceMatcher`,
        );
      }
      const ports = readPorts(addressMatcher.toPorts, [...at, 'toPorts'], faults);
      return ports.map((port) => ({ ...port, address, service: null }));
    }
    return this.#serviceFrontends(serviceMatcher!, [...path, 'serviceMatcher']);
  }

  #serviceFrontends(
    { serviceName, toPorts }: NonNullable<LocalRedirectPolicySpec['redirectFrontend']['serviceMatcher']>,
    path: Path,
  ): Frontend[] {
    const faults = this.#faults;
    const own = this.#services.filter(({ name }) => name === serviceName);
    const clusterIps = own.filter(({ flags }) => (flags & ADDRESSES) === 0);
    if (clusterIps.length === 0) {
      const hint = suggestion(serviceName, new Set(this.#services.map(({ name }) => name)));
      const fault = own.length === 0 ? `there is no service ${serviceName}${hint}` : 'has no cluster IP';
      faults.error([...path, 'serviceName'], fault);
      return [];
    }
    const wanted = toPorts === undefined ? null : readPorts(toPorts, [...path, 'toPorts'], faults);
    return clusterIps.flatMap(({ address, port, protocol }): Frontend[] => {
      const match = wanted?.find((other) => other.port === port && other.protocol === protocol);
      if (wanted !== null && match === undefined) return [];
      return [{ address, port, protocol, name: match?.name, service: serviceName }];
    });
  }
}

function backendKey(address: Uint8Array, port: number, protocol: number): string {
  return `${addressText(address)}:${port}/${protocol}`;
}

function readPorts(specs: readonly PortSpec[], path: Path, faults: FaultList): Port[] {
  return specs.flatMap((spec, i): Port[] => {
    const port = Number(spec.port);
    if (!Number.isInteger(port) || port < 1 || port > LAST_PORT) {
      faults.error([...path, i, 'port'], `${JSON.stringify(spec.port)} is not a port from 1 to ${LAST_PORT}`);
      return [];
    }
    return [{ port, protocol: PROTOCOLS[spec.protocol ?? 'TCP'], name: spec.name }];
  });
}
