/** What README.md and docs/ show is what the commands print; see support/readme.ts. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { differenceFrom, examplesOf, Workshop } from './support/readme.js';
import { filesUnder, readText } from './support/repository.js';

for (const document of ['README.md', ...filesUnder('docs', ['.md'])]) {
  describe(document, () => {
    const workshop = new Workshop();
    after(() => workshop.close());
    for (const example of examplesOf(readText(document))) {
      if (example.command === '') continue;
      const skip = example.notRun === '' ? false : example.notRun;
      test(`line ${example.line}: ${example.command}`, { skip }, () => {
        const difference = differenceFrom(example, workshop.run(example.command));
        assert.equal(difference, '', `${document}:${example.line}: ${example.command}\n${difference}`);
      });
    }
  });
}
