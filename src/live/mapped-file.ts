/** Files of a fixed size whose bytes are memory: what is written there stays when the process ends in whatever way. */
import { closeSync, existsSync, fstatSync, ftruncateSync, mkdirSync, openSync, statSync } from 'node:fs';
import { errorText } from '../io/live/error-text.js';
import type { Libc } from '../io/live/libc.js';
import { BAD_INPUT, LiveError } from '../io/live/live-error.js';

const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;

export interface MappedFile {
  readonly bytes: Uint8Array;
  /** The file was not there before, and is all zeros. */
  readonly isNew: boolean;
}

/** Makes a directory for them where there is none. Throws a LiveError. */
export function makeStateDirectory(directory: string): void {
  try {
    // One level: a recursive mkdirSync never returns where the kernel makes no directories, as in /proc.
    if (!existsSync(directory)) mkdirSync(directory, { mode: 0o700 });
    if (statSync(directory).isDirectory()) return;
  } catch (error) {
    const fault = `cannot be made (${(error as NodeJS.ErrnoException).code})`;
    throw new LiveError(
      directory,
      fault,
      'give --state a directory in one that you may write to',
      BAD_INPUT,
      error,
    );
  }
  throw new LiveError(directory, 'is no directory', 'give --state one, or a name that is free', BAD_INPUT);
}

/**
 * Maps a file of `length` bytes, which is made where there is none. It stays mapped to the end of the process, since
 * nothing could tell whether somebody still looks at its memory. Throws a LiveError for a file of another length.
 */
export function mapFile(libc: Libc, file: string, length: number): MappedFile {
  let fd: number;
  try {
    fd = openSync(file, 'a+', 0o600);
  } catch (error) {
    throw new LiveError(
      file,
      `cannot be opened (${(error as NodeJS.ErrnoException).code})`,
      'give --state a directory that you may write to',
      BAD_INPUT,
      error,
    );
  }
  try {
    const { size } = fstatSync(fd);
    const isNew = size === 0;
    if (isNew) ftruncateSync(fd, length);
    else if (size !== length) {
      const what = `has ${size} bytes where ${length} belong: it is torn, or of another version`;
      throw new LiveError(file, what, REMEDY, BAD_INPUT);
    }
    return { bytes: mapWritable(libc, file, length), isNew };
  } finally {
    closeSync(fd);
  }
}

export const REMEDY = 'remove the directory to begin afresh';

function mapWritable(libc: Libc, file: string, length: number): Uint8Array {
  const fd = openSync(file, 'r+');
  try {
    const address = libc.mmap(null, length, PROT_READ_WRITE, MAP_SHARED, fd, 0);
    if (address === -1)
      throw new LiveError(file, `cannot be mapped: ${errorText(libc.errno())}`, 'free memory', BAD_INPUT);
    return libc.viewAt(address, length);
  } finally {
    closeSync(fd);
  }
}
