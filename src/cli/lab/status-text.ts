/** A lab's counters as a page of text. */
import { bytesText, countText, plural } from '../numbers.js';
import type { PortStatus, Status } from './status.js';

export function statusText(status: Status): string {
  const lines = [
    `lab ${status.name}, topology ${status.topology}: ${plural(status.walked, 'frame')} walked`,
    '',
  ];
  const width = Math.max(...status.ports.map(({ device }) => device.length), 6);
  const columns = ['device'.padEnd(width), 'in'.padStart(22), 'out'.padStart(22), '  lost'];
  lines.push(`  ${columns.join('  ')}`);
  for (const port of status.ports) lines.push(`  ${portLine(port, width)}`);
  lines.push('');
  const fates = Object.entries(status.fates).map(([fate, count]) => `${countText(count)} ${fate}`);
  lines.push(`  ${fates.join(', ')}`);
  for (const [reason, count] of byCount(status.dropped))
    lines.push(`  dropped: ${countText(count)} ${reason}`);
  for (const [cause, count] of byCount(status.lost)) lines.push(`  lost: ${countText(count)} ${cause}`);
  return `${lines.join('\n')}\n`;
}

/** Counters of a port that are neither frames nor losses. */
const NO_LOSSES = [
  'received',
  'received bytes',
  'sent',
  'sent bytes',
  'segmented',
  'segments',
  'checksummed',
];

export function lossesOf({ counters }: PortStatus): string[] {
  return Object.entries(counters)
    .filter(([name]) => !NO_LOSSES.includes(name))
    .map(([name, count]) => `${countText(count)} ${name}`);
}

function portLine(port: PortStatus, width: number): string {
  const { device, counters } = port;
  const amount = (what: string): string =>
    `${countText(counters[what] ?? 0)} ${`(${bytesText(counters[`${what} bytes`] ?? 0)})`.padStart(9)}`.padStart(
      22,
    );
  return [
    device.padEnd(width),
    amount('received'),
    amount('sent'),
    `  ${lossesOf(port).join(', ') || '-'}`,
  ].join('  ');
}

export function byCount(counts: Readonly<Record<string, number>>): [string, number][] {
  return Object.entries(counts).sort((a, b) => b[1] - a[1]);
}
