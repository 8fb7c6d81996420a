import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { Example, inBash, newDatabasePath, takenPort } from './example.ts';
import { Host, type User } from './host.ts';

const INVITED = { status: 200, body: {} };

/** Starts the app with the users alice, who owns the room `books`, bob and carol. */
async function setUp(environment?: Readonly<Record<string, string>>) {
  const host = await Host.start(environment);
  const [alice, bob, carol] = await Promise.all(['alice', 'bob', 'carol'].map((name) => host.register(name)));
  if (!alice || !bob || !carol) throw new Error('a user is missing');
  await host.done('/rooms/books', { method: 'PUT', cookie: alice.cookie });
  return { host, alice, bob, carol };
}

const withToken = ({ accessToken }: User) => ({ accessToken });
const withCookie = ({ cookie }: User) => ({ cookie });

it('invites by token and by cookie, and the app sees it', async () => {
  const { host, alice, bob, carol } = await setUp();
  expect(await host.invite(withToken(alice), 'bob', 'read with us')).toEqual(INVITED);
  expect(await host.invite(withCookie(alice), 'carol')).toEqual(INVITED);
  expect(await host.statuses(alice)).toEqual({ alice: 'joined', bob: 'invited', carol: 'invited' });
  for (const { cookie } of [bob, carol]) {
    await expect
      .poll(() => host.done('/notifications', { cookie }))
      .toEqual([{ text: 'alice invited you to books' }]);
  }
  expect(await host.invite(withToken(alice), 'bob')).toEqual(INVITED);
  expect(await host.done('/notifications', { cookie: bob.cookie })).toHaveLength(1);
});

it('rejects invalid logins', async () => {
  const { host, alice } = await setUp();
  const missing = { status: 401, body: { errcode: 'M_MISSING_TOKEN' } };
  expect(await host.invite({}, 'bob')).toMatchObject(missing);
  expect(await host.invite({ accessToken: `${alice.accessToken}x` }, 'bob')).toMatchObject({
    status: 401,
    body: { errcode: 'M_UNKNOWN_TOKEN' },
  });
  const [name, expiry, signature] = alice.cookie.replace('session=', '').split('.');
  const forged = Buffer.from('bob').toString('base64url');
  for (const cookie of [
    `session=${forged}.${expiry}.${signature}`,
    `session=${name}.${Number(expiry) + 1}.${signature}`,
    `session=${name}.${expiry}.${signature?.slice(1)}`,
    `session=${name}.${expiry}.`,
  ]) {
    expect(await host.invite({ cookie }, 'bob')).toMatchObject(missing);
  }
  expect(await host.statuses(alice)).toEqual({ alice: 'joined' });
});

it('accepts the cookie only from its own origin', async () => {
  const { host, alice } = await setUp();
  for (const origin of ['https://evil.example', 'null', host.example.url.replace('http', 'https')]) {
    expect(await host.invite({ ...withCookie(alice), origin }, 'bob')).toMatchObject({
      status: 401,
      body: { errcode: 'M_MISSING_TOKEN' },
    });
  }
  expect(await host.statuses(alice)).toEqual({ alice: 'joined' });
  expect(await host.invite({ ...withCookie(alice), origin: host.example.url }, 'bob')).toEqual(INVITED);
  // A token may come from any origin, because browsers do not add it on their own.
  expect(await host.invite({ ...withToken(alice), origin: 'https://evil.example' }, 'carol')).toEqual(
    INVITED,
  );
});

it("leaves the app's own routes and error pages alone", async () => {
  const { host, alice } = await setUp();
  expect(await host.done('/_matrix/client/versions')).toEqual({ versions: ['v1.11'] });
  const broken = { body: '{"name":', method: 'POST' };
  for (const [path, status, page] of [
    ['/login', 400, '<h1>Something went wrong</h1>'],
    ['/somewhere', 400, '<h1>Something went wrong</h1>'],
  ] as const) {
    const response = await host.send(path, broken);
    expect([response.status, await response.text()]).toEqual([status, page]);
  }
  const nowhere = await host.send('/somewhere');
  expect([nowhere.status, await nowhere.text()]).toEqual([404, '<h1>Page not found</h1>']);
  const noEndpoint = await host.send('/_matrix/client/v3/sync');
  expect([noEndpoint.status, await noEndpoint.json()]).toMatchObject([404, { errcode: 'M_UNRECOGNIZED' }]);
  const noLogin = await host.send('/rooms/books/join', { body: {} });
  expect([noLogin.status, await noLogin.text()]).toEqual([401, '<h1>Log in first</h1>']);

  const matrix = await host.send('/_matrix/client/v3/rooms/%21books:example.org/invite', {
    ...broken,
    ...withToken(alice),
  });
  expect([matrix.status, await matrix.json()]).toEqual([
    400,
    { errcode: 'M_NOT_JSON', error: 'The body is not JSON' },
  ]);
  expect(matrix.headers.get('access-control-allow-origin')).toBe('*');
  expect(host.example.stderr).toBe('');
});

it("decides by the roles and bans of the app's own routes", async () => {
  const { host, alice, bob } = await setUp();
  const put = (by: User, path: string, body: unknown = {}) =>
    host.send(`/rooms/books/${path}`, { method: 'PUT', cookie: by.cookie, body });
  const forbidden = { status: 403, body: { errcode: 'M_FORBIDDEN' } };

  expect(await host.invite(withToken(bob), 'carol')).toMatchObject(forbidden);
  await host.invite(withToken(alice), 'bob');
  await host.done('/rooms/books/join', { cookie: bob.cookie, body: {} });
  expect((await put(bob, 'invite-role', { role: 'member' })).status).toBe(403);
  expect((await put(alice, 'invite-role', { role: 'moderator' })).status).toBe(200);
  expect(await host.invite(withToken(bob), 'carol')).toMatchObject(forbidden);

  expect((await put(bob, 'roles/bob', { role: 'moderator' })).status).toBe(403);
  expect((await put(alice, 'roles/bob', { role: 'moderator' })).status).toBe(200);
  expect(await host.invite(withToken(bob), 'carol')).toEqual(INVITED);

  expect((await put(bob, 'bans/carol')).status).toBe(200);
  expect(await host.invite(withToken(bob), 'carol')).toMatchObject(forbidden);
  expect(await host.invite(withToken(alice), 'carol')).toMatchObject(forbidden);
  expect((await put(bob, 'bans/alice')).status).toBe(403);
  expect((await put(bob, 'bans/nobody')).status).toBe(404);

  expect((await put(alice, 'bans/bob')).status).toBe(200);
  await host.register('dave');
  expect(await host.invite(withToken(bob), 'dave')).toMatchObject(forbidden);
  expect(await host.statuses(alice)).toEqual({ alice: 'joined', bob: 'banned', carol: 'banned' });
});

it('refuses users and rooms that the app does not know', async () => {
  const { host, alice } = await setUp();
  expect(await host.invite(withToken(alice), 'nobody')).toEqual({
    status: 403,
    body: { errcode: 'M_FORBIDDEN', error: 'No such user exists on this server' },
  });
  const response = await host.send('/_matrix/client/v3/rooms/%21films:example.org/invite', {
    ...withToken(alice),
    body: { user_id: '@bob:example.org' },
  });
  expect(response.status).toBe(403);
  expect(await host.statuses(alice)).toEqual({ alice: 'joined' });
});

it('stores 50 parallel invites, and one of 50 of the same user', async () => {
  const { host, alice, bob } = await setUp();
  const names = Array.from({ length: 50 }, (_, index) => `reader${index}`);
  await Promise.all(names.map((name) => host.register(name)));
  const ofMany = await Promise.all(names.map((name) => host.invite(withToken(alice), name)));
  expect(ofMany).toEqual(names.map(() => INVITED));
  const ofBob = await Promise.all(names.map(() => host.invite(withCookie(alice), 'bob')));
  expect(ofBob).toEqual(names.map(() => INVITED));
  expect(Object.values(await host.statuses(alice)).filter((status) => status === 'invited')).toHaveLength(51);
  await expect.poll(() => host.done('/notifications', { cookie: bob.cookie })).toHaveLength(1);
});

it('never lets somebody invite whose ban was acknowledged before', async () => {
  const { host, alice, bob } = await setUp();
  await host.invite(withToken(alice), 'bob');
  await host.done('/rooms/books/join', { cookie: bob.cookie, body: {} });
  const names = Array.from({ length: 20 }, (_, index) => `reader${index}`);
  await Promise.all(names.map((name) => host.register(name)));
  const early = names.slice(0, 10).map((name) => host.invite(withToken(bob), name));
  const banned = host.done('/rooms/books/bans/bob', { method: 'PUT', cookie: alice.cookie, body: {} });
  const late = banned.then(() =>
    Promise.all(names.slice(10).map((name) => host.invite(withToken(bob), name))),
  );
  expect((await late).map(({ status }) => status)).toEqual(names.slice(10).map(() => 403));
  const invited = (await Promise.all(early)).filter(({ status }) => status === 200).length;
  const statuses = Object.values(await host.statuses(alice));
  expect(statuses.filter((status) => status === 'invited')).toHaveLength(invited);
});

it('keeps everything when it is killed, and sessions where the secret is given', async () => {
  const environment = { DATABASE: await newDatabasePath(), SESSION_SECRET: 'a secret of this test' };
  const { host, alice } = await setUp(environment);
  await Promise.all([host.invite(withToken(alice), 'bob'), host.invite(withToken(alice), 'carol')]);
  expect(await host.example.stop('SIGKILL')).toBe('SIGKILL');

  const again = await Host.start(environment);
  expect(await again.statuses(alice)).toEqual({ alice: 'joined', bob: 'invited', carol: 'invited' });
  expect(await again.example.stop('SIGTERM')).toBe(0);
  expect(again.example.stderr).toBe('');
});

it('responds to the commands of its README', async () => {
  const readme = await readFile(
    new URL('../../examples/mount-in-existing-app/README.md', import.meta.url),
    'utf8',
  );
  const [start = '', ...commands] = /```sh\n([\s\S]*?)```/.exec(readme)?.[1]?.split('\n') ?? [];
  expect(start).toContain('node --import tsx examples/mount-in-existing-app/main.ts');
  const host = await Host.start();
  const printed = await inBash(commands.join('\n').replaceAll('http://127.0.0.1:3000', host.example.url));
  const [bob = '', ...others] = printed.trimEnd().split('\n');
  expect(others.slice(1)).toEqual(['{}', '{}', '{}']);
  const { accessToken } = JSON.parse(bob) as { accessToken: string };
  expect(await host.invite({ accessToken }, 'alice')).toMatchObject({ status: 403 });
  const login = await host.send('/login', { body: { name: 'bob', password: 'bob-password' } });
  const cookie = login.headers.getSetCookie()[0] ?? '';
  await expect
    .poll(() => host.done('/notifications', { cookie }))
    .toEqual([{ text: 'alice invited you to books' }]);
});

it('prints one line when its port is in use', async () => {
  const PORT = String(await takenPort());
  const example = new Example('mount-in-existing-app', { DATABASE: await newDatabasePath(), PORT });
  expect(await example.ended).toBe(1);
  expect(example.stderr).toBe(`listen EADDRINUSE: address already in use 127.0.0.1:${PORT}\n`);
});
