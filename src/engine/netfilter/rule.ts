/** A rule of iptables: what a packet must be, and what then becomes of it. */
import type { Prefix } from '../address-text.js';

/** Bits of `--ctstate` besides those of conntrack.ts: the connection's source or destination is translated. */
export const CT_SNAT = 128;
export const CT_DNAT = 256;

export interface Negated<T> {
  readonly value: T;
  readonly negated: boolean;
}

export interface DeviceMatch {
  readonly name: string;
  /** Any name that begins so. */
  readonly isPrefix: boolean;
  readonly negated: boolean;
}

/** First and last, host order. */
export type Ports = readonly [number, number];

/** A list of addresses by when they were seen last (xt_recent). */
export interface RecentMatch {
  /** `set` notes the packet's address, and matches; `rcheck` matches when it was noted. */
  readonly kind: 'set' | 'rcheck';
  readonly list: string;
  /** Not longer ago than that; 0 for ever. */
  readonly seconds: number;
  readonly side: Side;
}

export type Side = 'src' | 'dst';

export type Target =
  /** Counts, and goes on. */
  | { readonly kind: 'none' | 'ACCEPT' | 'DROP' | 'RETURN' | 'NOTRACK' }
  | { readonly kind: 'jump'; readonly chain: string }
  | { readonly kind: 'MASQUERADE'; readonly ports: Ports | null; readonly randomly: boolean }
  | {
      readonly kind: 'SNAT';
      readonly address: Uint8Array;
      readonly ports: Ports | null;
      readonly randomly: boolean;
    }
  | { readonly kind: 'DNAT'; readonly address: Uint8Array; readonly ports: Ports | null }
  /** Code of the "destination unreachable" that the sender is told. */
  | { readonly kind: 'REJECT'; readonly code: number }
  | { readonly kind: 'MARK'; readonly clear: number; readonly set: number; readonly flips?: boolean };

export interface Rule {
  /** As `iptables -S` prints it. */
  readonly text: string;
  readonly chain: string;
  readonly source?: Negated<Prefix>;
  readonly destination?: Negated<Prefix>;
  readonly input?: DeviceMatch;
  readonly output?: DeviceMatch;
  readonly protocol?: Negated<number>;
  readonly sourcePorts?: Negated<Ports>;
  readonly destinationPorts?: Negated<Ports>;
  /** Value and mask; all must hold. */
  readonly marks?: readonly Negated<readonly [number, number]>[];
  /** ipset that holds the source or the destination. */
  readonly set?: Negated<{ readonly name: string; readonly side: Side }>;
  /** Whether the source or the destination is an address of the namespace's own. */
  readonly local?: readonly Negated<Side>[];
  readonly recent?: Negated<RecentMatch>;
  /** CT_ bits. */
  readonly states?: Negated<number>;
  readonly probability?: number;
  readonly target: Target;
}
