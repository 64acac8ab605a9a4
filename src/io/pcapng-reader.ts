/** Reads pcapng captures (draft-ietf-opsawg-pcapng). */
import { type CaptureError, CUT, DAMAGED } from './capture-error.js';
import { linkTypeName, maximumCapturedLength } from './link-type.js';
import type { PacketBatch } from './packet-batch.js';
import { paddedLength } from './packet-options.js';
import type { CaptureInterface } from './packet-source.js';
import {
  BLOCK_HEADER_LENGTH,
  BLOCK_TRAILER_LENGTH,
  BYTE_ORDER_MAGIC,
  type CaptureSection,
  ENHANCED_PACKET_BLOCK,
  INTERFACE_DESCRIPTION_BLOCK,
  INTERFACE_FIXED_LENGTH,
  PACKET_BLOCK,
  PACKET_FIXED_LENGTH,
  readInterface,
  readSection,
  SECTION_FIXED_LENGTH,
  SECTION_HEADER_BLOCK,
  SIMPLE_PACKET_BLOCK,
  SIMPLE_PACKET_FIXED_LENGTH,
  SMALLEST_BLOCK,
} from './pcapng-blocks.js';
import type { TimestampDecoder } from './timestamp.js';
import { WindowSource } from './window-source.js';

/** Bounds that no honest file comes near; what is beyond them is damage. */
const MAXIMUM_OPTIONS_LENGTH = 16 << 20;
const MAXIMUM_INTERFACES = 1 << 16;
const MAXIMUM_SECTIONS = 1 << 16;

const TOO_MANY = 'the packets before it were read; split the file (editcap -c)';

/** An interface of the section that is being read. */
interface SectionInterface {
  /** Row of `interfaces`. */
  readonly index: number;
  readonly snapLength: number;
  readonly maximumLength: number;
  readonly clock: TimestampDecoder;
}

export class PcapngReader extends WindowSource {
  readonly interfaces: CaptureInterface[] = [];
  /** What the section headers read so far say. */
  readonly sections: CaptureSection[] = [];
  #littleEndian = true;
  #section: SectionInterface[] = [];
  /** Total length of the block that was passed over and whose trailer comes next; 0 when there is none. */
  #passedOver = 0;

  protected scan(batch: PacketBatch): number {
    batch.bytes = this.window.bytes;
    batch.hasOptions = true;
    let need = this.#takePackets(batch);
    // A batch ends at any other block: so it never spans sections, and its options are all of one byte order.
    while (need === 0 && batch.count === 0) {
      need = this.#takeOtherBlock();
      if (need === 0) need = this.#takePackets(batch);
    }
    batch.optionsLittleEndian = this.#littleEndian;
    return need;
  }

  /** Takes packet blocks; answers how many bytes are needed to go on, or 0 at a block of another kind. */
  #takePackets(batch: PacketBatch): number {
    if (this.#passedOver > 0) return 0;
    const { view, end } = this.window;
    const { capacity, optionsStart, optionsEnd } = batch;
    const littleEndian = this.#littleEndian;
    const section = this.#section;
    let at = this.window.start;
    let need = 0;
    let count = 0;
    while (count < capacity) {
      need = SMALLEST_BLOCK;
      if (at + need > end) break;
      const type = view.getUint32(at, littleEndian);
      const simple = type === SIMPLE_PACKET_BLOCK;
      if (type !== ENHANCED_PACKET_BLOCK && type !== PACKET_BLOCK && !simple) {
        need = 0;
        break;
      }
      const fixed = simple ? SIMPLE_PACKET_FIXED_LENGTH : PACKET_FIXED_LENGTH;
      need = fixed + BLOCK_TRAILER_LENGTH;
      if (at + need > end) break;
      const total = view.getUint32(at + 4, littleEndian);
      const original = view.getUint32(at + fixed - 4, littleEndian);
      const id = simple
        ? 0
        : type === PACKET_BLOCK
          ? view.getUint16(at + 8, littleEndian)
          : view.getUint32(at + 8, littleEndian);
      const owner = section[id];
      const captured = simple ? simpleLength(owner, original) : view.getUint32(at + 20, littleEndian);
      const options = at + fixed + paddedLength(captured);
      const trailer = at + total - BLOCK_TRAILER_LENGTH;
      if (
        owner === undefined ||
        captured > owner.maximumLength ||
        total % 4 !== 0 ||
        options > trailer ||
        trailer - options > MAXIMUM_OPTIONS_LENGTH
      ) {
        if (count === 0) throw this.#packetFault(at, total, id, captured);
        break;
      }
      need = total;
      if (at + need > end) break;
      if (view.getUint32(trailer, littleEndian) !== total) {
        if (count === 0) throw this.#trailerFault(at, total, view.getUint32(trailer, littleEndian));
        break;
      }
      batch.offset[count] = at + fixed;
      batch.capturedLength[count] = captured;
      batch.originalLength[count] = original;
      batch.interfaceIndex[count] = owner.index;
      optionsStart[count] = options;
      optionsEnd[count] = simple ? options : trailer;
      if (simple) {
        batch.seconds[count] = 0;
        batch.nanoseconds[count] = 0;
      } else {
        const { clock } = owner;
        clock.decode(view.getUint32(at + 12, littleEndian), view.getUint32(at + 16, littleEndian));
        batch.seconds[count] = clock.seconds;
        batch.nanoseconds[count] = clock.nanoseconds;
      }
      at += total;
      count++;
    }
    this.window.start = at;
    batch.count = count;
    return need;
  }

  /**
   * Takes one block that is no packet, or passes over it; answers 0, or how many bytes are needed first. Blocks
   * that are passed over (names, statistics, secrets, custom, unknown) may be longer than the window.
   */
  #takeOtherBlock(): number {
    const { view, start, end } = this.window;
    if (this.#passedOver > 0) {
      if (start + BLOCK_TRAILER_LENGTH > end) return BLOCK_TRAILER_LENGTH;
      this.#checkTrailer(start, this.#passedOver);
      this.window.start = start + BLOCK_TRAILER_LENGTH;
      this.#passedOver = 0;
      return 0;
    }
    const type = view.getUint32(start, this.#littleEndian);
    if (type === SECTION_HEADER_BLOCK) this.#takeByteOrder(start);
    const total = view.getUint32(start + 4, this.#littleEndian);
    const describes = type === SECTION_HEADER_BLOCK || type === INTERFACE_DESCRIPTION_BLOCK;
    const shortest = fixedLength(type) + BLOCK_TRAILER_LENGTH;
    const longest = describes ? shortest + MAXIMUM_OPTIONS_LENGTH : Number.POSITIVE_INFINITY;
    if (total < shortest || total > longest || total % 4 !== 0) {
      throw this.window.fault(
        start,
        `a block of type ${blockType(type)} says it is ${total} bytes long`,
        DAMAGED,
      );
    }
    if (!describes) {
      this.window.start = start + total - BLOCK_TRAILER_LENGTH;
      this.#passedOver = total;
      return 0;
    }
    if (start + total > end) return total;
    this.#checkTrailer(start + total - BLOCK_TRAILER_LENGTH, total);
    if (type === SECTION_HEADER_BLOCK) this.#startSection(start, total);
    else this.#addInterface(start, total);
    this.window.start = start + total;
    return 0;
  }

  #takeByteOrder(at: number): void {
    const { view } = this.window;
    this.#littleEndian = view.getUint32(at + BLOCK_HEADER_LENGTH, true) === BYTE_ORDER_MAGIC;
    if (!this.#littleEndian && view.getUint32(at + BLOCK_HEADER_LENGTH, false) !== BYTE_ORDER_MAGIC) {
      throw this.window.fault(at + BLOCK_HEADER_LENGTH, 'a section header has no byte-order magic', DAMAGED);
    }
  }

  #startSection(at: number, total: number): void {
    const { bytes, view } = this.window;
    const major = view.getUint16(at + 12, this.#littleEndian);
    const minor = view.getUint16(at + 14, this.#littleEndian);
    // Version 1.2 was written by some tools and is the same format (section 4.1).
    if (major !== 1 || (minor !== 0 && minor !== 2)) {
      throw this.window.fault(
        at + 12,
        `pcapng version ${major}.${minor} is not known`,
        'only version 1.0 can be read; convert it with the tool that wrote it',
      );
    }
    if (this.sections.length === MAXIMUM_SECTIONS) {
      throw this.window.fault(at, `there are more than ${MAXIMUM_SECTIONS} sections`, TOO_MANY);
    }
    const section = readSection(bytes, at, total, this.#littleEndian);
    if (section === null) {
      throw this.window.fault(at, 'a section header has an option longer than itself', DAMAGED);
    }
    this.#section = [];
    this.sections.push(section);
  }

  #addInterface(at: number, total: number): void {
    if (this.interfaces.length === MAXIMUM_INTERFACES) {
      throw this.window.fault(at, `there are more than ${MAXIMUM_INTERFACES} interfaces`, TOO_MANY);
    }
    const block = readInterface(this.window.bytes, at, total, this.#littleEndian);
    if (block === null) {
      throw this.window.fault(at, 'an interface description has an option longer than itself', DAMAGED);
    }
    const { description, clock } = block;
    this.#section.push({
      index: this.interfaces.length,
      snapLength: description.snapLength,
      maximumLength: maximumCapturedLength(description.linkType),
      clock,
    });
    this.interfaces.push(description);
  }

  #checkTrailer(trailer: number, total: number): void {
    const repeated = this.window.view.getUint32(trailer, this.#littleEndian);
    if (repeated !== total) throw this.#trailerFault(trailer + BLOCK_TRAILER_LENGTH - total, total, repeated);
  }

  #trailerFault(at: number, total: number, repeated: number): CaptureError {
    return this.window.fault(
      at,
      `a block says at its start that it is ${total} bytes long, at its end ${repeated}`,
      DAMAGED,
    );
  }

  #packetFault(at: number, total: number, id: number, captured: number): CaptureError {
    const owner = this.#section[id];
    let fault = `a packet block is ${total} bytes long and says it has ${captured} captured bytes`;
    if (total < SMALLEST_BLOCK || total % 4 !== 0) {
      fault = `a packet block says it is ${total} bytes long`;
    } else if (owner === undefined) {
      fault = `a packet is of interface ${id}, but its section has described ${this.#section.length} so far`;
    } else if (captured > owner.maximumLength) {
      const linkType = linkTypeName(this.interfaces[owner.index].linkType);
      fault = `a packet says it has ${captured} captured bytes, more than the ${owner.maximumLength} that link type ${linkType} can have`;
    }
    return this.window.fault(at, fault, DAMAGED);
  }

  protected checkEnd(): void {
    const { start, end } = this.window;
    if (start === end && this.#passedOver === 0) return;
    const there = start > end || this.#passedOver > 0 ? '' : ` ${end - start} bytes`;
    throw this.window.fault(Math.min(start, end), `the file ends${there} into a block`, CUT);
  }
}

/** Bytes of a block that is no packet, up to its options. */
function fixedLength(type: number): number {
  if (type === SECTION_HEADER_BLOCK) return SECTION_FIXED_LENGTH;
  return type === INTERFACE_DESCRIPTION_BLOCK ? INTERFACE_FIXED_LENGTH : BLOCK_HEADER_LENGTH;
}

/** Captured length of a simple packet block: what the snap length of its section's first interface left. */
function simpleLength(owner: SectionInterface | undefined, original: number): number {
  if (owner === undefined || owner.snapLength === 0) return original;
  return Math.min(original, owner.snapLength);
}

function blockType(type: number): string {
  return `0x${type.toString(16).padStart(8, '0')}`;
}
