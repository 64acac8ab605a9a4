/** The recorded vectors as their files hold them. Byte strings are hex in memory order; see test/data/vectors. */
import type { MapType } from '../../src/engine/maps/map.js';
import type { ObjectKind } from '../../src/programs/instance.js';

export type Hex = string;

export interface Changes {
  readonly set?: readonly (readonly [Hex, Hex])[];
  readonly deleted?: readonly Hex[];
}

export interface RecordedMap {
  readonly type: MapType;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags?: number;
  readonly entries?: readonly (readonly [Hex, Hex])[];
  /** `array_of_maps`: key to name of the inner map. */
  readonly inner?: readonly (readonly [Hex, string])[];
}

export interface RecordedInstance {
  readonly object: ObjectKind;
  readonly config: Readonly<Record<string, Hex>>;
  /** The map name that the program uses to the name in this file. */
  readonly maps?: Readonly<Record<string, string>>;
}

export interface TailCallTarget {
  readonly on?: string;
  readonly entry?: string;
  /** In place of a program: one that answers `verdict` at once. */
  readonly stub?: boolean;
  readonly verdict?: number;
}

export interface RecordedContext {
  readonly mark?: number;
  readonly cb?: readonly number[];
  readonly ifindex: number;
  readonly ingress_ifindex?: number;
  readonly tc_index?: number;
  readonly vlan_tci?: number;
  /** False for a device without link header; `protocol` then is the EtherType, network order. */
  readonly l2?: boolean;
  readonly protocol?: Hex;
}

export interface FibAnswer {
  readonly ret: number;
  readonly ifindex?: number;
  readonly smac?: Hex;
  readonly dmac?: Hex;
  readonly nh?: Hex;
}

export interface TunnelAnswer {
  readonly ret: number;
  readonly v6?: number | boolean;
  readonly key?: Hex;
  readonly opt?: Hex;
  readonly optRet?: number;
}

export interface Redirect {
  readonly kind: string;
  readonly ifindex: number;
  readonly flags: number;
  readonly params?: Hex;
}

export interface HelperCall {
  readonly fn: string;
  readonly flags?: number;
  readonly params?: Hex;
  readonly size?: number;
  readonly key?: Hex;
  readonly opt?: Hex;
  readonly type?: number;
}

export interface RecordedEvent {
  readonly hex: Hex;
  readonly signal?: boolean;
}

export interface Expectation {
  readonly verdict: number;
  readonly frame: Hex;
  readonly ctx?: {
    readonly mark?: number;
    readonly cb?: readonly number[];
    readonly tc_index?: number;
    readonly meta?: Hex;
  };
  readonly redirects?: readonly Redirect[];
  readonly calls?: readonly HelperCall[];
  readonly dropReason?: number | null;
  readonly events?: readonly RecordedEvent[];
  readonly maps?: Readonly<Record<string, Changes>>;
  readonly metrics?: Readonly<Record<string, readonly [number, number]>>;
  readonly tailCalls?: readonly { readonly map: string; readonly slot: number }[];
}

export interface Step {
  readonly on: string;
  readonly entry: string;
  readonly now_ns: number;
  readonly random?: readonly number[];
  readonly ctx: RecordedContext;
  readonly frame: Hex;
  readonly fib?: FibAnswer | null;
  readonly tunnel?: TunnelAnswer;
  readonly socketCookie?: Hex;
  readonly pre?: Readonly<Record<string, Changes>>;
  readonly expect: Expectation;
}

export interface Scenario {
  readonly name: string;
  readonly source?: string;
  readonly featureSet: string;
  readonly features: Readonly<Record<string, string | number>>;
  readonly objectFeatures?: Readonly<Record<string, Readonly<Record<string, string | number>>>>;
  readonly instances: Readonly<Record<string, RecordedInstance>>;
  readonly tailCalls?: Readonly<Record<string, Readonly<Record<string, TailCallTarget>>>>;
  readonly maps: Readonly<Record<string, RecordedMap>>;
  readonly steps: readonly Step[];
}

/** A vector file that cannot be used: says which place in it and why. */
export class VectorError extends Error {}
