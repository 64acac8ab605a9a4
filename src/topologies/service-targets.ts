/** The backends of a service as its spec names them, before their ports are known. */
import * as backends from '../programs/tables/backends.js';
import { readAddress } from './check-text.js';
import type { FaultList, Path } from './faults.js';
import type { PlannedPod } from './plan.js';
import type { PodIndex } from './pod-index.js';
import type { ServiceSpec } from './spec.js';

export interface Target {
  readonly address: Uint8Array;
  readonly port: number | undefined;
  readonly state: number;
  /** Of a pod: its node. */
  readonly node: string | null;
}

export function readTargets(spec: ServiceSpec, path: Path, pods: PodIndex, faults: FaultList): Target[] {
  if (spec.selector !== undefined && spec.backends !== undefined) {
    faults.error(path, 'has both selector and backends; one of them says where the service goes');
  }
  if (spec.selector !== undefined) {
    const selected = pods.select(spec.selector);
    return selected.flatMap((pod) => podTargets(pod, undefined, backends.STATE_ACTIVE));
  }
  return (spec.backends ?? []).flatMap((backend, i): Target[] => {
    const at: Path = [...path, 'backends', i];
    const state = backends.STATE_NAMES.indexOf(backend.state ?? 'active');
    if ((backend.pod === undefined) === (backend.address === undefined)) {
      faults.error(at, 'a backend is either a pod or an address');
      return [];
    }
    if (backend.pod === undefined) {
      const address = readAddress(backend.address!, [...at, 'address'], faults);
      return address === null ? [] : [{ address, port: backend.port, state, node: null }];
    }
    const pod = pods.require(backend.pod, [...at, 'pod'], faults);
    return pod === undefined ? [] : podTargets(pod, backend.port, state);
  });
}

function podTargets(pod: PlannedPod, port: number | undefined, state: number): Target[] {
  return pod.addresses.map((address) => ({ address, port, state, node: pod.node }));
}
