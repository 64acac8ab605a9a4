/**
 * Where packets come from and where they go: the one pair of interfaces that captures, memory, generators and
 * live devices implement. Packets travel in batches of columns; there is no object per packet.
 */
import type { PacketBatch } from './packet-batch.js';

/** What `PacketSource.read` answers when nothing is there at the moment, and when nothing will come any more. */
export const NOTHING_YET = 0;
export const END = -1;

/** One capture interface: what the packets of one `interfaceIndex` have in common. */
export interface CaptureInterface {
  /** LINKTYPE_ number (see link-type.ts); 1 is Ethernet. */
  readonly linkType: number;
  /** Most bytes that were kept of a packet; 0 when there was no limit. */
  readonly snapLength: number;
  /** Timestamp units in a second: 1e6, 1e9, or any other power of 10 or 2. */
  readonly unitsPerSecond: number;
  /** Seconds that were added to each stored timestamp (if_tsoffset). */
  readonly timestampOffsetSeconds: number;
  /** Bytes of frame check sequence at the end of each frame; 0 when there is none or it is not known. */
  readonly frameCheckLength: number;
  /** Empty when the capture does not say. */
  readonly name: string;
  readonly description: string;
  readonly operatingSystem: string;
}

/** What a pcapng packet can carry besides its bytes. Absent fields were (or will be) not in the file. */
export interface PacketOptions {
  /** UTF-8 text; where the file has several comments, one per line. */
  comment?: string | undefined;
  /** epb_flags word: bits 0-1 direction (1 inbound, 2 outbound), 2-4 reception type, 5-8 FCS length. */
  flags?: number | undefined;
  /** Packets lost between this one and the one before (epb_dropcount). */
  dropCount?: number | bigint | undefined;
  /** Same number on all records of one packet (epb_packetid, unsigned 64 bit). Read as bigint. */
  packetId?: number | bigint | undefined;
  queue?: number | undefined;
  /** epb_verdict: who decided (VERDICT_ constants) and what (a signed 64-bit code for TC and XDP). */
  verdictKind?: number | undefined;
  verdict?: number | bigint | undefined;
}

export const DIRECTION_INBOUND = 1;
export const DIRECTION_OUTBOUND = 2;

export const VERDICT_EBPF_TC = 1;
export const VERDICT_EBPF_XDP = 2;

export interface PacketSource {
  /** The file's path, `-`, or what the source is; for messages. */
  readonly name: string;
  /** Grows while a pcapng capture is read; `batch.interfaceIndex` counts over all sections. */
  readonly interfaces: readonly CaptureInterface[];
  /** Bytes of the file used so far, as stored (compressed), and its size; -1 where there is no such number. */
  readonly position: number;
  readonly size: number;

  /**
   * Replaces the batch's packets by the next ones and answers how many there are: > 0, NOTHING_YET (call again
   * after `wait`) or END. Only plain regular files, memory and generators never answer NOTHING_YET. The batch's
   * memory is valid until the next `read` or `close`. Throws CaptureError for a fault in the capture, after all packets before the fault were
   * given; a further `read` throws the same again.
   */
  read(batch: PacketBatch): number;

  /** Resolves when `read` has something new to say. */
  wait(): Promise<void>;

  /** Ends the source and frees what it holds; may be called twice. */
  close(): void;
}

/** What a sink is told of an interface; times are always written in its sink's own resolution. */
export interface InterfaceDescription {
  /** Default 1, Ethernet. */
  readonly linkType?: number;
  /** Default 0, no limit. */
  readonly snapLength?: number;
  readonly name?: string;
  readonly description?: string;
  readonly operatingSystem?: string;
}

export interface PacketSink {
  /** Makes an interface known and answers its id, from 0 on. */
  addInterface(description: InterfaceDescription): number;

  /**
   * Takes `length` bytes from `bytes[at]`. `originalLength` is the length on the wire. The bytes are copied or
   * sent before the call returns. Options are kept where the sink can (pcapng, memory).
   */
  write(
    interfaceId: number,
    seconds: number,
    nanoseconds: number,
    bytes: Uint8Array,
    at: number,
    length: number,
    originalLength: number,
    options?: PacketOptions,
  ): void;

  /** Hands everything written so far to the file or device. */
  flush(): void;

  /** Flushes and ends; may be called twice. */
  close(): void;
}

/** Reads a source to its end; `take` gets each batch that has packets. Rethrows CaptureError. */
export async function forEachBatch(
  source: PacketSource,
  batch: PacketBatch,
  take: (batch: PacketBatch) => void,
): Promise<void> {
  for (let count = source.read(batch); count !== END; count = source.read(batch)) {
    if (count === NOTHING_YET) await source.wait();
    else take(batch);
  }
}
