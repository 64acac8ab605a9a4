/**
 * Numbers that a topology's parts were given, so that they keep them when the topology is built again with a change:
 * what a connection's entries refer to (backends, services, identities, endpoints, interfaces) stays what it was.
 */
export class KeptNumbers {
  readonly #pools = new Map<string, Map<string, number>>();

  /** Of one kind of numbers: what each key got. */
  pool(name: string): Map<string, number> {
    let pool = this.#pools.get(name);
    if (pool === undefined) {
      pool = new Map();
      this.#pools.set(name, pool);
    }
    return pool;
  }

  /** Plain data, from which `from` makes the same again. */
  toJson(): Readonly<Record<string, Readonly<Record<string, number>>>> {
    return Object.fromEntries([...this.#pools].map(([name, pool]) => [name, Object.fromEntries(pool)]));
  }

  static from(json: Readonly<Record<string, Readonly<Record<string, number>>>>): KeptNumbers {
    const kept = new KeptNumbers();
    for (const [name, numbers] of Object.entries(json)) {
      for (const [key, number] of Object.entries(numbers)) kept.pool(name).set(key, number);
    }
    return kept;
  }
}
