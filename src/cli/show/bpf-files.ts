/** The BPF file system of a node as a tree: maps under tc/globals, programs and links under cilium. */
import { UsageError } from '../exit-codes.js';
import { nodeMaps } from './bpftool.js';
import type { Invocation, Output, Place, Tool } from './command.js';

const ROOT = '/sys/fs/bpf';
const GLOBALS = `${ROOT}/tc/globals`;

/** Where a map is pinned. */
export function mapPath(name: string): string {
  return `${GLOBALS}/${name}`;
}

/** The whole path of a pin; pins of the engine may be without the file system's own. */
export function bpfPath(pin: string): string {
  return pin.startsWith(ROOT) ? pin : `${ROOT}/${pin.replace(/^\//, '')}`;
}

/** All pins of a node. */
function pathsOf(place: Place): string[] {
  const maps = nodeMaps(place).map(({ spec }) => mapPath(spec.name));
  return [...maps, ...[...place.node.node.bpf.pins.keys()].map(bpfPath)];
}

function list({ place, args: [asked = ROOT], has }: Invocation): Output {
  const path = asked.length > 1 ? asked.replace(/\/+$/, '') : asked;
  const paths = pathsOf(place);
  if (paths.includes(path)) return { text: entryText(asked, false, has('-l')) };
  const below = paths.filter((one) => one.startsWith(`${path}/`));
  if (below.length === 0) {
    if (!path.startsWith(ROOT) && path !== ROOT) {
      throw new UsageError(`ls ${asked}: there is ${ROOT} and what is in it alone`);
    }
    return { text: '', errors: `ls: cannot access '${asked}': No such file or directory\n`, exitCode: 2 };
  }
  const names = new Map<string, boolean>();
  for (const one of below) {
    const [name, ...rest] = one.slice(path.length + 1).split('/');
    names.set(name, rest.length > 0);
  }
  const entries = [...names].sort(([a], [b]) => (a < b ? -1 : 1));
  const total = has('-l') ? 'total 0\n' : '';
  return {
    text: total + entries.map(([name, isDirectory]) => entryText(name, isDirectory, has('-l'))).join(''),
  };
}

/** What the file system has is of the run's beginning. */
function entryText(name: string, isDirectory: boolean, isLong: boolean): string {
  if (!isLong) return `${name}\n`;
  const mode = isDirectory ? 'drwxr-xr-x' : '-rw-------';
  return `${mode} ${isDirectory ? 3 : 1} root root 0 Jan  1  1970 ${name}\n`;
}

export const lsTool: Tool = {
  names: ['ls'],
  bundles: true,
  commands: [
    { words: 'ls', usage: `[-l] ${ROOT}/…`, maximumArgs: 1, options: ['-l', '-1', '-a'], run: list },
  ],
};
