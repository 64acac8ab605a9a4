/**
 * `node dist/build/bind-imports.js`, the last step of the build: makes what the compiled modules import, export and
 * declare constants of the module that uses them.
 *
 * V8 (11.3, Node 20) reads an imported or exported binding from a cell at every use and checks what it finds: 28 bytes
 * of machine code for a number, 33 for a call, and a walk is limited by how much code it is. A `const` of the
 * module's own that nobody exports is folded into the code. So
 *
 *   import { fold } from './a.js';         becomes  import { fold as fold$ } from './a.js'; const fold = fold$;
 *   import * as tcp from './tcp.js';                import * as tcp$ …; const tcp = { SYN: tcp$.SYN };
 *   export const SYN = 2;                           const SYN = 2; … export { SYN$ as SYN };
 *   export function fold(sum) {                     const fold = function fold(sum) {
 *
 * which takes 0.7 of the time of pod and node walks. Lines stay where they are, so stack traces and source maps do
 * too. Left alone: modules that import each other in a circle (their bindings are not there yet when the module
 * runs), and functions that run while their module is loaded (they may be called above their line). A module left
 * alone works as before, only slower.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const MARK = '// imports bound';
const IMPORT_NAMES = /^import \{ (.+?),? \} from '(\.[^']+)';$/;
const IMPORT_ALL = /^import \* as (\w+) from '(\.[^']+)';$/;
const IMPORTED_FILE = /^(?:import|export) .*from '(\.[^']+)';$/;
const DECLARATION = /^(?:export )?(?:async )?(?:function|class|const|let)\*? (\w+)/;

/** Statements at the left margin: first line, last line, the name they declare. */
interface Unit {
  readonly first: number;
  readonly last: number;
  readonly name: string | null;
  readonly text: string;
}

function unitsOf(lines: readonly string[]): Unit[] {
  const starts = lines.flatMap((line, i) => (/^[\w$]/.test(line) ? [i] : []));
  return starts.map((first, i) => {
    const next = starts[i + 1] ?? lines.length;
    let last = next - 1;
    while (last > first && !/^[\])}]/.test(lines[last])) last--;
    const name = DECLARATION.exec(lines[first])?.[1] ?? null;
    return { first, last, name, text: lines.slice(first, last + 1).join('\n') };
  });
}

function isFunction(unit: Unit): boolean {
  return /^(?:export )?function \w/.test(unit.text);
}

/** Names that a text uses, locals and properties among them. */
function wordsOf(text: string): Set<string> {
  return new Set(text.match(/[A-Za-z_$][\w$]*/g));
}

/** Functions and classes that may run while the module is loaded. */
function neededEarly(units: readonly Unit[]): Set<string> {
  const byName = new Map(units.map((unit) => [unit.name, unit]));
  const early = new Set<string>();
  const pending = units.filter(
    (unit) => !isFunction(unit) && !/^(?:import|(?:export )?class) /.test(unit.text),
  );
  for (let unit = pending.pop(); unit !== undefined; unit = pending.pop()) {
    for (const word of wordsOf(unit.text)) {
      const used = byName.get(word);
      if (used === undefined || early.has(word) || !/^(?:export )?(?:function|class) /.test(used.text))
        continue;
      early.add(word);
      pending.push(used);
    }
  }
  return early;
}

/** The line of an import, bound; null where the module is used as a value itself. */
function bindImport(line: string, source: string): string | null {
  const named = IMPORT_NAMES.exec(line);
  if (named !== null) {
    const names = named[1].split(', ').map((item) => item.split(' as '));
    const imported = names.map(([name, local]) => `${name} as ${local ?? name}$`);
    const bound = names.map(([name, local]) => `${local ?? name} = ${local ?? name}$`);
    return `import { ${imported.join(', ')} } from '${named[2]}'; const ${bound.join(', ')};`;
  }
  const all = IMPORT_ALL.exec(line);
  if (all === null) return null;
  const [, name, file] = all;
  // Behind one dot it is a property of that name; behind three the module's member is spread.
  const use = new RegExp(`(?<![\\w$]|(?<!\\.\\.)\\.)${name}(?:\\.(\\w+))?(?![\\w$])`, 'g');
  const uses = [...source.matchAll(use)].map((match) => match[1]);
  if (uses.length === 0 || uses.includes(undefined as unknown as string)) return null;
  const members = [...new Set(uses)].map((member) => `${member}: ${name}$.${member}`);
  return `import * as ${name}$ from '${file}'; const ${name} = { ${members.join(', ')} };`;
}

/** The bound text of a module; `isBindable` says of an imported file whether it is loaded before this one. */
export function bindModule(source: string, isBindable: (file: string) => boolean): string {
  const lines = source.split('\n');
  const units = unitsOf(lines);
  const code = lines.filter((line) => !/^(?:import |\s*(?:\/\/|\/?\*))/.test(line)).join('\n');
  const early = neededEarly(units);
  const exported: string[] = [];
  for (const unit of units) {
    const line = lines[unit.first];
    const imported = IMPORTED_FILE.exec(line);
    if (imported !== null) {
      if (line.startsWith('import') && isBindable(imported[1]))
        lines[unit.first] = bindImport(line, code) ?? line;
      continue;
    }
    if (unit.name === null) continue;
    if (/^export (?:function|class|const) /.test(line)) {
      exported.push(unit.name);
      lines[unit.first] = line.slice('export '.length);
    }
    if (isFunction(unit) && !early.has(unit.name)) {
      lines[unit.first] = `const ${unit.name} = ${lines[unit.first]}`;
      lines[unit.last] += ';';
    }
  }
  const end = lines.findIndex((line) => line.startsWith('//# sourceMappingURL'));
  const copies = exported.map((name) => `${name}$ = ${name}`).join(', ');
  const list = exported.map((name) => `${name}$ as ${name}`).join(', ');
  const tail = exported.length === 0 ? [MARK] : [`const ${copies}; export { ${list} }; ${MARK}`];
  lines.splice(end < 0 ? lines.length : end, 0, ...tail);
  return lines.join('\n');
}

function importsOf(file: string, source: string): string[] {
  return source
    .split('\n')
    .flatMap((line) => IMPORTED_FILE.exec(line)?.[1] ?? [])
    .map((imported) => path.resolve(path.dirname(file), imported));
}

/** Files that can be reached from themselves. */
function inCircles(imports: ReadonlyMap<string, readonly string[]>): Set<string> {
  const circular = new Set<string>();
  for (const file of imports.keys()) {
    const seen = new Set<string>();
    const pending = [...(imports.get(file) ?? [])];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      pending.push(...(imports.get(next) ?? []));
    }
    if (seen.has(file)) circular.add(file);
  }
  return circular;
}

/** Binds every module under `root`; those that are bound already stay. Answers how many were changed. */
export function bindAll(root: string): number {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.js'))
    .map((file) => path.join(root, file));
  const sources = new Map(files.map((file) => [file, readFileSync(file, 'utf8')]));
  const imports = new Map([...sources].map(([file, source]) => [file, importsOf(file, source)]));
  const circular = inCircles(imports);
  let changed = 0;
  for (const [file, source] of sources) {
    if (circular.has(file) || source.includes(MARK)) continue;
    const isBindable = (imported: string) => sources.has(path.resolve(path.dirname(file), imported));
    writeFileSync(file, bindModule(source, isBindable));
    changed++;
  }
  return changed;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  bindAll(fileURLToPath(new URL('../src', import.meta.url)));
}
