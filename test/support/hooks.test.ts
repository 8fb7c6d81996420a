import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ROOT } from '../docs/pages.ts';

/** Folders that `npm run test:quick` skips. */
const SEPARATE = /^(?:browser|examples|installed)\//;

it('support files register no hooks of their own', () => {
  const files = readdirSync(`${ROOT}test`, { recursive: true, encoding: 'utf8' }).filter(
    (path) => path.endsWith('.ts') && !path.endsWith('.test.ts') && !SEPARATE.test(path),
  );
  expect(files.length).toBeGreaterThan(50);
  // Quick tests share modules, so such a hook would run for one test file only: use onTestFinished in a function.
  const withHooks = files.filter((path) =>
    /^(?:before|after)(?:Each|All)\(/m.test(readFileSync(`${ROOT}test/${path}`, 'utf8')),
  );
  expect(withHooks).toEqual([]);
});
