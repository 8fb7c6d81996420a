import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { startDemo } from './demo.ts';
import { Visit } from './visit.ts';

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
