/** The recorded vectors of the kernel's packet hooks as their files hold them; test/data/vectors/hooks/README.md. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { VectorError } from '../vector-format.js';

export interface Answer {
  readonly ok?: true;
  readonly errno?: string;
}

export interface RecordedRelative {
  readonly kind: 'prog_fd' | 'prog_id' | 'link_fd' | 'link_id' | 'fd' | 'id';
  readonly of: string;
}

/** One operation on a tcx list, what it answered, and the list afterwards. */
export interface ListOperation {
  readonly op: string;
  readonly dev: string;
  readonly dir: 'ingress' | 'egress';
  readonly prog?: string;
  readonly link?: string;
  readonly new?: string;
  readonly old?: string;
  readonly flags?: readonly string[];
  readonly relative?: RecordedRelative;
  readonly replace?: string;
  readonly expected_revision?: number;
  readonly capacity?: number;
  readonly query_flags?: number;
  readonly attach_flags?: number;
  readonly expect: Readonly<Record<string, unknown>>;
  readonly after?: Readonly<Record<string, unknown>>;
}

export interface ListCase {
  readonly name: string;
  readonly ops: readonly ListOperation[];
}

export interface RedirectTarget {
  readonly dev?: string;
  readonly ifindex?: number;
  readonly key?: number;
  readonly flags?: number;
  /** Next hop, IPv4 text. */
  readonly nh?: string;
}

/** What a probe program does after it has recorded what it sees, in this order. */
export interface ProbeActions {
  readonly mark?: number;
  readonly cb?: number;
  readonly tc_index?: number;
  readonly queue_mapping?: number;
  readonly tc_classid?: number;
  readonly priority?: number;
  readonly store_byte?: readonly [number, number];
  readonly vlan_push?: readonly [number, number];
  readonly vlan_pop?: number;
  readonly change_type?: number;
  readonly meta?: readonly [number, number];
  readonly adjust_head?: number;
  readonly clone_redirect?: RedirectTarget;
  readonly redirect?: RedirectTarget;
  readonly redirect_peer?: RedirectTarget;
  readonly redirect_neigh?: RedirectTarget;
  readonly redirect_map?: RedirectTarget;
  /** The program's own return value stays, whatever a redirect helper answers. */
  readonly keep_code?: number;
}

export interface RecordedProgram {
  readonly type: 'tc' | 'xdp';
  readonly ret: number;
  readonly do?: ProbeActions;
}

export interface SetupOperation {
  readonly op: string;
  readonly dev: string;
  readonly dir?: 'ingress' | 'egress';
  readonly prog?: string;
  readonly prio?: number;
  readonly handle?: number;
  readonly protocol?: string;
  readonly direct_action?: boolean;
  readonly classid?: number;
  readonly replace?: boolean;
  readonly mode?: string;
  readonly via?: string;
  readonly update_if_noexist?: boolean;
  readonly script?: string;
  readonly key?: number;
  readonly text?: string;
  readonly name?: string;
  readonly link?: string;
  readonly exit?: number;
  readonly output?: string;
  readonly expect?: Answer;
}

/** What ran, with the fields that are not zero. */
export type RecordedEvent = Readonly<Record<string, unknown>> & { readonly at: string };

export interface PacketExpectation {
  readonly events: readonly RecordedEvent[];
  readonly ran: readonly string[];
  readonly deliveredOn: readonly string[];
  readonly sentOn: readonly string[];
  readonly fate: string;
  readonly t0File?: readonly string[];
  readonly send_errno?: string;
  readonly nft?: Readonly<Record<string, number>>;
}

export interface RecordedPacket {
  readonly send: { readonly dev: string; readonly how?: string };
  readonly frame: string;
  readonly expect: PacketExpectation;
}

export interface PacketCase {
  readonly name: string;
  readonly progs: Readonly<Record<string, RecordedProgram>>;
  readonly setup: readonly SetupOperation[];
  readonly packets: readonly RecordedPacket[];
}

export interface RecordedOutput {
  readonly cmd: string;
  readonly tool: string;
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface TextCase {
  readonly name: string;
  readonly setup: readonly SetupOperation[];
  readonly outputs: readonly RecordedOutput[];
}

export type HookCase = ListCase | PacketCase | TextCase;

/** The kinds of cases; reports name them as entries. */
export type HookKind = 'tcx-list' | 'packet' | 'text';

const FILE = /\.json(\.gz)?$/;

export function isHooksFile(path: string): boolean {
  return FILE.test(path);
}

/** `hooks/xdp` for `…/xdp.json.gz`. */
export function hooksSet(path: string): string {
  return `hooks/${basename(path).replace(FILE, '')}`;
}

export function kindOf(one: HookCase): HookKind {
  if ('ops' in one) return 'tcx-list';
  return 'packets' in one ? 'packet' : 'text';
}

/** The cases of a file. Throws a VectorError that says what is wrong with the file. */
export function readHookCases(path: string): readonly HookCase[] {
  let file: { cases?: unknown };
  try {
    const bytes = readFileSync(path);
    file = JSON.parse((path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8'));
  } catch (error) {
    throw new VectorError(`${path}: cannot be read: ${(error as Error).message}`);
  }
  const cases = typeof file === 'object' && file !== null ? file.cases : undefined;
  if (!Array.isArray(cases)) throw new VectorError(`${path}: not a file of hook vectors: no "cases"`);
  for (const [index, one] of cases.entries()) {
    const fault = caseFault(one);
    if (fault !== null) throw new VectorError(`${path}: case ${index}: ${fault}`);
  }
  return cases;
}

function caseFault(one: Record<string, unknown>): string | null {
  if (typeof one !== 'object' || one === null || typeof one.name !== 'string') return 'no "name"';
  if (Array.isArray(one.ops)) return null;
  if (!Array.isArray(one.setup)) return 'neither "ops" nor "setup"';
  if (Array.isArray(one.outputs)) return null;
  if (!Array.isArray(one.packets) || typeof one.progs !== 'object') return 'neither "packets" nor "outputs"';
  return null;
}
