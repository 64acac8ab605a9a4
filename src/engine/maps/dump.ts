/**
 * Maps as `bpftool map dump` prints them without BTF (which maps that the Cilium agent makes do not have): text, and
 * the objects of its JSON. The other direction is load-dump.ts.
 */
import type { BpfMap } from './map.js';
import { isPerCpu, type MapRecord, recordsOf } from './records.js';

/** What bpftool answers for the elements of a perf event array, which cannot be looked up (ENOTSUPP). */
const NOT_SUPPORTED = 'Unknown error 524';
const BYTES_PER_LINE = 16;
/** Key and value up to this together stand in one line. */
const ONE_LINE = 24;

/** An entry of a JSON dump: bytes as `"0x0a"`. */
export interface DumpEntry {
  readonly key: readonly string[];
  readonly value?: readonly string[] | { readonly error: string };
  readonly values?: readonly { readonly cpu: number; readonly value: readonly string[] }[];
}

export function dumpText(map: BpfMap): string {
  if (map.spec.type === 'perf_event_array') return perfEventText(map);
  const records = recordsOf(map);
  return records.map((record) => recordText(map, record)).join('') + foundText(records.length);
}

/** One entry, as `bpftool map lookup` prints it too. */
export function recordText(map: BpfMap, record: MapRecord): string {
  if (isPerCpu(map)) return perCpuText(record);
  return map.spec.keySize > 16 || map.spec.valueSize > 16 ? block(record) : inline(record);
}

/** What `bpftool map lookup` prints for a key that is not there. */
export function notFoundText(key: Uint8Array): string {
  return `key:\n${hexLines(key)}\n\nNot found\n`;
}

export function dumpEntries(map: BpfMap): DumpEntry[] {
  if (map.spec.type === 'perf_event_array') {
    return indexes(map).map((key) => ({ key: hexStrings(key), value: { error: NOT_SUPPORTED } }));
  }
  return recordsOf(map).map((record) => recordEntry(map, record));
}

/** One entry of a JSON dump. */
export function recordEntry(map: BpfMap, { key, value, values }: MapRecord): DumpEntry {
  if (!isPerCpu(map)) return { key: hexStrings(key), value: hexStrings(value) };
  return { key: hexStrings(key), values: values.map((bytes, cpu) => ({ cpu, value: hexStrings(bytes) })) };
}

function inline({ key, value }: MapRecord): string {
  const between = key.length + value.length <= ONE_LINE ? '  ' : '\n';
  return `key: ${hexLine(key)}${between}value: ${hexLine(value)}\n`;
}

function block({ key, value }: MapRecord): string {
  return `key:\n${hexLines(key)}\nvalue:\n${hexLines(value)}\n`;
}

function perCpuText({ key, values }: MapRecord): string {
  const copies = values.map((value, cpu) => {
    const between = value.length > BYTES_PER_LINE ? '\n' : ' ';
    return `value (CPU ${String(cpu).padStart(2, '0')}):${between}${hexLines(value)}\n`;
  });
  return `key:\n${hexLines(key)}\n${copies.join('')}`;
}

function perfEventText(map: BpfMap): string {
  const elements = indexes(map).map((key) => `key: ${hexLine(key)}\nvalue:\n${NOT_SUPPORTED}\n`);
  return elements.join('') + foundText(0);
}

function foundText(count: number): string {
  return `Found ${count} element${count === 1 ? '' : 's'}\n`;
}

/** Keys of all elements of an array. */
function indexes(map: BpfMap): Uint8Array[] {
  return Array.from(
    { length: map.spec.maxEntries },
    (_, index) => new Uint8Array(Uint32Array.of(index).buffer),
  );
}

/** `0a f4 00 d5  0b`: a second space behind every eighth byte. */
function hexLine(bytes: Uint8Array): string {
  return Array.from(bytes, (byte, i) => (i === 0 ? '' : i % 8 === 0 ? '  ' : ' ') + hex(byte)).join('');
}

function hexLines(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += BYTES_PER_LINE) {
    lines.push(hexLine(bytes.slice(at, at + BYTES_PER_LINE)));
  }
  return lines.join('\n');
}

function hexStrings(bytes: Uint8Array): string[] {
  return Array.from(bytes, (byte) => `0x${hex(byte)}`);
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}
