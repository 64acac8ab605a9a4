/** Times of flows. Those of a run are its capture's. */

/** RFC 3339 in UTC as protobuf's JSON has it: with 0, 3, 6 or 9 digits of a second's fraction. */
export function timestamp(seconds: number, nanoseconds: number): string {
  const digits = String(nanoseconds).padStart(9, '0');
  const fraction = digits.replace(/(?:000){1,3}$/, '');
  return `${utc(seconds)}${fraction === '' ? '' : `.${fraction}`}Z`;
}

/** `2024-01-02T15:04:05`. */
function utc(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 19);
}

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

/** Layouts of `hubble observe --time-format`, by name; of the first, StampMilli, day and month stand in front. */
const LAYOUTS: Readonly<Record<string, (stamp: string) => string>> = {
  StampMilli: (stamp) => `${monthAndDay(stamp)} ${stamp.slice(11, 19)}.${fractionOf(stamp, 3)}`,
  RFC3339: (stamp) => `${stamp.slice(0, 19)}Z`,
  RFC3339Milli: (stamp) => `${stamp.slice(0, 19)}.${fractionOf(stamp, 3)}Z`,
  RFC3339Micro: (stamp) => `${stamp.slice(0, 19)}.${fractionOf(stamp, 6)}Z`,
  RFC3339Nano: (stamp) => {
    const fraction = fractionOf(stamp, 9).replace(/0+$/, '');
    return `${stamp.slice(0, 19)}${fraction === '' ? '' : `.${fraction}`}Z`;
  },
};

export const TIME_FORMATS: readonly string[] = Object.keys(LAYOUTS);

/** A flow's time in one of TIME_FORMATS. */
export function timeText(stamp: string, format: string): string {
  return LAYOUTS[format](stamp);
}

function monthAndDay(stamp: string): string {
  return `${MONTHS[Number(stamp.slice(5, 7)) - 1]} ${String(Number(stamp.slice(8, 10))).padStart(2)}`;
}

function fractionOf(stamp: string, digits: number): string {
  const fraction = /\.(\d+)Z$/.exec(stamp)?.[1] ?? '';
  return fraction.padEnd(9, '0').slice(0, digits);
}
