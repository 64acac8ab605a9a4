/** `cilium-dbg status`, `cilium-dbg config` and `cilium config view`: how a node is configured. */
import { formatAddress } from '../../engine/address-text.js';
import { tabulate } from '../../programs/tables/tab-writer.js';
import type { BuiltNode } from '../../topologies/built.js';
import { UsageError } from '../exit-codes.js';
import type { Invocation, Output, ShowCommand } from './command.js';

const enabled = (on: boolean): string => (on ? 'Enabled' : 'Disabled');

/** What an agent that is well says; lines about what a topology has no word for (Kubernetes, controllers) are absent. */
function status({ place, has, json }: Invocation): Output {
  if (has('--brief')) return { text: 'OK\n' };
  if (json) throw new UsageError('cilium-dbg status is there as text alone');
  const { node } = place;
  const { planned, datapath } = node;
  const [major, minor] = planned.ciliumVersion;
  const { features } = datapath;
  const lines: readonly (readonly [key: string, value: string])[] = [
    ['KVStore', 'Disabled\t'],
    ['KubeProxyReplacement', kubeProxyText(node)],
    ['Host firewall', features.hostFirewall ? `Enabled\t[${deviceNames(node)}]` : 'Disabled'],
    [
      'SRv6',
      features.srv6 ? `Enabled\t[encap-mode: ${features.srv6RoutingHeader ? 'SRH' : 'reduced'}]` : 'Disabled',
    ],
    ['Cilium', `Ok   ${major}.${minor}.0 (v${major}.${minor}.0)`],
    ['NodeMonitor', 'Listening for events on 1 CPUs with 64x4096 of shared memory'],
    ['IPAM', ipamText(node)],
    ['BandwidthManager', bandwidthText(node)],
    ['Routing', `Network: ${networkText(node)}   Host: ${features.hostRouting ? 'BPF' : 'Legacy'}`],
    ['Attach Mode', planned.attachment === 'tcx' ? 'TCX' : 'Legacy TC'],
    ['Device Mode', 'veth'],
    ['Masquerading', masqueradeText(node)],
    ['Proxy Status', 'No managed proxy redirect'],
    ['Global Identity Range', 'min 256, max 65535'],
    ['Encryption', encryptionText(node)],
  ];
  return { text: tabulate(lines.map(([key, value]) => `${key}:\t${value}\n`).join(''), 2) };
}

function deviceNames({ planned }: BuiltNode): string {
  return planned.nativeDevices.map(({ name }) => name).join(', ');
}

function kubeProxyText({ planned, datapath }: BuiltNode): string {
  if (!datapath.features.nodePort) return 'False\t';
  const devices = planned.nativeDevices.map((device) => {
    const addresses = device.addresses.map(({ address }) => formatAddress(address, 0, address.length));
    const isDirect = device === planned.directRoutingDevice ? ' (Direct Routing)' : '';
    return `${device.name}   ${addresses.join(' ')}${isDirect}`;
  });
  return `True\t${devices.length === 0 ? '' : `[${devices.join(', ')}]`}`;
}

function ipamText({ planned }: BuiltNode): string {
  const texts = planned.podPrefixes.map(({ address, length }) => {
    const isV4 = address.length === 4;
    const used = planned.pods.filter((pod) =>
      pod.addresses.some((one) => one.length === address.length),
    ).length;
    // The first and the last address of a prefix are nobody's, and cilium_host has one.
    const size = 2n ** BigInt(8 * address.length - length) - 2n;
    return `${isV4 ? 'IPv4' : 'IPv6'}: ${used + 1}/${size} allocated from ${formatAddress(address, 0, address.length)}/${length}`;
  });
  return `${texts.join(', ')}, `;
}

function bandwidthText(node: BuiltNode): string {
  if (!node.datapath.features.bandwidthManager) return 'Disabled';
  return `EDT with BPF [CUBIC] [${deviceNames(node)}]`;
}

function networkText({ datapath }: BuiltNode): string {
  const { tunnelMode, tunnelProtocol } = datapath.features;
  return tunnelMode ? `Tunnel [${tunnelProtocol === 2 ? 'geneve' : 'vxlan'}]` : 'Native';
}

function masqueradeText(node: BuiltNode): string {
  const { config } = node.planned;
  const { masqueradeIpv4, masqueradeIpv6, ipMasqAgentIpv4 } = node.datapath.features;
  const families = (ipv4: boolean, ipv6: boolean): string =>
    `[IPv4: ${enabled(ipv4)}, IPv6: ${enabled(ipv6)}]`;
  if (masqueradeIpv4 || masqueradeIpv6) {
    const mode = ipMasqAgentIpv4 ? 'BPF (ip-masq-agent)' : 'BPF';
    const native = config.nativeRoutingIpv4;
    const exclusion = native === null ? '' : `${formatAddress(native.address, 0, 4)}/${native.length}`;
    return `${mode}\t[${deviceNames(node)}]\t${exclusion} ${families(masqueradeIpv4, masqueradeIpv6)}`;
  }
  const { 4: ipv4, 6: ipv6 } = config.iptablesMasquerade;
  return ipv4 || ipv6 ? `IPTables ${families(ipv4, ipv6)}` : 'Disabled';
}

function encryptionText({ datapath }: BuiltNode): string {
  const { wireguard, ipsec, nodeEncryption } = datapath.features;
  if (wireguard) return `Wireguard\t[NodeEncryption: ${enabled(nodeEncryption)}]`;
  return ipsec ? 'IPsec' : 'Disabled';
}

const AGGREGATION_LEVELS = ['None', 'Lowest', 'Low', 'Medium', 'Max'];

/** The options that an agent takes while it runs. */
function config({ place, has, json }: Invocation): Output {
  if (has('-r', '--read-only', '-a', '--all')) {
    throw new UsageError("cilium-dbg config: the agent's read-only options are those of cilium config view");
  }
  const { planned, datapath } = place.node;
  const { features } = datapath;
  const options: readonly (readonly [string, string])[] = [
    ['ConntrackAccounting', enabled(features.conntrackAccounting)],
    ['Debug', enabled(features.debug)],
    ['DebugLB', enabled(features.debug)],
    ['DebugPolicy', 'Disabled'],
    ['DropNotification', enabled(features.dropEvents)],
    ['MonitorAggregationLevel', AGGREGATION_LEVELS[features.monitorAggregation] ?? 'None'],
    ['PolicyAccounting', enabled(features.policyAccounting)],
    ['PolicyAuditMode', enabled(features.policyAuditMode)],
    ['PolicyTracing', 'Disabled'],
    ['PolicyVerdictNotification', enabled(features.policyVerdictEvents)],
    ['SourceIPVerification', enabled(features.sourceAddressVerification)],
    ['TraceNotification', enabled(features.traceEvents)],
    ['TraceSockNotification', enabled(features.socketTraceEvents)],
    ['MonitorNumPages', '64'],
    ['PolicyEnforcement', planned.config.enforcement],
  ];
  if (json) throw new UsageError('cilium-dbg config is there as text alone');
  const lines = options.map(([name, value]) => `${name.padEnd(34)}: ${value}\n`);
  return { text: `##### Read-write configurations #####\n${lines.join('')}` };
}

/** The ConfigMap, as the cluster's own command line prints it: keys by name, values behind the longest of them. */
function configView({ place }: Invocation): Output {
  const declared = Object.entries(place.node.planned.config.declared).sort(([a], [b]) => (a < b ? -1 : 1));
  const width = Math.max(0, ...declared.map(([key]) => key.length)) + VIEW_PADDING;
  return { text: declared.map(([key, value]) => `${key.padEnd(width)}${value}\n`).join('') };
}

const VIEW_PADDING = 4;

/** Where the BPF file system is mounted, as systemd does it. */
function fileSystem({ json }: Invocation): Output {
  const values = [
    ['MountID', 28],
    ['ParentID', 22],
    ['Mounted State', 'true'],
    ['MountPoint', '/sys/fs/bpf'],
    ['MountOptions', 'rw,nosuid,nodev,noexec,relatime'],
    ['OptionFields', '[shared:11]'],
    ['FilesystemType', 'bpf'],
    ['MountSource', 'bpf'],
    ['SuperOptions', 'rw,mode=700'],
  ] as const;
  if (json) throw new UsageError('cilium-dbg bpf fs show is there as text alone');
  return { text: tabulate(values.map(([key, value]) => `${key}:\t${value}\n`).join(''), 2) };
}

function tunnelList(): never {
  throw new UsageError(
    'cilium-dbg bpf tunnel list: Cilium 1.18 has no tunnel map; cilium-dbg bpf ipcache list shows tunnel endpoints',
  );
}

function monitor(): never {
  throw new UsageError(
    'cilium-dbg monitor shows events as packets pass: packetwalk monitor -t TOPOLOGY --capture FILE [OPTIONS], or replay --monitor',
  );
}

export const statusCommands: readonly ShowCommand[] = [
  { words: 'cilium-dbg status', options: ['--brief'], run: status },
  { words: 'cilium-dbg config', options: ['-r', '--read-only', '-a', '--all'], run: config },
  { words: 'cilium-dbg config view', run: configView },
  { words: 'cilium-dbg bpf fs show', run: fileSystem },
  { words: 'cilium-dbg bpf tunnel list', run: tunnelList },
  {
    words: 'cilium-dbg monitor',
    maximumArgs: 16,
    options: ['-v', '-vv', '-n', '--hex', '-j'],
    valued: ['--type', '-t', '--from', '--to', '--related-to'],
    run: monitor,
  },
];
