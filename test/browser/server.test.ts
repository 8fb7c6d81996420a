import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { roomOf, startDemo, timelineOf } from './demo.ts';
import { Visit, withPage } from './visit.ts';

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

describe('the demo server', () => {
  it('sends a strict content security policy with everything', async () => {
    const { url } = await startDemo();
    for (const path of [
      '/',
      '/docs',
      '/docs/swagger-ui-bundle.js',
      '/page/main.js',
      '/demo/setup',
      '/demo/rooms',
    ]) {
      const { status, headers, body } = await fetch(`${url}${path}`);
      expect(status, path).toBe(200);
      expect(headers.get('content-security-policy'), path).toBe(POLICY);
      expect(headers.get('x-content-type-options'), path).toBe('nosniff');
      expect(headers.get('referrer-policy'), path).toBe('no-referrer');
      await body?.cancel();
    }
  });

  it.each(['/', '/docs'])('allows no inline scripts or styles on %s', async (path) => {
    const { url } = await startDemo();
    const visit = await Visit.start(url);
    await (path === '/' ? visit.open() : visit.openDocs());
    expect(visit.problems).toEqual([]);
    await visit.page.evaluate(`
      const script = document.createElement('script');
      script.textContent = 'document.title = "run"';
      document.body.append(script);
      const style = document.createElement('style');
      style.textContent = 'body { display: none }';
      document.body.append(style);
      document.body.insertAdjacentHTML('beforeend', '<p style="color: red">Red</p>');
    `);
    await expect.poll(() => visit.problems.length).toBe(3);
    for (const problem of visit.problems) expect(problem).toContain('Content Security Policy');
    expect(await visit.page.title()).not.toBe('run');
    await visit.page.context().close();
  });

  it('serves only the page and the files that it needs', async () => {
    const { url } = await startDemo();
    for (const path of [
      '/nothing',
      '/page/',
      '/page/..%2fmain.ts',
      '/docs/index.html',
      '/docs/package.json',
    ]) {
      expect((await fetch(`${url}${path}`)).status, path).toBe(404);
    }
  });
});

describe('a page of another website', () => {
  it('can neither send invites nor read or change the rooms', async () => {
    const { url } = await startDemo();
    const website = createServer((_request, response) => {
      response.setHeader('Content-Type', 'text/html').end('<title>Elsewhere</title>');
    }).listen(0, '127.0.0.1');
    await once(website, 'listening');
    const { port } = website.address() as AddressInfo;
    const visit = await Visit.start(url);
    // The same machine, but another origin. `text/plain` and forms need no permission by CORS to be sent.
    await visit.page.goto(`http://localhost:${port}/`);
    const reached = await visit.page.evaluate<(number | string)[]>(`(async () => {
      const invite = '${url}/_matrix/client/v3/rooms/!lobby:localhost/invite';
      const body = JSON.stringify({ user_id: '@bob:localhost' });
      const headers = { Authorization: 'Bearer alice-token', 'Content-Type': 'text/plain' };
      const attempts = [
        fetch(invite, { method: 'POST', headers, body }),
        fetch(invite + '?access_token=alice-token', { method: 'POST', body }),
        fetch(invite + '?access_token=alice-token', { method: 'POST', mode: 'no-cors', body }),
        fetch('${url}/demo/reset', { method: 'POST' }),
        fetch('${url}/demo/setup'),
      ];
      const unban = '${url}/demo/change?room=!garden:localhost&user=@mallory:localhost&change=unban';
      const form = document.createElement('form');
      Object.assign(form, { method: 'post', action: unban });
      document.body.append(form);
      const outcomes = await Promise.allSettled(attempts);
      form.submit();
      return outcomes.map(({ value }) => value?.type ?? 'failed');
    })()`);
    // A request without CORS is sent, but the page cannot read its response.
    expect(reached).toEqual(['failed', 'failed', 'opaque', 'failed', 'failed']);
    await expect.poll(() => visit.page.textContent('body')).toContain('M_FORBIDDEN');
    await visit.page.context().close();
    website.close();

    await withPage(url, async (page) => {
      expect(await timelineOf(page, 'Lobby')).not.toContain('Alice invited Bob');
      expect(await roomOf(page, 'Garden').locator('.members').textContent()).toContain('banned');
    });
  });
});

describe('the event streams', () => {
  const open = (url: string, controller = new AbortController()) =>
    fetch(`${url}/demo/rooms`, { signal: controller.signal }).then((response) => ({ response, controller }));

  it('are limited to twenty, and a closed one makes room', async () => {
    const { url } = await startDemo();
    const streams = await Promise.all(Array.from({ length: 20 }, () => open(url)));
    expect(streams.map(({ response }) => response.status)).toEqual(Array<number>(20).fill(200));
    const refused = await open(url);
    expect(refused.response.status).toBe(503);
    expect(refused.response.headers.get('retry-after')).toBe('5');
    streams[0]?.controller.abort();
    await expect.poll(async () => (await open(url)).response.status).toBe(200);
    for (const { controller } of streams) controller.abort();
  });

  it('end when the demo stops, which happens immediately', async () => {
    const demo = await startDemo();
    // Not `fetch`, which treats a dropped connection as the end of the response.
    const [response] = (await once(get(`${demo.url}/demo/rooms`), 'response')) as [IncomingMessage];
    const content = text(response);
    expect(await demo.stop('SIGTERM')).toBe(0);
    expect((await content).match(/^event: room$/gm)).toHaveLength(4);
    expect(demo.stderr).toBe('');
  });
});
