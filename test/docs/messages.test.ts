import { readdirSync } from 'node:fs';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { ROOT } from './pages.ts';
import { nodesOf, parse } from './source.ts';

/** Words that messages must not use, and the words to use instead. */
const REPLACED: readonly (readonly [words: RegExp, instead: string])[] = [
  [/\ba text\b|\btexts\b/, 'a string'],
  [/\bwhole number/, 'an integer'],
  [/\btrue or false\b/, 'a boolean'],
  [/\bfrom \d+ on\b/, 'at least 1'],
];

const sources = ['src', 'adapters'].flatMap((folder) =>
  readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `${folder}/${name}`),
);

/** Returns every string in a file, including the parts of template literals. */
function stringsIn(path: string): string[] {
  return [...nodesOf(parse(path))].flatMap((node) =>
    ts.isStringLiteral(node) ||
    ts.isNoSubstitutionTemplateLiteral(node) ||
    ts.isTemplateHead(node) ||
    ts.isTemplateMiddle(node) ||
    ts.isTemplateTail(node)
      ? [node.text]
      : [],
  );
}

describe('messages in src and adapters', () => {
  it('are found by these tests', () => {
    expect(sources.flatMap(stringsIn)).toContain('You are not in this room');
  });

  it.each(sources)('use the same terms as Node: %s', (path) => {
    for (const message of stringsIn(path)) {
      for (const [words, instead] of REPLACED) expect(message, `say ${instead}`).not.toMatch(words);
    }
  });
});
