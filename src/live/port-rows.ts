/** Numbers ports, each for good: its counters, and frames that are on their way between workers, go by it. */
import { BAD_INPUT, LiveError } from '../io/live/live-error.js';
import { type Binding, type NumberedBinding, portKey } from './binding.js';

export class PortRows {
  readonly #capacity: number;
  readonly #rows = new Map<string, number>();
  #next = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Throws a LiveError when there are too many. */
  number(bindings: readonly Binding[]): NumberedBinding[] {
    return bindings.map((binding) => {
      const key = portKey(binding);
      const row = this.#rows.get(key) ?? this.#next++;
      if (row >= this.#capacity) {
        throw new LiveError(key, 'too many ports were opened since the start', 'start again', BAD_INPUT);
      }
      this.#rows.set(key, row);
      return { ...binding, row };
    });
  }

  /** What is opened anew later gets another number. */
  forgetAllBut(bindings: readonly Binding[]): void {
    const kept = new Set(bindings.map(portKey));
    for (const key of this.#rows.keys()) if (!kept.has(key)) this.#rows.delete(key);
  }
}
