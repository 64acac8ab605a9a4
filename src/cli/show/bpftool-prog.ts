/** `bpftool prog`: the programs that are attached on a node. */
import type { LoadedProgram } from '../../engine/hooks/bpf-objects.js';
import { bpftoolJson } from '../../topologies/listings/json-text.js';
import { UsageError } from '../exit-codes.js';
import { bpfPath } from './bpf-files.js';
import type { Invocation, Output, Place, ShowCommand } from './command.js';

/** Sizes of code that was never compiled for a kernel. */
const NO_CODE = { xlated: 0, jited: 0, memlock: 0 } as const;

/** `id N`, `name NAME`, `tag TAG`, `pinned PATH`; all without any. */
function chosen({ place, args }: Invocation): { programs: readonly LoadedProgram[]; failure: Output | null } {
  const all = place.node.node.bpf.programs;
  if (args.length === 0) return { programs: all, failure: null };
  const [by, what] = args;
  if (what === undefined || !['id', 'name', 'tag', 'pinned'].includes(by)) {
    throw new UsageError(`bpftool prog: ${args.join(' ')}: give id N, name NAME, tag TAG or pinned PATH`);
  }
  const programs = all.filter((program) => {
    if (by === 'id') return String(program.id) === what;
    if (by === 'tag') return program.details.tag === what;
    if (by === 'name') return program.program.name === what || program.shortName === what;
    return pathOf(place, program) === what;
  });
  if (programs.length > 0) return { programs, failure: null };
  const reason =
    by === 'id'
      ? `Error: get by id (${what}): No such file or directory\n`
      : by === 'pinned'
        ? `Error: bpf obj get (${what}): No such file or directory\n`
        : '';
  return { programs, failure: { text: '', errors: reason, exitCode: 255 } };
}

/** Where the program itself is pinned; empty for most, whose links are. */
function pathOf(place: Place, program: LoadedProgram): string {
  const found = [...place.node.node.bpf.pins].find(([, object]) => object === program);
  return found === undefined ? '' : bpfPath(found[0]);
}

function show(invocation: Invocation): Output {
  const { programs, failure } = chosen(invocation);
  if (failure !== null) return failure;
  const withPaths = invocation.has('-f', '--bpffs');
  if (invocation.json) {
    const objects = programs.map((program) => programObject(invocation.place, program, withPaths));
    const one = invocation.args.length > 0 && objects.length === 1;
    return { text: bpftoolJson(one ? objects[0] : objects, invocation.has('-p', '--pretty')) };
  }
  return { text: programs.map((program) => programText(invocation.place, program, withPaths)).join('') };
}

function programText(place: Place, program: LoadedProgram, withPath: boolean): string {
  const { id, type, details } = program;
  const path = withPath ? pathOf(place, program) : '';
  const lines = [
    `${id}: ${type}  name ${program.program.name}  tag ${details.tag}  gpl`,
    `\tloaded_at ${loadedAt(program)}  uid 0`,
    `\txlated ${NO_CODE.xlated}B  jited ${NO_CODE.jited}B  memlock ${NO_CODE.memlock}B`,
    ...(path === '' ? [] : [`\tpinned ${path}`]),
    ...(details.btfId === 0 ? [] : [`\tbtf_id ${details.btfId}`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** `2026-11-21T03:18:32+0000`; the run's clock begins at 1970. */
function loadedAt({ details }: LoadedProgram): string {
  return `${new Date(details.loadedNs / 1e6).toISOString().slice(0, 19)}+0000`;
}

function programObject(place: Place, program: LoadedProgram, withPath: boolean): object {
  const { id, type, details } = program;
  const path = withPath ? pathOf(place, program) : '';
  return {
    id,
    type,
    name: program.program.name,
    tag: details.tag,
    gpl_compatible: true,
    loaded_at: Math.floor(details.loadedNs / 1e9),
    uid: 0,
    orphaned: false,
    bytes_xlated: NO_CODE.xlated,
    jited: true,
    bytes_jited: NO_CODE.jited,
    bytes_memlock: NO_CODE.memlock,
    ...(path === '' ? {} : { pinned: [path] }),
    ...(details.btfId === 0 ? {} : { btf_id: details.btfId }),
  };
}

function dump(): never {
  throw new UsageError(
    'bpftool prog dump: there are no BPF instructions: these programs are TypeScript (src/programs in the repository)',
  );
}

const WHICH = '[id N | name NAME | tag TAG | pinned PATH]';

export const programCommands: readonly ShowCommand[] = [
  { words: 'bpftool prog', run: show },
  { words: 'bpftool prog show', usage: WHICH, maximumArgs: 2, run: show },
  { words: 'bpftool prog list', usage: WHICH, maximumArgs: 2, run: show },
  { words: 'bpftool prog dump', usage: 'xlated|jited PROG', maximumArgs: 4, run: dump },
  {
    words: 'bpftool version',
    run: () => ({ text: 'bpftool v7.8.0\nusing libbpf v1.8\nfeatures: llvm, skeletons\n' }),
  },
];
