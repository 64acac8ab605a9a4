/**
 * What a lab is made of, from the plan of its topology: a network namespace per pod, set up as Cilium's CNI plugin sets
 * it up, one for the world outside, and the TAPs in them that carry their frames. Nothing is made here.
 */
import { formatMac } from '../engine/address-text.js';
import { addressText } from '../topologies/check-text.js';
import type { Plan, PlannedNode, PlannedPod } from '../topologies/plan.js';
import { podRouteMtu } from '../topologies/wireguard-peers.js';
import type { Binding } from './binding.js';
import { planOutside } from './outside-plan.js';

/** What pods call their device. */
const POD_DEVICE = 'eth0';
/** What the outside's namespace is called, behind the prefix; with a pod of this name the other. */
const OUTSIDE_NAMES = ['outside', 'world'];
/** Frames that wait at a TAP for the datapath; the kernel's default of 1,000 is lost in ten milliseconds. */
export const TAP_QUEUE_LENGTH = 10_000;

export interface LabInterface {
  readonly name: string;
  readonly mac: Uint8Array;
  readonly mtu: number;
}

export interface LabNamespace {
  /** As `ip netns` has it. */
  readonly name: string;
  /** What users call it: the pod's name. */
  readonly label: string;
  /** Null for the outside. */
  readonly pod: PlannedPod | null;
  readonly interfaces: readonly LabInterface[];
  /** Arguments of `ip`, in this namespace, in order; once the interfaces are there. */
  readonly commands: readonly string[];
  /** `net.…` keys. */
  readonly sysctls: Readonly<Record<string, string>>;
}

export interface LabPlan {
  readonly name: string;
  readonly namespaces: readonly LabNamespace[];
  readonly bindings: readonly Binding[];
}

export interface LabOptions {
  /** Of the namespaces' names. */
  readonly prefix: string;
  /** Nodes whose pods get namespaces; default all. */
  readonly nodes?: readonly string[];
  /** Whether the outside gets a namespace; default true. */
  readonly outside?: boolean;
  /** Devices that the caller binds to something else: `NODE/DEVICE`. */
  readonly boundElsewhere?: readonly string[];
}

export function planLab(plan: Plan, options: LabOptions): LabPlan {
  const nodes = plan.nodes.filter(({ name }) => options.nodes?.includes(name) ?? true);
  const elsewhere = options.boundElsewhere ?? [];
  const pods = nodes.flatMap((node) =>
    node.pods
      .filter(({ device }) => !elsewhere.includes(`${node.name}/${device.name}`))
      .map((pod) => podNamespace(node, pod, options.prefix)),
  );
  const label = OUTSIDE_NAMES.find((name) => pods.every((pod) => pod.namespace.label !== name)) ?? '';
  const outside =
    options.outside === false
      ? { namespaces: [], bindings: [] }
      : planOutside(plan, nodes, `${options.prefix}-${label}`, label, elsewhere);
  return {
    name: plan.name,
    namespaces: [...pods.map(({ namespace }) => namespace), ...outside.namespaces],
    bindings: [...pods.map(({ binding }) => binding), ...outside.bindings],
  };
}

function podNamespace(
  node: PlannedNode,
  pod: PlannedPod,
  prefix: string,
): { namespace: LabNamespace; binding: Binding } {
  const name = `${prefix}-${pod.name}`;
  const { mac } = pod;
  const { mtu } = pod.device;
  const port = { plugin: 'tap', name: POD_DEVICE, namespace: name, mtu, mac, up: true } as const;
  return {
    namespace: {
      name,
      label: pod.name,
      pod,
      interfaces: [{ name: POD_DEVICE, mac, mtu }],
      commands: podCommands(pod, podRouteMtu(node, mtu) || mtu),
      sysctls: ipv6Sysctls(pod.addresses.some(({ length }) => length === 16)),
    },
    binding: { port, devices: [`${node.name}/${pod.device.name}`] },
  };
}

/**
 * No router advertisements, no waiting for duplicates of addresses: nothing else is on the link. Where nobody has an
 * IPv6 address there is no IPv6, whose announcements of link-local addresses would only be dropped.
 */
export function ipv6Sysctls(hasIpv6: boolean): Readonly<Record<string, string>> {
  return hasIpv6
    ? QUIET_IPV6
    : { 'net.ipv6.conf.all.disable_ipv6': '1', 'net.ipv6.conf.default.disable_ipv6': '1' };
}

const QUIET_IPV6: Readonly<Record<string, string>> = {
  'net.ipv6.conf.all.accept_ra': '0',
  'net.ipv6.conf.default.accept_ra': '0',
  'net.ipv6.conf.all.accept_dad': '0',
  'net.ipv6.conf.default.accept_dad': '0',
};

/** The address alone is on the device; all else goes by the node, which the pod knows as its gateway. */
function podCommands(pod: PlannedPod, routeMtu: number): string[] {
  const commands = [`link set lo up`];
  for (const address of pod.addresses) {
    commands.push(
      `addr replace ${addressText(address)}/${8 * address.length} dev ${POD_DEVICE}${noDad(address)}`,
    );
  }
  for (const gateway of pod.gateways) {
    if (!pod.addresses.some((address) => address.length === gateway.length)) continue;
    const text = addressText(gateway);
    commands.push(`route replace ${text}/${8 * gateway.length} dev ${POD_DEVICE}`);
    commands.push(`route replace default via ${text} dev ${POD_DEVICE} mtu ${routeMtu}`);
  }
  return commands;
}

export function noDad(address: Uint8Array): string {
  return address.length === 4 ? '' : ' nodad';
}

export function macText(mac: Uint8Array): string {
  return formatMac(mac);
}
