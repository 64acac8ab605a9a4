/**
 * Columns as Go's text/tabwriter sets them (align left, pad with spaces, no flags), which all of Cilium's tables go
 * through. A cell is text that ends in a tab; what follows the last tab of a line is no cell and takes no padding. A
 * column is a run of consecutive lines that have a cell there, and as wide as its widest cell plus the padding.
 */

/** Lays out `text`, whose lines hold cells that end in tabs. Widths are in characters. */
export function tabulate(text: string, minimumWidth = 5, padding = 3): string {
  const lines = text.split('\n').map((line) => line.split('\t'));
  const widths = lines.map((cells) => new Array<number>(cells.length - 1).fill(0));
  for (let line = 0; line < lines.length; line++) {
    for (let column = 0; column < widths[line].length; column++) {
      if (widths[line][column] !== 0) continue;
      let end = line;
      let width = minimumWidth;
      for (; end < lines.length && column < widths[end].length; end++) {
        width = Math.max(width, Array.from(lines[end][column]).length + padding);
      }
      for (let i = line; i < end; i++) widths[i][column] = width;
    }
  }
  return lines
    .map((cells, line) => cells.map((cell, i) => cell + ' '.repeat(space(cell, widths[line][i]))).join(''))
    .join('\n');
}

function space(cell: string, width: number | undefined): number {
  return width === undefined ? 0 : width - Array.from(cell).length;
}

/** Key and value of Cilium's map tables; rows of one key share its cell. */
export type MapTableRow = readonly [key: string, value: string];

/** A map table: the title's last column is no cell, those of the rows are. */
export function mapTable(titles: readonly [string, string], rows: readonly MapTableRow[]): string {
  const lines = [...groupByKey(rows)].map(([key, values]) =>
    values.map((value, i) => `${i === 0 ? key : ''}\t${value}\t\n`).join(''),
  );
  return tabulate(`${titles[0]}\t${titles[1]}\n${lines.join('')}`);
}

/** The object that a map table is in JSON, keys sorted bytewise. */
export function mapTableObject(rows: readonly MapTableRow[]): Record<string, readonly string[]> {
  return Object.fromEntries([...groupByKey(rows)].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function groupByKey(rows: readonly MapTableRow[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const [key, value] of rows) {
    const values = groups.get(key);
    if (values === undefined) groups.set(key, [value]);
    else values.push(value);
  }
  return groups;
}

/** Titles and rows whose last column is no cell, as Cilium's small lists print them. */
export function plainTable(
  titles: readonly string[],
  rows: readonly (readonly string[])[],
  minimumWidth?: number,
): string {
  return tabulate([titles, ...rows].map((cells) => `${cells.join('\t')}\n`).join(''), minimumWidth);
}
