import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { pressCase, sendForm, shownResult, startDemo } from './demo.ts';
import { withPage } from './visit.ts';

const LAPTOP = { width: 1280, height: 800, scheme: 'light' } as const;

/** Checks that the page has not scrolled and that these elements are inside the window. */
async function expectVisible(page: Page, selectors: readonly string[]): Promise<void> {
  expect(await page.evaluate('scrollY')).toBe(0);
  for (const selector of selectors) {
    const box = await page.locator(selector).boundingBox();
    expect(box?.y, selector).toBeGreaterThanOrEqual(0);
    expect((box?.y ?? Infinity) + (box?.height ?? Infinity), selector).toBeLessThanOrEqual(LAPTOP.height);
  }
}

const RESULT = ['.verdict', '#request', '#response'];

it('the request and the response are visible at once on a laptop, beside the form', async () => {
  const { url } = await startDemo();
  await withPage(
    url,
    async (page) => {
      for (const [id, token, status] of [
        ['banned', 'alice-token', 403],
        ['not-a-member', 'carol-token', 403],
        ['insufficient-power', 'bob-token', 403],
        ['already-invited', 'alice-token', 200],
        ['creator', 'carol-token', 200],
        ['rate-limited', 'dave-token', 429],
      ] as const) {
        await pressCase(page, id);
        await page.locator('#request', { hasText: token }).waitFor();
        await shownResult(page, status);
        await expectVisible(page, [...RESULT, '#send', `[data-case=${id}]`]);
      }

      const invitee = `@${'i'.repeat(240)}:localhost`;
      await sendForm(page, { inviter: 'Alice', room: 'Lobby', invitee, reason: 'word '.repeat(2_000) });
      await shownResult(page, 200);
      await expectVisible(page, RESULT);
      // All of the request can be read: it scrolls, also with the keyboard.
      await page.locator('#request').focus();
      await page.keyboard.press('End');
      await expect
        .poll(() => page.evaluate('document.querySelector("#request").scrollTop'))
        .toBeGreaterThan(0);
    },
    LAPTOP,
  );
});
