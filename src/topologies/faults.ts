/** Faults of a topology: collected all at once, each with its place. */

/** Keys and indexes from the top of the topology to the place. */
export type Path = readonly (string | number)[];

export interface Fault {
  /** A warning does not keep the topology from being built. */
  readonly severity: 'error' | 'warning';
  /** As users write it: `nodes[0].pods[1].ip`. */
  readonly path: string;
  readonly message: string;
  /** From 1; 0 when the topology did not come from a file or the place is not in it. */
  readonly line: number;
  readonly column: number;
}

/** Where in its text a path of the topology stands. */
export type Locate = (path: Path) => { readonly line: number; readonly column: number };

const NOWHERE = { line: 0, column: 0 };

export function pathText(path: Path): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (/^[\w-]+$/.test(part)) text += text === '' ? part : `.${part}`;
    else text += `[${JSON.stringify(part)}]`;
  }
  return text === '' ? 'topology' : text;
}

export class FaultList {
  readonly #faults: Fault[] = [];
  readonly #told = new Set<string>();
  readonly #locate: Locate;

  constructor(locate: Locate = () => NOWHERE) {
    this.#locate = locate;
  }

  /** In the order of the file; those without a place last. */
  get faults(): readonly Fault[] {
    const line = (fault: Fault): number => (fault.line === 0 ? Number.POSITIVE_INFINITY : fault.line);
    return [...this.#faults].sort((a, b) => (line(a) === line(b) ? 0 : line(a) - line(b)));
  }

  error(path: Path, message: string): void {
    this.#add('error', path, message);
  }

  warning(path: Path, message: string): void {
    this.#add('warning', path, message);
  }

  get count(): number {
    return this.#faults.length;
  }

  get hasErrors(): boolean {
    return this.#faults.some((fault) => fault.severity === 'error');
  }

  get warnings(): readonly Fault[] {
    return this.faults.filter((fault) => fault.severity === 'warning');
  }

  #add(severity: Fault['severity'], path: Path, message: string): void {
    const text = pathText(path);
    // What the cluster's configuration has wrong is wrong for each node.
    const key = `${text}: ${message}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#faults.push({ severity, path: text, message, ...this.#locate(path) });
  }
}

/** One fault in one line: `line 12: nodes[0].podCIDR: …`. */
export function faultText(fault: Fault): string {
  const place = fault.line === 0 ? '' : `line ${fault.line}: `;
  const mark = fault.severity === 'warning' ? 'warning: ' : '';
  return `${place}${mark}${fault.path}: ${fault.message}`;
}

/** A topology that cannot be built. `message` is the whole list, one fault a line, after a line that counts them. */
export class TopologyError extends Error {
  /** File or name of the topology. */
  readonly source: string;
  readonly faults: readonly Fault[];

  constructor(source: string, faults: readonly Fault[]) {
    const errors = faults.filter((fault) => fault.severity === 'error').length;
    const head = `${source}: ${errors} ${errors === 1 ? 'fault' : 'faults'} in the topology`;
    super([head, ...faults.map((fault) => `  ${faultText(fault)}`)].join('\n'));
    this.name = 'TopologyError';
    this.source = source;
    this.faults = faults;
  }
}

/** The candidate that `word` was probably meant to be, or null: at most a third of its letters differ. */
function nearest(word: string, candidates: Iterable<string>): string | null {
  let best: string | null = null;
  let bestDistance = Math.floor(Math.max(word.length, 3) / 3) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance && distance < word.length) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** `; did you mean "x"?`, or nothing. */
export function suggestion(word: string, candidates: Iterable<string>): string {
  const near = nearest(word, candidates);
  return near === null ? '' : `; did you mean "${near}"?`;
}

/** Levenshtein's distance with exchanged neighbours as one step. */
function editDistance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => [i, ...new Array<number>(b.length).fill(0)]);
  for (let j = 0; j <= b.length; j++) rows[0][j] = j;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      rows[i][j] = Math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + change);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        rows[i][j] = Math.min(rows[i][j], rows[i - 2][j - 2] + 1);
      }
    }
  }
  return rows[a.length][b.length];
}
