import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { bindAll, bindModule } from '../../build/bind-imports.js';

/** Modules in a folder of their own, bound. */
function project(files: Readonly<Record<string, string>>): { root: string; changed: number } {
  const root = mkdtempSync(path.join(tmpdir(), 'packetwalk-bind-'));
  writeFileSync(path.join(root, 'package.json'), '{"type":"module"}');
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    writeFileSync(path.join(root, name), text);
  }
  return { root, changed: bindAll(root) };
}

test('imports, exports and functions become constants; lines stay where they are', () => {
  const source = [
    "import { fold, swap as swap16, } from './a.js';",
    "import * as tcp from './tcp.js';",
    "import { sep } from 'node:path';",
    'export const LIMIT = 3;',
    'export function sum(x) {',
    '  return fold(x) + tcp.SYN + tcp.SYN;',
    '}',
    '//# sourceMappingURL=x.js.map',
  ].join('\n');
  assert.deepEqual(bindModule(source, () => true).split('\n'), [
    "import { fold as fold$, swap as swap16$ } from './a.js'; const fold = fold$, swap16 = swap16$;",
    "import * as tcp$ from './tcp.js'; const tcp = { SYN: tcp$.SYN };",
    "import { sep } from 'node:path';",
    'const LIMIT = 3;',
    'const sum = function sum(x) {',
    '  return fold(x) + tcp.SYN + tcp.SYN;',
    '};',
    'const LIMIT$ = LIMIT, sum$ = sum; export { LIMIT$ as LIMIT, sum$ as sum }; // imports bound',
    '//# sourceMappingURL=x.js.map',
  ]);
});

test('a member that is spread is a use; a property of the same name is none', () => {
  const source = [
    "import * as options from './options.js';",
    'const all = { ...options.text(), ...options.seed, other: known.options.key };',
  ].join('\n');
  assert.equal(
    bindModule(source, () => true).split('\n')[0],
    "import * as options$ from './options.js'; const options = { text: options$.text, seed: options$.seed };",
  );
});

test('what runs while a module is loaded may stand below; a module handed on stays whole', () => {
  const source = [
    "import * as tcp from './tcp.js';",
    'const table = make();',
    'function make() {',
    '  return new Row();',
    '}',
    'class Row {',
    '  value = later();',
    '}',
    'function later() {',
    '  return tcp;',
    '}',
    'function never() {',
    '}',
  ].join('\n');
  assert.deepEqual(bindModule(source, () => true).split('\n'), [
    ...source.split('\n').slice(0, 11),
    'const never = function never() {',
    '};',
    '// imports bound',
  ]);
});

test('bound modules do what they did; circles are left alone, and a second time changes nothing', async () => {
  const files = {
    'main.js':
      "import { twice } from './lib/b.js';\nexport { LIMIT } from './lib/b.js';\nexport class Main {\n  run(x) {\n    return twice(x);\n  }\n}\n",
    'lib/b.js': 'export const LIMIT = 3;\nexport function twice(x) {\n  return x * 2;\n}\n',
    'x.js': "import { y } from './y.js';\nexport function x() {\n  return y;\n}\n",
    'y.js': "import { x } from './x.js';\nexport const y = 5;\nexport const z = x;\n",
  };
  const { root, changed } = project(files);
  assert.equal(changed, 2);
  assert.equal(readFileSync(path.join(root, 'x.js'), 'utf8'), files['x.js']);
  const main = await import(pathToFileURL(path.join(root, 'main.js')).href);
  assert.equal(main.LIMIT, 3);
  assert.equal(new main.Main().run(4), 8);
  const circle = await import(pathToFileURL(path.join(root, 'x.js')).href);
  assert.equal(circle.x(), 5);
  assert.equal(bindAll(root), 0);
});
