/** Reading addresses out of a spec: what does not parse is a fault at its path. */
import { addressText, type Prefix, parseAddress, parseMac, parsePrefix } from '../engine/address-text.js';
import { type FaultList, type Path, pathText } from './faults.js';

export { addressText };

export function readAddress(text: string, path: Path, faults: FaultList): Uint8Array | null {
  const address = parseAddress(text);
  if (address === null) faults.error(path, `${JSON.stringify(text)} is not an IP address`);
  return address;
}

/** ADDRESS/LENGTH; an address alone is a prefix of its whole length. */
export function readPrefix(text: string, path: Path, faults: FaultList): Prefix | null {
  const prefix = parsePrefix(text);
  if (prefix === null) faults.error(path, `${JSON.stringify(text)} is not a prefix such as 10.0.0.0/8`);
  return prefix;
}

/** As `readPrefix`, with a warning when bits behind the prefix are set. */
export function readNetwork(text: string, path: Path, faults: FaultList): Prefix | null {
  const prefix = readPrefix(text, path, faults);
  if (prefix === null) return null;
  const address = networkAddress(prefix);
  if (address.some((byte, i) => byte !== prefix.address[i])) {
    const meant = `${addressText(address)}/${prefix.length}`;
    faults.warning(path, `${text} has bits behind its prefix; taken as ${meant}`);
  }
  return { address, length: prefix.length };
}

/** A list of networks; those that do not parse are left out with a fault. */
export function readNetworks(
  texts: readonly string[] | undefined,
  path: Path,
  faults: FaultList,
): readonly Prefix[] {
  return (texts ?? []).flatMap((text, i) => readNetwork(text, [...path, i], faults) ?? []);
}

export function readMac(text: string, path: Path, faults: FaultList): Uint8Array | null {
  const mac = parseMac(text);
  if (mac === null)
    faults.error(path, `${JSON.stringify(text)} is not a MAC address such as 0a:00:00:00:11:aa`);
  else if ((mac[0] & 1) !== 0) faults.error(path, `${text} is a multicast MAC address`);
  return mac;
}

/** The prefix's first address. */
export function networkAddress(prefix: Prefix): Uint8Array {
  return prefix.address.map((byte, i) => {
    const bits = Math.max(0, Math.min(8, prefix.length - 8 * i));
    return byte & (0xff << (8 - bits));
  });
}

/** Names, addresses or numbers that must not occur twice: remembers who had them first. */
export class Register {
  readonly #what: string;
  readonly #owners = new Map<string, { readonly owner: string; readonly path: Path }>();

  /** `what` names the thing in faults: "the address". */
  constructor(what: string) {
    this.#what = what;
  }

  /** False, with a fault, when `key` belongs to somebody else already. */
  take(key: string, owner: string, path: Path, faults: FaultList): boolean {
    const first = this.#owners.get(key);
    if (first === undefined) {
      this.#owners.set(key, { owner, path });
      return true;
    }
    faults.error(path, `${key} is also ${this.#what} of ${first.owner} (${pathText(first.path)})`);
    return false;
  }

  has(key: string): boolean {
    return this.#owners.has(key);
  }

  ownerOf(key: string): string | null {
    return this.#owners.get(key)?.owner ?? null;
  }
}

/** Hands out numbers that nobody has taken; a key that had one before gets the same. */
export class NumberPool {
  readonly #taken = new Set<number>();
  readonly #kept: Map<string, number>;
  #next: number;

  constructor(first: number, kept: Map<string, number> = new Map()) {
    this.#next = first;
    this.#kept = kept;
    for (const number of kept.values()) this.#taken.add(number);
  }

  take(number: number): void {
    this.#taken.add(number);
  }

  next(key: string): number {
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    while (this.#taken.has(this.#next)) this.#next++;
    this.#taken.add(this.#next);
    this.#kept.set(key, this.#next);
    return this.#next;
  }
}
