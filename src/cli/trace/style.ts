/** Colours for terminals, and lines that fit them. */

type Paint = (text: string) => string;

export interface Style {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly good: Paint;
  readonly bad: Paint;
}

const plain: Paint = (text) => text;

export const NO_STYLE: Style = { bold: plain, dim: plain, good: plain, bad: plain };

function paint(on: number, off: number): Paint {
  return (text) => (text === '' ? '' : `\u001b[${on}m${text}\u001b[${off}m`);
}

export const COLOURS: Style = {
  bold: paint(1, 22),
  dim: paint(2, 22),
  good: paint(32, 39),
  bad: paint(31, 39),
};

/** Colours where standard output is a terminal, unless NO_COLOR says otherwise (no-color.org). */
export function styleFor(isTerminal: boolean, environment: NodeJS.ProcessEnv): Style {
  return isTerminal && !environment.NO_COLOR && environment.TERM !== 'dumb' ? COLOURS : NO_STYLE;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape sequences that `paint` writes.
const ESCAPES = /\u001b\[\d+m/g;

function lengthOf(text: string): number {
  return text.replace(ESCAPES, '').length;
}

/** `lead` and `text` in lines of at most `width` characters; those that follow are indented. */
export function wrapLine(lead: string, text: string, indent: number, width: number): string {
  const lines: string[] = [];
  let line = lead;
  let isEmpty = true;
  for (const word of text.split(' ')) {
    if (!isEmpty && lengthOf(line) + 1 + lengthOf(word) > width) {
      lines.push(line);
      line = ' '.repeat(indent) + word;
    } else {
      line += isEmpty ? word : ` ${word}`;
    }
    isEmpty = false;
  }
  return [...lines, line].join('\n');
}
