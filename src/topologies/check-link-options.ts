/** What a link does to frames: durations, shares and rates as people write them. */
import { type LinkOptions, PLAIN_LINK } from '../engine/link.js';
import type { FaultList, Path } from './faults.js';

interface LinkOptionsSpec {
  readonly latency?: string | undefined;
  readonly loss?: number | string | undefined;
  readonly mtu?: number | undefined;
  readonly bandwidth?: string | undefined;
}

const NANOSECONDS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9 };
/** As tc-rate: bits per second, in units of a thousand. */
const BITS: Readonly<Record<string, number>> = { bit: 1, kbit: 1e3, mbit: 1e6, gbit: 1e9, tbit: 1e12 };

/** Null when the link is a plain one. */
export function readLinkOptions(spec: LinkOptionsSpec, path: Path, faults: FaultList): LinkOptions | null {
  const { latency, loss, mtu, bandwidth } = spec;
  if (latency === undefined && loss === undefined && mtu === undefined && bandwidth === undefined)
    return null;
  return {
    latencyNs: latency === undefined ? 0 : readDuration(latency, [...path, 'latency'], faults),
    loss: loss === undefined ? 0 : readShare(loss, [...path, 'loss'], faults),
    mtu: mtu ?? PLAIN_LINK.mtu,
    bitsPerSecond:
      bandwidth === undefined
        ? PLAIN_LINK.bitsPerSecond
        : readRate(bandwidth, [...path, 'bandwidth'], faults),
  };
}

function readUnits(text: string, units: Readonly<Record<string, number>>): number | null {
  const parts = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/i.exec(text.trim());
  const unit = units[parts?.[2].toLowerCase() ?? ''];
  return parts === null || unit === undefined ? null : Number(parts[1]) * unit;
}

function readDuration(text: string, path: Path, faults: FaultList): number {
  const value = readUnits(text, NANOSECONDS);
  if (value === null) faults.error(path, `${JSON.stringify(text)} is not a time such as 500us, 2ms or 1s`);
  return Math.round(value ?? 0);
}

function readRate(text: string, path: Path, faults: FaultList): number {
  const value = readUnits(text, BITS);
  if (value !== null && value > 0) return value;
  faults.error(path, `${JSON.stringify(text)} is not a rate such as 100mbit or 1gbit`);
  return PLAIN_LINK.bitsPerSecond;
}

function readShare(value: number | string, path: Path, faults: FaultList): number {
  const percent = typeof value === 'string' ? /^(\d+(?:\.\d+)?)\s*%$/.exec(value.trim()) : null;
  const share = typeof value === 'number' ? value : percent === null ? Number.NaN : Number(percent[1]) / 100;
  if (share >= 0 && share <= 1) return share;
  faults.error(path, `${JSON.stringify(value)} is not a share such as 0.1 or 10%`);
  return 0;
}
