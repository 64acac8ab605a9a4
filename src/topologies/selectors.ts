/** How policies and services name pods: by labels, or one by one. */
import type { FaultList, Path } from './faults.js';
import type { SelectorSpec } from './spec.js';

export type Labels = Readonly<Record<string, string>>;

/** Label sources that policies may put in front of a key. */
const SOURCE = /^(k8s|any):/;

/** The labels that a selector asks for; `{}` asks for none. Faults of its form are added. */
export function readSelector(spec: SelectorSpec, path: Path, faults: FaultList): Labels {
  const { matchLabels, ...rest } = spec;
  if (typeof matchLabels === 'object') {
    for (const key of Object.keys(rest)) {
      faults.error([...path, key], 'only matchLabels is understood beside matchLabels');
    }
    return matchLabels;
  }
  const labels: Record<string, string> = {};
  for (const [key, value] of Object.entries(spec)) {
    if (typeof value === 'string') labels[key] = value;
    else faults.error([...path, key], 'expected the text of a label, not a mapping');
  }
  return labels;
}

export function matches(labels: Labels, candidate: { readonly labels: Labels }): boolean {
  return Object.entries(labels).every(([key, value]) => candidate.labels[plainKey(key)] === value);
}

/** The key as labels have it, without the source. */
export function plainKey(key: string): string {
  return key.replace(SOURCE, '');
}
