/** Which of Cilium's programs a node loads, how they are configured, and the devices that they are attached to. */
import type { Device } from '../engine/device.js';
import { HOOK_TCX_EGRESS, HOOK_TCX_INGRESS, HOOK_XDP } from '../engine/hooks/chain.js';
import type { HookProgram } from '../engine/hooks/program.js';
import type { BpfMap } from '../engine/maps/map.js';
import type { Namespace } from '../engine/namespace.js';
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
import { wireguardPrograms } from '../programs/wireguard.js';
import { xdpPrograms } from '../programs/xdp.js';
import { rawWord, rawWordOfText } from './fill-maps.js';
import type { PlannedDevice, PlannedNode, PlannedPod } from './plan.js';

/** Policy verdict events for both directions. */
const VERDICTS_OF_BOTH_DIRECTIONS = 3;
const IPV4 = 4;
const IPV6 = 16;

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
  }

  /** A pod's programs: on its device, and in the arrays through which the others call its policy. */
  attachPod(pod: PlannedPod, device: Device, policy: BpfMap): void {
    const datapath = this.#datapath;
    const config = {
      ...this.#config(pod.device),
      securityLabel: pod.identity,
      endpointId: pod.endpointId,
      endpointIpv4: rawWord(ofFamily(pod.addresses, IPV4)),
      endpointIpv6: ofFamily(pod.addresses, IPV6) ?? DEFAULT_INSTANCE_CONFIG.endpointIpv6,
      netnsCookie: [pod.endpointId, 0] as const,
      policyVerdictLogFilter: VERDICTS_OF_BOTH_DIRECTIONS,
    };
    const programs = lxcPrograms(
      this.#load('lxc', config, policy, { skipFib: this.#skipsFib && !datapath.features.endpointRoutes }),
    );
    device.attach(HOOK_TCX_INGRESS, programs.fromContainer);
    if (datapath.features.endpointRoutes) device.attach(HOOK_TCX_EGRESS, programs.toContainer);
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
        this.#device(device).attach(HOOK_TCX_INGRESS, programs.toHost);
        this.#device(device).attach(HOOK_TCX_EGRESS, programs.fromHost);
        setProgram(this.#datapath, this.#datapath.callPolicy, hostEndpointId, programs.hostPolicy);
      } else if (device.name === 'cilium_net') {
        const programs = hostPrograms(this.#loadHost(device, policy, features.hostRouting));
        this.#device(device).attach(HOOK_TCX_INGRESS, programs.toHost);
      } else if (device.kind === 'tunnel') this.#attachOverlay(device, policy);
      else if (device.kind === 'wireguard') this.#attachWireguard(device, policy);
    }
    for (const device of nativeDevices) this.#attachNative(device, policy);
    if (config.features.nodePortAcceleration || config.features.prefilter) {
      for (const device of nativeDevices) this.#attachXdp(device, policy);
    }
  }

  #attachNative(device: PlannedDevice, policy: BpfMap): void {
    const { features } = this.#datapath;
    const programs = hostPrograms(this.#loadHost(device, policy, features.hostRouting));
    this.#device(device).attach(HOOK_TCX_INGRESS, programs.fromNetdev);
    const hasWorkOnTheWayOut =
      features.nodePort ||
      features.hostFirewall ||
      features.wireguard ||
      features.l2Announcements ||
      features.ipsec;
    if (hasWorkOnTheWayOut) this.#device(device).attach(HOOK_TCX_EGRESS, programs.toNetdev);
  }

  #attachXdp(device: PlannedDevice, policy: BpfMap): void {
    const instance = this.#load('xdp', this.#masquerading(device), policy, { skipFib: false });
    this.#device(device).attach(HOOK_XDP, xdpPrograms(instance).entry);
  }

  #attachOverlay(device: PlannedDevice, policy: BpfMap): void {
    const programs = overlayPrograms(this.#load('overlay', this.#config(device), policy, { skipFib: false }));
    this.#device(device).attach(HOOK_TCX_INGRESS, programs.fromOverlay);
    this.#device(device).attach(HOOK_TCX_EGRESS, programs.toOverlay);
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
    const made = this.#device(device);
    if (!features.tunnelMode || (features.nodePort && features.nodeEncryption)) {
      made.attach(HOOK_TCX_INGRESS, programs.fromWireguard);
    }
    if (!features.tunnelMode && features.nodePort && this.#node.config.l7Proxy) {
      made.attach(HOOK_TCX_EGRESS, programs.toWireguard);
    }
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
      routerIpv6: ofFamily(ciliumInternalAddresses, IPV6) ?? DEFAULT_INSTANCE_CONFIG.routerIpv6,
    };
  }

  /** What leaves by a native device gets that device's address. */
  #masquerading(device: PlannedDevice): InstanceConfig {
    const { features } = this.#datapath;
    const addresses = device.addresses.map((prefix) => prefix.address);
    const { natIpv4Masquerade, natIpv6Masquerade } = DEFAULT_INSTANCE_CONFIG;
    return {
      ...this.#config(device),
      natIpv4Masquerade: features.masqueradeIpv4 ? rawWord(ofFamily(addresses, IPV4)) : natIpv4Masquerade,
      natIpv6Masquerade:
        (features.masqueradeIpv6 ? ofFamily(addresses, IPV6) : undefined) ?? natIpv6Masquerade,
    };
  }

  #device({ ifindex }: PlannedDevice): Device {
    return this.#host.device(ifindex)!;
  }
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

export function ofFamily(addresses: readonly Uint8Array[], length: number): Uint8Array | undefined {
  return addresses.find((address) => address.length === length);
}
