/** Run-time configuration of recorded instances: hex by variable name. */
import { DEFAULT_INSTANCE_CONFIG, type InstanceConfig } from '../../src/programs/instance.js';
import { type RecordedInstance, type Scenario, VectorError } from './vector-format.js';

type Writable<T> = { -readonly [K in keyof T]: T[K] };
type Reader = (config: Writable<InstanceConfig>, bytes: Buffer) => void;

const VARIABLES: Readonly<Record<string, { readonly size: number; readonly read: Reader }>> = {
  interface_ifindex: { size: 4, read: (c, b) => (c.interfaceIfindex = b.readInt32LE()) },
  interface_mac: { size: 8, read: (c, b) => (c.interfaceMac = Uint8Array.from(b)) },
  security_label: { size: 4, read: (c, b) => (c.securityLabel = b.readInt32LE()) },
  endpoint_id: { size: 2, read: (c, b) => (c.endpointId = b.readUInt16LE()) },
  endpoint_ipv4: { size: 4, read: (c, b) => (c.endpointIpv4 = b.readInt32LE()) },
  endpoint_ipv6: { size: 16, read: (c, b) => (c.endpointIpv6 = Uint8Array.from(b)) },
  endpoint_netns_cookie: { size: 8, read: (c, b) => (c.netnsCookie = [b.readInt32LE(), b.readInt32LE(4)]) },
  secctx_from_ipcache: { size: 1, read: (c, b) => (c.secctxFromIpcache = b[0] !== 0) },
  policy_verdict_log_filter: { size: 4, read: (c, b) => (c.policyVerdictLogFilter = b.readInt32LE()) },
  eth_header_length: { size: 1, read: (c, b) => (c.ethernetHeaderLength = b[0]) },
  device_mtu: { size: 2, read: (c, b) => (c.deviceMtu = b.readUInt16LE()) },
  nat_ipv4_masquerade: { size: 4, read: (c, b) => (c.natIpv4Masquerade = b.readInt32LE()) },
  nat_ipv6_masquerade: { size: 16, read: (c, b) => (c.natIpv6Masquerade = Uint8Array.from(b)) },
  service_loopback_ipv4: { size: 4, read: (c, b) => (c.serviceLoopbackIpv4 = b.readInt32LE()) },
  router_ipv6: { size: 16, read: (c, b) => (c.routerIpv6 = Uint8Array.from(b)) },
};

/** `linkHeaderLength` is what the build was compiled for (`ETH_HLEN`), where it says so. */
export function configOf(
  id: string,
  instance: RecordedInstance,
  linkHeaderLength?: string | number,
): InstanceConfig {
  const config: Writable<InstanceConfig> = { ...DEFAULT_INSTANCE_CONFIG };
  if (linkHeaderLength !== undefined) config.ethernetHeaderLength = Number(linkHeaderLength);
  else if (instance.object === 'wireguard') config.ethernetHeaderLength = 0;
  for (const [name, hex] of Object.entries(instance.config)) {
    const variable = VARIABLES[name];
    if (variable === undefined) continue;
    const bytes = Buffer.from(hex, 'hex');
    if (bytes.length !== variable.size) {
      throw new VectorError(`instance ${id}: config ${name} "${hex}" is not ${variable.size} bytes`);
    }
    variable.read(config, bytes);
  }
  return config;
}

/** Configuration variables that nothing here knows. */
export function unknownVariables(scenario: Scenario): string[] {
  const names = Object.values(scenario.instances).flatMap((instance) => Object.keys(instance.config));
  return [...new Set(names)].filter((name) => !Object.hasOwn(VARIABLES, name));
}
