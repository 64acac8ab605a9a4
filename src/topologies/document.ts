/** A topology's YAML text: parsed, with the place of every path. */
import { isMap, isPair, isScalar, isSeq, LineCounter, type Pair, parseDocument, stringify } from 'yaml';
import { FaultList, type Locate, type Path, TopologyError } from './faults.js';
import type { TopologySpec } from './spec.js';

export interface TopologyDocument {
  readonly value: unknown;
  readonly locate: Locate;
}

/** Parses the text. Throws TopologyError when it is not YAML, with every fault of syntax. */
export function parseTopologyText(text: string, source: string): TopologyDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  if (document.errors.length > 0) {
    const faults = document.errors.map((error) => ({
      severity: 'error' as const,
      path: 'YAML',
      message: error.message.split('\n')[0].replace(/ at line \d+, column \d+:?$/, ''),
      line: error.linePos?.[0].line ?? 0,
      column: error.linePos?.[0].col ?? 0,
    }));
    throw new TopologyError(source, faults);
  }
  const locate = (path: Path): { line: number; column: number } => {
    const offset = offsetOf(document.contents, path);
    if (offset < 0) return { line: 0, column: 0 };
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const value = toValue(document, source);
  if (typeof value !== 'object' || value === null) {
    const faults = new FaultList();
    faults.error([], 'expected a mapping with the key "nodes"');
    throw new TopologyError(source, faults.faults);
  }
  return { value, locate };
}

function toValue(document: ReturnType<typeof parseDocument>, source: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    // Aliases that would grow without bound ("billion laughs").
    const faults = new FaultList();
    faults.error([], (error as Error).message);
    throw new TopologyError(source, faults.faults);
  }
}

/** A spec as YAML that `parseTopologyText` reads back; `comment` lines go on top. */
export function formatTopology(spec: TopologySpec, comment = ''): string {
  const head = comment === '' ? '' : `${comment.replace(/^/gm, '# ')}\n`;
  return head + stringify(spec, { lineWidth: 0 });
}

/** Offset of the key or list item at a path; of the nearest place above it when it is not there. */
function offsetOf(root: unknown, path: Path): number {
  let node: unknown = root;
  let offset = rangeStart(root);
  for (const part of path) {
    let place: unknown;
    if (isMap(node)) {
      const pair: Pair | undefined = node.items.find((item) => isScalar(item.key) && item.key.value === part);
      if (pair === undefined || !isPair(pair)) break;
      place = pair.key;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[part as number];
      place = node;
    } else break;
    const start = rangeStart(place);
    if (start < 0) break;
    offset = start;
  }
  return offset;
}

function rangeStart(node: unknown): number {
  const range = (node as { range?: readonly number[] | null } | null | undefined)?.range;
  return range?.[0] ?? -1;
}
