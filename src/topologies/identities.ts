/** Security identities: of label sets, of prefixes outside the cluster, and the reserved ones by their names. */
import { addressText, contains, type Prefix } from '../engine/address-text.js';
import { NumberPool } from './check-text.js';
import { type FaultList, type Path, pathText } from './faults.js';
import type { KeptNumbers } from './kept-numbers.js';
import type { PlannedPrefix } from './plan.js';

/** Identities of clusters and of prefixes start here (Cilium's scopes). */
const FIRST_CLUSTER_IDENTITY = 256;
const FIRST_PREFIX_IDENTITY = 0x01000001;

/** Reserved identities by entity name. */
export const ENTITIES: ReadonlyMap<string, readonly number[]> = new Map([
  ['none', []],
  ['host', [1]],
  ['unmanaged', [3]],
  ['health', [4]],
  ['init', [5]],
  ['remote-node', [6]],
  ['kube-apiserver', [7]],
  ['ingress', [8]],
  ['world-ipv4', [9]],
  ['world-ipv6', [10]],
]);

export class Identities {
  readonly #faults: FaultList;
  readonly #byLabels = new Map<string, { readonly identity: number; readonly path: Path }>();
  readonly #owners = new Map<number, { readonly labels: string; readonly path: Path }>();
  readonly #numbers: NumberPool;
  readonly #prefixes: PlannedPrefix[] = [];
  readonly #byPrefix = new Map<string, number>();
  readonly #prefixNumbers: NumberPool;

  constructor(faults: FaultList, kept: KeptNumbers) {
    this.#faults = faults;
    this.#numbers = new NumberPool(FIRST_CLUSTER_IDENTITY, kept.pool('identity'));
    this.#prefixNumbers = new NumberPool(FIRST_PREFIX_IDENTITY, kept.pool('prefix identity'));
  }

  get prefixes(): readonly PlannedPrefix[] {
    return this.#prefixes;
  }

  /** Keeps a number that a pod declares from being handed out; to be called for all pods before `ofPod`. */
  reserve(identity: number): void {
    this.#numbers.take(identity);
  }

  /** Pods with equal labels share an identity; a pod without labels has one of its own. */
  ofPod(
    name: string,
    labels: Readonly<Record<string, string>>,
    declared: number | undefined,
    path: Path,
  ): number {
    const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
    const key = pairs.length === 0 ? `pod ${name}` : pairs.sort().join(',');
    const at = [...path, 'identity'];
    if (declared !== undefined && declared < FIRST_CLUSTER_IDENTITY) {
      this.#faults.error(at, `identities below ${FIRST_CLUSTER_IDENTITY} are reserved`);
    }
    const known = this.#byLabels.get(key);
    if (known !== undefined) {
      if (declared !== undefined && declared !== known.identity) {
        this.#faults.error(
          at,
          `${pathText(known.path)} has the same labels and identity ${known.identity}: equal labels, equal identity`,
        );
      }
      return known.identity;
    }
    const identity = declared ?? this.#numbers.next(key);
    const owner = this.#owners.get(identity);
    if (owner !== undefined) {
      this.#faults.error(
        at,
        `${identity} is also the identity of ${pathText(owner.path)}, which has other labels`,
      );
    }
    this.#byLabels.set(key, { identity, path });
    this.#owners.set(identity, { labels: key, path });
    return identity;
  }

  /** The identity of a prefix outside the cluster; the same prefix has the same one. */
  ofPrefix(prefix: Prefix, declared?: number): number {
    const text = prefixText(prefix);
    const known = this.#byPrefix.get(text);
    if (known !== undefined) return known;
    if (declared !== undefined) this.#prefixNumbers.take(declared);
    const identity = declared ?? this.#prefixNumbers.next(prefixText(prefix));
    this.#prefixes.push({ prefix, identity });
    this.#byPrefix.set(text, identity);
    return identity;
  }

  /** Identities of all known prefixes inside one; the prefix itself gets one where it has none. */
  inside(prefix: Prefix): readonly number[] {
    this.ofPrefix(prefix);
    return this.#prefixes
      .filter((other) => other.prefix.length >= prefix.length && contains(prefix, other.prefix.address))
      .map((other) => other.identity);
  }
}

/** `10.0.0.0/8`. */
export function prefixText(prefix: Prefix): string {
  return `${addressText(prefix.address)}/${prefix.length}`;
}
