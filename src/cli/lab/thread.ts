/** What the datapath thread of a lab runs. */
import '../../engine/tune.js';
import { serveThread } from '../../live/serve-thread.js';
import { overviewOf } from './overview.js';
import { type ShowRequest, showCommand } from './show-request.js';
import { openWatch, type WatchOptions } from './watching.js';

await serveThread((runtime, extra) => {
  runtime.handle('show', (request: ShowRequest) => showCommand(runtime.built, request));
  runtime.handle('overview', (flows: number) => overviewOf(runtime.built, flows));
  const options = extra as WatchOptions;
  if (!options.records && !options.monitors) return undefined;
  const { steering } = runtime;
  const { watch, finish } = openWatch(options, {
    worker: steering?.worker ?? 0,
    workers: steering?.workers ?? 1,
    send: (batch) => runtime.notify({ kind: 'walks', batch }, [batch.bytes.buffer as ArrayBuffer]),
  });
  runtime.watch(watch);
  return finish;
});
