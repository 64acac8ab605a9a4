/** What the datapath thread of a lab runs. */
import '../../engine/tune.js';
import { serveThread } from '../../live/serve-thread.js';
import type { Output } from '../show/command.js';
import { findPlace } from '../show/places.js';
import { runCommand } from '../show/run-command.js';

export interface ShowRequest {
  readonly words: readonly string[];
  readonly node: string | null;
  readonly pod: string | null;
  readonly json: boolean;
}

await serveThread((runtime) => {
  runtime.handle('show', ({ words, node, pod, json }: ShowRequest): Output => {
    return runCommand(findPlace(runtime.built, node, pod), words, json);
  });
  return undefined;
});
