/** JSON as iproute2 and bpftool write it. */
export type JsonValue =
  | string
  | number
  | boolean
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

const INDENT = 4;

/** `-j`: on one line. */
export function jsonLine(value: JsonValue): string {
  return `${JSON.stringify(value)}\n`;
}

/** bpftool's `-p`: members of objects on lines of their own, elements of arrays are not. */
export function bpftoolPretty(value: JsonValue): string {
  return `${pretty(value, 0)}\n`;
}

function pretty(value: JsonValue, depth: number): string {
  if (Array.isArray(value)) {
    if (value.length === 0) return '[]';
    const elements = value.map((element: JsonValue) => pretty(element, depth + 1));
    return `[${elements.join(',')}${newline(depth)}]`;
  }
  if (typeof value !== 'object') return JSON.stringify(value);
  const members = Object.entries(value);
  if (members.length === 0) return '{}';
  const lines = members.map(
    ([name, member]) => `${newline(depth + 1)}"${name}": ${pretty(member as JsonValue, depth + 1)}`,
  );
  return `{${lines.join(',')}${newline(depth)}}`;
}

function newline(depth: number): string {
  return `\n${' '.repeat(INDENT * depth)}`;
}
