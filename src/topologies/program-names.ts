/** Names of Cilium's programs and objects, by version, and the ids and tags that a topology declares for them. */
import { type Path, suggestion } from './faults.js';
import type { NodeDraft } from './node-draft.js';
import type { PlannedDevice, PlannedProgram } from './plan.js';
import type { DeviceSpec } from './spec.js';
import { isAtLeast, type Version } from './version.js';

/** The first Cilium that names its tc filters by program and device instead of object and section. */
const NAMED_BY_PROGRAM: Version = [1, 13];

/** Programs that a device may have, as the kernel has them. */
const PROGRAMS = [
  'cil_from_container',
  'cil_to_container',
  'cil_from_netdev',
  'cil_to_netdev',
  'cil_from_host',
  'cil_to_host',
  'cil_from_overlay',
  'cil_to_overlay',
  'cil_from_wireguard',
  'cil_to_wireguard',
  'cil_xdp_entry',
] as const;

/** `cil_from_container` is in section `from-container`. */
function sectionOf(program: string): string {
  return program.replace(/^cil_/, '').replaceAll('_', '-');
}

/** How the agent calls the tc filter of a program on a device. */
export function filterName(cilium: Version, program: string, device: PlannedDevice): string {
  if (isAtLeast(cilium, NAMED_BY_PROGRAM)) return `${program}-${device.name}`;
  return `${objectOf(program, device)}:[${sectionOf(program)}]`;
}

/** The object file that a version before 1.13 loads by tc. */
function objectOf(program: string, { name, kind }: PlannedDevice): string {
  if (program.endsWith('_container')) return 'bpf_lxc.o';
  if (program.endsWith('_overlay')) return 'bpf_overlay.o';
  if (kind === 'physical') return `bpf_netdev_${name}.o`;
  return name === 'cilium_host' ? 'bpf_host.o' : `bpf_host_${name}.o`;
}

/** A tag for a program whose own is not known: the same for the same name, 16 hex digits (FNV-1a). */
export function tagOf(program: string): string {
  const word = (seed: number): string => {
    let hash = seed;
    for (const letter of program) hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193);
    return (hash >>> 0).toString(16).padStart(8, '0');
  };
  return word(0x811c9dc5) + word(0x050c5d1f);
}

export const NO_PROGRAMS: ReadonlyMap<string, PlannedProgram> = new Map();

/** The declared programs of a device, whose names may be the sections' (`from-container`). */
export function readPrograms(
  declared: DeviceSpec['programs'],
  path: Path,
  node: NodeDraft,
): ReadonlyMap<string, PlannedProgram> {
  const { faults } = node;
  const programs = new Map<string, PlannedProgram>();
  for (const [key, { id, tag }] of Object.entries(declared ?? {})) {
    const name = key.startsWith('cil_') ? key : `cil_${key.replaceAll('-', '_')}`;
    const at = [...path, key];
    if (!PROGRAMS.some((known) => known === name)) {
      const sections = PROGRAMS.map(sectionOf);
      const hint = suggestion(key, sections) || `; there are ${sections.join(', ')}`;
      faults.error(at, `no program of Cilium${hint}`);
      continue;
    }
    const text = tag === undefined ? null : String(tag);
    if (text !== null && !/^[0-9a-f]{16}$/.test(text)) {
      faults.error([...at, 'tag'], `${JSON.stringify(text)} is not 16 hex digits, in quotes`);
    }
    if (id !== undefined) node.programIds.take(String(id), key, [...at, 'id'], faults);
    programs.set(name, { id: id ?? null, tag: text });
  }
  return programs;
}
