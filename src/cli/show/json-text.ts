/** JSON as Go's encoder writes it for Cilium's tools. 64-bit numbers may be bigint. */
import type { JsonValue } from '../../topologies/listings/json-text.js';

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
