import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { codeBlocksOf, pages, ROOT } from './pages.ts';

const shown = pages
  .flatMap(codeBlocksOf)
  .flatMap(({ page, text, file }) => (file === undefined ? [] : [{ page, text, file }]));

describe('the files that the docs show', () => {
  it.each(shown)('are shown unchanged: $file in $page', ({ text, file }) => {
    expect(text).toBe(readFileSync(ROOT + file, 'utf8'));
  });

  it('include each recipe once', () => {
    const recipes = readdirSync(`${ROOT}examples/recipes`).map((name) => `examples/recipes/${name}`);
    expect(shown.map(({ file }) => file).sort()).toEqual(recipes.sort());
  });
});
