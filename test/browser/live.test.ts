import { describe, expect, it } from 'vitest';
import { newDatabasePath } from '../examples/example.ts';
import { roomOf, sendForm, shownResult, startDemo, textOf, timelineOf } from './demo.ts';
import { Visit } from './visit.ts';

async function openTwo(url: string): Promise<[Visit, Visit]> {
  const visits: [Visit, Visit] = [await Visit.start(url), await Visit.start(url)];
  for (const visit of visits) await visit.open();
  return visits;
}

async function invite(url: string, token: string, roomId: string, body: object): Promise<number> {
  const response = await fetch(`${url}/_matrix/client/v3/rooms/${roomId}/invite`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  });
  return response.status;
}

describe('the timelines', () => {
  it('show invites sent from another page, and announce only those', async () => {
    const { url } = await startDemo();
    const [first, second] = await openTwo(url);
    const statusOf = ({ page }: Visit) => page.getByRole('status').textContent();

    await sendForm(first.page, { reason: 'Tea at five' });
    await expect.poll(() => statusOf(second)).toBe('Lobby: Alice invited Bob.');
    expect((await timelineOf(second.page, 'Lobby'))[0]).toBe('Alice invited Bob');
    expect(await textOf(roomOf(second.page, 'Lobby').locator('.timeline li').first())).toContain(
      'Tea at five',
    );
    await expect.poll(() => timelineOf(first.page, 'Lobby')).toContain('Alice invited Bob');
    await expect.poll(() => statusOf(first)).toContain('200 OK. Alice is in the lobby');

    await sendForm(second.page, { inviter: 'Dave', room: 'Garden', invitee: '@erin:localhost' });
    await expect.poll(() => statusOf(first)).toBe('Garden: Dave invited Erin.');
    expect((await timelineOf(first.page, 'Garden'))[0]).toBe('Dave invited Erin');
    expect(await roomOf(first.page, 'Garden').locator('.members').textContent()).toContain('Erin');
    for (const visit of [first, second]) await visit.end();
  });

  it('show invites that another process writes to the same database', async () => {
    const DATABASE = await newDatabasePath();
    const { url } = await startDemo({ DATABASE });
    const second = await startDemo({ DATABASE });
    const visit = await Visit.start(url);
    await visit.open();
    expect(await invite(second.url, 'alice-token', '!lobby:localhost', { user_id: '@erin:localhost' })).toBe(
      200,
    );
    await expect.poll(async () => (await timelineOf(visit.page, 'Lobby'))[0]).toBe('Alice invited Erin');
    await visit.end();
  });

  it('reconnect after the demo restarts', async () => {
    const DATABASE = await newDatabasePath();
    const first = await startDemo({ DATABASE });
    const visit = await Visit.start(first.url);
    await visit.open();
    expect(await first.stop('SIGTERM')).toBe(0);
    const live = visit.page.locator('#live');
    await expect.poll(() => textOf(live)).toContain('Connection lost');
    expect(await visit.page.getByRole('status').textContent()).toContain('Connection lost');
    const again = await startDemo({ DATABASE, PORT: new URL(first.url).port });
    expect(await invite(again.url, 'alice-token', '!lobby:localhost', { user_id: '@erin:localhost' })).toBe(
      200,
    );
    await expect.poll(() => textOf(live)).toBe('Live');
    await expect.poll(async () => (await timelineOf(visit.page, 'Lobby'))[0]).toBe('Alice invited Erin');
    expect(await visit.page.locator('.room').count()).toBe(4);
    await visit.page.context().close();
  });

  it('show user input as plain text, shortened until the user wants all of it', async () => {
    const { url } = await startDemo();
    const [first, second] = await openTwo(url);
    const html = '<img src="/x.png" onerror="document.title=\'run\'"><script>document.title="run"</script>';
    // Such a user ID is valid under the specification's historical grammar.
    await sendForm(first.page, { invitee: '@<i>erin</i>:localhost', reason: html });
    await shownResult(first.page, 200);
    for (const { page } of [first, second]) {
      const reason = roomOf(page, 'Lobby').locator('.timeline q');
      await expect.poll(() => reason.allTextContents()).toEqual([html]);
      expect((await timelineOf(page, 'Lobby'))[0]).toBe('Alice invited <i>erin</i>');
      expect(await page.locator('.room img, .room script, .room i, #result img, #result i').count()).toBe(0);
      expect(await page.title()).toContain('Invites');
    }
    const long = { user_id: '@frank:localhost', reason: 'a'.repeat(40_000) };
    expect(await invite(url, 'alice-token', '!lobby:localhost', long)).toBe(200);
    const newest = roomOf(second.page, 'Lobby').locator('.timeline q').first();
    await expect.poll(() => newest.textContent()).toBe(`${'a'.repeat(120)}…`);
    await roomOf(second.page, 'Lobby').getByRole('button', { name: 'Show all' }).click();
    await expect.poll(() => newest.textContent()).toBe(long.reason);
    // The reason scrolls, so the keyboard must reach it.
    await expect.poll(() => second.page.evaluate('document.activeElement.tagName')).toBe('Q');
    expect((await newest.boundingBox())?.height).toBeLessThan(300);
    // A change of the room keeps it open.
    expect(await invite(url, 'alice-token', '!lobby:localhost', { user_id: '@grace:localhost' })).toBe(200);
    await expect.poll(async () => (await timelineOf(second.page, 'Lobby'))[0]).toBe('Alice invited Grace');
    expect(await newest.textContent()).toBe(long.reason);
    expect(await second.page.evaluate('document.activeElement.tagName')).toBe('Q');
    expect(await second.page.evaluate('document.documentElement.scrollWidth')).toBe(1280);
    for (const visit of [first, second]) await visit.end();
  });
});
