/** The pods of a topology by name and by label, so that what names them need not go through all of them. */
import { type FaultList, type Path, suggestion } from './faults.js';
import type { PlannedPod } from './plan.js';
import { type Labels, plainKey, readSelector } from './selectors.js';
import type { SelectorSpec } from './spec.js';

export class PodIndex {
  readonly pods: readonly PlannedPod[];
  readonly #byName = new Map<string, PlannedPod>();
  readonly #byLabel = new Map<string, PlannedPod[]>();

  constructor(pods: readonly PlannedPod[]) {
    this.pods = pods;
    for (const pod of pods) {
      if (!this.#byName.has(pod.name)) this.#byName.set(pod.name, pod);
      for (const [key, value] of Object.entries(pod.labels)) {
        const having = this.#byLabel.get(`${key}=${value}`);
        if (having === undefined) this.#byLabel.set(`${key}=${value}`, [pod]);
        else having.push(pod);
      }
    }
  }

  /** The first pod of that name. */
  named(name: string): PlannedPod | undefined {
    return this.#byName.get(name);
  }

  /** The pod of that name, or a fault. */
  require(name: string, path: Path, faults: FaultList): PlannedPod | undefined {
    const pod = this.named(name);
    if (pod === undefined) {
      faults.error(path, `there is no pod ${name}${suggestion(name, this.#byName.keys())}`);
    }
    return pod;
  }

  /**
   * The pods that a spec at `path` names one by one in `pods`, or selects: `selectorKey` is the field of the selector.
   * One that does neither or both has the fault `needs`.
   */
  choose(
    names: readonly string[] | undefined,
    selector: SelectorSpec | undefined,
    selectorKey: string,
    path: Path,
    needs: string,
    faults: FaultList,
  ): readonly PlannedPod[] {
    if ((names === undefined) === (selector === undefined)) {
      faults.error(path, needs);
      return [];
    }
    if (selector === undefined) {
      return names!.flatMap((name, i) => this.require(name, [...path, 'pods', i], faults) ?? []);
    }
    const at = [...path, selectorKey];
    const selected = this.select(readSelector(selector, at, faults));
    if (selected.length === 0) faults.warning(at, 'selects no pod');
    return selected;
  }

  /** The pods that have all of the labels, in the topology's order. */
  select(labels: Labels): readonly PlannedPod[] {
    const wanted = Object.entries(labels).map(([key, value]) => [plainKey(key), value] as const);
    let fewest = this.pods;
    for (const [key, value] of wanted) {
      const having = this.#byLabel.get(`${key}=${value}`) ?? [];
      if (having.length < fewest.length) fewest = having;
    }
    return fewest.filter((pod) => wanted.every(([key, value]) => pod.labels[key] === value));
  }
}
