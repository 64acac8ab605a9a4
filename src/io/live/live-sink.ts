/** A live port as a PacketSink: what is written to it is sent. Times and options of the packets mean nothing to it. */
import { FrameArena } from '../../engine/frame-arena.js';
import { LINKTYPE_ETHERNET } from '../link-type.js';
import type { InterfaceDescription, PacketSink } from '../packet-source.js';
import { BAD_INPUT, LiveError } from './live-error.js';
import { type LivePort, OVERSIZE } from './live-port.js';

const BATCH = 64;
const LONG_FRAMES = 8;

export class LiveSink implements PacketSink {
  readonly #port: LivePort;
  readonly #arena = new FrameArena(BATCH, LONG_FRAMES);
  readonly #handles = new Int32Array(BATCH);
  #count = 0;
  #interfaces = 0;
  #view: DataView = new DataView(new ArrayBuffer(0));

  /** Takes over the port, which `close` closes. Its counters say what was lost. */
  constructor(port: LivePort) {
    this.#port = port;
  }

  addInterface(description: InterfaceDescription): number {
    const linkType = description.linkType ?? LINKTYPE_ETHERNET;
    if (linkType === LINKTYPE_ETHERNET) return this.#interfaces++;
    const { plugin, name } = this.#port;
    throw new LiveError(
      `${plugin}:${name}`,
      `takes Ethernet frames, not link type ${linkType}`,
      'give a capture of an Ethernet interface',
      BAD_INPUT,
    );
  }

  /** What a capture has cut off the frame is sent as zero bytes. */
  write(
    _interfaceId: number,
    _seconds: number,
    _nanoseconds: number,
    bytes: Uint8Array,
    at: number,
    length: number,
    originalLength: number,
  ): void {
    if (this.#view.buffer !== bytes.buffer) this.#view = new DataView(bytes.buffer);
    const from = bytes.byteOffset + at;
    const frameLength = Math.max(length, originalLength);
    let handle = this.#arena.put(this.#view, from, length, frameLength);
    if (handle < 0) {
      this.flush();
      handle = this.#arena.put(this.#view, from, length, frameLength);
    }
    if (handle < 0) {
      this.#port.counters[OVERSIZE]++;
      return;
    }
    this.#handles[this.#count++] = handle;
    if (this.#count === BATCH) this.flush();
  }

  flush(): void {
    const count = this.#count;
    this.#count = 0;
    if (count > 0) this.#port.send(this.#arena, this.#handles, 0, count);
    for (let i = 0; i < count; i++) this.#arena.free(this.#handles[i]);
  }

  close(): void {
    this.flush();
    this.#port.close();
  }
}
