/** Services: frontends, and their backends by pod, label or address. */
import { PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP } from '../engine/wire/ipv4.js';
import * as backends from '../programs/tables/backends.js';
import { AFFINITY, EXTERNAL_IP, ROUTABLE, SOURCE_RANGE } from '../programs/tables/services.js';
import { addressText, type Register, readAddress, readNetwork } from './check-text.js';
import { type FaultList, type Path, suggestion } from './faults.js';
import type { PlannedBackend, PlannedPod, PlannedService } from './plan.js';
import { matches } from './selectors.js';
import type { ServiceSpec } from './spec.js';

const PROTOCOLS = { TCP: PROTOCOL_TCP, UDP: PROTOCOL_UDP, SCTP: PROTOCOL_SCTP } as const;

const STATES = {
  active: backends.STATE_ACTIVE,
  terminating: backends.STATE_TERMINATING,
  quarantined: backends.STATE_QUARANTINED,
  maintenance: backends.STATE_MAINTENANCE,
} as const;

/** Kubernetes' default of sessionAffinityConfig.clientIP.timeoutSeconds. */
const DEFAULT_AFFINITY_SECONDS = 10800;

type PortSpec = ServiceSpec['ports'][number];

/** A backend as the spec names it, before its port is known. */
interface Target {
  readonly address: Uint8Array;
  readonly port: number | undefined;
  readonly state: number;
}

interface FrontendAddress {
  readonly address: Uint8Array;
  readonly path: Path;
  readonly external: boolean;
}

export class ServiceCheck {
  readonly services: PlannedService[] = [];
  readonly #faults: FaultList;
  readonly #pods: readonly PlannedPod[];
  readonly #nodeAddresses: Register;
  readonly #frontends: Register;
  readonly #backends = new Map<string, PlannedBackend>();

  /** `addresses` are those of pods and devices, `frontends` is filled with `ADDRESS:PORT/PROTOCOL`. */
  constructor(pods: readonly PlannedPod[], addresses: Register, frontends: Register, faults: FaultList) {
    this.#pods = pods;
    this.#nodeAddresses = addresses;
    this.#frontends = frontends;
    this.#faults = faults;
  }

  add(spec: ServiceSpec, path: Path): void {
    const faults = this.#faults;
    const frontends = this.#frontendAddresses(spec, path);
    const targets = this.#targets(spec, path);
    const sourceRanges = (spec.loadBalancerSourceRanges ?? []).flatMap(
      (text, i) => readNetwork(text, [...path, 'loadBalancerSourceRanges', i], faults) ?? [],
    );
    if (targets.length === 0 && (spec.backends ?? []).length === 0)
      faults.warning(path, `service ${spec.name} has no backend: what is sent to it is rejected`);
    const affinity = spec.sessionAffinity === 'ClientIP';
    for (const frontend of frontends) {
      spec.ports.forEach((port, i) => {
        const protocol = port.protocol ?? 'TCP';
        const key = `${addressText(frontend.address)}:${port.port}/${protocol}`;
        if (!this.#frontends.take(key, spec.name, [...path, 'ports', i], faults)) return;
        let flags = affinity ? AFFINITY : 0;
        if (frontend.external) flags |= EXTERNAL_IP | ROUTABLE | (sourceRanges.length > 0 ? SOURCE_RANGE : 0);
        this.services.push({
          name: spec.name,
          address: frontend.address,
          port: port.port,
          protocol: PROTOCOLS[protocol],
          reverseNatId: this.services.length + 1,
          flags,
          affinitySeconds: affinity ? (spec.sessionAffinityTimeoutSeconds ?? DEFAULT_AFFINITY_SECONDS) : 0,
          sourceRanges: frontend.external ? sourceRanges : [],
          backends: this.#backendsOf(targets, frontend.address.length, port),
        });
      });
    }
  }

  #frontendAddresses(spec: ServiceSpec, path: Path): FrontendAddress[] {
    const faults = this.#faults;
    const texts: { text: string; path: Path; external: boolean }[] = [];
    const add = (text: string, at: Path, external: boolean): void => {
      texts.push({ text, path: at, external });
    };
    if (spec.clusterIP !== undefined) add(spec.clusterIP, [...path, 'clusterIP'], false);
    spec.clusterIPs?.forEach((text, i) => {
      add(text, [...path, 'clusterIPs', i], false);
    });
    spec.externalIPs?.forEach((text, i) => {
      add(text, [...path, 'externalIPs', i], true);
    });
    if (texts.length === 0) faults.error(path, 'missing: clusterIP, clusterIPs or externalIPs');
    const seen = new Set<string>();
    return texts.flatMap(({ text, path: at, external }) => {
      const address = readAddress(text, at, faults);
      if (address === null || seen.has(addressText(address))) return [];
      seen.add(addressText(address));
      const owner = this.#nodeAddresses.ownerOf(addressText(address));
      if (owner !== null && !external) {
        faults.error(at, `${text} is also the address of ${owner}`);
        return [];
      }
      return { address, path: at, external };
    });
  }

  #targets(spec: ServiceSpec, path: Path): Target[] {
    const faults = this.#faults;
    if (spec.selector !== undefined && spec.backends !== undefined) {
      faults.error(path, 'has both selector and backends; one of them says where the service goes');
    }
    if (spec.selector !== undefined) {
      const selected = this.#pods.filter((pod) => matches(spec.selector!, pod));
      return selected.flatMap((pod) => podTargets(pod, undefined, backends.STATE_ACTIVE));
    }
    return (spec.backends ?? []).flatMap((backend, i): Target[] => {
      const at: Path = [...path, 'backends', i];
      const state = STATES[backend.state ?? 'active'];
      if ((backend.pod === undefined) === (backend.address === undefined)) {
        faults.error(at, 'a backend is either a pod or an address');
        return [];
      }
      if (backend.pod !== undefined) {
        const pod = this.#pods.find((candidate) => candidate.name === backend.pod);
        if (pod !== undefined) return podTargets(pod, backend.port, state);
        const hint = suggestion(
          backend.pod,
          this.#pods.map((candidate) => candidate.name),
        );
        faults.error([...at, 'pod'], `there is no pod ${backend.pod}${hint}`);
        return [];
      }
      const address = readAddress(backend.address!, [...at, 'address'], faults);
      return address === null ? [] : [{ address, port: backend.port, state }];
    });
  }

  /** Backends of one frontend: those of its family. Equal backends are one entry, whatever service they are of. */
  #backendsOf(targets: readonly Target[], addressLength: number, port: PortSpec): PlannedBackend[] {
    const protocol = PROTOCOLS[port.protocol ?? 'TCP'];
    return targets
      .filter((target) => target.address.length === addressLength)
      .map((target) => {
        const backendPort = target.port ?? port.targetPort ?? port.port;
        const key = `${addressText(target.address)}:${backendPort}/${protocol}`;
        const known = this.#backends.get(key);
        if (known !== undefined) return known;
        const backend: PlannedBackend = {
          id: this.#backends.size + 1,
          address: target.address,
          port: backendPort,
          protocol,
          state: target.state,
        };
        this.#backends.set(key, backend);
        return backend;
      });
  }
}

function podTargets(pod: PlannedPod, port: number | undefined, state: number): Target[] {
  return pod.addresses.map((address) => ({ address, port, state }));
}
