/** Events as `cilium-dbg monitor -j` prints them: one object a line, in the tool's own order of keys. */
import * as events from '../../programs/tables/events.js';
import { goLine } from '../show/json-text.js';
import type { CiliumVersion } from './cilium-version.js';
import { type Dissection, layerOf } from './dissect.js';
import { dissectEvent, type EventRecord, linkName } from './event-record.js';
import { layerLine } from './layer-text.js';
import { connectionText, ipAddresses, macs, ports } from './packet-summary.js';

export function jsonLine(cpu: string, event: object): string {
  return `${goLine({ cpu, ...event })}\n`;
}

export function traceObject(
  record: EventRecord,
  event: events.TraceEvent,
  traceSummary: string,
  state: string,
  version: CiliumVersion,
): object {
  return {
    type: 'trace',
    mark: mark(event),
    ifindex: linkName(record.node, event.ifindex),
    state,
    observationPoint: events.tracePointText(event.point),
    traceSummary,
    source: event.source,
    bytes: event.originalLength,
    srcLabel: event.sourceIdentity,
    dstLabel: event.destinationIdentity,
    dstID: event.destinationId,
    summary: summaryObject(dissectEvent(record, event), version),
  };
}

export function dropObject(
  record: EventRecord,
  event: events.DropEvent,
  reason: string,
  version: CiliumVersion,
): object {
  return {
    type: 'drop',
    mark: mark(event),
    reason,
    source: event.source,
    bytes: event.originalLength,
    srcLabel: event.sourceIdentity,
    dstLabel: event.destinationIdentity,
    dstID: event.destinationId,
    Line: event.line,
    File: event.file,
    ExtError: event.extendedError,
    Ifindex: event.ifindex,
    summary: summaryObject(dissectEvent(record, event), version),
  };
}

export function debugObject(message: string): object {
  return { type: 'debug', message };
}

export function captureObject(
  record: EventRecord,
  event: events.CaptureEvent,
  message: string,
  prefix: string,
  version: CiliumVersion,
): object {
  return {
    type: 'capture',
    mark: mark(event),
    message,
    prefix,
    source: event.source,
    bytes: event.originalLength,
    summary: connectionText(dissectEvent(record, event), version),
  };
}

function mark({ hash }: { readonly hash: number }): string {
  return `0x${hash.toString(16)}`;
}

/** Absent when nothing was captured or the frame cannot be read. */
function summaryObject(dissection: Dissection, version: CiliumVersion): object | undefined {
  const { bytes, layers, error } = dissection;
  if (layers.length === 0 || error !== null) return undefined;
  const lines = Object.fromEntries(
    layers.map((layer) => [layer.name.toLowerCase(), layerLine(bytes, layer, version >= 18)]),
  );
  const ethernet = layerOf(dissection, 'Ethernet');
  const ip = ipAddresses(dissection);
  const layer4 = layerOf(dissection, 'TCP', 'UDP', 'SCTP');
  const [sourceMac, destinationMac] = ethernet === undefined ? ['', ''] : macs(bytes, ethernet);
  const [sourcePort, destinationPort] = layer4 === undefined ? [0, 0] : ports(bytes, layer4);
  const { ethernet: ethernetLine, ipv4, ipv6, tcp, udp, sctp, icmpv4, icmpv6 } = lines;
  return {
    ethernet: ethernetLine,
    ipv4,
    ipv6,
    tcp,
    udp,
    sctp,
    icmpv4,
    icmpv6,
    l2: ethernet === undefined ? undefined : { src: sourceMac, dst: destinationMac },
    l3: ip === null ? undefined : { src: ip.source, dst: ip.destination },
    l4: layer4 === undefined ? undefined : { src: String(sourcePort), dst: String(destinationPort) },
  };
}
