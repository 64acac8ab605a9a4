/** Bandwidth limits of pods, from their annotations. */
import type { FaultList, Path } from './faults.js';
import type { NodeDraft } from './node-draft.js';
import type { PlannedBandwidth } from './plan.js';
import type { AnnotationsSpec } from './spec-features.js';

const BITS_PER_BYTE = 8;
/** Factors of a Kubernetes quantity by its suffix. */
const FACTORS: Readonly<Record<string, number>> = {
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};
const MOST_BYTES_PER_SECOND = 2 ** 50;

const EGRESS = 'kubernetes.io/egress-bandwidth';
const INGRESS = 'kubernetes.io/ingress-bandwidth';
const PRIORITY = 'bandwidth.cilium.io/priority';
const MOST_PRIORITY = 10000;

/** Null for a pod without limits. */
export function readBandwidth(
  node: NodeDraft,
  annotations: AnnotationsSpec | undefined,
  path: Path,
): PlannedBandwidth | null {
  if (annotations === undefined) return null;
  const at = [...path, 'annotations'];
  const { faults } = node;
  if (!node.config.features.bandwidthManager) {
    for (const key of Object.keys(annotations)) {
      faults.warning([...at, key], `has no effect on ${node.spec.name}: enable-bandwidth-manager is off`);
    }
    return null;
  }
  const priority = Number(annotations[PRIORITY] ?? 0);
  if (!Number.isInteger(priority) || priority < 0 || priority > MOST_PRIORITY) {
    faults.error([...at, PRIORITY], `is not a priority from 0 to ${MOST_PRIORITY}`);
  }
  return {
    egressBytesPerSecond: bytesPerSecond(annotations, EGRESS, at, faults),
    ingressBytesPerSecond: bytesPerSecond(annotations, INGRESS, at, faults),
    priority,
  };
}

/** 0 where nothing is said. */
function bytesPerSecond(
  annotations: AnnotationsSpec,
  key: typeof EGRESS | typeof INGRESS,
  path: Path,
  faults: FaultList,
): number {
  const text = annotations[key];
  if (text === undefined) return 0;
  const parts = /^(\d+(?:\.\d+)?)([a-zA-Z]*)$/.exec(String(text));
  const factor = parts === null ? undefined : FACTORS[parts[2]];
  const value = factor === undefined ? 0 : Math.floor((Number(parts![1]) * factor) / BITS_PER_BYTE);
  if (value < 1 || value > MOST_BYTES_PER_SECOND) {
    faults.error([...path, key], `${JSON.stringify(text)} is not bits per second such as 10M`);
    return 0;
  }
  return value;
}
