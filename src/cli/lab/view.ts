/** The live view of a lab: a page on a terminal that is drawn over once a second, or a line now and then elsewhere. */
import { bytesText, countText } from '../numbers.js';
import type { Overview } from './overview.js';
import type { PortStatus, Status } from './status.js';
import { byCount, lossesOf } from './status-text.js';

const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const END_OF_LINE = '\x1b[K';
const END_OF_PAGE = '\x1b[J';

export interface Screen {
  readonly columns: number;
  readonly rows: number;
  write(text: string): void;
}

/** A status and when it was taken, in seconds. */
interface Sample {
  readonly status: Status;
  readonly overview: Overview;
  readonly seconds: number;
}

export class LiveView {
  readonly #screen: Screen;
  #last: Sample | null = null;
  #messages: string[] = [];

  constructor(screen: Screen) {
    this.#screen = screen;
    screen.write(ENTER);
  }

  /** A line of talk, shown below the numbers; the last three stay. */
  say(message: string): void {
    this.#messages = [...this.#messages.slice(-2), message];
  }

  draw(status: Status, overview: Overview, seconds: number): void {
    const sample = { status, overview, seconds };
    const { columns, rows } = this.#screen;
    const lines = pageLines(sample, this.#last ?? sample, this.#messages)
      .slice(0, rows - 1)
      .map((line) => line.slice(0, columns) + END_OF_LINE);
    this.#last = sample;
    this.#screen.write(`${HOME}${lines.join('\n')}\n${END_OF_PAGE}`);
  }

  close(): void {
    this.#screen.write(LEAVE);
  }
}

/** The page, from what is now and what was a moment ago. */
export function pageLines(now: Sample, before: Sample, messages: readonly string[]): string[] {
  const { status, overview } = now;
  const seconds = Math.max(now.seconds - before.seconds, 1e-3);
  const busy = (status.busyNs - before.status.busyNs) / 1e9 / seconds / status.workers;
  const threads = status.workers === 1 ? 'datapath thread' : `${status.workers} datapath threads`;
  const width = Math.max(...status.ports.map(({ device }) => device.length), 6);
  const lines = [
    `lab ${status.name}  topology ${status.topology}  ${threads} ${Math.round(100 * Math.min(busy, 1))} % busy`,
    '',
    `  ${'device'.padEnd(width)}  ${'in'.padStart(26)}  ${'out'.padStart(26)}  lost`,
    ...status.ports.map((port, i) => `  ${portLine(port, before.status.ports[i], width, seconds)}`),
    '',
    `  ${Object.entries(status.fates)
      .map(([fate, count]) => `${fate} ${countText(count)}`)
      .join('   ')}`,
  ];
  for (const [reason, count] of byCount(status.dropped).slice(0, 6)) {
    const rate = (count - (before.status.dropped[reason] ?? 0)) / seconds;
    lines.push(
      `  dropped  ${countText(count).padStart(10)}  ${reason}${rate > 0 ? `, ${rateText(rate)}/s` : ''}`,
    );
  }
  for (const [cause, count] of byCount(status.lost))
    lines.push(`  lost     ${countText(count).padStart(10)}  ${cause}`);
  if (overview.flows.length > 0) lines.push('', '  flows');
  for (const { flow, packets, bytes } of overview.flows) {
    const former = before.overview.flows.find((other) => other.flow === flow)?.bytes ?? bytes;
    const rate = bitsText((8 * (bytes - former)) / seconds);
    lines.push(
      `  ${rate.padStart(12)}  ${countText(packets).padStart(11)}  ${bytesText(bytes).padStart(7)}  ${flow}`,
    );
  }
  if (overview.maps.length > 0) lines.push('', '  maps');
  for (const { name, size, room } of overview.maps) {
    lines.push(`  ${countText(size).padStart(10)} of ${countText(room).padStart(8)}  ${name}`);
  }
  return [...lines, ...(messages.length > 0 ? ['', ...messages.map((message) => `  ${message}`)] : [])];
}

function portLine(port: PortStatus, before: PortStatus | undefined, width: number, seconds: number): string {
  const rate = (what: string): string => {
    const perSecond = (name: string): number =>
      ((port.counters[name] ?? 0) - (before?.counters[name] ?? 0)) / seconds;
    return `${rateText(perSecond(what))}/s ${bitsText(8 * perSecond(`${what} bytes`)).padStart(12)}`.padStart(
      26,
    );
  };
  return `${port.device.padEnd(width)}  ${rate('received')}  ${rate('sent')}  ${lossesOf(port).join(', ') || '-'}`;
}

/** One line for a log: what has happened since the last one; null when nothing has. */
export function periodLine(now: Status, before: Status, seconds: number): string | null {
  const walked = now.walked - before.walked;
  if (walked === 0) return null;
  const bytes = (status: Status): number =>
    status.ports.reduce((sum, { counters }) => sum + (counters['received bytes'] ?? 0), 0);
  const dropped = byCount(now.dropped)
    .map(([reason, count]) => [reason, count - (before.dropped[reason] ?? 0)] as const)
    .filter(([, count]) => count > 0)
    .map(([reason, count]) => `${countText(count)} ${reason}`);
  const rate = `${rateText(walked / seconds)} frames/s, ${bitsText((8 * (bytes(now) - bytes(before))) / seconds)}`;
  return dropped.length === 0 ? rate : `${rate}, dropped: ${dropped.join(', ')}`;
}

function rateText(perSecond: number): string {
  return perSecond === 0
    ? '0'
    : countText(perSecond < 10 ? Math.ceil(perSecond) : Number(perSecond.toPrecision(3)));
}

/** `3.2 Gbit/s`. */
export function bitsText(bitsPerSecond: number): string {
  const units = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s'];
  let value = bitsPerSecond;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit > 0 && value < 10 ? value.toFixed(1) : value.toFixed(0)} ${units[unit]}`;
}
