/**
 * A port: one end of a real link, which frames of an arena are received from and sent to in batches. Below the
 * `PacketSource` and `PacketSink` of live devices (live-source.ts, live-sink.ts), and what a datapath thread uses
 * itself. One thread has it.
 */
import type { FrameArena } from '../../engine/frame-arena.js';

export const PLUGINS = ['tap', 'af-packet', 'libpcap', 'raw-socket', 'memory'] as const;
export type Plugin = (typeof PLUGINS)[number];

/** What to open. Fields that a plugin has no use for are refused. */
export interface PortSpec {
  readonly plugin: Plugin;
  /** The interface's name. */
  readonly name: string;
  /** Where the interface is: a name as `ip netns` has it, or the path of a namespace file. Default: here. */
  readonly namespace?: string;
  /** Set on the interface, where given. */
  readonly mtu?: number;
  /** 6 bytes; set on the interface, where given. */
  readonly mac?: Uint8Array;
  /** Brings the interface up (default for `tap`), or leaves it as it is (default for the others). */
  readonly up?: boolean;
  /** Takes frames with checksum and segmentation offloads; default true where the plugin can. */
  readonly offloads?: boolean;
  /** `tap`: many frames a system call by io_uring, where the kernel allows it; default true. */
  readonly batches?: boolean;
  /** `tap`: one of several queues of the interface, each a port of its own. */
  readonly multiQueue?: boolean;
  /** `af-packet`, `libpcap`: frames to other MACs too; default true. */
  readonly promiscuous?: boolean;
  /** `af-packet`: sockets of one group share the interface's frames by flow, both directions of a flow to the same. */
  readonly fanout?: number;
  /** `af-packet`: a receive ring for capture; sending goes on as without. */
  readonly ring?: boolean;
  /** `raw-socket`: IP protocol numbers to receive. */
  readonly protocols?: readonly number[];
  /** Where the counters are kept, PORT_COUNTERS long; shared memory lets another thread read them. */
  readonly counters?: Float64Array;
}

/** Rows of `LivePort.counters`. */
export const RECEIVED = 0;
export const RECEIVED_BYTES = 1;
export const SENT = 2;
export const SENT_BYTES = 3;
/** Frames to send that were lost since the queue behind the port was full. */
export const QUEUE_FULL = 4;
/** Frames to send, or segments of them, that were longer than the MTU; lost. */
export const OVERSIZE = 5;
/** Frames to send while the interface was down or gone; lost. */
export const LINK_DOWN = 6;
/** Frames that the kernel refused to send for another reason; lost. */
export const SEND_ERRORS = 7;
/** Received frames that were longer than a slot; lost. */
export const TRUNCATED = 8;
/** Frames that the kernel, or a queue of the plugin, dropped before they were received. */
export const KERNEL_DROPS = 9;
/** Times that receiving stopped since the arena had no slot; the frames wait in the kernel. */
export const NO_SLOT = 10;
/** Frames that were cut into segments in software, and segments that this made (which SENT counts). */
export const SEGMENTED = 11;
export const SEGMENTS = 12;
/** Checksums that were computed in software. */
export const CHECKSUMMED = 13;
export const PORT_COUNTERS = 14;

export const PORT_COUNTER_NAMES: readonly string[] = [
  'received',
  'received bytes',
  'sent',
  'sent bytes',
  'queue full',
  'longer than the MTU',
  'link down',
  'send errors',
  'truncated',
  'dropped by the kernel',
  'no free frame slot',
  'segmented',
  'segments',
  'checksummed',
];

/** `LivePort.state`. */
export const PORT_UP = 0;
/** The interface is down; the port works again when it is up. */
export const PORT_DOWN = 1;
/** The interface has vanished, or the port was closed. */
export const PORT_GONE = 2;

export interface LivePort {
  readonly plugin: Plugin;
  /** The interface's name. */
  readonly name: string;
  /**
   * Readable when frames wait; POLLERR when the interface has changed its state, then `refresh` and leave out what is
   * gone. -1 where there is none.
   */
  readonly fd: number;
  /** Called from the event loop when frames have come; for ports without `fd`. */
  onReadable: (() => void) | null;
  /** 6 bytes; the MAC of the interface, which for a TAP is that of the kernel's end. */
  readonly mac: Uint8Array;
  /** Bytes behind the Ethernet header, VLAN tag not counted, that a frame on the link may have. */
  readonly mtu: number;
  /** PORT_UP, PORT_DOWN or PORT_GONE; as far as the last `receive`, `send` or `refresh` could tell. */
  readonly state: number;
  /** Rows as above; only grow. */
  readonly counters: Float64Array;
  /** Whether frames may leave with `owes` set; where false they are finished in software. */
  readonly offloads: boolean;

  /**
   * Takes up to `limit` frames that wait. Each gets a slot of the arena, whose handle goes into `handles` from row `at`
   * on; the caller frees them. Answers how many; 0 when none waits, or the port is down or gone. Never blocks.
   */
  receive(arena: FrameArena, handles: Int32Array, at: number, limit: number): number;

  /**
   * Sends the frames of `handles[at .. at + count)` and answers how many went out. Each of the others is counted as lost
   * under one of the names above. The slots stay the caller's; a frame's bytes may be changed. Never blocks.
   */
  send(arena: FrameArena, handles: Int32Array, at: number, count: number): number;

  /** Reads state, MTU and MAC of the interface, and what the kernel counted, anew. */
  refresh(): void;

  /** Ends the port; may be called twice. An interface that it made is gone then. */
  close(): void;
}
