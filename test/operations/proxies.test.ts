import { once } from 'node:events';
import { Agent, type RequestOptions, request } from 'node:https';
import { text } from 'node:stream/consumers';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../servers/eventually.ts';
import { seedRoom, type TestResponse, toTestResponse } from '../http/support.ts';
import { read } from './files.ts';
import { CleanUps } from './program.ts';
import { type ProxyServer, startProxy } from './proxies.ts';
import { FATAL, SLOW, Upstream } from './upstream.ts';

const ROOM = '!room:example.org';
const SECRET = 'secret-in-the-query';

/** Paths as clients may write them, and the room that each names. */
const PATHS: readonly (readonly [written: string, roomId: string])[] = [
  ['!room:example.org', '!room:example.org'],
  ['%21room%3Aexample.org', '!room:example.org'],
  ['%21room%3aexample.org', '!room:example.org'],
  ['!a%2Fb:example.org', '!a/b:example.org'],
  ['!a%2fb:example.org', '!a/b:example.org'],
  ['!a%2F%2Fb:example.org', '!a//b:example.org'],
  ['!a%2F..%2Fb:example.org', '!a/../b:example.org'],
  ['!a%2F.%2Fb:example.org', '!a/./b:example.org'],
  ['!%252F:example.org', '!%2F:example.org'],
  ['!%25:example.org', '!%:example.org'],
  ['!a%20b:example.org', '!a b:example.org'],
  ['!a+b:example.org', '!a+b:example.org'],
  ['!a;b=c:example.org', '!a;b=c:example.org'],
  ['!a%3Fb%23c:example.org', '!a?b#c:example.org'],
  ['!a%5Cb:example.org', '!a\\b:example.org'],
  ['!%C3%A4%F0%9F%98%80:example.org', '!ä😀:example.org'],
  ['!%7Etilde~:example.org', '!~tilde~:example.org'],
  ["!a'(b)*,:example.org", "!a'(b)*,:example.org"],
  ['!a:example.org:8448', '!a:example.org:8448'],
  ['!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM', '!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM'],
];

const pathOf = (room: string) => `/_matrix/client/v3/rooms/${room}/invite`;

describe.each(['nginx', 'HAProxy'] as const)('%s with the file of the example', (name) => {
  const cleanUps = new CleanUps();
  const storage = new MemoryStorage();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let upstreams: [Upstream, Upstream];
  let proxy: ProxyServer;
  let invitees = 0;

  beforeAll(async () => {
    for (const roomId of new Set(PATHS.map(([, id]) => id))) await seedRoom(storage, { roomId });
    upstreams = [cleanUps.add(await Upstream.start(storage)), cleanUps.add(await Upstream.start(storage))];
    proxy = cleanUps.add(await startProxy(name, [upstreams[0].port, upstreams[1].port]));
    cleanUps.add({ close: async () => agent.destroy() });
  });

  afterAll(() => cleanUps.run());

  beforeEach(() => {
    for (const upstream of upstreams) upstream.received.splice(0);
  });

  const received = () => upstreams.flatMap((upstream) => upstream.received);
  const newUser = () => {
    invitees += 1;
    return `@user${invitees}:example.org`;
  };

  async function send(options: RequestOptions, body: string | Buffer = ''): Promise<TestResponse> {
    const outgoing = request({
      agent,
      port: proxy.port,
      method: 'POST',
      rejectUnauthorized: false,
      ...options,
      headers: { Authorization: 'Bearer alice-token', ...options.headers },
    });
    // The proxy may answer, and close the connection, before it has read a large body.
    outgoing.on('error', () => {});
    const responded = once(outgoing, 'response');
    outgoing.end(body);
    const [response] = await responded;
    return toTestResponse(response.statusCode, response.headers, await text(response));
  }

  const invite = (userId = newUser(), options: RequestOptions = {}) =>
    send({ path: pathOf(ROOM), ...options }, JSON.stringify({ user_id: userId }));

  const untilOneIsUp = () =>
    eventually('an invite gets through', async () => (await invite()).status === 200);

  it.each(PATHS)('passes on %s as it is', async (written, roomId) => {
    const userId = newUser();
    const path = pathOf(written);
    const { status, body } = await send({ path }, JSON.stringify({ user_id: userId }));
    expect({ status, body }).toEqual({ status: 200, body: {} });
    expect(received().map(({ url }) => url)).toEqual([path]);
    const state = (await storage.roomState(roomId)) ?? [];
    expect(state.filter(({ state_key }) => state_key === userId)).toHaveLength(1);
  });

  it('passes on only what is under /_matrix', async () => {
    for (const path of [
      '/health',
      '/metrics',
      '/',
      '/_matrixx/client',
      '/x/_matrix/client',
      '/_matrix/../health',
    ]) {
      expect([path, (await send({ path, method: 'GET' })).status]).toEqual([path, 404]);
    }
    expect(received().filter(({ url }) => !url.startsWith('/_matrix/'))).toEqual([]);
  });

  it('passes on preflight requests', async () => {
    const { status, headers } = await send({ path: pathOf(ROOM), method: 'OPTIONS' });
    expect(status).toBe(204);
    expect(headers).toMatchObject({ 'access-control-allow-origin': '*' });
  });

  it('gives each request an ID', async () => {
    await invite();
    await invite();
    const ids = received().map(({ requestId }) => requestId);
    expect(ids).toEqual([expect.stringMatching(/^[\w-]{20,}$/), expect.stringMatching(/^[\w-]{20,}$/)]);
    expect(new Set(ids).size).toBe(2);
  });

  it('keeps its connections to the processes', async () => {
    for (let count = 0; count < 20; count += 1) await invite();
    expect(received()).toHaveLength(20);
    expect(new Set(received().map(({ socket }) => socket)).size).toBeLessThanOrEqual(4);
  });

  it("passes on the router's 413, and answers larger bodies in the same way", async () => {
    const path = pathOf(ROOM);
    const ours = await send({ path }, JSON.stringify({ user_id: newUser(), reason: 'x'.repeat(500_000) }));
    expect(ours).toMatchObject({ status: 413, body: { errcode: 'M_TOO_LARGE' } });
    expect(received()).toHaveLength(1);
    // The body is not sent: the answer comes before it.
    const outgoing = request({
      agent: false,
      port: proxy.port,
      path,
      method: 'POST',
      rejectUnauthorized: false,
      headers: { Authorization: 'Bearer alice-token', 'Content-Length': 2_000_000 },
    });
    outgoing.on('error', () => {});
    outgoing.flushHeaders();
    const [response] = await once(outgoing, 'response');
    const theirs = toTestResponse(response.statusCode, response.headers, await text(response));
    outgoing.destroy();
    expect(theirs).toMatchObject({
      status: 413,
      headers: { 'content-type': 'application/json', 'access-control-allow-origin': '*' },
      body: { errcode: 'M_TOO_LARGE', error: expect.any(String) },
    });
    expect(received()).toHaveLength(1);
  });

  it('answers a chunked body that is too large with a 413 too', async () => {
    const outgoing = request({
      agent: false,
      port: proxy.port,
      path: pathOf(ROOM),
      method: 'POST',
      rejectUnauthorized: false,
      headers: { Authorization: 'Bearer alice-token', 'Transfer-Encoding': 'chunked' },
    });
    outgoing.on('error', () => {});
    const responded = once(outgoing, 'response');
    for (let count = 0; count < 4; count += 1) outgoing.write(Buffer.alloc(500_000, 'x'));
    outgoing.end();
    const [response] = await responded;
    expect(toTestResponse(response.statusCode, response.headers, await text(response))).toMatchObject({
      status: 413,
      body: { errcode: 'M_TOO_LARGE' },
    });
    outgoing.destroy();
  });

  it('passes on a 429 with its wait', async () => {
    const responses: TestResponse[] = [];
    for (let count = 0; count < 3; count += 1) {
      responses.push(await invite(newUser(), { headers: { Authorization: 'Bearer mallory-token' } }));
    }
    expect(responses.at(-1)).toMatchObject({
      status: 429,
      headers: { 'retry-after': expect.stringMatching(/^\d+$/) },
      body: { errcode: 'M_LIMIT_EXCEEDED', retry_after_ms: expect.any(Number) },
    });
  });

  it("waits for a slow process, and passes on the router's 503", async () => {
    const { status, headers, body } = await invite(SLOW);
    expect({ status, body }).toMatchObject({ status: 503, body: { errcode: 'M_UNKNOWN' } });
    expect(headers).toMatchObject({ 'retry-after': expect.any(String), 'cache-control': 'no-store' });
    expect(received()).toHaveLength(1);
  });

  it('answers with a Matrix error if a process dies during an invite, and does not send the invite again', async () => {
    const { status, headers, body } = await invite(FATAL, { agent: false });
    expect({ status, body }).toEqual({
      status: name === 'nginx' ? 503 : 502,
      body: { errcode: 'M_UNKNOWN', error: expect.any(String), retry_after_ms: 5_000 },
    });
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'retry-after': '5',
      'access-control-allow-origin': '*',
      'access-control-expose-headers': 'Retry-After',
    });
    expect(received()).toHaveLength(1);
    await untilOneIsUp();
  });

  it('does the same on a connection that has had a response, but HAProxy closes it without one', async () => {
    await untilOneIsUp();
    await invite();
    const response = invite(FATAL);
    if (name === 'HAProxy') await expect(response).rejects.toThrow('socket hang up');
    else expect(await response).toMatchObject({ status: 503, body: { errcode: 'M_UNKNOWN' } });
    await untilOneIsUp();
  });

  it('loses no invite while one process restarts', async () => {
    await untilOneIsUp();
    const statuses: number[] = [];
    const inviteSome = async () => {
      for (let count = 0; count < 6; count += 1) statuses.push((await invite()).status);
    };
    for (const upstream of upstreams) {
      await upstream.stop();
      await inviteSome();
      await upstream.startAgain();
      await inviteSome();
      // Both are in use again before the next one stops.
      const before = upstream.received.length;
      await eventually('the process is in use again', async () => {
        await invite();
        return upstream.received.length > before;
      });
    }
    expect(statuses).toEqual(Array.from({ length: 24 }, () => 200));
  });

  it('answers with a Matrix error while no process runs, and recovers', async () => {
    for (const upstream of upstreams) await upstream.stop();
    const { status, headers, body } = await invite(newUser(), { agent: false });
    expect({ status, body }).toMatchObject({ status: 503, body: { errcode: 'M_UNKNOWN' } });
    expect(headers).toMatchObject({ 'retry-after': '5', 'content-type': 'application/json' });
    for (const upstream of upstreams) await upstream.startAgain();
    await untilOneIsUp();
  });

  it('logs paths without their queries, also of requests that fail', async () => {
    const path = `${pathOf(ROOM)}?access_token=${SECRET}`;
    const options = { path, agent: false };
    await send(options, JSON.stringify({ user_id: newUser() }));
    await send(options, JSON.stringify({ user_id: FATAL }));
    for (const upstream of upstreams) await upstream.stop();
    await send(options, JSON.stringify({ user_id: newUser() }));
    await eventually('the requests are in the log', async () =>
      (await proxy.log())
        .trimEnd()
        .split('\n')
        .slice(-3)
        .every((line) => line.includes(pathOf(ROOM))),
    );
    expect(await proxy.log()).not.toContain(SECRET);
    expect(await proxy.log()).not.toContain('access_token');
  });
});

describe('the time limits of the proxies', () => {
  // The defaults of deadlineMs, which runs twice, and bodyTimeoutMs.
  const longestSeconds = 2 * 5 + 10;

  it.each([
    ['nginx.conf', /proxy_read_timeout (\d+)s;/],
    ['haproxy.cfg', /timeout server (\d+)s/],
  ])('in %s are longer than any request takes', (file, pattern) => {
    expect(Number(pattern.exec(read(file))?.[1])).toBeGreaterThan(longestSeconds);
  });
});
