import { expect, it } from 'vitest';
import { fromStoredText, toStoredText } from '../../../adapters/storage/sqlite/encoding.ts';

it.each(['', 'a', '\u{1f600}', 'a\u{1f600}b'])('stored text is what JSON writes for %j', (text) => {
  expect(toStoredText(text)).toBe(JSON.stringify(text).slice(1, -1));
  expect(fromStoredText(toStoredText(text))).toBe(text);
});

it('stored text is what JSON writes for each UTF-16 code unit', () => {
  for (let unit = 0; unit <= 0xffff; unit += 1) {
    const text = `a${String.fromCharCode(unit)}`;
    const stored = toStoredText(text);
    if (stored !== JSON.stringify(text).slice(1, -1)) expect.fail(unit.toString(16));
    if (fromStoredText(stored) !== text) expect.fail(unit.toString(16));
  }
});
