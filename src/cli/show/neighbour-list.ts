/** A namespace's neighbours by device and address. */
import type { Place } from './command.js';

export interface ListedNeighbour {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  readonly mac: Uint8Array;
  /** The device's name. */
  readonly device: string;
}

export function listedNeighbours({ namespace }: Place): ListedNeighbour[] {
  return namespace.neighbours
    .entries()
    .map(({ ifindex, address, mac }) => ({
      address,
      mac,
      device: namespace.device(ifindex)?.name ?? `if${ifindex}`,
      ifindex,
    }))
    .sort(
      (a, b) =>
        a.address.length - b.address.length || a.ifindex - b.ifindex || Buffer.compare(a.address, b.address),
    )
    .map(({ address, mac, device }) => ({ address, mac, device }));
}
