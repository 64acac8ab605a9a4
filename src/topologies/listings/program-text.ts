/** How iproute2 names a BPF program behind what it is attached to. */
import type { LoadedProgram } from '../../engine/hooks/bpf-objects.js';
import { isAtLeast, type Version } from '../version.js';
import type { JsonValue } from './json-text.js';

/** The first iproute2 that asks the kernel about a program, and the first that prints its name. */
const IDS_PRINTED: Version = [4, 14];
const NAMES_PRINTED: Version = [6, 0];
const LATEST: Version = [6, 1];

/** `id 5 name cil_from_contai tag 0a1b… jited `, with a space at the end. */
export function programText(program: LoadedProgram, isDetailed: boolean, iproute2 = LATEST): string {
  const { tag, loadedNs, btfId } = program.details;
  if (!isAtLeast(iproute2, IDS_PRINTED)) return `tag ${tag} `;
  const name = isAtLeast(iproute2, NAMES_PRINTED) ? `name ${program.shortName} ` : '';
  const details = isDetailed ? `load_time ${loadedNs} created_by_uid 0 btf_id ${btfId} ` : '';
  return `id ${program.id} ${name}tag ${tag} jited ${details}`;
}

export function programJson(program: LoadedProgram): JsonValue {
  return { id: program.id, name: program.shortName, tag: program.details.tag, jited: 1 };
}
