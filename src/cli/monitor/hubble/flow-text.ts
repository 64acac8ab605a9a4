/** Flows as `hubble observe` prints them: compact, dict, table, JSON. */
import { reasonText } from '../../../programs/drop-reasons.js';
import * as events from '../../../programs/tables/events.js';
import { identityName, reservedLabel } from '../../../programs/tables/names.js';
import { plainTable } from '../../../programs/tables/tab-writer.js';
import { goLine } from '../../show/json-text.js';
import { withPort } from '../packet-summary.js';
import type { FlowEndpoint, FlowService } from './address-book.js';
import type { Flow } from './flow.js';
import { socketPointWord } from './flow-names.js';
import { timeText } from './flow-time.js';

export const OUTPUTS = ['compact', 'dict', 'json', 'jsonpb', 'tab', 'table'] as const;
export type OutputFormat = (typeof OUTPUTS)[number];

export interface TextOptions {
  readonly timeFormat: string;
  readonly nodeName: boolean;
  /** Names in place of addresses. */
  readonly translate: boolean;
  readonly numeric: boolean;
}

/** The response with the flow in it, on one line. */
export function jsonText(flow: Flow): string {
  return `${goLine({ flow: inOrder(flow), node_name: flow.node_name, time: flow.time })}\n`;
}

/** In the order of the protobuf message. */
const KEYS: readonly (keyof Flow)[] = [
  'time',
  'uuid',
  'verdict',
  'drop_reason',
  'auth_type',
  'ethernet',
  'IP',
  'l4',
  'source',
  'destination',
  'Type',
  'node_name',
  'reply',
  'event_type',
  'source_service',
  'destination_service',
  'traffic_direction',
  'policy_match_type',
  'trace_observation_point',
  'trace_reason',
  'file',
  'drop_reason_desc',
  'is_reply',
  'debug_capture_point',
  'interface',
  'proxy_port',
  'sock_xlate_point',
  'socket_cookie',
  'cgroup_id',
  'Summary',
];

function inOrder(flow: Flow): object {
  return Object.fromEntries(KEYS.map((key) => [key, flow[key]]));
}

/** `TIME: SOURCE (ID) -> DESTINATION (ID) TYPE VERDICT (SUMMARY)`; the initiator of a connection stands left. */
export function compactText(flow: Flow, options: TextOptions): string {
  const isReply = flow.is_reply;
  const arrow = isReply === undefined ? '<>' : isReply ? '<-' : '->';
  const [left, right] = [sideText(flow, 'source', options), sideText(flow, 'destination', options)];
  const [first, second] = isReply === true ? [right, left] : [left, right];
  const node = options.nodeName ? ` [${flow.node_name}]` : '';
  const time = timeText(flow.time, options.timeFormat);
  return `${time}${node}: ${first} ${arrow} ${second} ${typeText(flow)} ${verdictText(flow)} (${summaryText(flow)})\n`;
}

function sideText(flow: Flow, side: 'source' | 'destination', options: TextOptions): string {
  return `${hostText(flow, side, options)} ${identityText(flow[side], options)}`;
}

const LABEL_WIDTH = 11;

/** A line for each part; the lines of flows are apart by dashes. */
export function dictText(flow: Flow, isFirst: boolean, options: TextOptions): string {
  const lines: readonly (readonly [string, string])[] = [
    ['TIMESTAMP', timeText(flow.time, options.timeFormat)],
    ...(options.nodeName ? [['NODE', flow.node_name] as const] : []),
    ['SOURCE', hostText(flow, 'source', options)],
    ['DESTINATION', hostText(flow, 'destination', options)],
    ['TYPE', typeText(flow)],
    ['VERDICT', verdictText(flow)],
    ['SUMMARY', summaryText(flow)],
  ];
  const text = lines.map(([name, value]) => `${name.padStart(LABEL_WIDTH)}: ${value}\n`).join('');
  return isFirst ? text : `------------\n${text}`;
}

/** All flows as one table. */
export function tableText(flows: readonly Flow[], options: TextOptions): string {
  const node = (name: string): string[] => (options.nodeName ? [name] : []);
  const titles = ['TIMESTAMP', ...node('NODE'), 'SOURCE', 'DESTINATION', 'TYPE', 'VERDICT', 'SUMMARY'];
  const rows = flows.map((flow) => [
    timeText(flow.time, options.timeFormat),
    ...node(flow.node_name),
    hostText(flow, 'source', options),
    hostText(flow, 'destination', options),
    typeText(flow),
    verdictText(flow),
    summaryText(flow),
  ]);
  return plainTable(titles, rows, 2);
}

/** `default/client:46486`; without an address the MAC. */
function hostText(flow: Flow, side: 'source' | 'destination', { translate }: TextOptions): string {
  const address = flow.IP?.[side] ?? '';
  if (address === '') return flow.ethernet?.[side] ?? '';
  const service = side === 'source' ? flow.source_service : flow.destination_service;
  const name = translate ? nameOf(flow[side], service) : null;
  const port = portOf(flow, side);
  if (port === 0) return name ?? address;
  return name === null ? withPort(address, port) : `${name}:${port}`;
}

function nameOf(endpoint: FlowEndpoint | undefined, service: FlowService | undefined): string | null {
  if (endpoint?.pod_name !== undefined) return `${endpoint.namespace}/${endpoint.pod_name}`;
  return service === undefined ? null : `${service.namespace}/${service.name}`;
}

function portOf({ l4 }: Flow, side: 'source' | 'destination'): number {
  const ports = l4?.TCP ?? l4?.UDP ?? l4?.SCTP;
  return ports?.[`${side}_port`] ?? 0;
}

/** `(ID:42837)`, `(world)`. */
function identityText(endpoint: FlowEndpoint | undefined, { numeric }: TextOptions): string {
  const identity = endpoint?.identity ?? 0;
  return reservedLabel(identity) !== null && !numeric ? `(${identityName(identity)})` : `(ID:${identity})`;
}

/** What kind of event the flow is, in the words of `--type`. */
export function typeText(flow: Flow): string {
  const { type, sub_type = 0 } = flow.event_type;
  switch (type) {
    case events.MESSAGE_TRACE:
      return events.tracePointText(sub_type);
    case events.MESSAGE_DROP:
      return reasonText(sub_type);
    case events.MESSAGE_POLICY_VERDICT: {
      const match = events.policyMatchText(flow.policy_match_type ?? 0);
      return `policy-verdict:${match} ${flow.traffic_direction}`;
    }
    case events.MESSAGE_CAPTURE:
      return flow.debug_capture_point ?? 'UNKNOWN';
    case events.MESSAGE_TRACE_SOCKET:
      return socketPointWord(sub_type);
    default:
      return 'UNKNOWN';
  }
}

const VERDICTS_OF_POLICY: Readonly<Record<string, string>> = {
  FORWARDED: 'ALLOWED',
  REDIRECTED: 'ALLOWED',
  DROPPED: 'DENIED',
  ERROR: 'DENIED',
  AUDIT: 'AUDITED',
};

function verdictText({ verdict = 'VERDICT_UNKNOWN', event_type }: Flow): string {
  const isPolicy = event_type.type === events.MESSAGE_POLICY_VERDICT;
  return isPolicy ? (VERDICTS_OF_POLICY[verdict] ?? verdict) : verdict;
}

function summaryText({ Summary = '', auth_type }: Flow): string {
  return auth_type === undefined ? Summary : `${Summary}; Auth: ${auth_type}`;
}
