/** What the datapath thread of a lab runs. */
import '../../engine/tune.js';
import { serveThread } from '../../live/serve-thread.js';
import type { Output } from '../show/command.js';
import { findPlace } from '../show/places.js';
import { runCommand } from '../show/run-command.js';
import { overviewOf } from './overview.js';
import { openWatch, type WatchOptions } from './watching.js';

export interface ShowRequest {
  readonly words: readonly string[];
  readonly node: string | null;
  readonly pod: string | null;
  readonly json: boolean;
}

await serveThread((runtime, extra) => {
  runtime.handle('show', ({ words, node, pod, json }: ShowRequest): Output => {
    return runCommand(findPlace(runtime.built, node, pod), words, json);
  });
  runtime.handle('overview', (flows: number) => overviewOf(runtime.built, flows));
  const options = extra as WatchOptions;
  if (options.record === null && options.monitor === null) return undefined;
  const unread = new Int32Array(options.unread);
  const { watch, finish } = openWatch(
    options,
    (text) => {
      Atomics.add(unread, 0, text.length);
      runtime.notify({ kind: 'lines', text });
    },
    (text) => runtime.notify({ kind: 'talk', text }),
  );
  runtime.watch(watch);
  return finish;
});
