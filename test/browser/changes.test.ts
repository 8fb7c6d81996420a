import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { pressCase, roomOf, sendForm, shownResult, startDemo, textOf, timelineOf } from './demo.ts';
import { Visit, withPage } from './visit.ts';

/** Returns the members of a room, sorted, with what the page says about each. */
async function membersOf(page: Page, room: string): Promise<string[]> {
  const items = await roomOf(page, room).locator('.members li').all();
  const members = await Promise.all(
    items.map(async (item) => `${await textOf(item.locator('bdi'))} ${await textOf(item.locator('.role'))}`),
  );
  return members.sort();
}

const press = (page: Page, room: string, name: string) =>
  roomOf(page, room).getByRole('button', { name, exact: true }).click();

describe('the buttons of a member', () => {
  it('change the room for all pages, and the next invite is decided by it', async () => {
    const { url } = await startDemo();
    const other = await Visit.start(url);
    await other.open();
    await withPage(url, async (page) => {
      await sendForm(page, {});
      await expect.poll(() => membersOf(page, 'Lobby')).toEqual(['Alice power 100', 'Bob invited']);
      await press(page, 'Lobby', 'Accept: Bob');
      for (const { page: each } of [other, { page }]) {
        await expect.poll(() => membersOf(each, 'Lobby')).toEqual(['Alice power 100', 'Bob power 0']);
        expect((await timelineOf(each, 'Lobby'))[0]).toBe('Bob joined');
      }
      // The focus stays with the member whose button was pressed.
      expect(await page.evaluate('document.activeElement.ariaLabel')).toBe('Leave: Bob');
      await sendForm(page, {});
      expect((await shownResult(page, 403)).rule).toContain('Bob is already in the lobby');

      await press(page, 'Lobby', 'Leave: Bob');
      await expect.poll(async () => (await timelineOf(page, 'Lobby'))[0]).toBe('Bob left');
      expect(await membersOf(page, 'Lobby')).toEqual(['Alice power 100']);
      expect(await page.evaluate('document.activeElement.textContent')).toBe('Lobby');
      await sendForm(page, {});
      await shownResult(page, 200);
      await press(page, 'Lobby', 'Decline: Bob');
      await expect.poll(async () => (await timelineOf(page, 'Lobby'))[0]).toBe('Bob declined');

      await press(page, 'Garden', 'Unban: Mallory');
      await expect.poll(async () => (await timelineOf(page, 'Garden'))[0]).toBe('Alice unbanned Mallory');
      await pressCase(page, 'banned');
      await shownResult(page, 200);
      await expect
        .poll(() => other.page.getByRole('status').textContent())
        .toBe('Garden: Alice invited Mallory.');
    });
    await other.end();
  });
});

describe('the reset button', () => {
  it('gives everybody the membership of the start, and rate limits start over', async () => {
    const { url } = await startDemo();
    await withPage(url, async (page) => {
      const rooms = ['Lobby', 'Staff room', 'Garden', 'Studio'];
      const start = await Promise.all(rooms.map((room) => membersOf(page, room)));
      await pressCase(page, 'rate-limited');
      await shownResult(page, 429);
      await press(page, 'Garden', 'Unban: Mallory');
      await press(page, 'Garden', 'Leave: Alice');
      await press(page, 'Studio', 'Leave: Carol');
      await expect.poll(() => membersOf(page, 'Studio')).toEqual([]);

      await page.getByRole('button', { name: 'Reset' }).click();
      await expect.poll(() => Promise.all(rooms.map((room) => membersOf(page, room)))).toEqual(start);
      await expect.poll(() => textOf(page.locator('.wait'))).toBe('Dave can send again.');
      await pressCase(page, 'rate-limited');
      await expect
        .poll(() => page.locator('.steps li').allTextContents())
        .toEqual(['Guest1 200', 'Guest2 200', 'Guest3 200', 'Guest4 429']);
    });
  });

  it('and a change that the room does not allow change nothing', async () => {
    const { url } = await startDemo();
    const change = async (query: Record<string, string>) =>
      (await fetch(`${url}/demo/change?${new URLSearchParams(query)}`, { method: 'POST' })).status;
    const [room, user] = ['!garden:localhost', '@mallory:localhost'];
    expect(await change({ room, user, change: 'accept' })).toBe(409);
    expect(await change({ room, user, change: 'leave' })).toBe(409);
    expect(await change({ room, user, change: 'op' })).toBe(409);
    expect(await change({ room: '!nowhere', user, change: 'unban' })).toBe(409);
    expect((await fetch(`${url}/demo/reset`, { method: 'POST' })).status).toBe(204);
    await withPage(url, async (page) => {
      expect(await timelineOf(page, 'Garden')).toHaveLength(5);
    });
  });
});
