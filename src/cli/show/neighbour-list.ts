/** A namespace's neighbours by device and address, with those that are asked for. */
import { NUD_FAILED, NUD_INCOMPLETE } from '../../engine/stack/neighbour.js';
import type { Place } from './command.js';

export interface ListedNeighbour {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  /** Null of those that have not answered. */
  readonly mac: Uint8Array | null;
  /** The device's name. */
  readonly device: string;
  /** NUD_ of neighbour.ts. */
  readonly state: number;
}

export function listedNeighbours({ namespace, built }: Place): ListedNeighbour[] {
  const known = namespace.neighbours.entries(built.clock.nowNs);
  const wanted = (namespace.resolver?.pending ?? []).map(({ device, address, hasFailed }) => ({
    ifindex: device.ifindex,
    address,
    mac: null,
    state: hasFailed ? NUD_FAILED : NUD_INCOMPLETE,
  }));
  return [...known, ...wanted]
    .map((one) => ({ ...one, device: namespace.device(one.ifindex)?.name ?? `if${one.ifindex}` }))
    .sort(
      (a, b) =>
        a.address.length - b.address.length || a.ifindex - b.ifindex || Buffer.compare(a.address, b.address),
    )
    .map(({ address, mac, device, state }) => ({ address, mac, device, state }));
}
