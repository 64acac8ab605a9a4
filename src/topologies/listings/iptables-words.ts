/** The words of a rule as `iptables -S` prints it, by what they belong to. */
import { wordsOf } from '../../engine/netfilter/rule-parser.js';

/** A match (`-m`) or a target (`-j`) with its options. */
export class Extension {
  readonly name: string;
  readonly #options: { readonly flag: string; readonly negated: boolean; readonly values: string[] }[] = [];

  constructor(name: string) {
    this.name = name;
  }

  add(flag: string, negated: boolean): void {
    this.#options.push({ flag, negated, values: [] });
  }

  addValue(value: string): void {
    this.#options.at(-1)?.values.push(value);
  }

  has(flag: string): boolean {
    return this.#option(flag) !== undefined;
  }

  isNegated(flag: string): boolean {
    return this.#option(flag)?.negated ?? false;
  }

  values(flag: string): readonly string[] {
    return this.#option(flag)?.values ?? [];
  }

  value(flag: string): string | undefined {
    return this.values(flag)[0];
  }

  #option(flag: string) {
    return this.#options.find((option) => option.flag === flag);
  }
}

/** Values are as written, with `!` in front of those that are negated; null where the rule says nothing. */
export interface RuleWords {
  readonly source: string | null;
  readonly destination: string | null;
  readonly input: string | null;
  readonly output: string | null;
  readonly protocol: string | null;
  readonly matches: readonly Extension[];
  readonly target: Extension | null;
}

const PLAIN = {
  '-s': 'source',
  '-d': 'destination',
  '-i': 'input',
  '-o': 'output',
  '-p': 'protocol',
} as const;

export function readRuleWords(text: string): RuleWords {
  const words = wordsOf(text);
  const plain: Record<string, string> = {};
  const matches: Extension[] = [];
  let target: Extension | null = null;
  let negated = false;
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    const extension = target ?? matches.at(-1);
    if (word === '!') {
      negated = true;
      continue;
    }
    if (word === '-A') i++;
    else if (word in PLAIN) plain[PLAIN[word as keyof typeof PLAIN]] = `${negated ? '!' : ''}${words[++i]}`;
    else if (word === '-m') matches.push(new Extension(words[++i]));
    else if (word === '-j') target = new Extension(words[++i]);
    else if (word.startsWith('--')) extension?.add(word, negated);
    else extension?.addValue(word);
    negated = false;
  }
  const { source = null, destination = null, input = null, output = null, protocol = null } = plain;
  return { source, destination, input, output, protocol, matches, target };
}
