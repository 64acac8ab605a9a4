/** What commands say beside their output: lines on standard error. */
import { writeSync } from 'node:fs';
import pino, { type Logger } from 'pino';

const STANDARD_ERROR = 2;
const PREFIXES: Readonly<Record<number, string>> = { 40: 'warning: ', 50: 'error: ', 60: 'error: ' };

/** Called before a line is written, so that a progress bar can make room. */
let beforeLine: () => void = () => {};

export function onLogLine(call: () => void): void {
  beforeLine = call;
}

/** `packetwalk: warning: text` for people; the JSON record itself with PACKETWALK_LOG=json. */
function writeRecord(record: string): void {
  beforeLine();
  if (process.env.PACKETWALK_LOG === 'json') {
    put(record);
    return;
  }
  const { level, msg } = JSON.parse(record) as { level: number; msg: string };
  put(`packetwalk: ${PREFIXES[level] ?? ''}${msg}\n`);
}

/** Synchronous, so that a line is out before the process ends. A reader that went away is not our fault. */
export function put(text: string): void {
  try {
    writeSync(STANDARD_ERROR, text);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EPIPE' && code !== 'EAGAIN') throw error;
  }
}

export const log: Logger = pino({ base: null, level: 'info' }, { write: writeRecord });
