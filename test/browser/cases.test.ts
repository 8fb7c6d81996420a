import { describe, expect, it } from 'vitest';
import { pressCase, roomOf, shownResult, startDemo, textOf, timelineOf } from './demo.ts';
import { Visit, withPage } from './visit.ts';

describe('a button for a refused invite', () => {
  it.each([
    ['banned', 'Mallory is banned from the garden', 'EXPRESS_MATRIX_INVITE.BANNED', 'Garden'],
    ['not-a-member', 'Only members can invite, and Carol is not in the lobby', 'NOT_JOINED', 'Lobby'],
    [
      'insufficient-power',
      'Inviting to the staff room requires power 50. Bob has 0.',
      'INSUFFICIENT_POWER',
      'Staff room',
    ],
  ])('shows the response and the rule: %s', async (id, rule, reasonCode, room) => {
    const { url } = await startDemo();
    await withPage(url, async (page) => {
      const before = await timelineOf(page, room);
      await pressCase(page, id);
      const result = await shownResult(page, 403);
      expect(result.line).toMatch(/403\s+Forbidden\s+M_FORBIDDEN\s/);
      expect(result.line).toContain(reasonCode);
      expect(result.rule).toContain(rule);
      expect(result.response).toContain(reasonCode);
      const [, announced] =
        /^403 M_FORBIDDEN (\S+)\. /.exec((await page.getByRole('status').textContent()) ?? '') ?? [];
      expect(announced).toContain(reasonCode);
      expect(await page.getByRole('status').textContent()).toContain(rule);
      expect(await timelineOf(page, room)).toEqual(before);
    });
  });
});

describe('the already-invited button', () => {
  it('shows a 200 twice and appends one event', async () => {
    const { url } = await startDemo();
    await withPage(url, async (page) => {
      const before = await timelineOf(page, 'Lobby');
      await pressCase(page, 'already-invited');
      await page.locator('.steps li').nth(1).waitFor();
      expect(await page.locator('.steps li').allTextContents()).toEqual(['Bob 200', 'Bob 200']);
      expect((await shownResult(page, 200)).rule).toContain('Bob already has an invite to the lobby');
      await expect.poll(() => timelineOf(page, 'Lobby')).toEqual(['Alice invited Bob', ...before]);
      const members = roomOf(page, 'Lobby').locator('.members li');
      expect(await members.filter({ hasText: 'Bob' }).textContent()).toContain('invited');
    });
  });
});

describe('the creator of a version 12 room', () => {
  it('can invite without being listed in the power levels', async () => {
    const demo = await startDemo();
    await withPage(demo.url, async (page) => {
      await pressCase(page, 'creator');
      const result = await shownResult(page, 200);
      expect(result.rule).toContain(
        'Carol created this room. In room version 12, creators outrank all power levels',
      );
      await expect.poll(async () => (await timelineOf(page, 'Studio'))[0]).toBe('Carol invited Guest1');
      await demo.hasPrinted('@carol:localhost invited @guest1:localhost');

      await expect.poll(() => roomOf(page, 'Studio').textContent()).toContain('Guest1');
      await pressCase(page, 'creator');
      await expect.poll(async () => (await timelineOf(page, 'Studio'))[0]).toBe('Carol invited Guest2');
    });
  });
});

describe('the rate limit', () => {
  it('shows a countdown and disables the buttons of the inviter until it ends', async () => {
    const { url } = await startDemo();
    const visit = await Visit.start(url);
    const { page } = visit;
    await page.clock.install();
    await visit.open();
    const button = page.locator('[data-case=rate-limited]');
    const send = page.locator('#send');
    await button.click();
    const result = await shownResult(page, 429);
    expect(result.line).toContain('M_LIMIT_EXCEEDED');
    // The button is disabled but keeps the focus.
    expect(await button.getAttribute('aria-disabled')).toBe('true');
    expect(await page.evaluate('document.activeElement.dataset.case')).toBe('rate-limited');
    expect(result.rule).toContain('Dave can send 3 invites per minute, and has sent all of them.');
    const steps = await page.locator('.steps li').allTextContents();
    expect(steps).toEqual(['Guest1 200', 'Guest2 200', 'Guest3 200', 'Guest4 429']);
    await expect
      .poll(async () => (await timelineOf(page, 'Garden')).slice(0, 3))
      .toEqual(['Dave invited Guest3', 'Dave invited Guest2', 'Dave invited Guest1']);
    await page.getByText(/^\d+ headers$/).click();
    const retryAfter = Number(/retry-after: (\d+)/.exec(await textOf(page.locator('#headers')))?.[1]);
    expect(retryAfter).toBeGreaterThan(0);

    const secondsShown = async () =>
      Number(/Dave can send again in (\d+) s/.exec(await textOf(page.locator('.wait')))?.[1]);
    const first = await secondsShown();
    expect(first).toBeLessThanOrEqual(retryAfter);
    expect(await page.getByRole('status').textContent()).toContain(`in ${retryAfter} seconds`);
    await expect.poll(secondsShown).toBeLessThan(first);
    await page.clock.runFor(10_000);
    const later = await secondsShown();
    expect(later).toBeLessThanOrEqual(first - 10);

    // Both show the wait and send nothing.
    expect(await textOf(send)).toMatch(/^Send invite in \d+ s$/);
    expect(await textOf(button)).toMatch(/again in \d+ s$/);
    const sent = visit.requests.length;
    await button.click({ force: true });
    await page.getByLabel('Invitee').press('Enter');
    expect(await send.getAttribute('aria-disabled')).toBe('true');
    // An inviter who does not have to wait can send.
    await page.getByLabel('Inviter').selectOption('Alice');
    expect(await textOf(send)).toBe('Send invite');
    expect(visit.requests.length).toBe(sent);

    await page.getByLabel('Inviter').selectOption('Dave');
    await page.clock.runFor(retryAfter * 1_000);
    expect(await textOf(page.locator('.wait'))).toBe('Dave can send again.');
    expect(await page.getByRole('status').textContent()).toBe('Dave can send again.');
    expect(await send.getAttribute('aria-disabled')).toBe('false');
    expect(await button.getAttribute('aria-disabled')).toBe('false');
    // For the server, the minute is not over. Its refusal shows that the button works again.
    await button.click();
    await expect.poll(() => textOf(page.locator('.wait'))).toMatch(/again in \d+ s/);
    await visit.end();
  });
});
