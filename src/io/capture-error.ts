/** Remedies for faults inside a capture. */
export const DAMAGED = 'the packets before it were read; copy the file again, or mend it (pcapfix)';
export const CUT =
  'the packets before it were read; the file was cut or is still being written, get the whole of it';

/** A fault in a capture or in reaching it: the user's to mend, told in one line. Never thrown for a bad packet. */
export class CaptureError extends Error {
  /** The capture's path, or `-` for standard input. */
  readonly file: string;
  /** Bytes into the (uncompressed) capture where the fault is; -1 when the file could not be opened. */
  readonly offset: number;
  readonly fault: string;
  /** What to do about it. */
  readonly remedy: string;
  /** Of the command that meets it: bad input. */
  readonly exitCode = 2;

  constructor(file: string, offset: number, fault: string, remedy: string, cause?: unknown) {
    const place = offset < 0 ? '' : `, at byte ${offset}`;
    super(`${file === '-' ? 'standard input' : file}${place}: ${fault}; ${remedy}`, { cause });
    this.name = 'CaptureError';
    this.file = file;
    this.offset = offset;
    this.fault = fault;
    this.remedy = remedy;
  }
}
