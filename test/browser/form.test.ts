import { describe, expect, it } from 'vitest';
import { roomOf, sendForm, shownResult, startDemo, textOf, timelineOf } from './demo.ts';
import { Visit, withPage } from './visit.ts';

describe('the form', () => {
  it('sends a real invite, and shows the request, the response and the headers unchanged', async () => {
    const demo = await startDemo();
    await withPage(demo.url, async (page) => {
      const responseReceived = page.waitForResponse((response) => response.url().endsWith('/invite'));
      await sendForm(page, { reason: 'Tea at five' });
      const response = await responseReceived;
      const request = response.request();
      expect(request.method()).toBe('POST');
      const sent = await request.allHeaders();

      const { rule, ...blocks } = await shownResult(page, 200);
      const path = new URL(request.url()).pathname;
      expect(path).toBe('/_matrix/client/v3/rooms/!lobby%3Alocalhost/invite');
      expect(blocks.request).toContain(`POST ${path}`);
      expect(sent.authorization).toBe('Bearer alice-token');
      expect(blocks.request).toContain(`Authorization: ${sent.authorization}`);
      expect(sent['content-type']).toBe('application/json');
      expect(blocks.request).toContain(`Content-Type: ${sent['content-type']}`);
      expect(JSON.parse(blocks.request?.split('\n\n')[1] ?? '')).toEqual(request.postDataJSON());
      expect(request.postDataJSON()).toEqual({ user_id: '@bob:localhost', reason: 'Tea at five' });
      expect(blocks.response).toMatch(/^200 OK\s+\{\}$/);
      await page.getByText(/^\d+ headers$/).click();
      expect(await textOf(page.locator('#headers'))).toContain('x-content-type-options: nosniff');
      expect(rule).toContain('Alice is in the lobby and has power 100. Inviting requires 0.');
      await demo.hasPrinted('@alice:localhost invited @bob:localhost to !lobby:localhost');
      const newest = roomOf(page, 'Lobby').locator('.timeline li').first();
      await expect.poll(() => textOf(newest)).toContain('Tea at five');
    });
  });

  it.each([
    [{ invitee: '@bob' }, 400, 'M_INVALID_PARAM', 'The request is invalid'],
    [{ invitee: '@bob:elsewhere.org' }, 403, 'M_FORBIDDEN', '@bob:elsewhere.org cannot be invited'],
    [{ inviter: 'Alice', room: 'Staff room' }, 403, 'M_FORBIDDEN', 'Bob is already in the staff room.'],
    [{ inviter: 'Dave', room: 'Studio' }, 403, 'M_FORBIDDEN', 'Dave is not in the studio'],
  ])('explains in plain words why %j is refused', async (fields, status, errcode, words) => {
    const { url } = await startDemo();
    await withPage(url, async (page) => {
      await sendForm(page, fields);
      const result = await shownResult(page, status);
      expect(result.line).toContain(errcode);
      expect(result.rule).toContain(words);
    });
  });

  it.each(['bob', 'Bob', ' bob '])('says what a name means, and sends the user ID: %j', async (invitee) => {
    const { url } = await startDemo();
    await withPage(url, async (page) => {
      const hint = await page.getByLabel('Invitee').getAttribute('aria-describedby');
      expect(await textOf(page.locator(`#${hint}`))).toBe('bob means @bob:localhost');
      await sendForm(page, { invitee });
      expect((await shownResult(page, 200)).request).toContain('"user_id": "@bob:localhost"');
    });
  });

  it('works with the keyboard alone, with visible focus, in page order', async () => {
    const { url } = await startDemo();
    await withPage(url, async (page) => {
      const focused = () =>
        page.evaluate<string>('document.activeElement.id || document.activeElement.textContent');
      const tab = async () => {
        await page.keyboard.press('Tab');
        const style = await page.evaluate<string>('getComputedStyle(document.activeElement).outline');
        expect(style).toMatch(/solid 3px|3px solid/);
        return focused();
      };
      expect([await tab(), await tab(), await tab()]).toEqual(['Demo', 'API description', 'inviter']);
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('ArrowDown');
      expect(await tab()).toBe('room');
      for (let step = 0; step < 3; step += 1) await page.keyboard.press('ArrowDown');
      expect(await tab()).toBe('invitee');
      await page.keyboard.press('Control+A');
      await page.keyboard.type('@guest7:localhost');
      expect(await tab()).toBe('reason');
      await page.keyboard.type('Bring paint');
      expect(await tab()).toBe('send');
      await page.keyboard.press('Enter');
      expect((await shownResult(page, 200)).rule).toContain('Carol created this room');
      await expect.poll(async () => (await timelineOf(page, 'Studio'))[0]).toBe('Carol invited Guest7');
      expect(await focused()).toBe('send');

      expect(await tab()).toContain('Banned');
      await page.keyboard.press('Space');
      await shownResult(page, 403);
      expect(await focused()).toContain('Banned');
      const rest = [await tab(), await tab(), await tab(), await tab(), await tab()];
      expect(rest.at(-1)).toContain('Version 12 creator');
      expect(await tab()).toMatch(/^\d+ headers$/);
      await page.keyboard.press('Enter');
      expect(await page.locator('#headers').isVisible()).toBe(true);
    });
  });

  it('shows that there is no response after the demo has stopped', async () => {
    const demo = await startDemo();
    const visit = await Visit.start(demo.url);
    await visit.open();
    await demo.stop('SIGTERM');
    await sendForm(visit.page, {});
    await expect.poll(() => textOf(visit.page.locator('.rule'))).toContain('No response');
    expect(await visit.page.getByRole('status').textContent()).toContain('No response');
    await visit.page.context().close();
  });
});
