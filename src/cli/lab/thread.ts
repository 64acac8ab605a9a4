/** What the datapath thread of a lab runs. */
import '../../engine/tune.js';
import { serveThread } from '../../live/serve-thread.js';

await serveThread(() => undefined);
