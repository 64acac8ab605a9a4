/** Bytes as `hexdump -C` and Go's hex.Dump show them. */

const PER_LINE = 16;

/** `00000000  66 6f 6f …  |foo…|`, 16 bytes a line. */
export function hexLines(bytes: Uint8Array, at: number, length: number): string {
  let text = '';
  for (let offset = 0; offset < length; offset += PER_LINE) {
    const line = bytes.subarray(at + offset, at + Math.min(length, offset + PER_LINE));
    const pairs = [...line].map((byte) => byte.toString(16).padStart(2, '0'));
    const halves = `${pairs.slice(0, 8).join(' ')}  ${pairs.slice(8).join(' ')}`.padEnd(3 * PER_LINE);
    const ascii = [...line].map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.'));
    text += `${offset.toString(16).padStart(8, '0')}  ${halves}  |${ascii.join('')}|\n`;
  }
  return text;
}
