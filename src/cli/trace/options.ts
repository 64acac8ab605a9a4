/** What `packetwalk trace` was asked for, read from its arguments. */
import { UsageError } from '../exit-codes.js';
import type { Detail } from './detail.js';

/** The arguments as yargs gives them. */
export interface TraceArguments {
  readonly PACKET?: string | undefined;
  readonly topology?: string | undefined;
  readonly reply: boolean;
  readonly established: boolean;
  readonly repeat: number;
  readonly raw: boolean;
  readonly from?: string | undefined;
  readonly capture?: string | undefined;
  readonly frame?: number | undefined;
  readonly hex?: string | undefined;
  readonly brief: boolean;
  readonly verbose: boolean;
  readonly json: boolean;
  readonly diagram?: string | undefined;
  readonly out?: string | undefined;
  readonly expect?: string | undefined;
  readonly show?: readonly string[] | undefined;
  readonly seed: number;
}

/** The packet in words, or a frame: one of a capture, or its bytes. */
export type Question =
  | { readonly kind: 'expression'; readonly text: string }
  | { readonly kind: 'capture'; readonly file: string; readonly number: number }
  | { readonly kind: 'hex'; readonly bytes: Uint8Array };

export interface TraceOptions {
  readonly question: Question;
  readonly topology: string;
  readonly reply: boolean;
  readonly established: boolean;
  readonly repeat: number;
  /** Programs at sockets see it. */
  readonly sockets: boolean;
  readonly from: string | null;
  readonly detail: Detail;
  readonly json: boolean;
  readonly diagram: 'mermaid' | 'svg' | null;
  readonly out: string | null;
  /** A fate, or `answered`. */
  readonly expect: string | null;
  readonly show: readonly string[];
  readonly seed: number;
}

const REPEAT_LIMIT = 100_000;
const SHORTEST_FRAME = 14;

/** Throws UsageError. */
export function readTraceOptions(args: TraceArguments): TraceOptions {
  const { topology, repeat, diagram, out, brief, verbose, json } = args;
  if (topology === undefined) {
    throw new UsageError(
      'trace in which topology? (--topology NAME or FILE; packetwalk topologies lists them)',
    );
  }
  const question = readQuestion(args);
  if (!Number.isInteger(repeat) || repeat < 1 || repeat > REPEAT_LIMIT) {
    throw new UsageError(`--repeat takes a number from 1 to ${REPEAT_LIMIT}`);
  }
  if (args.established && question.kind !== 'expression') {
    throw new UsageError('--established is for packets in words: a frame is sent as it is');
  }
  if (out !== undefined && diagram === undefined) throw new UsageError('--out takes a --diagram');
  if ([brief, verbose, json, diagram !== undefined && out === undefined].filter(Boolean).length > 1) {
    throw new UsageError('one of --brief, --verbose, --json and --diagram (without --out), not several');
  }
  return {
    question,
    topology,
    reply: args.reply || args.expect === 'answered',
    established: args.established,
    repeat,
    sockets: !args.raw,
    from: args.from ?? null,
    detail: brief ? 'brief' : verbose ? 'verbose' : 'normal',
    json,
    diagram: (diagram ?? null) as TraceOptions['diagram'],
    out: out ?? null,
    expect: args.expect ?? null,
    show: args.show ?? [],
    seed: args.seed,
  };
}

function readQuestion({ PACKET, capture, frame, hex }: TraceArguments): Question {
  const given = [PACKET, capture, hex].filter((one) => one !== undefined);
  if (given.length === 0) {
    throw new UsageError("which packet? ('pod1 -> web:80'; packetwalk trace --help has more)");
  }
  if (given.length > 1) throw new UsageError('one of PACKET, --capture and --hex, not several');
  if (frame !== undefined && capture === undefined) throw new UsageError('--frame is of a --capture');
  if (PACKET !== undefined) return { kind: 'expression', text: PACKET };
  if (hex !== undefined) return { kind: 'hex', bytes: readHex(hex) };
  const number = frame ?? 1;
  if (!Number.isInteger(number) || number < 1) throw new UsageError('--frame takes a number from 1 on');
  return { kind: 'capture', file: capture!, number };
}

function readHex(text: string): Uint8Array {
  const digits = text.replace(/[\s:]/g, '');
  if (!/^([0-9a-f]{2})*$/i.test(digits)) {
    throw new UsageError('--hex takes pairs of hex digits, of the frame from its Ethernet header on');
  }
  const bytes = Uint8Array.from(Buffer.from(digits, 'hex'));
  if (bytes.length < SHORTEST_FRAME) {
    throw new UsageError(
      `--hex: ${bytes.length} bytes are no frame: an Ethernet header alone has ${SHORTEST_FRAME}`,
    );
  }
  return bytes;
}
