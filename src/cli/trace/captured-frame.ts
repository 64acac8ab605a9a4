/** One frame of a capture, by its number. */
import { openCapture } from '../../io/capture-file.js';
import { PacketBatch } from '../../io/packet-batch.js';
import { END, NOTHING_YET } from '../../io/packet-source.js';
import { shownDash } from '../dash.js';
import { UsageError } from '../exit-codes.js';
import { AsEthernet } from '../replay/as-ethernet.js';

/** The frame from its Ethernet header on, filled with zeros to its length. Throws UsageError when there is none. */
export async function frameOfCapture(file: string, number: number): Promise<Uint8Array> {
  const source = new AsEthernet(await openCapture(shownDash(file)));
  try {
    const batch = new PacketBatch();
    let before = 0;
    for (let count = source.read(batch); count !== END; count = source.read(batch)) {
      if (count === NOTHING_YET) {
        await source.wait();
        continue;
      }
      const i = number - 1 - before;
      if (i < count) {
        const at = batch.offset[i];
        const frame = new Uint8Array(Math.max(batch.originalLength[i], batch.capturedLength[i]));
        frame.set(batch.bytes.subarray(at, at + batch.capturedLength[i]));
        return frame;
      }
      before += count;
    }
    throw new UsageError(`--frame ${number}: ${shownDash(file)} has ${before} frames`);
  } finally {
    source.close();
  }
}
