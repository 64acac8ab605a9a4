/** Reads pcap captures (draft-ietf-opsawg-pcap; https://www.tcpdump.org/manpages/pcap-savefile.5.html). */
import type { ByteWindow } from './byte-window.js';
import { type CaptureError, CUT, DAMAGED } from './capture-error.js';
import { linkTypeName, maximumCapturedLength } from './link-type.js';
import type { PacketBatch } from './packet-batch.js';
import type { CaptureInterface } from './packet-source.js';
import { WindowSource } from './window-source.js';

export const PCAP_FILE_HEADER_LENGTH = 24;
export const PCAP_RECORD_HEADER_LENGTH = 16;
const MODIFIED_RECORD_HEADER_LENGTH = 24;

export const MAGIC_MICROSECONDS = 0xa1b2c3d4;
export const MAGIC_NANOSECONDS = 0xa1b23c4d;
/** Linux 2.x captures of the nineties: eight more bytes (ifindex, protocol, packet type) per packet. */
const MAGIC_MODIFIED = 0xa1b2cd34;

/** Set in the link type field when its top four bits hold the FCS length in 16-bit words. */
const FRAME_CHECK_LENGTH_PRESENT = 0x04000000;
/** Without what is said of the FCS. Bits above 16 are reserved; with them it is a link type that nobody knows. */
const LINK_TYPE_MASK = 0x03ffffff;

/** Whether four bytes, read in either byte order, are a magic number that this reader knows. */
export function isPcapMagic(magic: number): boolean {
  const unsigned = magic >>> 0;
  return unsigned === MAGIC_MICROSECONDS || unsigned === MAGIC_NANOSECONDS || unsigned === MAGIC_MODIFIED;
}

export class PcapReader extends WindowSource {
  readonly interfaces: readonly CaptureInterface[];
  readonly #littleEndian: boolean;
  readonly #recordHeaderLength: number;
  readonly #unitsPerSecond: number;
  readonly #nanosecondsPerUnit: number;
  readonly #maximumLength: number;
  /** Files before version 2.3 have the original length in front of the captured one; 2.3 has both kinds. */
  readonly #lengthsSwapped: boolean;
  readonly #lengthsMaybeSwapped: boolean;

  /** The window starts at the file header, which is in it whole; its magic is known. */
  constructor(window: ByteWindow) {
    super(window);
    const { view, start } = window;
    const littleEndian = isPcapMagic(view.getUint32(start, true));
    const magic = view.getUint32(start, littleEndian);
    const major = view.getUint16(start + 4, littleEndian);
    const minor = view.getUint16(start + 6, littleEndian);
    // Version 543.0 is what DG/UX tcpdump wrote.
    if (!(major === 2 && minor <= 4) && !(major === 543 && minor === 0)) {
      throw window.fault(
        start + 4,
        `pcap version ${major}.${minor} is not known`,
        'versions 2.0 to 2.4 can be read; convert it with the tool that wrote it',
      );
    }
    const linkField = view.getUint32(start + 20, littleEndian);
    const linkType = linkField & LINK_TYPE_MASK;
    this.#littleEndian = littleEndian;
    this.#recordHeaderLength =
      magic === MAGIC_MODIFIED ? MODIFIED_RECORD_HEADER_LENGTH : PCAP_RECORD_HEADER_LENGTH;
    this.#unitsPerSecond = magic === MAGIC_NANOSECONDS ? 1e9 : 1e6;
    this.#nanosecondsPerUnit = 1e9 / this.#unitsPerSecond;
    this.#maximumLength = maximumCapturedLength(linkType);
    this.#lengthsSwapped = major === 543 || minor < 3;
    this.#lengthsMaybeSwapped = major === 2 && minor === 3;
    this.interfaces = [
      {
        linkType,
        snapLength: view.getUint32(start + 16, littleEndian),
        unitsPerSecond: this.#unitsPerSecond,
        timestampOffsetSeconds: 0,
        frameCheckLength: (linkField & FRAME_CHECK_LENGTH_PRESENT) !== 0 ? (linkField >>> 28) * 2 : 0,
        name: '',
        description: '',
        operatingSystem: '',
      },
    ];
    window.start = start + PCAP_FILE_HEADER_LENGTH;
  }

  protected scan(batch: PacketBatch): number {
    const { view, end } = this.window;
    const { capacity, offset, capturedLength, originalLength, seconds, nanoseconds } = batch;
    const littleEndian = this.#littleEndian;
    const headerLength = this.#recordHeaderLength;
    const maximumLength = this.#maximumLength;
    const unitsPerSecond = this.#unitsPerSecond;
    const nanosecondsPerUnit = this.#nanosecondsPerUnit;
    const mayBeSwapped = this.#lengthsSwapped || this.#lengthsMaybeSwapped;
    let need = headerLength;
    let at = this.window.start;
    let count = 0;
    while (count < capacity && at + headerLength <= end) {
      let captured = view.getUint32(at + 8, littleEndian);
      let original = view.getUint32(at + 12, littleEndian);
      if (mayBeSwapped && (this.#lengthsSwapped || captured > original)) {
        const first = captured;
        captured = original;
        original = first;
      }
      if (captured > maximumLength) {
        if (count === 0) throw this.#absurdLength(at, captured);
        break;
      }
      const frame = at + headerLength;
      if (frame + captured > end) {
        need = headerLength + captured;
        break;
      }
      const fraction = view.getUint32(at + 4, littleEndian);
      offset[count] = frame;
      capturedLength[count] = captured;
      originalLength[count] = original;
      if (fraction < unitsPerSecond) {
        seconds[count] = view.getUint32(at, littleEndian);
        nanoseconds[count] = fraction * nanosecondsPerUnit;
      } else {
        const carry = Math.floor(fraction / unitsPerSecond);
        seconds[count] = view.getUint32(at, littleEndian) + carry;
        nanoseconds[count] = (fraction - carry * unitsPerSecond) * nanosecondsPerUnit;
      }
      at = frame + captured;
      count++;
    }
    this.window.start = at;
    batch.bytes = this.window.bytes;
    batch.count = count;
    batch.hasOptions = false;
    batch.interfaceIndex.fill(0, 0, count);
    return need;
  }

  #absurdLength(at: number, captured: number): CaptureError {
    const linkType = linkTypeName(this.interfaces[0].linkType);
    return this.window.fault(
      at,
      `a packet says it has ${captured} captured bytes, more than the ${this.#maximumLength} that link type ${linkType} can have`,
      DAMAGED,
    );
  }

  protected checkEnd(): void {
    const { start, end } = this.window;
    if (start === end) return;
    throw this.window.fault(start, `the file ends ${end - start} bytes into a packet`, CUT);
  }
}
