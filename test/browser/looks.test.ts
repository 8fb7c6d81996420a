import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { pressCase, sendForm, shown, startDemo } from './demo.ts';
import { LOOKS, Visit, visit } from './visit.ts';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe-core finds at fault on the page, all its rules included. */
async function faultsOf(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate<string[]>(`axe.run().then(({ violations }) => violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => id + ' ' + target.join(' ') + ': ' + failureSummary)))`);
}

/** Width of what would have to be scrolled to. */
async function overflowOf(page: Page): Promise<number> {
  return page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');
}

async function schemeOf(page: Page): Promise<string> {
  const ground = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
  return Number(/\d+/.exec(ground)?.[0]) < 128 ? 'dark' : 'light';
}

describe.each(LOOKS)('at $width px in $scheme', (look) => {
  it('the page has no fault that axe-core finds, and does not scroll sideways', async () => {
    const { url } = await startDemo();
    await visit(
      url,
      async (page) => {
        const check = async (): Promise<void> => {
          expect(await faultsOf(page)).toEqual([]);
          expect(await overflowOf(page)).toBe(0);
        };
        expect(await schemeOf(page)).toBe(look.scheme);
        await check();
        await sendForm(page, { invitee: '@erin:localhost', reason: 'W'.repeat(400) });
        await shown(page, 200);
        await check();
        await pressCase(page, 'banned');
        await shown(page, 403);
        await page.getByText(/^\d+ headers$/).click();
        await check();
        await pressCase(page, 'rate-limited');
        await shown(page, 429);
        await check();
        // The answer is where it is seen, also on a phone.
        await expect
          .poll(() =>
            page.evaluate('document.querySelector(".wait").getBoundingClientRect().bottom <= innerHeight'),
          )
          .toBe(true);
      },
      look,
    );
  });

  it('the API description has none either', async () => {
    const { url } = await startDemo();
    const one = await Visit.start(url, look);
    const { page } = one;
    await one.openDocs();
    expect(await schemeOf(page)).toBe(look.scheme);
    expect(await faultsOf(page)).toEqual([]);
    expect(await overflowOf(page)).toBe(0);
    await page.getByRole('button', { name: 'Execute' }).click();
    await page.locator('.live-responses-table').waitFor();
    expect(await faultsOf(page)).toEqual([]);
    expect(await overflowOf(page)).toBe(0);
    await page.locator('.auth-wrapper .authorize').click();
    await page.locator('.auth-container').first().waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await one.end();
  });
});
