/** An event as printers get it: decoded, with its bytes, and where and when it came. */
import type { DatapathEvent } from '../../programs/tables/events.js';
import type { BuiltNode, BuiltTopology } from '../../topologies/built.js';
import { type Dissection, dissect, type LayerName } from './dissect.js';

export interface EventRecord {
  readonly topology: BuiltTopology;
  readonly node: BuiltNode;
  readonly event: DatapathEvent;
  /** The record is `bytes[at .. at + length)`, until the next one is read. */
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly length: number;
  /** Of the run: since 1970, as in the capture. */
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** What writes events down, as one of the tools would. */
export interface EventPrinter {
  /** The text of an event, line ends included; empty for one that is not shown. */
  event(record: EventRecord): string;
  /** Events that the ring had no room for. */
  lost(node: BuiltNode, count: number): string;
  /** What is left to print at the end of the run. */
  end(): string;
}

/** The captured piece of the frame, dissected from `first` on. */
export function dissectEvent(
  { bytes, at, length }: EventRecord,
  event: { readonly frameAt: number; readonly capturedLength: number },
  first: LayerName = 'Ethernet',
): Dissection {
  const there = Math.min(event.capturedLength, at + length - event.frameAt);
  return dissect(bytes, event.frameAt, Math.max(0, there), first);
}

/** The name of an interface of the node's own namespace; the number of one that is not there. */
export function linkName({ node }: BuiltNode, ifindex: number): string {
  return node.host.device(ifindex)?.name ?? String(ifindex);
}
