/** How iproute2 6.1 names a BPF program behind what it is attached to. */
import type { LoadedProgram } from '../../engine/hooks/bpf-objects.js';
import type { JsonValue } from './json-text.js';

/** `id 5 name cil_from_contai tag 0a1b… jited `, with a space at the end. */
export function programText(program: LoadedProgram, isDetailed: boolean): string {
  const { tag, loadedNs, btfId } = program.details;
  const details = isDetailed ? `load_time ${loadedNs} created_by_uid 0 btf_id ${btfId} ` : '';
  return `id ${program.id} name ${program.shortName} tag ${tag} jited ${details}`;
}

export function programJson(program: LoadedProgram): JsonValue {
  return { id: program.id, name: program.shortName, tag: program.details.tag, jited: 1 };
}
