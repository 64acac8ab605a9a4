/** Who an address is, as the Hubble server of a node knows it: its own endpoints, the ipcache, the services. */
import { formatAddress, parseAddress } from '../../../engine/address-text.js';
import { u32le } from '../../../programs/tables/names.js';
import type { BuiltNode, BuiltTopology } from '../../../topologies/built.js';
import { endpointsOf } from '../../show/endpoints.js';
import { labelsOfIdentity, podLabels } from '../../show/labels.js';
import { withPort } from '../packet-summary.js';

/** Pods are in this namespace unless a label says otherwise. */
const DEFAULT_NAMESPACE = 'default';
const NAMESPACE_LABEL = 'io.kubernetes.pod.namespace';

/** Keys and their order are those of Hubble's `Endpoint`. */
export interface FlowEndpoint {
  /** Of the node's own endpoints. */
  readonly ID?: number | undefined;
  readonly identity?: number | undefined;
  readonly namespace?: string | undefined;
  readonly labels?: readonly string[] | undefined;
  readonly pod_name?: string | undefined;
}

export interface FlowService {
  readonly name: string;
  readonly namespace: string;
}

interface Known {
  readonly namespace: string;
  readonly name: string;
  readonly identity: number;
  readonly labels: readonly string[];
}

export class AddressBook {
  readonly #topology: BuiltTopology;
  /** Pods of all nodes by address. */
  readonly #pods = new Map<string, Known>();
  /** The node's own endpoint ids by `NODE/ADDRESS`. */
  readonly #ids = new Map<string, number>();
  /** By identity. */
  readonly #labels = new Map<number, readonly string[]>();
  readonly #services = new Map<string, FlowService>();

  constructor(topology: BuiltTopology) {
    this.#topology = topology;
    for (const node of topology.nodes) {
      const byId = new Map(node.pods.map((pod) => [pod.planned.endpointId, pod.planned]));
      for (const endpoint of endpointsOf(node)) {
        const pod = byId.get(endpoint.id);
        if (pod === undefined) continue;
        const known = { ...podName(pod.name, pod.labels), identity: pod.identity, labels: podLabels(pod) };
        for (const address of [endpoint.ipv4, endpoint.ipv6]) {
          if (address === '') continue;
          this.#pods.set(address, known);
          this.#ids.set(`${node.planned.name}/${address}`, endpoint.id);
        }
      }
    }
    for (const { name, address, port } of topology.plan.services) {
      const text = withPort(addressText(address), port);
      this.#services.set(text, { namespace: DEFAULT_NAMESPACE, ...splitName(name) });
    }
  }

  /** `identity`: what the datapath says; 0 when it does not. */
  endpoint(node: BuiltNode, address: string, identity: number): FlowEndpoint {
    const pod = this.#pods.get(address);
    const known = identity !== 0 ? identity : (pod?.identity ?? this.#ipcacheIdentity(node, address));
    const labels = this.#labelsOf(known);
    return {
      ID: this.#ids.get(`${node.planned.name}/${address}`),
      identity: known === 0 ? undefined : known,
      namespace: pod?.namespace,
      labels: labels.length === 0 ? undefined : labels,
      pod_name: pod?.name,
    };
  }

  #labelsOf(identity: number): readonly string[] {
    let labels = this.#labels.get(identity);
    if (labels === undefined) {
      labels = labelsOfIdentity(this.#topology.plan, identity) ?? [];
      this.#labels.set(identity, labels);
    }
    return labels;
  }

  service(address: string, port: number): FlowService | undefined {
    return this.#services.get(withPort(address, port));
  }

  #ipcacheIdentity({ datapath }: BuiltNode, text: string): number {
    const address = parseAddress(text);
    if (address === null) return 0;
    const key = new Uint8Array(24);
    const words = new Int32Array(key.buffer);
    words[0] = 32 + 8 * address.length;
    key[7] = address.length === 4 ? 1 : 2;
    key.set(address, 8);
    const at = datapath.ipcache.lookup(words, 0);
    return at < 0 ? 0 : u32le(datapath.ipcache.bytes, at);
  }
}

function podName(
  name: string,
  labels: Readonly<Record<string, string>>,
): { readonly namespace: string; readonly name: string } {
  return { namespace: labels[NAMESPACE_LABEL] ?? DEFAULT_NAMESPACE, ...splitName(name) };
}

/** A name may be written `NAMESPACE/NAME`. */
function splitName(name: string): { readonly name: string; readonly namespace?: string } {
  const slash = name.indexOf('/');
  return slash < 0 ? { name } : { namespace: name.slice(0, slash), name: name.slice(slash + 1) };
}

function addressText(address: Uint8Array): string {
  return formatAddress(address, 0, address.length);
}
