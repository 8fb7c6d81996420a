import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { pressCase, sendForm, shownResult, startDemo } from './demo.ts';
import { SCREENS, Visit, withPage } from './visit.ts';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Returns the violations that axe-core finds on the page with all of its rules. */
async function violationsOf(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate<string[]>(`axe.run().then(({ violations }) => violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => id + ' ' + target.join(' ') + ': ' + failureSummary)))`);
}

/** Returns the number of pixels by which the page overflows horizontally. */
async function overflowOf(page: Page): Promise<number> {
  return page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');
}

async function schemeOf(page: Page): Promise<string> {
  const background = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
  return Number(/\d+/.exec(background)?.[0]) < 128 ? 'dark' : 'light';
}

describe.each(SCREENS)('at $width px in $scheme', (screen) => {
  it('the page has no axe-core violations and does not scroll horizontally', async () => {
    const { url } = await startDemo();
    await withPage(
      url,
      async (page) => {
        const check = async (): Promise<void> => {
          expect(await violationsOf(page)).toEqual([]);
          expect(await overflowOf(page)).toBe(0);
        };
        expect(await schemeOf(page)).toBe(screen.scheme);
        await check();
        await sendForm(page, { invitee: '@erin:localhost', reason: 'W'.repeat(4_000) });
        await shownResult(page, 200);
        await check();
        await page.getByRole('button', { name: 'Show all' }).click();
        await page.locator('q.whole').waitFor();
        await check();
        await pressCase(page, 'banned');
        await shownResult(page, 403);
        await page.getByText(/^\d+ headers$/).click();
        await check();
        await pressCase(page, 'rate-limited');
        await shownResult(page, 429);
        await check();
        // The response is visible without scrolling, even on a phone.
        await expect
          .poll(() =>
            page.evaluate('document.querySelector(".wait").getBoundingClientRect().bottom <= innerHeight'),
          )
          .toBe(true);
      },
      screen,
    );
  });

  it('the API description has no axe-core violations and does not scroll horizontally', async () => {
    const { url } = await startDemo();
    const visit = await Visit.start(url, screen);
    const { page } = visit;
    await visit.openDocs();
    expect(await schemeOf(page)).toBe(screen.scheme);
    expect(await violationsOf(page)).toEqual([]);
    expect(await overflowOf(page)).toBe(0);
    await page.getByRole('button', { name: 'Execute' }).click();
    await page.locator('.live-responses-table').waitFor();
    expect(await violationsOf(page)).toEqual([]);
    expect(await overflowOf(page)).toBe(0);
    await page.locator('.auth-wrapper .authorize').click();
    await page.locator('.auth-container').first().waitFor();
    expect(await violationsOf(page)).toEqual([]);
    await visit.end();
  });
});
