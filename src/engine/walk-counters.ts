import { FATE_COUNT, REASON_COUNT } from './fate.js';
import type { Network } from './network.js';

/** What a run has counted. Float64 columns are exact to 2^53. Rows are those of the network's devices and namespaces. */
export class WalkCounters {
  walked = 0;
  /** Copies that were made on the way, each with a fate of its own. */
  copies = 0;
  /** Frames that stacks made in answer to others, each with a fate of its own. */
  originated = 0;
  /** By fate. */
  readonly fates = new Float64Array(FATE_COUNT);
  /** By drop reason, see fate.ts. */
  readonly dropped = new Float64Array(REASON_COUNT);
  /** By namespace. */
  readonly delivered: Float64Array;
  readonly consumed: Float64Array;
  /** Of those, or of the delivered: packets to others that a rule made local (TPROXY). */
  readonly transparent: Float64Array;
  /** By device: frames that left the network there. */
  readonly left: Float64Array;
  /** By device, as `ip -s link` counts them. */
  readonly receivedPackets: Float64Array;
  readonly receivedBytes: Float64Array;
  readonly transmittedPackets: Float64Array;
  readonly transmittedBytes: Float64Array;

  constructor(network: Network) {
    const [namespaces, devices] = [network.namespaces.length, network.devices.length];
    this.delivered = new Float64Array(namespaces);
    this.consumed = new Float64Array(namespaces);
    this.transparent = new Float64Array(namespaces);
    this.left = new Float64Array(devices);
    this.receivedPackets = new Float64Array(devices);
    this.receivedBytes = new Float64Array(devices);
    this.transmittedPackets = new Float64Array(devices);
    this.transmittedBytes = new Float64Array(devices);
  }
}
