import { describe, expect, it } from 'vitest';
import { newDatabasePath } from '../examples/example.ts';
import { roomOf, sendForm, shown, startDemo, textOf, timelineOf } from './demo.ts';
import { Visit } from './visit.ts';

async function openTwo(url: string): Promise<[Visit, Visit]> {
  const visits: [Visit, Visit] = [await Visit.start(url), await Visit.start(url)];
  for (const one of visits) await one.open();
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
  it("show each page the other's invites, and tell of those alone", async () => {
    const { url } = await startDemo();
    const [one, other] = await openTwo(url);
    const statusOf = ({ page }: Visit) => page.getByRole('status').textContent();

    await sendForm(one.page, { reason: 'Tea at five' });
    await expect.poll(() => statusOf(other)).toBe('Lobby: Alice invited Bob.');
    expect((await timelineOf(other.page, 'Lobby'))[0]).toBe('Alice invited Bob');
    expect(await textOf(roomOf(other.page, 'Lobby').locator('.timeline li').first())).toContain(
      'Tea at five',
    );
    await expect.poll(() => timelineOf(one.page, 'Lobby')).toContain('Alice invited Bob');
    await expect.poll(() => statusOf(one)).toContain('200 OK. Alice is in the lobby');

    await sendForm(other.page, { inviter: 'Dave', room: 'Garden', invitee: '@erin:localhost' });
    await expect.poll(() => statusOf(one)).toBe('Garden: Dave invited Erin.');
    expect((await timelineOf(one.page, 'Garden'))[0]).toBe('Dave invited Erin');
    expect(await roomOf(one.page, 'Garden').locator('.members').textContent()).toContain('Erin');
    for (const visit of [one, other]) await visit.end();
  });

  it('show what another process writes into the same file', async () => {
    const DATABASE = await newDatabasePath();
    const { url } = await startDemo({ DATABASE });
    const second = await startDemo({ DATABASE });
    const one = await Visit.start(url);
    await one.open();
    expect(await invite(second.url, 'alice-token', '!lobby:localhost', { user_id: '@erin:localhost' })).toBe(
      200,
    );
    await expect.poll(async () => (await timelineOf(one.page, 'Lobby'))[0]).toBe('Alice invited Erin');
    await one.end();
  });

  it('come back when the demo has been started again', async () => {
    const DATABASE = await newDatabasePath();
    const first = await startDemo({ DATABASE });
    const one = await Visit.start(first.url);
    await one.open();
    expect(await first.stop('SIGTERM')).toBe(0);
    const live = one.page.locator('#live');
    await expect.poll(() => textOf(live)).toContain('Connection lost');
    expect(await one.page.getByRole('status').textContent()).toContain('Connection lost');
    const again = await startDemo({ DATABASE, PORT: new URL(first.url).port });
    expect(await invite(again.url, 'alice-token', '!lobby:localhost', { user_id: '@erin:localhost' })).toBe(
      200,
    );
    await expect.poll(() => textOf(live)).toBe('Live');
    await expect.poll(async () => (await timelineOf(one.page, 'Lobby'))[0]).toBe('Alice invited Erin');
    expect(await one.page.locator('.room').count()).toBe(4);
    await one.page.context().close();
  });

  it('show what users write as text, and no more of it than fits', async () => {
    const { url } = await startDemo();
    const [one, other] = await openTwo(url);
    const html = '<img src="/x.png" onerror="document.title=\'run\'"><script>document.title="run"</script>';
    // Such a user id is valid by the specification's historical grammar.
    await sendForm(one.page, { invitee: '@<i>erin</i>:localhost', reason: html });
    await shown(one.page, 200);
    for (const { page } of [one, other]) {
      const reason = roomOf(page, 'Lobby').locator('.timeline q');
      await expect.poll(() => reason.allTextContents()).toEqual([html]);
      expect((await timelineOf(page, 'Lobby'))[0]).toBe('Alice invited <i>erin</i>');
      expect(await page.locator('.room img, .room script, .room i, #result img, #result i').count()).toBe(0);
      expect(await page.title()).toContain('Invites');
    }
    const long = { user_id: '@frank:localhost', reason: 'a'.repeat(40_000) };
    expect(await invite(url, 'alice-token', '!lobby:localhost', long)).toBe(200);
    const newest = roomOf(other.page, 'Lobby').locator('.timeline q').first();
    await expect.poll(() => newest.textContent()).toBe(`${'a'.repeat(300)}…`);
    expect(await other.page.evaluate('document.documentElement.scrollWidth')).toBe(1280);
    for (const visit of [one, other]) await visit.end();
  });
});
