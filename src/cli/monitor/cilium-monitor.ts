/** Events as `cilium-dbg monitor` prints them, in the words of Cilium 1.10 to 1.18. */
import { formatIpv4, formatIpv6 } from '../../engine/address-text.js';
import { reasonText } from '../../programs/drop-reasons.js';
import * as events from '../../programs/tables/events.js';
import { authName, identityName } from '../../programs/tables/names.js';
import { sourceFileName } from '../../programs/tables/print-metrics.js';
import type { BuiltNode } from '../../topologies/built.js';
import { type CiliumFilter, matches } from './cilium-filter.js';
import { captureObject, debugObject, dropObject, jsonLine, traceObject } from './cilium-json.js';
import type { CiliumVersion } from './cilium-version.js';
import { capturePrefix, captureText, debugText } from './debug-text.js';
import { dissectEvent, type EventPrinter, type EventRecord, linkName } from './event-record.js';
import { hexLines } from './hex-lines.js';
import { layerLines } from './layer-text.js';
import { connectionText, withPort } from './packet-summary.js';

export interface CiliumOptions {
  /** 0 plain, 1 `-v`, 2 `-vv`. */
  readonly verbosity: 0 | 1 | 2;
  readonly hex: boolean;
  readonly json: boolean;
  /** Identities as numbers. */
  readonly numeric: boolean;
  readonly version: CiliumVersion;
  readonly filter: CiliumFilter;
  /** For what the tool says beside its output. */
  readonly say: (text: string) => void;
}

const SEPARATOR = `${'-'.repeat(78)}\n`;
/** The run has one CPU. */
const CPU = 'CPU 00:';

type Verdict = events.PolicyVerdictEvent;

export class CiliumMonitor implements EventPrinter {
  readonly #options: CiliumOptions;
  readonly #version: CiliumVersion;
  #hasDissected = false;

  constructor(options: CiliumOptions) {
    this.#options = options;
    this.#version = options.version;
  }

  /** What the tool says on standard error before the first event. */
  static banner(nodes: number): string {
    return `Listening for events on ${nodes} CPUs with 64x4096 of shared memory\nPress Ctrl-C to quit\n`;
  }

  event(record: EventRecord): string {
    const { event } = record;
    if (!matches(this.#options.filter, event)) return '';
    if ('frameAt' in event) this.#noteDissection();
    switch (event.kind) {
      case 'trace':
        return this.#trace(record, event);
      case 'drop':
        return this.#drop(record, event);
      case 'policy-verdict':
        return this.#verdict(record, event);
      case 'debug':
        return this.#debug(record, event);
      case 'capture':
        return this.#capture(record, event);
      case 'trace-sock':
        return this.#options.verbosity === 1 && !this.#options.json ? socketLine(record, event) : '';
      default:
        return `${CPU} Unknown event: [${[...record.bytes.subarray(record.at, record.at + record.length)].join(' ')}]\n`;
    }
  }

  lost(_node: BuiltNode, count: number): string {
    return `${CPU} Lost ${count} events\n`;
  }

  end(): string {
    return '';
  }

  #identity(identity: number): string {
    return this.#options.numeric ? String(identity) : identityName(identity);
  }

  #identities({ sourceIdentity, destinationIdentity }: events.TraceEvent | events.DropEvent): string {
    return `identity ${this.#identity(sourceIdentity)}->${this.#identity(destinationIdentity)}`;
  }

  #trace(record: EventRecord, event: events.TraceEvent): string {
    const { json, verbosity } = this.#options;
    const summary = this.#traceSummary(event);
    if (json) return jsonLine(CPU, traceObject(record, event, summary, stateText(event), this.#version));
    if (verbosity === 2) return this.#dissected(record, event, this.#traceHeader(record, event));
    const encrypted = event.encrypted ? 'encrypted  ' : '';
    const comma = this.#version > 10 ? ' ,' : '';
    return (
      `${summary} ${encrypted}flow 0x${event.hash.toString(16)}${comma} ` +
      `${this.#identities(event)} state ${stateText(event)} ` +
      `ifindex ${linkName(record.node, event.ifindex)} orig-ip ${originalAddress(record, event)}: ` +
      `${this.#connection(record, event)}\n`
    );
  }

  #traceSummary({ point, source, destinationId }: events.TraceEvent): string {
    switch (point) {
      case events.TO_LXC:
        return `-> endpoint ${destinationId}`;
      case events.TO_PROXY:
        return destinationId === 0 || this.#version === 10 ? '-> proxy' : `-> proxy port ${destinationId}`;
      case events.TO_HOST:
        return '-> host from';
      case events.TO_STACK:
        return '-> stack';
      case events.TO_OVERLAY:
        return '-> overlay';
      case events.FROM_LXC:
        return `<- endpoint ${source}`;
      case events.FROM_PROXY:
        return '<- proxy';
      case events.FROM_HOST:
        return '<- host';
      case events.FROM_STACK:
        return '<- stack';
      case events.FROM_OVERLAY:
        return '<- overlay';
      case events.FROM_NETWORK:
        return '<- network';
      case events.TO_NETWORK:
        return '-> network';
      case events.FROM_CRYPTO:
        return this.#version < 18 ? 'unknown trace' : '<- crypto';
      case events.TO_CRYPTO:
        return this.#version < 18 ? 'unknown trace' : '-> crypto';
      default:
        return 'unknown trace';
    }
  }

  #traceHeader(record: EventRecord, event: events.TraceEvent): string {
    const { ifindex, destinationId, sourceIdentity, destinationIdentity, point } = event;
    const isIdentified = sourceIdentity !== 0 || destinationIdentity !== 0;
    const parts = [
      `${frameHead(event, events.tracePointText(point))} (${event.capturedLength} captured)`,
      `state ${stateText(event)}`,
      ...(ifindex === 0 ? [] : [`interface ${linkName(record.node, ifindex)}`]),
      ...(isIdentified ? [...(this.#version > 10 ? [''] : []), this.#identities(event)] : []),
      `orig-ip ${originalAddress(record, event)}`,
      ...(destinationId === 0
        ? []
        : [`to ${point === events.TO_PROXY ? 'proxy-port' : 'endpoint'} ${destinationId}`]),
    ];
    return `${parts.join(', ')}\n`;
  }

  #drop(record: EventRecord, event: events.DropEvent): string {
    const { json, verbosity } = this.#options;
    if (json) return jsonLine(CPU, dropObject(record, event, reasonName(event.reason), this.#version));
    if (verbosity === 2) return this.#dissected(record, event, this.#dropHeader(event));
    const version = this.#version;
    const places = [
      `to endpoint ${event.destinationId}`,
      ...(version >= 13 ? [`ifindex ${event.ifindex}`, `file ${this.#file(event)}:${event.line}`] : []),
      ...(version > 10 ? [''] : []),
      `${this.#identities(event)}: ${this.#connection(record, event)}`,
    ];
    return `xx drop (${this.#reason(event)}) flow 0x${event.hash.toString(16)} ${places.join(', ')}\n`;
  }

  #file({ file }: events.DropEvent): string {
    return this.#version >= 14 ? sourceFileName(file) : String(file);
  }

  #reason({ reason, extendedError }: events.DropEvent): string {
    const name = reasonText(reason);
    const isNamed = name !== String(reason);
    if (this.#version < 13 || (isNamed && extendedError === 0)) return name;
    return `${name}, ${extendedError}`;
  }

  #dropHeader(event: events.DropEvent): string {
    const { sourceIdentity, destinationIdentity, destinationId } = event;
    const parts = [
      `${frameHead(event, 'DROP')}`,
      `reason ${reasonName(event.reason)}`,
      ...(sourceIdentity === 0 && destinationIdentity === 0 ? [] : [this.#identities(event)]),
      ...(destinationId === 0 ? [] : [`to endpoint ${destinationId}`]),
    ];
    return `${parts.join(', ')}\n`;
  }

  #verdict(record: EventRecord, event: Verdict): string {
    const words = [
      `Policy verdict log: flow 0x${event.hash.toString(16)} local EP ID ${event.source}`,
      `remote ID ${this.#identity(event.remoteIdentity)}`,
      `proto ${event.protocol}`,
      event.direction === 1 ? 'ingress' : 'egress',
      `action ${action(event)}`,
      ...(this.#version >= 14 ? [`auth: ${authName(event.authentication & 0x7f)}`] : []),
      `match ${events.policyMatchText(event.match)}`,
      connectionText(dissectEvent(record, event), this.#version),
    ];
    return `${words.join(', ')}\n`;
  }

  #debug({ node }: EventRecord, event: events.DebugEvent): string {
    const { json, verbosity } = this.#options;
    if (!json && verbosity === 0) return '';
    const text = debugText(event.type, event.arguments, (ifindex) => linkName(node, ifindex));
    if (json) return jsonLine(CPU, debugObject(text));
    return `${markHead(event)} DEBUG: ${text}\n`;
  }

  #capture(record: EventRecord, event: events.CaptureEvent): string {
    const { json, verbosity } = this.#options;
    const text = captureText(event.type, event.arguments[0]);
    const prefix = capturePrefix(event.type, event.arguments[0], (ifindex) => linkName(record.node, ifindex));
    if (json) return jsonLine(CPU, captureObject(record, event, text, prefix ?? '', this.#version));
    if (verbosity === 2) {
      const header = `${markHead(event)} DEBUG: ${event.capturedLength} bytes, ${text}\n`;
      return `${SEPARATOR}${header}${this.#frame(record, event)}`;
    }
    if (prefix === null) return '';
    return `${prefix}: ${connectionText(dissectEvent(record, event), this.#version)}\n`;
  }

  /** The tool says so when it takes the first frame apart. */
  #noteDissection(): void {
    if (this.#hasDissected) return;
    this.#hasDissected = true;
    const tail = this.#version === 10 ? ' subsys=monitor' : '';
    this.#options.say(`level=info msg="Initializing dissection cache..."${tail}\n`);
  }

  #connection(record: EventRecord, event: events.TraceEvent | events.DropEvent): string {
    return connectionText(dissectEvent(record, event, firstLayer(event, this.#version)), this.#version);
  }

  /** The tool buffers the header of traces and drops, and writes the layers at once: they come first. */
  #dissected(record: EventRecord, event: events.TraceEvent | events.DropEvent, header: string): string {
    return `${SEPARATOR}${this.#frame(record, event)}${header}`;
  }

  #frame(record: EventRecord, event: events.TraceEvent | events.DropEvent | events.CaptureEvent): string {
    const dissection = dissectEvent(record, event);
    if (dissection.layers.length === 0 && dissection.error === null) return '';
    if (this.#options.hex) {
      return hexLines(record.bytes, event.frameAt, Math.min(event.capturedLength, remaining(record, event)));
    }
    const lines = layerLines(dissection, this.#version >= 18);
    if (dissection.truncated) lines.push('  Packet has been truncated');
    if (dissection.error !== null) lines.push(`  Failed to decode layer: ${dissection.error}`);
    return lines.map((line) => `${line}\n`).join('');
  }
}

function remaining({ at, length }: EventRecord, { frameAt }: { readonly frameAt: number }): number {
  return at + length - frameAt;
}

/** Packets of devices without Ethernet header are known as such from 1.18 on. */
function firstLayer(
  { flags }: events.TraceEvent | events.DropEvent,
  version: CiliumVersion,
): 'Ethernet' | 'IPv4' | 'IPv6' {
  if ((flags & events.FLAG_L3_DEVICE) === 0 || version < 18) return 'Ethernet';
  return (flags & events.FLAG_IPV6) !== 0 ? 'IPv6' : 'IPv4';
}

function markHead({ hash, source }: { readonly hash: number; readonly source: number }): string {
  return `${CPU} MARK 0x${hash.toString(16)} FROM ${source}`;
}

function frameHead(event: events.TraceEvent | events.DropEvent, point: string): string {
  return `${markHead(event)} ${point}: ${event.originalLength} bytes`;
}

/** A state without name prints as the whole byte. */
function stateText({ reason, encrypted }: events.TraceEvent): string {
  const text = events.traceReasonText(reason);
  return text === String(reason) ? String(reason | (encrypted ? events.REASON_ENCRYPTED : 0)) : text;
}

function reasonName(reason: number): string {
  const name = reasonText(reason);
  return name === String(reason) ? `${reason}, 0` : name;
}

function originalAddress({ bytes }: EventRecord, { flags, originalAddressAt }: events.TraceEvent): string {
  return (flags & events.FLAG_IPV6) !== 0
    ? formatIpv6(bytes, originalAddressAt)
    : formatIpv4(bytes, originalAddressAt);
}

function action({ audited, verdict }: Verdict): string {
  if (audited) return 'audit';
  return verdict < 0 ? 'deny' : verdict > 0 ? 'redirect' : 'allow';
}

const SOCKET_POINTS = ['unknown', 'pre-xlate-fwd', 'post-xlate-fwd', 'pre-xlate-rev', 'post-xlate-rev'];
const SOCKET_PROTOCOLS = ['unknown', 'tcp', 'udp'];

/** Addresses of both families stand in brackets. */
function socketLine({ bytes }: EventRecord, event: events.TraceSocketEvent): string {
  const address = event.isIpv6 ? formatIpv6(bytes, event.addressAt) : formatIpv4(bytes, event.addressAt);
  const destination = address.includes(':') ? withPort(address, event.port) : `[${address}]:${event.port}`;
  return (
    `${CPU} [${SOCKET_POINTS[event.point] ?? 'unknown'}] cgroup_id: ${event.cgroup} ` +
    `sock_cookie: ${event.cookie}, dst ${destination} ${SOCKET_PROTOCOLS[event.layer4] ?? 'unknown'} \n`
  );
}
