/** JSON as the writer that iproute2 and bpftool share prints it. 64-bit numbers may be bigint. */

export type JsonValue = unknown;

/** How the two differ when they indent: iproute2 has spaces in lists, bpftool breaks the line before `]`. */
interface Style {
  readonly spacedLists: boolean;
}

const IPROUTE2: Style = { spacedLists: true };
const BPFTOOL: Style = { spacedLists: false };
const INDENT = 4;

/** `ip -j` and `tc -j`; with `-p` when `pretty`. */
export function ipJson(value: JsonValue, pretty: boolean): string {
  return `${pretty ? indented(value, 0, IPROUTE2) : compact(value)}\n`;
}

/** `bpftool -j`; `-p` when `pretty`. */
export function bpftoolJson(value: JsonValue, pretty: boolean): string {
  return `${pretty ? indented(value, 0, BPFTOOL) : compact(value)}\n`;
}

/** On one line. Members that are undefined are left out. */
function compact(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(compact).join(',')}]`;
  if (typeof value !== 'object' || value === null) return scalar(value);
  return `{${membersOf(value)
    .map(([name, member]) => `${JSON.stringify(name)}:${compact(member)}`)
    .join(',')}}`;
}

/** Members of an object stand in lines of their own, elements of a list do not: `[{` and `},{`. */
function indented(value: JsonValue, depth: number, style: Style): string {
  const line = (level: number): string => `\n${' '.repeat(INDENT * level)}`;
  if (Array.isArray(value)) {
    const elements = value.map((element) => indented(element, depth + 1, style)).join(',');
    if (style.spacedLists) return elements === '' ? '[ ]' : `[ ${elements} ]`;
    return elements === '' ? '[]' : `[${elements}${line(depth)}]`;
  }
  if (typeof value !== 'object' || value === null) return scalar(value);
  const members = membersOf(value).map(
    ([name, member]) => `${line(depth + 1)}${JSON.stringify(name)}: ${indented(member, depth + 1, style)}`,
  );
  return members.length === 0 ? '{}' : `{${members.join(',')}${line(depth)}}`;
}

function membersOf(value: object): [string, unknown][] {
  return Object.entries(value).filter(([, member]) => member !== undefined);
}

function scalar(value: JsonValue): string {
  return typeof value === 'bigint' ? value.toString() : JSON.stringify(value);
}
