/** Files of a fixed size whose bytes are memory: what is written there stays when the process ends in whatever way. */
import { closeSync, fstatSync, ftruncateSync, openSync } from 'node:fs';
import type { Libc } from '../io/live/libc.js';
import { BAD_INPUT, errorText, LiveError } from '../io/live/live-error.js';

const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;

export interface MappedFile {
  readonly bytes: Uint8Array;
  /** The file was not there before, and is all zeros. */
  readonly isNew: boolean;
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
      'see --state',
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
