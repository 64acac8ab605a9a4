/** JSON as each tool writes it. 64-bit numbers may be bigint. */

export type JsonValue = unknown;

/** `cilium-dbg -o json`: Go's encoder with an indent of two, `<`, `>`, `&` escaped, and an empty line behind. */
export function goJson(value: JsonValue): string {
  return `${goValue(value, '')}\n\n`;
}

function goValue(value: JsonValue, indent: string): string {
  const deeper = `${indent}  `;
  if (Array.isArray(value)) {
    if (value.length === 0) return '[]';
    return `[\n${value.map((item) => deeper + goValue(item, deeper)).join(',\n')}\n${indent}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value);
    if (members.length === 0) return '{}';
    const lines = members.map(([name, member]) => `${deeper}${goString(name)}: ${goValue(member, deeper)}`);
    return `{\n${lines.join(',\n')}\n${indent}}`;
  }
  return typeof value === 'string' ? goString(value) : scalar(value);
}

/** Go's encoder without indent, on one line. Members that are undefined are left out. */
export function goLine(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(goLine).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    return `{${members.map(([name, member]) => `${goString(name)}:${goLine(member)}`).join(',')}}`;
  }
  return typeof value === 'string' ? goString(value) : scalar(value);
}

function goString(text: string): string {
  return JSON.stringify(text).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function scalar(value: JsonValue): string {
  return typeof value === 'bigint' ? value.toString() : JSON.stringify(value);
}

/** How the json_writer of iproute2 and bpftool differ when they indent. */
interface WriterStyle {
  /** Behind `[` and before `]` of iproute2; bpftool breaks the line before `]`. */
  readonly spacedLists: boolean;
}

const IPROUTE2: WriterStyle = { spacedLists: true };
const BPFTOOL: WriterStyle = { spacedLists: false };

/** `ip -j`, or `ip -j -p` when `pretty`. */
export function ipJson(value: JsonValue, pretty: boolean): string {
  return pretty ? `${writerValue(value, 0, IPROUTE2)}\n` : `${compact(value)}\n`;
}

/** `bpftool -j`, or `bpftool -p` when `pretty`. */
export function bpftoolJson(value: JsonValue, pretty: boolean): string {
  return pretty ? `${writerValue(value, 0, BPFTOOL)}\n` : `${compact(value)}\n`;
}

/** In one line. */
export function compact(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(compact).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${compact(member)}`).join(',')}}`;
  }
  return scalar(value);
}

/** Members of an object stand in lines of their own, elements of a list do not: `[{` and `},{`. */
function writerValue(value: JsonValue, depth: number, style: WriterStyle): string {
  const line = (level: number): string => `\n${' '.repeat(4 * level)}`;
  if (Array.isArray(value)) {
    const elements = value.map((element) => writerValue(element, depth + 1, style)).join(',');
    if (style.spacedLists) return elements === '' ? '[ ]' : `[ ${elements} ]`;
    return elements === '' ? '[]' : `[${elements}${line(depth)}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([name, member]) => {
        return `${line(depth + 1)}${JSON.stringify(name)}: ${writerValue(member, depth + 1, style)}`;
      });
    return members.length === 0 ? '{}' : `{${members.join(',')}${line(depth)}}`;
  }
  return scalar(value);
}
