/** Who the ends of an expression are in a topology: addresses, ports, and from where the packet starts. */
import { addressText } from '../../engine/address-text.js';
import type { Device } from '../../engine/device.js';
import type { Namespace } from '../../engine/namespace.js';
import { isEqual } from '../../engine/wire/bytes.js';
import * as tcp from '../../engine/wire/tcp.js';
import { MARK_HOST } from '../../programs/constants.js';
import * as services from '../../programs/tables/services.js';
import type { BuiltTopology } from '../built.js';
import { suggestion } from '../faults.js';
import type { PlannedService } from '../plan.js';
import { type Expression, messageNumbers, type WrittenEnd } from './expression.js';
import { ExpressionError } from './expression-error.js';
import { withPort } from './frame-layers.js';
import { outsideEntry } from './outside.js';
import type { PacketContent, PacketProtocol } from './packet-request.js';

/** Where a packet starts: sent by a stack, put on a device by a process, or received by a device. */
export type Origin =
  | { readonly kind: 'stack'; readonly namespace: Namespace; readonly mark: number }
  | { readonly kind: 'socket'; readonly device: Device }
  | { readonly kind: 'device'; readonly device: Device; readonly sourceMac: Uint8Array };

export interface PacketRequest {
  readonly content: PacketContent;
  readonly origin: Origin;
  /** The expression with everything filled in. */
  readonly text: string;
}

const NUMBERS: Readonly<Record<string, number>> = { tcp: 6, udp: 17, sctp: 132 };
/** Ports that are not written; the source's is one that no service and no NAT of Cilium uses. */
const SOURCE_PORT = 41234;
const DEFAULT_PORTS: Readonly<Record<string, number>> = { tcp: 80, udp: 53, sctp: 80 };
/** Somebody out there, from the ranges for documentation (RFC 5737, RFC 3849). */
const OUTSIDE_IPV4 = Uint8Array.of(198, 51, 100, 7);
const OUTSIDE_IPV6 = Uint8Array.of(0x20, 0x01, 0x0d, 0xb8, 0, 0x99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7);
const DEFAULT_ID = 0x1d0c;
/** For experiments (RFC 3692). */
const EXPERIMENTAL_PROTOCOL = 253;

interface Host {
  readonly name: string;
  readonly kind: 'pod' | 'node' | 'router' | 'host';
  readonly addresses: readonly Uint8Array[];
  readonly namespace: Namespace;
}

/** Where a packet starts, whatever its source is. */
export type StartPlace = { readonly namespace: Namespace } | { readonly device: Device };

export interface ResolveOptions {
  /** Null goes by the packet's source. */
  readonly from?: StartPlace | null;
  /** TCP flags where none are written; default SYN. */
  readonly flags?: number;
}

/** Fills in what an expression leaves out, from the topology. Throws ExpressionError. */
export function resolveExpression(
  built: BuiltTopology,
  expression: Expression,
  { from = null, flags = tcp.SYN }: ResolveOptions = {},
): PacketRequest {
  return new Resolver(built, expression, flags).resolve(from);
}

class Resolver {
  readonly #built: BuiltTopology;
  readonly #expression: Expression;
  readonly #hosts: readonly Host[];

  readonly #usualFlags: number;

  constructor(built: BuiltTopology, expression: Expression, usualFlags: number) {
    this.#usualFlags = usualFlags;
    this.#built = built;
    this.#expression = expression;
    this.#hosts = hostsOf(built);
  }

  resolve(from: StartPlace | null): PacketRequest {
    const { to } = this.#expression;
    const service = to.address === null ? this.#service(to) : null;
    const protocol = this.#protocol(service);
    const length = this.#family(service);
    const source = this.#source(length);
    const [destination, destinationPort] = this.#destination(service, protocol, length, source.host === null);
    const content = this.#content(protocol, source.address, destination, destinationPort);
    const origin = this.#origin(content, source.host, from);
    return { content, origin, text: contentText(content) };
  }

  #fail({ word }: WrittenEnd, message: string): never {
    throw new ExpressionError(this.#expression.text, word.at, word.text.length, message);
  }

  /** Frontends of the service that an end names; null when it names none. Pods come before services. */
  #service(end: WrittenEnd): readonly PlannedService[] | null {
    const name = end.host.replace(/^svc\//, '');
    const isPlain = name === end.host;
    if (isPlain && this.#hosts.some((host) => host.name === name && host.kind === 'pod')) return null;
    const found = this.#built.plan.services.filter((service) => service.name === name);
    return found.length === 0 ? null : found;
  }

  #protocol(service: readonly PlannedService[] | null): PacketProtocol {
    const { protocol, to, flags, message, addressLength, icmp } = this.#expression;
    if (protocol !== null) return protocol;
    if (flags !== null) return 'tcp';
    const isV6 = addressLength === 16 || to.address?.length === 16;
    if (message !== '' || icmp.type !== null) return isV6 ? 'icmpv6' : 'icmp';
    if (service !== null) {
      const ports = service.filter(({ port }) => to.port === '' || port === Number(to.port));
      const number = (ports[0] ?? service[0]).protocol;
      return (Object.keys(NUMBERS).find((name) => NUMBERS[name] === number) ?? 'tcp') as PacketProtocol;
    }
    if (to.port !== '') return 'tcp';
    return isV6 || this.#family(null) === 16 ? 'icmpv6' : 'icmp';
  }

  /** By what is written, else the first family that both ends have. */
  #family(service: readonly PlannedService[] | null): 4 | 16 {
    const { addressLength, from, to } = this.#expression;
    const wanted = [from, to].filter(({ address }) => address !== null);
    for (const end of wanted) {
      const own = end.address!.length as 4 | 16;
      if (addressLength !== null && own !== addressLength) {
        this.#fail(
          end,
          `${end.host} is not an IPv${addressLength === 4 ? 4 : 6} address, which the protocol takes`,
        );
      }
    }
    if (wanted.length === 2 && wanted[0].address!.length !== wanted[1].address!.length) {
      this.#fail(to, `${to.host} is of another family than ${from.host}`);
    }
    if (wanted.length > 0) return wanted[0].address!.length as 4 | 16;
    if (addressLength !== null) return addressLength;
    const sets = [this.#lengthsOf(from, null), this.#lengthsOf(to, service)];
    return sets.every((lengths) => lengths.includes(4))
      ? 4
      : sets.every((lengths) => lengths.includes(16))
        ? 16
        : 4;
  }

  #lengthsOf(end: WrittenEnd, service: readonly PlannedService[] | null): readonly number[] {
    if (service !== null) return service.map(({ address }) => address.length);
    if (this.#expression.fromOutside && end === this.#expression.from) return [4, 16];
    return this.#host(end).addresses.map((address) => address.length);
  }

  /** The pod, node or router that an end names. */
  #host(end: WrittenEnd): Host {
    const match = /^(pod|node|router|host)\/(.+)$/.exec(end.host);
    const [kind, name] = match === null ? [null, end.host] : [match[1], match[2]];
    const found = this.#hosts.find((host) => host.name === name && (kind === null || host.kind === kind));
    if (found !== undefined) return found;
    const { services: all } = this.#built.plan;
    const isDestination = end === this.#expression.to;
    if (!isDestination && all.some((service) => service.name === name)) {
      this.#fail(end, `${name} is a service; packets come from pods, nodes and addresses`);
    }
    const names = [
      ...this.#hosts.map((host) => host.name),
      ...(isDestination ? all.map((service) => service.name) : []),
    ];
    const kinds = isDestination ? 'pod, service, node, router or host' : 'pod, node, router or host';
    const hint = suggestion(name, names) || `; there are ${[...new Set(names)].join(', ')}, and addresses`;
    this.#fail(
      end,
      `no ${kinds} of topology ${this.#built.plan.name} is called ${JSON.stringify(name)}${hint}`,
    );
  }

  /** The source's address, and who has it; null for somebody outside. */
  #source(length: 4 | 16): { address: Uint8Array; host: Host | null } {
    const { from, fromOutside } = this.#expression;
    if (from.address !== null) {
      const { address } = from;
      const host = fromOutside
        ? undefined
        : this.#hosts.find((other) => other.addresses.some((own) => isEqual(own, address)));
      return { address, host: host ?? null };
    }
    if (fromOutside) return { address: length === 4 ? OUTSIDE_IPV4 : OUTSIDE_IPV6, host: null };
    const host = this.#host(from);
    return { address: this.#ofFamily(from, host.addresses, length), host };
  }

  #ofFamily(end: WrittenEnd, addresses: readonly Uint8Array[], length: 4 | 16): Uint8Array {
    const found = addresses.find((address) => address.length === length);
    if (found === undefined) this.#fail(end, `${end.host} has no IPv${length === 4 ? 4 : 6} address`);
    return found;
  }

  #destination(
    service: readonly PlannedService[] | null,
    protocol: PacketProtocol,
    length: 4 | 16,
    fromOutside: boolean,
  ): readonly [address: Uint8Array, port: number] {
    const { to } = this.#expression;
    if (service !== null) return this.#frontend(service, protocol, length, fromOutside);
    const address = to.address ?? this.#ofFamily(to, this.#host(to).addresses, length);
    if (to.port !== '' && !/^\d+$/.test(to.port)) {
      this.#fail(to, `${JSON.stringify(to.port)} is no port; ports have numbers here`);
    }
    if (to.port !== '') return [address, Number(to.port)];
    return [address, this.#usualPort(address, protocol)];
  }

  /** Of an address: the port that a service of the topology has there, or sends to. */
  #usualPort(address: Uint8Array, protocol: PacketProtocol): number {
    const { services: all } = this.#built.plan;
    const number = NUMBERS[protocol];
    if (number === undefined) return 0;
    const ofProtocol = all.filter((service) => service.protocol === number);
    const frontend = ofProtocol.find((service) => isEqual(service.address, address));
    const backend = ofProtocol
      .flatMap((service) => service.backends)
      .find((one) => isEqual(one.address, address));
    return frontend?.port ?? backend?.port ?? DEFAULT_PORTS[protocol] ?? 0;
  }

  /** From outside by a load balancer's address or a node port where there is one, else by the ClusterIP. */
  #frontend(
    service: readonly PlannedService[],
    protocol: PacketProtocol,
    length: 4 | 16,
    fromOutside: boolean,
  ): readonly [Uint8Array, number] {
    const { to } = this.#expression;
    const number = NUMBERS[protocol];
    const fitting = service
      .filter(({ address }) => address.length === length)
      .filter((one) => number === undefined || one.protocol === number)
      .filter(
        ({ port, flags }) =>
          to.port === '' ||
          port === Number(to.port) ||
          ((flags & services.NODEPORT) !== 0 && port === Number(to.port)),
      );
    const external = services.LOADBALANCER | services.EXTERNAL_IP;
    const inside = fitting.filter(({ address, flags }) => !isZero(address) && (flags & external) === 0);
    const outside = fitting.filter(({ flags }) => (flags & external) !== 0);
    const nodePorts = fitting.filter(({ address }) => isZero(address));
    const order = fromOutside ? [...outside, ...nodePorts, ...inside] : [...inside, ...outside, ...nodePorts];
    const chosen = order[0];
    if (chosen === undefined) {
      const has = [...new Set(service.map((one) => `${one.port}/${protocolName(one.protocol)}`))];
      this.#fail(
        to,
        `service ${to.host} has no ${to.port === '' ? '' : `port ${to.port}/`}${protocol} in IPv${length === 4 ? 4 : 6}; it has ${has.join(', ')}`,
      );
    }
    const port = number === undefined ? 0 : chosen.port;
    if (!isZero(chosen.address)) return [chosen.address, port];
    const [node] = this.#built.plan.nodes;
    return [this.#ofFamily(to, node.internalAddresses, length), port];
  }

  #content(
    protocol: PacketProtocol,
    source: Uint8Array,
    destination: Uint8Array,
    destinationPort: number,
  ): PacketContent {
    const { from, flags, icmp, message, id, ipProtocol, ...rest } = this.#expression;
    if (from.port !== '' && !/^\d+$/.test(from.port))
      this.#fail(from, `${JSON.stringify(from.port)} is no port`);
    const isV6 = source.length === 16;
    const [type, code] = messageNumbers(message === '' ? 'echo' : message, isV6);
    const hasPorts = NUMBERS[protocol] !== undefined;
    const identification = id ?? DEFAULT_ID;
    return {
      protocol: isV6 && protocol === 'icmp' ? 'icmpv6' : protocol,
      source,
      destination,
      sourcePort: !hasPorts ? 0 : from.port === '' ? SOURCE_PORT : Number(from.port),
      destinationPort: hasPorts ? destinationPort : 0,
      flags: flags ?? this.#usualFlags,
      ttl: rest.ttl,
      length: rest.length,
      dontFragment: rest.dontFragment && !isV6,
      fragmentOffset: rest.fragmentOffset,
      moreFragments: rest.moreFragments,
      id: identification,
      typeOfService: rest.typeOfService,
      icmpType: icmp.type ?? type,
      icmpCode: icmp.code ?? (icmp.type === null ? code : 0),
      ipProtocol: ipProtocol ?? EXPERIMENTAL_PROTOCOL,
      vlan: rest.vlan,
    };
  }

  #origin(content: PacketContent, host: Host | null, from: StartPlace | null): Origin {
    const { mark } = this.#expression;
    if (from !== null && 'device' in from) {
      return {
        kind: 'device',
        device: from.device,
        sourceMac: outsideEntry.sourceMac(from.device, content.source),
      };
    }
    const namespace = from?.namespace ?? host?.namespace ?? null;
    if (namespace !== null) {
      const device = namespace.devices.find(({ kind }) => kind === 'veth' || kind === 'physical');
      if (content.protocol === 'arp' && device !== undefined) return { kind: 'socket', device };
      const isNode = this.#built.findNode(namespace)?.node.host === namespace;
      return { kind: 'stack', namespace, mark: mark ?? (isNode ? MARK_HOST : 0) };
    }
    const device = outsideEntry.device(this.#built, content.source, content.destination);
    if (device === null) {
      this.#fail(this.#expression.from, `no device of topology ${this.#built.plan.name} leads outside`);
    }
    return { kind: 'device', device, sourceMac: outsideEntry.sourceMac(device, content.source) };
  }
}

function hostsOf(built: BuiltTopology): Host[] {
  const { plan, network } = built;
  const pods = built.pods.map(
    ({ planned, namespace }): Host => ({
      name: planned.name,
      kind: 'pod',
      addresses: planned.addresses,
      namespace,
    }),
  );
  const nodes = plan.nodes.map(
    ({ name, internalAddresses, devices }): Host => ({
      name,
      kind: 'node',
      addresses: [
        ...internalAddresses,
        ...devices.flatMap(({ addresses }) => addresses.map(({ address }) => address)),
      ],
      namespace: network.node(name)!.host,
    }),
  );
  const others = (['router', 'host'] as const).flatMap((kind) =>
    (kind === 'router' ? plan.routers : plan.hosts).map(
      ({ name, devices }): Host => ({
        name,
        kind,
        addresses: devices.flatMap(({ addresses }) => addresses.map(({ address }) => address)),
        namespace: network.node(name)!.host,
      }),
    ),
  );
  return [...pods, ...nodes, ...others];
}

function isZero(address: Uint8Array): boolean {
  return address.every((byte) => byte === 0);
}

function protocolName(number: number): string {
  return Object.keys(NUMBERS).find((name) => NUMBERS[name] === number) ?? String(number);
}

/** `10.0.0.1:41234 → 10.0.0.2:80 tcp`: the ends as the packet has them. */
function contentText({ protocol, source, destination, sourcePort, destinationPort }: PacketContent): string {
  const text = (address: Uint8Array, port: number): string => {
    const host = addressText(address);
    return NUMBERS[protocol] === undefined ? host : withPort(host, port);
  };
  return `${protocol} ${text(source, sourcePort)} -> ${text(destination, destinationPort)}`;
}
