/**
 * Hubble's flow, made from an event as the Hubble server of Cilium 1.18 makes it. Keys and their order are those of
 * the protobuf message in JSON; what has its zero value is undefined, and absent there.
 */
import { formatIpv4, formatIpv6 } from '../../../engine/address-text.js';
import * as events from '../../../programs/tables/events.js';
import { sourceFileName } from '../../../programs/tables/print-metrics.js';
import { type Dissection, layerOf } from '../dissect.js';
import { dissectEvent, type EventRecord } from '../event-record.js';
import { type AddressPair, ipAddresses, macs, ports } from '../packet-summary.js';
import type { AddressBook, FlowEndpoint, FlowService } from './address-book.js';
import { type Layer4, layer4Of, summaryOf } from './flow-layers.js';
import * as names from './flow-names.js';
import { timestamp } from './flow-time.js';

export interface Flow {
  readonly time: string;
  readonly uuid: string;
  readonly verdict?: string | undefined;
  readonly drop_reason?: number | undefined;
  readonly auth_type?: string | undefined;
  readonly ethernet?: AddressPair | undefined;
  readonly IP?: FlowIp | undefined;
  readonly l4?: Layer4 | undefined;
  readonly source?: FlowEndpoint | undefined;
  readonly destination?: FlowEndpoint | undefined;
  readonly Type: string;
  readonly node_name: string;
  readonly reply?: boolean | undefined;
  readonly event_type: { readonly type: number; readonly sub_type?: number | undefined };
  readonly source_service?: FlowService | undefined;
  readonly destination_service?: FlowService | undefined;
  readonly traffic_direction?: string | undefined;
  readonly policy_match_type?: number | undefined;
  readonly trace_observation_point?: string | undefined;
  readonly trace_reason?: string | undefined;
  readonly file?: { readonly name: string; readonly line?: number | undefined } | undefined;
  readonly drop_reason_desc?: string | number | undefined;
  readonly is_reply?: boolean | undefined;
  readonly debug_capture_point?: string | undefined;
  readonly interface?: { readonly index: number; readonly name?: string | undefined } | undefined;
  readonly proxy_port?: number | undefined;
  readonly sock_xlate_point?: string | undefined;
  readonly socket_cookie?: string | undefined;
  readonly cgroup_id?: string | undefined;
  readonly Summary?: string | undefined;
}

export interface FlowIp {
  readonly source?: string | undefined;
  readonly source_xlated?: string | undefined;
  readonly destination?: string | undefined;
  readonly ipVersion?: string | undefined;
  readonly encrypted?: boolean | undefined;
}

type Trace = events.TraceEvent;
type Framed = Trace | events.DropEvent | events.PolicyVerdictEvent | events.CaptureEvent;
/** What kinds of events add to a flow. */
type Details = Partial<Flow>;

/** The `number`th flow of the run; null for an event that is none, and for a frame that cannot be read. */
export function flowOf(record: EventRecord, book: AddressBook, number: number): Flow | null {
  const { event } = record;
  if (event.kind === 'trace-sock') return socketFlow(record, event, book, number);
  if (event.kind === 'unknown' || event.kind === 'debug') return null;
  const dissection = dissectEvent(record, event, firstLayer(event));
  return dissection.error === null ? framedFlow(record, event, dissection, book, number) : null;
}

function framedFlow(
  record: EventRecord,
  event: Framed,
  dissection: Dissection,
  book: AddressBook,
  number: number,
): Flow {
  const { bytes } = dissection;
  const { node } = record;
  const ethernet = layerOf(dissection, 'Ethernet');
  const [sourceMac, destinationMac] = ethernet === undefined ? ['', ''] : macs(bytes, ethernet);
  const ip = flowIp(record, event, dissection);
  const layer4 = layerOf(dissection, 'TCP', 'UDP', 'SCTP');
  const [sourcePort, destinationPort] = layer4 === undefined ? [0, 0] : ports(bytes, layer4);
  const [sourceIdentity, destinationIdentity] = identitiesOf(event);
  const { source = '', destination = '' } = ip ?? {};
  const sourceEndpoint = book.endpoint(node, source, sourceIdentity);
  return {
    ...head(record, number),
    ...detailsOf(record, event, sourceEndpoint),
    ethernet: ethernet === undefined ? undefined : { source: sourceMac, destination: destinationMac },
    IP: ip,
    l4: layer4Of(dissection),
    source: sourceEndpoint,
    destination: book.endpoint(node, destination, destinationIdentity),
    Type: 'L3_L4',
    source_service: layer4 === undefined ? undefined : book.service(source, sourcePort),
    destination_service: layer4 === undefined ? undefined : book.service(destination, destinationPort),
    Summary: summaryOf(dissection),
  };
}

function head(
  { node, seconds, nanoseconds }: EventRecord,
  number: number,
): Pick<Flow, 'time' | 'uuid' | 'node_name'> {
  // Random on a real cluster; the same run has the same ones.
  const uuid = `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
  return { time: timestamp(seconds, nanoseconds), uuid, node_name: node.planned.name };
}

function firstLayer(event: Framed): 'Ethernet' | 'IPv4' | 'IPv6' {
  if (event.kind !== 'trace' && event.kind !== 'drop') return 'Ethernet';
  if ((event.flags & events.FLAG_L3_DEVICE) === 0) return 'Ethernet';
  return (event.flags & events.FLAG_IPV6) !== 0 ? 'IPv6' : 'IPv4';
}

/** What the datapath says of source and destination; 0 when it says nothing. */
function identitiesOf(event: Framed): readonly [source: number, destination: number] {
  switch (event.kind) {
    case 'trace':
    case 'drop':
      return [event.sourceIdentity, event.destinationIdentity];
    case 'policy-verdict':
      return event.direction === names.DIRECTION_INGRESS
        ? [event.remoteIdentity, 0]
        : [0, event.remoteIdentity];
    default:
      return [0, 0];
  }
}

/** Of a trace with original address, that is the source, and the header's the translated one. */
function flowIp(record: EventRecord, event: Framed, dissection: Dissection): FlowIp | undefined {
  const addresses = ipAddresses(dissection);
  if (addresses === null) return undefined;
  const original = event.kind === 'trace' ? originalAddress(record, event) : '';
  const isTranslated = original !== '' && original !== addresses.source;
  return {
    source: isTranslated ? original : addresses.source,
    source_xlated: isTranslated ? addresses.source : undefined,
    destination: addresses.destination,
    ipVersion: layerOf(dissection, 'IPv4', 'IPv6')!.name,
    encrypted: event.kind === 'trace' && event.encrypted ? true : undefined,
  };
}

/** Empty when there is none. */
function originalAddress({ bytes }: EventRecord, { flags, originalAddressAt }: Trace): string {
  const isV6 = (flags & events.FLAG_IPV6) !== 0;
  const text = isV6 ? formatIpv6(bytes, originalAddressAt) : formatIpv4(bytes, originalAddressAt);
  return text === '::' || text === '0.0.0.0' ? '' : text;
}

function detailsOf(
  record: EventRecord,
  event: Framed,
  source: FlowEndpoint,
): Pick<Flow, 'event_type'> & Details {
  switch (event.kind) {
    case 'trace':
      return traceDetails(record, event, source);
    case 'drop':
      return dropDetails(event, source);
    case 'policy-verdict':
      return verdictDetails(event);
    case 'capture':
      return {
        event_type: { type: events.MESSAGE_CAPTURE, sub_type: event.type },
        debug_capture_point: names.capturePointName(event.type),
        interface: names.hasCaptureInterface(event.type)
          ? interfaceOf(record, event.arguments[0])
          : undefined,
      };
  }
}

function traceDetails(
  record: EventRecord,
  event: Trace,
  source: FlowEndpoint,
): Pick<Flow, 'event_type'> & Details {
  const { point, reason } = event;
  const isReply = names.isReply(reason);
  return {
    verdict: 'FORWARDED',
    event_type: { type: events.MESSAGE_TRACE, sub_type: point === 0 ? undefined : point },
    traffic_direction: traceDirection(record, event, source, isReply),
    trace_observation_point: names.observationPointName(point),
    trace_reason: names.traceReasonName(reason),
    is_reply: isReply,
    reply: isReply === true ? true : undefined,
    interface: event.ifindex === 0 ? undefined : interfaceOf(record, event.ifindex),
    proxy_port: point === events.TO_PROXY && event.destinationId !== 0 ? event.destinationId : undefined,
  };
}

function traceDirection(
  record: EventRecord,
  event: Trace,
  source: FlowEndpoint,
  isReply: boolean | undefined,
): string | undefined {
  if (event.source === 0 || event.reason === events.REASON_UNKNOWN) return undefined;
  if (event.reason === names.REASON_ENCRYPT_OVERLAY) return 'EGRESS';
  const isSource = event.source === source.ID;
  if (isSource !== (isReply === true)) return 'EGRESS';
  return originalAddress(record, event) === '' ? 'INGRESS' : 'EGRESS';
}

function dropDetails(event: events.DropEvent, source: FlowEndpoint): Pick<Flow, 'event_type'> & Details {
  return {
    verdict: 'DROPPED',
    drop_reason: event.reason,
    event_type: { type: events.MESSAGE_DROP, sub_type: event.reason },
    traffic_direction: event.source === 0 ? undefined : event.source === source.ID ? 'EGRESS' : 'INGRESS',
    file: { name: sourceFileName(event.file), line: event.line === 0 ? undefined : event.line },
    drop_reason_desc: names.dropReasonName(event.reason),
  };
}

function verdictDetails(event: events.PolicyVerdictEvent): Pick<Flow, 'event_type'> & Details {
  const { verdict } = event;
  const isDenied = verdict < 0;
  const accepted = verdict > 0 ? 'REDIRECTED' : event.audited ? 'AUDIT' : 'FORWARDED';
  return {
    verdict: isDenied ? 'DROPPED' : accepted,
    drop_reason: isDenied ? -verdict : undefined,
    auth_type: names.authTypeName(event.authentication & 0x7f),
    event_type: { type: events.MESSAGE_POLICY_VERDICT },
    traffic_direction: event.direction === names.DIRECTION_INGRESS ? 'INGRESS' : 'EGRESS',
    policy_match_type: event.match === 0 ? undefined : event.match,
    drop_reason_desc: isDenied ? names.dropReasonName(-verdict) : undefined,
    is_reply: isDenied ? undefined : false,
  };
}

function interfaceOf({ node }: EventRecord, index: number): Flow['interface'] {
  return { index, name: node.node.host.device(index)?.name };
}

/** A socket's translation tells the address that is called, and no more. */
function socketFlow(
  record: EventRecord,
  event: events.TraceSocketEvent,
  book: AddressBook,
  number: number,
): Flow {
  const { bytes } = record;
  const address = event.isIpv6 ? formatIpv6(bytes, event.addressAt) : formatIpv4(bytes, event.addressAt);
  const point = names.socketPoint(event.point);
  const isReply = names.isReverse(event.point);
  const protocol = (['', 'TCP', 'UDP'] as const)[event.layer4] ?? '';
  const port = isReply ? { source_port: event.port } : { destination_port: event.port };
  const endpoint = book.endpoint(record.node, address, 0);
  const service = book.service(address, event.port);
  return {
    ...head(record, number),
    verdict: names.isTranslated(event.point) ? 'TRANSLATED' : 'TRACED',
    IP: {
      ...(isReply ? { source: address } : { destination: address }),
      ipVersion: event.isIpv6 ? 'IPv6' : 'IPv4',
    },
    l4: protocol === 'TCP' ? { TCP: port } : protocol === 'UDP' ? { UDP: port } : undefined,
    ...(isReply ? { source: endpoint, source_service: service } : {}),
    ...(isReply ? {} : { destination: endpoint, destination_service: service }),
    Type: 'SOCK',
    event_type: { type: events.MESSAGE_TRACE_SOCKET, sub_type: event.point },
    is_reply: isReply,
    sock_xlate_point: point,
    socket_cookie: event.cookie === 0n ? undefined : String(event.cookie),
    cgroup_id: event.cgroup === 0n ? undefined : String(event.cgroup),
    Summary: protocol === '' ? undefined : protocol,
  };
}
