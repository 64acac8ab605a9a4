/**
 * Makes up a topology that a capture can be replayed in: one node, the capture's pods, the rest outside. Where the
 * capture was taken shows in its MACs: at a pod's device there are two, one of them with the pod's address alone; at
 * a node's outside device the node's MAC sends what it has routed, so with a TTL that was lowered already.
 */
import { addressText, contains, type Prefix, parseAddress, parsePrefix } from '../engine/address-text.js';
import { type AddressFacts, type CaptureFacts, isPrivate } from './capture-facts.js';
import { networkAddress } from './check-text.js';
import { FaultList, TopologyError } from './faults.js';
import type { NodeSpec, PodSpec, TopologySpec } from './spec.js';

/** Pods of a made-up topology at most; further addresses are outside. */
const PODS_LIMIT = 64;
/** TTLs that systems send with (1: to the link alone); others were lowered by a router on the way. */
const INITIAL_TTLS: readonly number[] = [1, 32, 64, 128, 255];
const NODE = 'node1';
const OUTSIDE_DEVICE = 'eth0';
/** RFC 2544: addresses that no network in use has. */
const NODE_NETWORK = '198.18.0.';

export interface InferOptions {
  /** Prefixes that pods have their addresses from. */
  readonly podCidrs?: readonly string[];
  /** Name of the topology. */
  readonly name?: string;
  /** The capture had no link headers; its MACs were made from the addresses, so that nobody is behind a MAC. */
  readonly madeLinks?: boolean;
}

export interface InferredTopology {
  readonly spec: TopologySpec;
  /** In one line: what was taken for what. */
  readonly summary: string;
  /** Device that the capture was taken at, for the placement; null when it was no single one. */
  readonly captureDevice: string | null;
  /** Whether frames need the topology's link addresses, since the capture's are those of another network. */
  readonly adoptLinks: boolean;
}

interface Guess {
  readonly pods: readonly PodGuess[];
  /** MACs of the node's outside device and of its gateway. */
  readonly nodeMac: string | null;
  readonly gatewayMac: string | null;
  readonly nodeAddress: string | null;
  readonly captureDevice: string | null;
  readonly adoptLinks: boolean;
}

interface PodGuess {
  readonly addresses: readonly AddressFacts[];
  readonly mac: string | null;
  /** MAC of the device on the host's side. */
  readonly deviceMac: string | null;
}

/** Throws TopologyError when a hint is no prefix. */
export function inferTopology(facts: CaptureFacts, options: InferOptions = {}): InferredTopology {
  const hints = readHints(options.podCidrs ?? []);
  const guess =
    guessPodDevice(facts, hints) ??
    (options.madeLinks ? null : guessOutsideDevice(facts, hints)) ??
    guessStations(facts, hints);
  const spec = makeSpec(facts, guess, hints, options.name ?? 'inferred');
  const outside = [...facts.addresses.keys()].filter(
    (text) => !guess.pods.some((pod) => pod.addresses.some((address) => address.text === text)),
  );
  return {
    spec,
    summary: summarize(guess, outside.length),
    captureDevice: guess.captureDevice,
    adoptLinks: guess.adoptLinks,
  };
}

function readHints(texts: readonly string[]): Prefix[] {
  const faults = new FaultList();
  const prefixes = texts.flatMap((text) => {
    const prefix = parsePrefix(text);
    if (prefix === null)
      faults.error([], `pod CIDR ${JSON.stringify(text)} is not a prefix such as 10.0.0.0/8`);
    return prefix === null ? [] : { address: networkAddress(prefix), length: prefix.length };
  });
  if (faults.hasErrors) throw new TopologyError('inferred topology', faults.faults);
  return prefixes;
}

function isHinted(facts: AddressFacts, hints: readonly Prefix[]): boolean {
  const address = parseAddress(facts.text)!;
  return hints.some((prefix) => contains(prefix, address));
}

/** Address facts by the MAC that sends from them most. */
function byMac(facts: CaptureFacts): Map<string, AddressFacts[]> {
  const groups = new Map<string, AddressFacts[]>();
  for (const address of facts.addresses.values()) {
    const [mac] = [...address.macs].reduce((a, b) => (b[1] > a[1] ? b : a));
    const group = groups.get(mac);
    if (group === undefined) groups.set(mac, [address]);
    else group.push(address);
  }
  return groups;
}

function isRouted(address: AddressFacts): boolean {
  return !INITIAL_TTLS.includes(address.ttl);
}

/** One address per family at most. */
function isOneHost(addresses: readonly AddressFacts[]): boolean {
  return addresses.length === 1 || (addresses.length === 2 && addresses[0].isIpv6 !== addresses[1].isIpv6);
}

/** Of two that could be the pod: hinted, then who asks, private, first seen. */
function preferPod(a: AddressFacts, b: AddressFacts, hints: readonly Prefix[]): number {
  return (
    Number(isHinted(b, hints)) - Number(isHinted(a, hints)) ||
    Math.sign(b.asked - b.answered) - Math.sign(a.asked - a.answered) ||
    Number(isPrivate(b.text)) - Number(isPrivate(a.text)) ||
    a.order - b.order
  );
}

/** Two MACs, one of which sends from one address that was not routed yet. */
function guessPodDevice(facts: CaptureFacts, hints: readonly Prefix[]): Guess | null {
  const macs = [...facts.macs.keys()];
  if (macs.length !== 2) return null;
  const candidates = [...byMac(facts)]
    .filter(([, addresses]) => isOneHost(addresses) && !addresses.some(isRouted))
    .sort(([, a], [, b]) => preferPod(a[0], b[0], hints));
  if (candidates.length === 0) return null;
  const [mac, addresses] = candidates[0];
  if (hints.length > 0 && !isHinted(addresses[0], hints)) return null;
  const deviceMac = macs.find((other) => other !== mac)!;
  return {
    pods: [{ addresses, mac, deviceMac }],
    nodeMac: null,
    gatewayMac: null,
    nodeAddress: null,
    captureDevice: `${NODE}/${deviceName(0)}`,
    adoptLinks: false,
  };
}

/** A MAC that sends from addresses behind it. */
function guessOutsideDevice(facts: CaptureFacts, hints: readonly Prefix[]): Guess | null {
  const groups = [...byMac(facts)];
  const rate = (addresses: readonly AddressFacts[]): number =>
    addresses.filter((address) =>
      hints.length > 0 ? isHinted(address, hints) : isRouted(address) && isPrivate(address.text),
    ).length;
  const [best] = groups.sort(([, a], [, b]) => rate(b) - rate(a) || preferPod(a[0], b[0], hints));
  if (best === undefined || rate(best[1]) === 0) return null;
  const [nodeMac, addresses] = best;
  // A hinted address that was not routed is the pod's own MAC talking: no node in between.
  const behind = addresses.filter(
    (address) => isRouted(address) && (hints.length === 0 || isHinted(address, hints)),
  );
  if (behind.length === 0) return null;
  const others = groups.filter(([mac]) => mac !== nodeMac);
  const gatewayMac = others.sort(([, a], [, b]) => frames(b) - frames(a))[0]?.[0] ?? null;
  const own = addresses.find((address) => !isRouted(address) && !address.isIpv6);
  return {
    pods: behind
      .slice(0, PODS_LIMIT)
      .map((address) => ({ addresses: [address], mac: null, deviceMac: null })),
    nodeMac,
    gatewayMac,
    nodeAddress: own?.text ?? null,
    captureDevice: `${NODE}/${OUTSIDE_DEVICE}`,
    adoptLinks: false,
  };
}

function frames(addresses: readonly AddressFacts[]): number {
  return addresses.reduce((sum, address) => sum + address.frames, 0);
}

/** No single device: each station that asks, or is hinted at, is a pod. */
function guessStations(facts: CaptureFacts, hints: readonly Prefix[]): Guess {
  const groups = [...byMac(facts)].filter(([, addresses]) => isOneHost(addresses));
  const chosen = groups.filter(([, [address]]) =>
    hints.length > 0 ? isHinted(address, hints) : isPrivate(address.text) && address.asked > 0,
  );
  const all = [...facts.addresses.values()].filter(
    (address) => hints.length === 0 || isHinted(address, hints),
  );
  const fallback = all.sort((a, b) => preferPod(a, b, hints)).slice(0, 1);
  const pods =
    chosen.length > 0
      ? chosen.map(([mac, addresses]) => ({ addresses, mac, deviceMac: null }))
      : fallback.map((address) => ({ addresses: [address], mac: null, deviceMac: null }));
  return {
    pods: pods.slice(0, PODS_LIMIT),
    nodeMac: null,
    gatewayMac: null,
    nodeAddress: null,
    captureDevice: null,
    adoptLinks: true,
  };
}

function deviceName(pod: number): string {
  return `lxc${pod + 1}`;
}

function makeSpec(facts: CaptureFacts, guess: Guess, hints: readonly Prefix[], name: string): TopologySpec {
  const pods = guess.pods.map(podSpec);
  // A capture without IP, or without an address of the hint, still has to walk somewhere.
  if (pods.length === 0) {
    const network = hints[0] ?? { address: Uint8Array.of(10, 0, 0, 0), length: 24 };
    pods.push({ name: 'pod1', ips: [freeAddress(network, facts.seen)], device: { name: deviceName(0) } });
  }
  const hasIpv6 = pods.some((pod) => pod.ips?.some((text) => text.includes(':')));
  const taken = new Set([...facts.seen, ...pods.flatMap((pod) => pod.ips ?? [])]);
  return {
    name,
    description: 'Made up from a capture',
    cilium: {
      'routing-mode': 'native',
      'bpf-lb-sock': false,
      'enable-endpoint-routes': true,
      'enable-host-legacy-routing': true,
      ...(hasIpv6 ? { 'enable-ipv6': true } : {}),
    },
    // No podCIDR: the node would keep what is for other nodes' pods in it.
    nodes: [
      {
        ...outsideSpec(guess, taken, hasIpv6),
        ciliumInternalIP: gatewayOf(facts, guess, networkOf(pods[0]), taken),
        pods,
      },
    ],
  };
}

function podSpec(pod: PodGuess, i: number): PodSpec {
  return {
    name: `pod${i + 1}`,
    ips: pod.addresses.map((address) => address.text),
    ...(pod.mac === null ? {} : { mac: pod.mac }),
    device: { name: deviceName(i), ...(pod.deviceMac === null ? {} : { mac: pod.deviceMac }) },
  };
}

/** Whom the pod asked for by ARP and was answered by its device; else an address that nobody has. */
function gatewayOf(facts: CaptureFacts, guess: Guess, network: Prefix, taken: ReadonlySet<string>): string {
  const [pod] = guess.pods;
  for (const [address, mac] of facts.claims) {
    const isPods = pod?.addresses.some((other) => other.text === address) ?? false;
    if (mac === pod?.deviceMac && !isPods) return address;
  }
  return freeAddress(network, taken);
}

/** The /24 (IPv6: /64) of a pod's first address. */
function networkOf(pod: PodSpec): Prefix {
  const address = parseAddress(pod.ips![0])!;
  return { address, length: address.length === 4 ? 24 : 64 };
}

/** The first address of a network that is not taken. */
function freeAddress(network: Prefix, taken: ReadonlySet<string>): string {
  const candidate = networkAddress(network);
  do {
    let i = candidate.length - 1;
    while (candidate[i] === 255) candidate[i--] = 0;
    candidate[i]++;
  } while (taken.has(addressText(candidate)));
  return addressText(candidate);
}

function outsideSpec(guess: Guess, taken: ReadonlySet<string>, hasIpv6: boolean): NodeSpec {
  const free = (first: number): string => {
    let last = first;
    while (taken.has(NODE_NETWORK + last)) last++;
    return NODE_NETWORK + last;
  };
  const address = guess.nodeAddress ?? free(1);
  const gateway = free(100);
  const gatewayMac = guess.gatewayMac ?? '02:70:ff:00:00:01';
  const ipv6Gateway = 'fe80::1';
  const ipv6Routes = hasIpv6 ? [{ to: 'default6', via: ipv6Gateway, dev: OUTSIDE_DEVICE, onlink: true }] : [];
  const ipv6Neighbours = hasIpv6 ? [{ address: ipv6Gateway, mac: gatewayMac, dev: OUTSIDE_DEVICE }] : [];
  return {
    name: NODE,
    devices: [
      {
        name: OUTSIDE_DEVICE,
        ...(guess.nodeMac === null ? {} : { mac: guess.nodeMac }),
        addresses: [`${address}/${guess.nodeAddress === null ? 24 : 32}`],
      },
    ],
    routes: [{ to: 'default', via: gateway, dev: OUTSIDE_DEVICE, onlink: true }, ...ipv6Routes],
    neighbours: [{ address: gateway, mac: gatewayMac, dev: OUTSIDE_DEVICE }, ...ipv6Neighbours],
  };
}

function summarize(guess: Guess, outside: number): string {
  const addresses = guess.pods.flatMap((pod) => pod.addresses.map((address) => address.text));
  if (addresses.length === 0) return 'no IP addresses in the capture: a node with one pod is made up';
  const shown = addresses.slice(0, 3).join(', ') + (addresses.length > 3 ? `, … (${addresses.length})` : '');
  const place = guess.captureDevice === null ? 'no single device' : guess.captureDevice;
  const what = addresses.length === 1 ? 'pod' : 'pods';
  return `${what} ${shown}; taken at ${place}; ${outside} ${outside === 1 ? 'address' : 'addresses'} outside`;
}
