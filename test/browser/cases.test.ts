import { describe, expect, it } from 'vitest';
import { pressCase, roomOf, shown, startDemo, textOf, timelineOf } from './demo.ts';
import { Visit, visit } from './visit.ts';

describe('a button that shows a refusal', () => {
  it.each([
    ['banned', 'Mallory is banned from the garden', 'EXPRESS_MATRIX_INVITE.BANNED', 'Garden'],
    ['not-a-member', 'Only members can invite, and Carol is not in the lobby', 'NOT_JOINED', 'Lobby'],
    [
      'insufficient-power',
      'Inviting to the staff room requires power 50. Bob has 0.',
      'INSUFFICIENT_POWER',
      'Staff room',
    ],
  ])('%s', async (id, rule, reasonCode, room) => {
    const { url } = await startDemo();
    await visit(url, async (page) => {
      const before = await timelineOf(page, room);
      await pressCase(page, id);
      const answer = await shown(page, 403);
      expect(answer.line).toMatch(/403\s+Forbidden\s+M_FORBIDDEN/);
      expect(answer.rule).toContain(rule);
      expect(answer.response).toContain(reasonCode);
      expect(await page.getByRole('status').textContent()).toContain(`403 M_FORBIDDEN. ${rule}`);
      expect(await timelineOf(page, room)).toEqual(before);
    });
  });
});

describe('already invited', () => {
  it('is 200 twice, with one event', async () => {
    const { url } = await startDemo();
    await visit(url, async (page) => {
      const before = await timelineOf(page, 'Lobby');
      await pressCase(page, 'already-invited');
      await page.locator('.steps li').nth(1).waitFor();
      expect(await page.locator('.steps li').allTextContents()).toEqual(['Bob 200', 'Bob 200']);
      expect((await shown(page, 200)).rule).toContain('Bob already has an invite to the lobby');
      await expect.poll(() => timelineOf(page, 'Lobby')).toEqual(['Alice invited Bob', ...before]);
      const members = roomOf(page, 'Lobby').locator('.members li');
      expect(await members.filter({ hasText: 'Bob' }).textContent()).toContain('invited');
    });
  });
});

describe('the creator of a room of version 12', () => {
  it('invites without being listed in the power levels', async () => {
    const demo = await startDemo();
    await visit(demo.url, async (page) => {
      await pressCase(page, 'creator');
      const answer = await shown(page, 200);
      expect(answer.rule).toContain(
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
  it('is shown with a countdown, which stops the buttons of the inviter and lets them go', async () => {
    const { url } = await startDemo();
    const one = await Visit.start(url);
    const { page } = one;
    await page.clock.install();
    await one.open();
    const button = page.locator('[data-case=rate-limited]');
    const send = page.locator('#send');
    await button.click();
    const answer = await shown(page, 429);
    expect(answer.line).toContain('M_LIMIT_EXCEEDED');
    // It can be pressed no more, and keeps the focus all the same.
    expect(await button.getAttribute('aria-disabled')).toBe('true');
    expect(await page.evaluate('document.activeElement.dataset.case')).toBe('rate-limited');
    expect(answer.rule).toContain('Dave can send 3 invites per minute, and has sent all of them.');
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

    // Both say so, and send nothing.
    expect(await textOf(send)).toMatch(/^Send invite in \d+ s$/);
    expect(await textOf(button)).toMatch(/again in \d+ s$/);
    const sent = one.requests.length;
    await button.click({ force: true });
    await page.getByLabel('Invitee').press('Enter');
    expect(await send.getAttribute('aria-disabled')).toBe('true');
    // Who need not wait may send.
    await page.getByLabel('Inviter').selectOption('Alice');
    expect(await textOf(send)).toBe('Send invite');
    expect(one.requests.length).toBe(sent);

    await page.getByLabel('Inviter').selectOption('Dave');
    await page.clock.runFor(retryAfter * 1_000);
    expect(await textOf(page.locator('.wait'))).toBe('Dave can send again.');
    expect(await page.getByRole('status').textContent()).toBe('Dave can send again.');
    expect(await send.getAttribute('aria-disabled')).toBe('false');
    expect(await button.getAttribute('aria-disabled')).toBe('false');
    // The minute is not over for the server: that the press is heard again is seen by its refusal.
    await button.click();
    await expect.poll(() => textOf(page.locator('.wait'))).toMatch(/again in \d+ s/);
    await one.end();
  });
});
