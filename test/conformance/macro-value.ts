/** Reads the text of a compile-time macro as a number or as bytes. */
import { VectorError } from './vector-format.js';

export type Macros = Readonly<Record<string, string | number>>;

/** Names that stand for numbers in values, where the scenario does not list them itself. */
const NAMED_NUMBERS: Macros = {
  DSR_ENCAP_NONE: 1,
  DSR_ENCAP_IPIP: 2,
  DSR_ENCAP_GENEVE: 3,
  LB_SELECTION_RANDOM: 1,
  LB_SELECTION_MAGLEV: 2,
  LB_SELECTION_FIRST: 3,
  TUNNEL_PROTOCOL_VXLAN: 1,
  TUNNEL_PROTOCOL_GENEVE: 2,
};

/** A macro's text. Throws a VectorError naming the macro when it is not of the kind asked for. */
export class MacroValue {
  readonly #name: string;
  readonly #text: string;

  /** A text that names another macro (`LB_SELECTION_FIRST`) stands for that macro's value. */
  constructor(name: string, macros: Macros) {
    this.#name = name;
    let text = String(macros[name]).trim();
    for (let depth = 0; depth < 4; depth++) {
      const named = Object.hasOwn(macros, text) ? macros[text] : NAMED_NUMBERS[text];
      if (named === undefined) break;
      text = String(named).trim();
    }
    this.#text = text;
  }

  float(): number {
    const digits = this.#text.replace(/[uUlL]+$/, '');
    const value = digits === '' ? Number.NaN : Number(digits);
    if (!Number.isFinite(value)) this.#fault('a number');
    return value;
  }

  /** As int32: addresses and masks are words as the program loads them. */
  number(): number {
    return this.float() | 0;
  }

  /** `{ .addr = { 0xfd, 0, ... } }`; bytes not given are zero, as in C. */
  bytes(length: number): Uint8Array {
    const list = /\{\s*([^{}]*?)\s*\}\s*\}?\s*$/.exec(this.#text)?.[1];
    const bytes = (list ?? '').split(',').map((byte) => Number(byte));
    if (list === undefined || bytes.length > length || bytes.some((b) => !(b >= 0 && b <= 255))) {
      this.#fault(`at most ${length} bytes in braces`);
    }
    const result = new Uint8Array(length);
    result.set(bytes);
    return result;
  }

  #fault(wanted: string): never {
    throw new VectorError(`feature ${this.#name}: "${this.#text}" is not ${wanted}`);
  }
}
