/** Timestamps against exact arithmetic on whole numbers. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { TimestampDecoder, TimestampEncoder } from '../../src/io/timestamp.js';

const U64_MAX = 0xffff_ffff_ffff_ffffn;

/** Timestamps that jump about and timestamps that go on from each other. */
const timestamps = fc.oneof(
  fc.array(fc.bigInt(0n, U64_MAX), { minLength: 1, maxLength: 20 }),
  fc
    .tuple(
      fc.bigInt(0n, U64_MAX / 2n),
      fc.array(fc.bigInt(0n, 3_000_000_000n), { minLength: 1, maxLength: 20 }),
    )
    .map(([first, steps]) => steps.map((step) => first + step)),
);

describe('TimestampDecoder', () => {
  test('is exact for each resolution, whatever came before', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 255 }),
        fc.integer({ min: -1e9, max: 1e9 }),
        timestamps,
        (resolution, offset, values) => {
          const units =
            (resolution & 0x80) === 0 ? 10n ** BigInt(resolution) : 2n ** BigInt(resolution & 0x7f);
          const decoder = new TimestampDecoder(resolution, offset);
          for (const value of values) {
            decoder.decode(Number(value >> 32n), Number(value & 0xffffffffn));
            const seconds = value / units;
            if (seconds < 2n ** 52n) assert.equal(decoder.seconds, Number(seconds) + offset);
            assert.equal(BigInt(decoder.nanoseconds), ((value % units) * 1_000_000_000n) / units);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('TimestampEncoder', () => {
  test('is the inverse at nanoseconds', () => {
    fc.assert(
      fc.property(timestamps, (values) => {
        const encoder = new TimestampEncoder();
        for (const value of values) {
          encoder.encode(Number(value / 1_000_000_000n), Number(value % 1_000_000_000n));
          assert.equal((BigInt(encoder.high) << 32n) | BigInt(encoder.low), value);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
