/** What a lab says while it runs: on a terminal by its live view, else line by line. */
import { log } from '../log.js';
import type { LabSession } from './session.js';
import type { Status } from './status.js';
import { LiveView, periodLine } from './view.js';

const DRAW_MS = 1000;
const LINE_MS = 10_000;
const FLOWS = 10;
/** Of a terminal that does not say its size: a serial line, some containers. */
const DEFAULT_COLUMNS = 80;
const DEFAULT_ROWS = 24;

export class Talk {
  #view: LiveView | null = null;

  warn(text: string): void {
    if (this.#view === null) log.warn(text);
    else this.#view.say(`${new Date().toTimeString().slice(0, 8)} ${text}`);
  }

  /** Until it is closed. */
  show(session: LabSession): { close(): void } {
    return process.stdout.isTTY === true ? this.#showView(session) : showLines(session);
  }

  #showView(session: LabSession): { close(): void } {
    const { stdout } = process;
    const view = new LiveView({
      get columns() {
        return stdout.columns || DEFAULT_COLUMNS;
      },
      get rows() {
        return stdout.rows || DEFAULT_ROWS;
      },
      write: (text) => stdout.write(text),
    });
    this.#view = view;
    const draw = async (): Promise<void> => {
      // The lab may end while the question is under way.
      const overview = await session.overview(FLOWS).catch(() => null);
      if (overview === null || this.#view === null) return;
      view.draw(session.status(), overview, performance.now() / 1000);
    };
    const timer = setInterval(draw, DRAW_MS);
    void draw();
    return {
      close: () => {
        clearInterval(timer);
        this.#view = null;
        view.close();
      },
    };
  }
}

/** A line every ten seconds in which something happened. */
function showLines(session: LabSession): { close(): void } {
  let last: Status = session.status();
  const timer = setInterval(() => {
    const status = session.status();
    const line = periodLine(status, last, LINE_MS / 1000);
    last = status;
    if (line !== null) log.info(line);
  }, LINE_MS);
  return { close: () => clearInterval(timer) };
}
