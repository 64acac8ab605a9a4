/** Which of Cilium's programs a node loads, how they are configured, and the devices that they are attached to. */
import type { Device } from '../engine/device.js';
import type { BpfLink, LoadedProgram, ProgramType } from '../engine/hooks/bpf-objects.js';
import type { Direction } from '../engine/hooks/device-hooks.js';
import { errnoName } from '../engine/hooks/errno.js';
import type { HookProgram } from '../engine/hooks/program.js';
import { SOCKET_HOOKS, SocketHooks } from '../engine/hooks/socket.js';
import type { BpfMap } from '../engine/maps/map.js';
import type { Namespace } from '../engine/namespace.js';
import * as ipv4 from '../engine/wire/ipv4.js';
import * as ipv6 from '../engine/wire/ipv6.js';
import { IDENTITY_HOST } from '../programs/constants.js';
import type { Datapath } from '../programs/datapath.js';
import type { Features } from '../programs/features.js';
import { hostPrograms } from '../programs/host.js';
import {
  DEFAULT_INSTANCE_CONFIG,
  type InstanceConfig,
  type ObjectKind,
  ProgramInstance,
} from '../programs/instance.js';
import { lxcPrograms } from '../programs/lxc.js';
import { overlayPrograms } from '../programs/overlay.js';
import { sockPrograms } from '../programs/sock.js';
import { wireguardPrograms } from '../programs/wireguard.js';
import { xdpPrograms } from '../programs/xdp.js';
import { ofFamily, rawWord, rawWordOfText } from './address-words.js';
import type { PlannedDevice, PlannedNode, PlannedPod } from './plan.js';
import { netnsCookie } from './plan-constants.js';
import { filterName, tagOf } from './program-names.js';
import { isAtLeast, type Version } from './version.js';

/** The first Cilium that has a program at native devices whatever it is configured to. */
const ALWAYS_AT_NATIVE_DEVICES: Version = [1, 15];
/** Policy verdict events for both directions. */
const VERDICTS_OF_BOTH_DIRECTIONS = 3;
/** Cilium's part of it. */
const BPF_FILE_SYSTEM = '/sys/fs/bpf/cilium';
const IPV4_VERSION = 4;
const IPV6_VERSION = 6;

/**
 * Loads the programs of one node. Cilium compiles an object per endpoint and per device; what one is compiled with and
 * the others are not is a feature of its instance.
 */
export class NodePrograms {
  readonly #datapath: Datapath;
  readonly #node: PlannedNode;
  readonly #host: Namespace;

  constructor(datapath: Datapath, node: PlannedNode, host: Namespace) {
    this.#datapath = datapath;
    this.#node = node;
    this.#host = host;
    // Id 0 says "no program" in the program arrays.
    if (datapath.programs.length === 0) datapath.programs.push(MISSING_PROGRAM);
    for (const { programs } of node.devices) {
      for (const { id } of programs.values()) if (id !== null) host.node.bpf.reserve(id);
    }
  }

  /** A pod's programs: on its device, and in the arrays through which the others call its policy. */
  attachPod(pod: PlannedPod, device: Device, policy: BpfMap): void {
    const datapath = this.#datapath;
    const config = {
      ...this.#config(pod.device),
      securityLabel: pod.identity,
      endpointId: pod.endpointId,
      endpointIpv4: rawWord(ofFamily(pod.addresses, ipv4.ADDRESS_LENGTH)),
      endpointIpv6: ofFamily(pod.addresses, ipv6.ADDRESS_LENGTH) ?? DEFAULT_INSTANCE_CONFIG.endpointIpv6,
      netnsCookie: netnsCookie(pod.endpointId),
      policyVerdictLogFilter: VERDICTS_OF_BOTH_DIRECTIONS,
    };
    const programs = lxcPrograms(
      this.#load('lxc', config, policy, { skipFib: this.#skipsFib && !datapath.features.endpointRoutes }),
    );
    const links = `endpoints/${pod.endpointId}/links`;
    this.#attach(pod.device, device, 'ingress', programs.fromContainer, links);
    if (datapath.features.endpointRoutes)
      this.#attach(pod.device, device, 'egress', programs.toContainer, links);
    setProgram(datapath, datapath.callPolicy, pod.endpointId, programs.policy);
    setProgram(datapath, datapath.egressCallPolicy, pod.endpointId, programs.policyEgress);
  }

  /** The node's own programs; `policy` is the host endpoint's map. */
  attachNode(policy: BpfMap): void {
    const { config, nativeDevices, devices, hostEndpointId } = this.#node;
    const { features } = this.#datapath;
    for (const device of devices) {
      if (device.name === 'cilium_host') {
        const programs = hostPrograms(this.#loadHost(device, policy, false));
        this.#attachOwn(device, 'ingress', programs.toHost);
        this.#attachOwn(device, 'egress', programs.fromHost);
        setProgram(this.#datapath, this.#datapath.callPolicy, hostEndpointId, programs.hostPolicy);
      } else if (device.name === 'cilium_net') {
        const programs = hostPrograms(this.#loadHost(device, policy, features.hostRouting));
        this.#attachOwn(device, 'ingress', programs.toHost);
      } else if (device.kind === 'tunnel') this.#attachOverlay(device, policy);
      else if (device.kind === 'wireguard') this.#attachWireguard(device, policy);
    }
    for (const device of nativeDevices) this.#attachNative(device, policy);
    if (config.features.nodePortAcceleration || config.features.prefilter) {
      for (const device of nativeDevices) this.#attachXdp(device, policy);
    }
  }

  /** The programs at sockets, which bpf-lb-sock asks for; null without them. `policy` is not looked at. */
  attachSockets(policy: BpfMap): SocketHooks | null {
    const { features } = this.#datapath;
    if (!features.socketLbFull) return null;
    const hooks = new SocketHooks();
    const instance = new ProgramInstance(this.#datapath, 'sock', DEFAULT_INSTANCE_CONFIG, policy);
    for (const version of [IPV4_VERSION, IPV6_VERSION]) {
      if (!(version === IPV4_VERSION ? features.ipv4 : features.ipv6)) continue;
      for (const program of sockPrograms(instance, version === IPV6_VERSION)) {
        const hook = SOCKET_HOOKS.find((name) => program.name.endsWith(`_${name}`))!;
        hooks.attach(hook, version, program);
      }
    }
    return hooks;
  }

  #attachNative(device: PlannedDevice, policy: BpfMap): void {
    const { features } = this.#datapath;
    const hasWorkOnTheWayOut =
      features.nodePort ||
      features.hostFirewall ||
      features.wireguard ||
      features.l2Announcements ||
      features.ipsec;
    const isNeeded = hasWorkOnTheWayOut || features.bandwidthManager || features.egressGateway;
    if (!isNeeded && !isAtLeast(this.#node.ciliumVersion, ALWAYS_AT_NATIVE_DEVICES)) return;
    const programs = hostPrograms(this.#loadHost(device, policy, features.hostRouting));
    this.#attachOwn(device, 'ingress', programs.fromNetdev);
    if (hasWorkOnTheWayOut) this.#attachOwn(device, 'egress', programs.toNetdev);
  }

  #attachXdp(device: PlannedDevice, policy: BpfMap): void {
    const instance = this.#load('xdp', this.#masquerading(device), policy, { skipFib: false });
    const made = this.#device(device);
    const loaded = this.#loadProgram('xdp', device, xdpPrograms(instance).entry);
    this.#pin(linksOf(made), made.hooks.xdp.createLink(loaded));
  }

  #attachOverlay(device: PlannedDevice, policy: BpfMap): void {
    const programs = overlayPrograms(this.#load('overlay', this.#config(device), policy, { skipFib: false }));
    this.#attachOwn(device, 'ingress', programs.fromOverlay);
    this.#attachOwn(device, 'egress', programs.toOverlay);
  }

  /** On the way in where the packets of pods come without a tunnel, on the way out where replies may be a service's. */
  #attachWireguard(device: PlannedDevice, policy: BpfMap): void {
    const { features } = this.#datapath;
    const config = {
      ...this.#config(device),
      ethernetHeaderLength: 0,
      secctxFromIpcache: features.hostRouting,
    };
    const programs = wireguardPrograms(this.#load('wireguard', config, policy, { skipFib: false }));
    if (!features.tunnelMode || (features.nodePort && features.nodeEncryption)) {
      this.#attachOwn(device, 'ingress', programs.fromWireguard);
    }
    if (!features.tunnelMode && features.nodePort && this.#node.config.l7Proxy) {
      this.#attachOwn(device, 'egress', programs.toWireguard);
    }
  }

  #attachOwn(device: PlannedDevice, direction: Direction, program: HookProgram): void {
    const made = this.#device(device);
    this.#attach(device, made, direction, program, linksOf(made));
  }

  /** By a tcx link, or as the one direct-action filter that the agent keeps at a device. */
  #attach(
    planned: PlannedDevice,
    device: Device,
    direction: Direction,
    program: HookProgram,
    links: string,
  ): void {
    const { hooks } = device;
    const loaded = this.#loadProgram('sched_cls', planned, program);
    if (this.#node.attachment === 'tcx') {
      this.#pin(links, hooks.tcx(direction).link(loaded));
      return;
    }
    hooks.addQdisc('clsact');
    const name = filterName(this.#node.ciliumVersion, program.name, planned);
    hooks.addFilter(direction, { priority: 1, handle: 1, directAction: true, program: loaded, name });
  }

  /** With the id and tag that the topology declares for it. */
  #loadProgram(type: ProgramType, device: PlannedDevice, program: HookProgram): LoadedProgram {
    const known = device.programs.get(program.name);
    const tag = known?.tag ?? tagOf(program.name);
    return this.#host.node.bpf.load(type, program, { tag }, known?.id ?? null);
  }

  #pin(links: string, link: BpfLink | number): void {
    if (typeof link === 'number') throw new Error(`${links}: ${errnoName(link)}`);
    const { name } = link.program.program;
    this.#host.node.bpf.pin(`${BPF_FILE_SYSTEM}/${links}/${name}`, link);
  }

  #loadHost(device: PlannedDevice, policy: BpfMap, secctxFromIpcache: boolean): ProgramInstance {
    const isNative = device.kind === 'physical';
    const config = isNative ? this.#masquerading(device) : this.#config(device);
    return this.#load('host', { ...config, securityLabel: IDENTITY_HOST, secctxFromIpcache }, policy, {
      skipFib: this.#skipsFib,
    });
  }

  #load(
    kind: ObjectKind,
    config: InstanceConfig,
    policy: BpfMap,
    own: Pick<Features, 'skipFib'>,
  ): ProgramInstance {
    return new ProgramInstance(this.#datapath, kind, config, policy, { ...this.#datapath.features, ...own });
  }

  /** With one device outside, BPF host routing knows the way without a FIB lookup. */
  get #skipsFib(): boolean {
    const { nativeDevices, directRoutingDevice } = this.#node;
    return this.#datapath.features.hostRouting && directRoutingDevice !== null && nativeDevices.length === 1;
  }

  #config(device: PlannedDevice): InstanceConfig {
    const { config, ciliumInternalAddresses } = this.#node;
    return {
      ...DEFAULT_INSTANCE_CONFIG,
      interfaceIfindex: device.ifindex,
      interfaceMac: device.mac,
      deviceMtu: device.mtu,
      serviceLoopbackIpv4: rawWordOfText(config.serviceLoopbackIpv4),
      routerIpv6:
        ofFamily(ciliumInternalAddresses, ipv6.ADDRESS_LENGTH) ?? DEFAULT_INSTANCE_CONFIG.routerIpv6,
    };
  }

  /** What leaves by a native device gets that device's address. */
  #masquerading(device: PlannedDevice): InstanceConfig {
    const { features } = this.#datapath;
    const addresses = device.addresses.map((prefix) => prefix.address);
    const { natIpv4Masquerade, natIpv6Masquerade } = DEFAULT_INSTANCE_CONFIG;
    return {
      ...this.#config(device),
      natIpv4Masquerade: features.masqueradeIpv4
        ? rawWord(ofFamily(addresses, ipv4.ADDRESS_LENGTH))
        : natIpv4Masquerade,
      natIpv6Masquerade:
        (features.masqueradeIpv6 ? ofFamily(addresses, ipv6.ADDRESS_LENGTH) : undefined) ?? natIpv6Masquerade,
    };
  }

  #device({ ifindex }: PlannedDevice): Device {
    return this.#host.device(ifindex)!;
  }
}

/** Where the agent keeps the links of a device. */
function linksOf({ name }: Device): string {
  return `devices/${name.replaceAll('.', '-')}/links`;
}

const MISSING_PROGRAM: HookProgram = {
  name: 'none',
  run(): number {
    throw new Error('program id 0 is no program');
  },
};

const scratchKey = new Int32Array(1);

/** Puts a program into a program array, at an endpoint id. */
function setProgram(datapath: Datapath, array: BpfMap, index: number, program: HookProgram): void {
  scratchKey[0] = index;
  const at = array.insert(scratchKey, 0, 0);
  if (at < 0) throw new RangeError(`${array.spec.name} has no place for endpoint ${index}`);
  array.words[at >> 2] = datapath.programs.push(program) - 1;
}
