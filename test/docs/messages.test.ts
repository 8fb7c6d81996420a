import { readdirSync } from 'node:fs';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { ROOT } from './pages.ts';
import { nodesOf, parse } from './source.ts';

/** Words that messages once had, and what they say now. */
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

/** Every string of the code that somebody may read, the parts of templates included. */
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

describe('messages', () => {
  it('are found', () => {
    expect(sources.flatMap(stringsIn)).toContain('You are not in this room');
  });

  it.each(sources)('use the words of Node: %s', (path) => {
    for (const message of stringsIn(path)) {
      for (const [words, instead] of REPLACED) expect(message, `say ${instead}`).not.toMatch(words);
    }
  });
});
