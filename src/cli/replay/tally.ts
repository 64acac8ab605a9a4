/** What the walks of a replay come to: frames by path, by outcome and place, and by where they entered. */
import type { Device } from '../../engine/device.js';
import { FATE_COUNT, REASON_COUNT } from '../../engine/fate.js';
import type { FrameArena } from '../../engine/frame-arena.js';
import type { Walker } from '../../engine/walker.js';
import type { OtherFrames } from '../../topologies/replay.js';
import { TupleReader } from './frame-tuple.js';
import { PathTable } from './path-table.js';
import { OUTCOMES, outcomeOf, WAS_DROPPED, WAS_HELD } from './selection.js';
import { WalkLog } from './walk-log.js';

export class Tally implements OtherFrames {
  readonly paths: PathTable;
  readonly log: WalkLog;
  /** Frames by outcome bit. */
  readonly outcomes = new Float64Array(OUTCOMES);
  /** Dropped frames by reason. */
  readonly dropped = new Float64Array(REASON_COUNT);
  /** Frames that stacks of nodes and routers made, by fate. */
  readonly ownFates = new Float64Array(FATE_COUNT);
  /** Outcome of the frame that was counted last, and whether `paths.last` is its path. */
  lastOutcome = 0;
  lastHasPath = false;

  readonly #arena: FrameArena;
  readonly #devices: readonly Device[];
  /** Frames received by device row, and sent by nodes' stacks. */
  readonly #received: Float64Array;
  #sent = 0;
  /** Frames by outcome and device row. */
  readonly #ends: Float64Array;

  /** `pathRows`: paths that are kept, see PathTable. */
  constructor({ arena, network }: Walker, pathRows?: number) {
    const tuples = new TupleReader(arena.bytes);
    this.paths = new PathTable(tuples, pathRows);
    this.log = new WalkLog(tuples);
    this.#arena = arena;
    this.#devices = network.devices;
    this.#received = new Float64Array(this.#devices.length);
    this.#ends = new Float64Array(OUTCOMES * this.#devices.length);
  }

  /** Counts the walks in the log, frees their slots, and empties it. */
  settle(): void {
    const { log, paths, outcomes } = this;
    const arena = this.#arena;
    const deviceCount = this.#devices.length;
    for (let row = 0; row < log.count; row++) {
      const from = log.from[row];
      if (from < 0) this.#sent++;
      else this.#received[from]++;
      const handle = log.handle[row];
      let answered = false;
      // Without a slot the frame was refused: it is counted as dropped, but nothing is known of its path.
      if (handle >= 0) {
        const start = arena.start[handle];
        answered = paths.count(log, row, start, start + arena.length[handle]);
        arena.free(handle);
      }
      const outcome = outcomeOf(log.fate[row], answered);
      if (outcome === WAS_DROPPED) this.dropped[log.reason[row]]++;
      outcomes[outcome]++;
      this.#ends[outcome * deviceCount + log.device[row]]++;
      this.lastOutcome = outcome;
      this.lastHasPath = handle >= 0;
    }
    log.count = 0;
  }

  /** A frame that was held has met its fate. */
  late(fate: number, device: Device, reason: number): void {
    const outcome = outcomeOf(fate, false);
    this.outcomes[WAS_HELD]--;
    this.outcomes[outcome]++;
    this.#ends[outcome * this.#devices.length + device.index]++;
    if (outcome === WAS_DROPPED) this.dropped[reason]++;
  }

  own(fate: number): void {
    this.ownFates[fate]++;
  }

  /** Walked frames by where they entered. */
  entries(): { fromPods: number; fromOutside: number; fromNodeStack: number } {
    const received = (wanted: (device: Device) => boolean): number =>
      this.#devices.reduce((sum, device) => sum + (wanted(device) ? this.#received[device.index] : 0), 0);
    return {
      fromPods: received(isPodDevice),
      fromOutside: received((device) => !isPodDevice(device)),
      fromNodeStack: this.#sent,
    };
  }

  /** Frames of an outcome by the name of the place where they ended. */
  ends(outcome: number, name: (device: Device) => string): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const device of this.#devices) {
      const count = this.#ends[outcome * this.#devices.length + device.index];
      if (count > 0) counts[name(device)] = (counts[name(device)] ?? 0) + count;
    }
    return counts;
  }
}

/** A device with a pod behind it. */
function isPodDevice(device: Device): boolean {
  return device.peer !== null && !device.peer.namespace.isHost;
}
