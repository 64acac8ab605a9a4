/** What `packetwalk replay` was asked for, read from its arguments. */
import { parsePrefix } from '../../engine/address-text.js';
import { shownDash } from '../dash.js';
import { UsageError } from '../exit-codes.js';
import { readMonitorChoice } from '../monitor/choice.js';
import { type ProgramOption, readProgramOption } from '../programs/option.js';
import type { OutputOptions } from '../run-output.js';
import { readSelection } from './selection.js';

/** The arguments as yargs gives them. */
export interface ReplayArguments {
  readonly capture: string;
  readonly topology?: string | undefined;
  readonly at: string;
  readonly oneWay: boolean;
  readonly podCidr?: readonly string[] | undefined;
  readonly saveTopology?: string | undefined;
  readonly out?: string | undefined;
  readonly only?: readonly string[] | undefined;
  readonly limit?: number | undefined;
  readonly speed: string;
  readonly seed: number;
  readonly keepExpired: boolean;
  readonly program?: readonly string[] | undefined;
  readonly top: number;
  readonly json: boolean;
  readonly show?: readonly string[] | undefined;
  readonly monitor?: string | undefined;
  readonly ciliumVersion?: string | undefined;
  readonly config?: readonly string[] | undefined;
}

export interface ReplayOptions extends OutputOptions {
  readonly capture: string;
  /** Name or file; null infers it from the capture. */
  readonly topology: string | null;
  /** Device that the capture was taken at; null tells it frame by frame. */
  readonly at: string | null;
  readonly oneWay: boolean;
  readonly podCidrs: readonly string[];
  readonly saveTopology: string | null;
  /** Bits of selection.ts; `lists` when the user asked for some. */
  readonly only: number;
  readonly lists: boolean;
  readonly limit: number;
  /** Capture seconds per second; 0 for as fast as it goes. */
  readonly speed: number;
  readonly seed: number;
  /** Connections and NAT mappings stay after the end of their lifetime. */
  readonly keepExpired: boolean;
  /** Programs of the user's own, in the order in which they are attached. */
  readonly programs: readonly ProgramOption[];
  /** Flows that the summary lists. */
  readonly top: number;
  /** Keys of the Cilium ConfigMap, in place of the topology's. */
  readonly config: Readonly<Record<string, string>>;
  /** Whether the summary is printed. */
  readonly sums: boolean;
}

export function readOptions(args: ReplayArguments): ReplayOptions {
  const { podCidr = [], only = [] } = args;
  if (args.topology !== undefined && podCidr.length > 0) {
    throw new UsageError('--pod-cidr helps to infer a topology; with --topology it says nothing');
  }
  return {
    capture: shownDash(args.capture),
    topology: args.topology ?? null,
    at: args.at === 'auto' ? null : args.at,
    oneWay: args.oneWay,
    podCidrs: podCidr.flatMap((value) => value.split(',')).map(readPodCidr),
    saveTopology: args.saveTopology ?? null,
    out: args.out === undefined ? null : shownDash(args.out),
    only: readSelection(only),
    lists: only.length > 0 && !args.json,
    limit: args.limit === undefined ? Number.POSITIVE_INFINITY : wholeNumber('limit', args.limit, 1),
    speed: readSpeed(args.speed),
    seed: wholeNumber('seed', args.seed, 0),
    keepExpired: args.keepExpired,
    programs: (args.program ?? []).map(readProgramOption),
    top: wholeNumber('top', args.top, 0),
    json: args.json,
    show: args.show ?? [],
    monitor: readMonitorChoice(args.monitor, args.ciliumVersion),
    config: readConfig(args.config ?? []),
    sums: true,
  };
}

/** `KEY=VALUE`s. */
export function readConfig(values: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    values.map((value) => {
      const equals = value.indexOf('=');
      if (equals < 1) throw new UsageError(`--config ${value}: give KEY=VALUE`);
      return [value.slice(0, equals), value.slice(equals + 1)];
    }),
  );
}

function readPodCidr(text: string): string {
  const trimmed = text.trim();
  if (parsePrefix(trimmed) === null) {
    throw new UsageError(`--pod-cidr ${text}: not a prefix such as 10.0.0.0/16`);
  }
  return trimmed;
}

function wholeNumber(name: string, value: number, least: number): number {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new UsageError(`--${name} takes a whole number from ${least} on`);
  }
  return value;
}

/** `max`, `realtime`, or a factor such as `10x` or `0.5x`. */
function readSpeed(text: string): number {
  if (text === 'max') return 0;
  if (text === 'realtime') return 1;
  const factor = /^(\d+(?:\.\d+)?)x$/.exec(text)?.[1];
  if (factor === undefined || Number(factor) === 0) {
    throw new UsageError(`--speed ${text}: not max, realtime or a factor such as 10x`);
  }
  return Number(factor);
}
