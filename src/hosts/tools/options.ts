/** Command lines of tools: short options as getopt(3) reads them, and the long ones that a tool names. */

/** A command line that the tool cannot follow, or that it is not emulated with. */
export class ToolError extends Error {
  override readonly name = 'ToolError';
}

export interface ToolOptions {
  /** By letter; of one without a value ''. A repeated option has its last value. */
  readonly values: ReadonlyMap<string, string>;
  readonly operands: readonly string[];
}

/**
 * Reads `args` by a getopt string such as `c:nq`; `long` gives the letter of each long option. An option may stand
 * behind an operand. Throws ToolError for one that is not known.
 */
export function readToolOptions(
  tool: string,
  args: readonly string[],
  letters: string,
  long: ReadonlyMap<string, string> = new Map(),
): ToolOptions {
  const values = new Map<string, string>();
  const operands: string[] = [];
  const takesValue = (letter: string): boolean => letters[letters.indexOf(letter) + 1] === ':';
  const require = (letter: string, option: string): void => {
    if (letter !== ':' && letters.includes(letter)) return;
    throw new ToolError(`${tool}: option ${option} is not emulated`);
  };
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    const value = (option: string): string => {
      i++;
      if (i < args.length) return args[i];
      throw new ToolError(`${tool}: option ${option} needs a value`);
    };
    if (arg === '--') {
      operands.push(...args.slice(i + 1));
      break;
    }
    if (arg.startsWith('--')) {
      const [name, attached] = splitAt(arg, '=');
      const letter = long.get(name) ?? '';
      if (letter === '') throw new ToolError(`${tool}: option ${name} is not emulated`);
      values.set(letter, takesValue(letter) ? (attached ?? value(name)) : '');
    } else if (arg.startsWith('-') && arg.length > 1) {
      for (let at = 1; at < arg.length; at++) {
        const letter = arg[at];
        require(letter, `-${letter}`);
        if (!takesValue(letter)) values.set(letter, '');
        else {
          values.set(letter, at + 1 < arg.length ? arg.slice(at + 1) : value(`-${letter}`));
          break;
        }
      }
    } else operands.push(arg);
  }
  return { values, operands };
}

function splitAt(text: string, mark: string): [string, string | undefined] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

/** A number in [minimum, maximum], or `otherwise` when the option is not given. Throws ToolError. */
export function numberOption(
  tool: string,
  values: ReadonlyMap<string, string>,
  letter: string,
  otherwise: number,
  minimum: number,
  maximum: number,
): number {
  const text = values.get(letter);
  if (text === undefined) return otherwise;
  const number = Number(text);
  if (text.trim() === '' || !(number >= minimum && number <= maximum)) {
    throw new ToolError(`${tool}: -${letter} ${text}: not a number from ${minimum} to ${maximum}`);
  }
  return number;
}
