/** `lab show`: a listing of a running lab's topology. */
import type { BuiltTopology } from '../../topologies/built.js';
import type { Output } from '../show/command.js';
import { findPlace } from '../show/places.js';
import { runCommand } from '../show/run-command.js';

/** Plain data. */
export interface ShowRequest {
  readonly words: readonly string[];
  readonly node: string | null;
  readonly pod: string | null;
  readonly json: boolean;
}

/** Throws UsageError for what cannot be listed. */
export function showCommand(built: BuiltTopology, { words, node, pod, json }: ShowRequest): Output {
  return runCommand(findPlace(built, node, pod), words, json);
}
