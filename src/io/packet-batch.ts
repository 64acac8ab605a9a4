/** A reusable batch of packets, as columns over the memory that the frames are in. */
import { packetFlags, readPacketOptions } from './packet-options.js';
import type { PacketOptions } from './packet-source.js';

const DEFAULT_BATCH_CAPACITY = 4096;

/**
 * Packet `i` (0 <= i < count) is `bytes[offset[i] .. offset[i] + capturedLength[i])`. A source that has the
 * frames in its own memory sets `bytes` to that memory: nothing is copied. All columns have `capacity` rows.
 */
export class PacketBatch {
  readonly capacity: number;
  bytes: Uint8Array = new Uint8Array(0);
  count = 0;

  readonly offset: Int32Array;
  readonly capturedLength: Int32Array;
  /** Length on the wire; more than `capturedLength` when the capture's snap length cut the frame. */
  readonly originalLength: Uint32Array;
  /** Time since 1970-01-01 UTC; exact for whole seconds below 2^53. Both are 0 for a packet without a timestamp. */
  readonly seconds: Float64Array;
  /** 0 .. 999,999,999, added to `seconds` (also where that is negative). */
  readonly nanoseconds: Int32Array;
  /** Row of `PacketSource.interfaces`. */
  readonly interfaceIndex: Int32Array;

  /**
   * Where the packet's pcapng options are in `bytes`; an empty range when there are none. Only meaningful when
   * `hasOptions`; read them with `flags` and `options`.
   */
  readonly optionsStart: Int32Array;
  readonly optionsEnd: Int32Array;
  hasOptions = false;
  /** Byte order of the options: true for little-endian. */
  optionsLittleEndian = true;

  constructor(capacity = DEFAULT_BATCH_CAPACITY) {
    this.capacity = capacity;
    this.offset = new Int32Array(capacity);
    this.capturedLength = new Int32Array(capacity);
    this.originalLength = new Uint32Array(capacity);
    this.seconds = new Float64Array(capacity);
    this.nanoseconds = new Int32Array(capacity);
    this.interfaceIndex = new Int32Array(capacity);
    this.optionsStart = new Int32Array(capacity);
    this.optionsEnd = new Int32Array(capacity);
  }

  /** epb_flags of packet `i`, or 0; allocates nothing. `flags(i) & 3` is its DIRECTION_. */
  flags(i: number): number {
    if (!this.hasOptions) return 0;
    return packetFlags(this.bytes, this.optionsStart[i], this.optionsEnd[i], this.optionsLittleEndian);
  }

  /** All options of packet `i`, or null when it has none. Allocates: not for a hot path. */
  options(i: number): PacketOptions | null {
    if (!this.hasOptions || this.optionsStart[i] === this.optionsEnd[i]) return null;
    return readPacketOptions(this.bytes, this.optionsStart[i], this.optionsEnd[i], this.optionsLittleEndian);
  }
}
