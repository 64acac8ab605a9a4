/** Ports that one of several datapaths of a topology may give to translated connections, so that no two give the same. */
export interface PortPart {
  /** From 0. */
  readonly number: number;
  readonly of: number;
}

/** The part of a range of ports. */
export function portsOf(
  [first, last]: readonly [number, number],
  { number, of }: PortPart,
): [number, number] {
  const size = Math.floor((last - first + 1) / of);
  return [first + number * size, number === of - 1 ? last : first + (number + 1) * size - 1];
}

/** Of all ports, those that are in the part; a range of privileged ones has some of each. */
export function isInPart(port: number, { number, of }: PortPart): boolean {
  return port % of === number;
}
