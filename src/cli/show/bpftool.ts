/** `bpftool map show|dump|lookup`: every map of a node, whatever its programs make of it. */
import { dumpEntries, dumpText, notFoundText, recordEntry, recordText } from '../../engine/maps/dump.js';
import type { BpfMap, MapSpec } from '../../engine/maps/map.js';
import { recordsOf } from '../../engine/maps/records.js';
import { bpftoolJson } from '../../topologies/listings/json-text.js';
import { UsageError } from '../exit-codes.js';
import { mapPath } from './bpf-files.js';
import { programCommands } from './bpftool-prog.js';
import type { Invocation, Output, Place, ShowCommand, Tool } from './command.js';
import { endpointsOf } from './endpoints.js';
import { bpftoolNetCommands } from './kernel-tools.js';
import { mostAlike } from './most-alike.js';

/** The kernel keeps this much of a name (BPF_OBJ_NAME_LEN less the zero byte). */
const NAME_LENGTH = 15;
const PAGE = 4096;

interface NamedMap {
  /** As the kernel would number it: in the order in which the node's maps were made. */
  readonly id: number;
  readonly map: BpfMap;
}

/** All maps of a place's node, the endpoints' policy maps behind the shared ones. */
export function nodeMaps({ node }: Place): BpfMap[] {
  return [...node.datapath.maps.values(), ...endpointsOf(node).map(({ policyMap }) => policyMap)];
}

function numberedMaps(place: Place): NamedMap[] {
  return nodeMaps(place).map((map, i) => ({ id: i + 1, map }));
}

/** `name X` (the kernel's 15 characters, or all), `id N`, `pinned PATH`; null without any. */
function chosenMaps({ place, args }: Invocation): NamedMap[] | null {
  if (args.length === 0) return null;
  const [by, what] = args;
  if (what === undefined) throw new UsageError(`bpftool map: ${by} what? (id N, name NAME, pinned PATH)`);
  const all = numberedMaps(place);
  const found = all.filter(({ id, map }) => {
    if (by === 'id') return String(id) === what;
    if (by === 'pinned') return pathOf(map.spec) === what;
    if (by === 'name') return map.spec.name === what;
    throw new UsageError(`bpftool map: ${by} is none of id, name, pinned`);
  });
  if (found.length > 0) return found;
  const short = by === 'name' ? all.filter(({ map }) => kernelName(map.spec) === what) : [];
  if (short.length > 0) return short;
  const names = mostAlike(
    what,
    all.map(({ map }) => map.spec.name),
  );
  throw new UsageError(
    `no map with ${by} ${what} on ${place.node.planned.name}; near it: ${names.join(', ')}`,
  );
}

function show(invocation: Invocation): Output {
  const maps = chosenMaps(invocation) ?? numberedMaps(invocation.place);
  const withPaths = invocation.has('-f', '--bpffs');
  if (invocation.json) {
    const objects = maps.map(({ id, map: { spec } }) => ({
      id,
      type: spec.type,
      name: kernelName(spec),
      flags: spec.flags ?? 0,
      bytes_key: spec.keySize,
      bytes_value: spec.valueSize,
      max_entries: spec.maxEntries,
      bytes_memlock: memlock(spec),
      frozen: 0,
      ...(withPaths ? { pinned: [pathOf(spec)] } : {}),
    }));
    const [only] = objects;
    const one = invocation.args.length > 0 && objects.length === 1;
    return { text: bpftoolJson(one ? only : objects, invocation.has('-p', '--pretty')) };
  }
  return { text: maps.map((named) => mapText(named, withPaths)).join('') };
}

function mapText({ id, map: { spec } }: NamedMap, withPath: boolean): string {
  const lines = [
    `${id}: ${spec.type}  name ${kernelName(spec)}  flags 0x${(spec.flags ?? 0).toString(16)}`,
    `\tkey ${spec.keySize}B  value ${spec.valueSize}B  max_entries ${spec.maxEntries}  memlock ${memlock(spec)}B`,
  ];
  if (spec.type === 'prog_array') lines.push('\towner_prog_type sched_cls  owner jited');
  if (withPath) lines.push(`\tpinned ${pathOf(spec)}`);
  return `${lines.join('\n')}\n`;
}

/** Keys and values in whole 8-byte units, in whole pages. Kernels count this differently; it is an estimate. */
function memlock({ keySize, valueSize, maxEntries }: MapSpec): number {
  const entry = ((keySize + 7) & ~7) + ((valueSize + 7) & ~7);
  return Math.ceil((entry * maxEntries) / PAGE) * PAGE;
}

function kernelName({ name }: MapSpec): string {
  return name.slice(0, NAME_LENGTH);
}

function pathOf({ name }: MapSpec): string {
  return mapPath(name);
}

function dump(invocation: Invocation): Output {
  const maps = chosenMaps(invocation) ?? [];
  if (!invocation.json) return { text: maps.map(({ map }) => dumpText(map)).join('') };
  const dumps = maps.map(({ map }) => dumpEntries(map));
  return { text: bpftoolJson(dumps.length === 1 ? dumps[0] : dumps, invocation.has('-p', '--pretty')) };
}

/** `map lookup MAP key [hex] BYTES`: of an LPM trie, what the longest prefix answers. */
function lookup(invocation: Invocation): Output {
  const { args } = invocation;
  const at = args.indexOf('key');
  if (at !== 2) throw new UsageError('bpftool map lookup: give name NAME key [hex] BYTES');
  const [{ map }] = chosenMaps({ ...invocation, args: args.slice(0, at) })!;
  const key = readKey(map.spec, args.slice(at + 1));
  const words = new Int32Array(map.keyWords);
  new Uint8Array(words.buffer).set(key);
  const offset = map.lookup(words, 0);
  const json = (value: unknown): string => bpftoolJson(value, invocation.has('-p', '--pretty'));
  if (offset < 0) return { text: invocation.json ? json(null) : notFoundText(key), exitCode: 254 };
  const found = recordsOf(map).find((record) => Buffer.compare(record.key, key) === 0);
  const value = map.bytes.slice(offset, offset + map.spec.valueSize);
  const record = found ?? { key, value, values: [value] };
  return { text: invocation.json ? json(recordEntry(map, record)) : recordText(map, record) };
}

function readKey({ name, keySize }: MapSpec, words: readonly string[]): Uint8Array {
  const isHex = words[0] === 'hex';
  const bytes = (isHex ? words.slice(1) : words).map((word) => {
    const value = isHex ? Number(`0x${word.replace(/^0x/, '')}`) : Number(word);
    if (Number.isInteger(value) && value >= 0 && value <= 255) return value;
    throw new UsageError(`bpftool map lookup: ${word} is not a byte`);
  });
  if (bytes.length === keySize) return Uint8Array.from(bytes);
  throw new UsageError(`bpftool map lookup: keys of ${name} have ${keySize} bytes, this one ${bytes.length}`);
}

const MAXIMUM_KEY_SIZE = 512;

const WHICH = { maximumArgs: 2 } as const;

/** `show` and `list` are one; what else bpftool tells is added beside these. */
const mapCommands: readonly ShowCommand[] = [
  { words: 'bpftool map', run: show },
  { words: 'bpftool map show', usage: '[name NAME | id N | pinned PATH]', ...WHICH, run: show },
  { words: 'bpftool map list', usage: '[name NAME | id N | pinned PATH]', ...WHICH, run: show },
  { words: 'bpftool map dump', usage: 'name NAME | id N | pinned PATH', ...WHICH, run: dump },
  {
    words: 'bpftool map lookup',
    usage: 'name NAME key [hex] BYTES',
    maximumArgs: MAXIMUM_KEY_SIZE,
    run: lookup,
  },
];

export const bpftool: Tool = {
  names: ['bpftool'],
  options: ['-j', '-p', '--pretty', '-f', '--bpffs'],
  json: (has) => has('-j', '-p', '--pretty'),
  commands: [...mapCommands, ...programCommands, ...bpftoolNetCommands],
};
