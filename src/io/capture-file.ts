/** Opens a capture of any kind that is known: pcap or pcapng, a file or standard input, plain or gzip. */
import type { PacketSource } from './packet-source.js';

/**
 * Opens `path` (`-` is standard input) and reads as far as the file header. Throws CaptureError when it cannot
 * be opened or is no capture.
 */
export async function openCapture(_path: string): Promise<PacketSource> {
  throw new Error('not yet');
}
