/** Where a frame of a capture enters a topology, and what it is like there. */
import { ENTER_SEND } from '../../engine/entry.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import type { BuiltTopology } from '../built.js';
import { PLACED_BACK, PLACED_IN, Placement } from '../placement.js';
import type { Origin, StartPlace } from './resolve.js';

export interface PlacedFrame {
  readonly frame: Uint8Array;
  readonly origin: Origin;
}

/**
 * As replays place it: where it went in, or where it came from with what nodes did to it undone. With `from` it starts
 * there as it is. Null for a frame that nobody sent.
 */
export function placeFrame(
  built: BuiltTopology,
  bytes: Uint8Array,
  from: StartPlace | null,
): PlacedFrame | null {
  const frame = bytes.slice();
  const macAt = ethernet.sourceAt(0);
  const sourceMac = frame.slice(macAt, macAt + ethernet.ADDRESS_LENGTH);
  if (from !== null) {
    if ('device' in from) return { frame, origin: { kind: 'device', device: from.device, sourceMac } };
    return { frame, origin: { kind: 'stack', namespace: from.namespace, mark: 0 } };
  }
  const placement = new Placement(built, { captureDevice: null, oneWay: false });
  const placed = placement.place(frame, 0, frame.length);
  if (placed === PLACED_IN) {
    if (placement.foreignLink) placement.adoptLink(frame, 0);
  } else if (placed !== PLACED_BACK || placement.prepare(frame, 0, frame.length) !== PLACED_BACK) return null;
  const { entry, namespace, mark, device } = placement;
  if (entry === ENTER_SEND) return { frame, origin: { kind: 'stack', namespace, mark } };
  return { frame, origin: { kind: 'device', device, sourceMac } };
}
