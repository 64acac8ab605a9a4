/** Frames that went wrong: what a property takes to damage a good one. */
import fc from 'fast-check';

/** Bytes to change, to cut off at the end, and to put there. */
export interface Damage {
  readonly changes: readonly (readonly [number, number])[];
  readonly keep: number | null;
  readonly more: Uint8Array;
}

/** Where headers begin that the first 80 bytes may hold; changes prefer the fields that lead somewhere. */
const FIELDS = [12, 13, 14, 16, 17, 18, 20, 21, 22, 23, 34, 36, 38, 46, 54, 55, 58, 60, 62];
const EDGES = [0, 1, 4, 6, 17, 43, 44, 50, 51, 58, 60, 0x3f, 0x40, 0x45, 0x46, 0x4f, 0x60, 0x7f, 0x80, 0xff];

const change = fc.tuple(
  fc.oneof(fc.constantFrom(...FIELDS), fc.nat({ max: 200 })),
  fc.oneof(fc.constantFrom(...EDGES), fc.nat({ max: 255 })),
);

export const damage: fc.Arbitrary<Damage> = fc.record({
  changes: fc.array(change, { maxLength: 6, size: 'max' }),
  keep: fc.option(fc.nat({ max: 160 }), { freq: 3 }),
  more: fc.oneof(
    { weight: 4, arbitrary: fc.constant(new Uint8Array(0)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 64, size: 'max' }) },
  ),
});

/** A copy of the frame, damaged. */
export function damaged(frame: Uint8Array, { changes, keep, more }: Damage): Uint8Array {
  const kept = frame.subarray(0, keep ?? frame.length);
  const result = new Uint8Array(kept.length + more.length);
  result.set(kept);
  result.set(more, kept.length);
  for (const [at, value] of changes) if (at < result.length) result[at] = value;
  return result;
}
