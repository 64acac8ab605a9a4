/** The layer-4 part of a flow, and its summary. */
import { type Dissection, layerOf } from '../dissect.js';
import { icmpName, TCP_FLAGS, tcpFlags } from '../packet-names.js';
import { ports } from '../packet-summary.js';

export interface FlowPorts {
  readonly source_port?: number | undefined;
  readonly destination_port?: number | undefined;
}

export interface FlowIcmp {
  readonly type?: number | undefined;
  readonly code?: number | undefined;
}

/** One of these. */
export interface Layer4 {
  readonly TCP?: FlowPorts & { readonly flags?: Readonly<Record<string, true>> };
  readonly UDP?: FlowPorts;
  readonly SCTP?: FlowPorts;
  readonly ICMPv4?: FlowIcmp;
  readonly ICMPv6?: FlowIcmp;
}

/** In the order of the summary. */
const SUMMARY_FLAGS = ['SYN', 'ACK', 'RST', 'FIN', 'PSH', 'URG', 'ECE', 'CWR', 'NS'];

export function layer4Of(dissection: Dissection): Layer4 | undefined {
  const { bytes } = dissection;
  const layer = layerOf(dissection, 'TCP', 'UDP', 'SCTP', 'ICMPv4', 'ICMPv6');
  if (layer === undefined) return undefined;
  if (layer.name === 'ICMPv4' || layer.name === 'ICMPv6') {
    const icmp = { type: nonZero(bytes[layer.at]), code: nonZero(bytes[layer.at + 1]) };
    return layer.name === 'ICMPv4' ? { ICMPv4: icmp } : { ICMPv6: icmp };
  }
  const [source, destination] = ports(bytes, layer);
  const pair = { source_port: nonZero(source), destination_port: nonZero(destination) };
  if (layer.name === 'UDP') return { UDP: pair };
  if (layer.name === 'SCTP') return { SCTP: pair };
  const set = tcpFlags(bytes, layer.at);
  const flags = Object.fromEntries(
    TCP_FLAGS.filter(([, bit]) => (set & bit) !== 0).map(([name]) => [name, true as const]),
  );
  return { TCP: { ...pair, flags } };
}

function nonZero(value: number): number | undefined {
  return value === 0 ? undefined : value;
}

/** `TCP Flags: SYN, ACK`, `ICMPv4 EchoRequest`, `UDP`. */
export function summaryOf(dissection: Dissection): string | undefined {
  const { bytes } = dissection;
  const last = dissection.layers.at(-1);
  if (last === undefined) return undefined;
  if (last.name === 'ICMPv4' || last.name === 'ICMPv6') {
    return `${last.name} ${icmpName(last.name === 'ICMPv6', bytes[last.at], bytes[last.at + 1])}`;
  }
  if (last.name !== 'TCP') return last.name;
  const set = tcpFlags(bytes, last.at);
  const bits = new Map(TCP_FLAGS);
  return `TCP Flags: ${SUMMARY_FLAGS.filter((name) => (set & bits.get(name)!) !== 0).join(', ')}`;
}
