/** Prints listings when a run is over, for `--show`. What makes them is loaded where there are any. */
import type { BuiltTopology } from '../../topologies/built.js';
import { put } from '../log.js';
import type { Flow } from '../monitor/hubble/flow.js';
import type { Output } from './command.js';

/** A listing's output with where and how it was asked for. */
export interface Listing extends Output {
  /** Name of the node, router or pod. */
  readonly place: string;
  readonly command: string;
}

/** Answers the listings of the state as it is then. */
export type Listings = () => readonly Listing[];

/**
 * The listings of commands; `flows` is filled with what Hubble sees of the run, null where nobody watches. Each is
 * made once before the run, so that a UsageError for a wrong one comes at once.
 */
export async function openListings(
  built: BuiltTopology,
  commands: readonly string[],
  flows: readonly Flow[] | null = null,
): Promise<Listings> {
  if (commands.length === 0) return () => [];
  const { runListings } = await import('./listings.js');
  runListings(built, commands, flows);
  return () => runListings(built, commands, flows);
}

/** Whether one of the commands shows flows, which somebody then has to keep. */
export function wantsFlows(commands: readonly string[]): boolean {
  return commands.some((command) => /(?:^|:\s+)hubble\s/.test(command));
}

/** `node1# cilium-dbg bpf ct list global`, then what the tool prints; what it complains of goes to standard error. */
export function printListings(listings: readonly Listing[], print: (text: string) => void): void {
  for (const { place, command, text, errors } of listings) {
    print(`\n${place}# ${command}\n${text}`);
    if (errors) put(errors);
  }
}
