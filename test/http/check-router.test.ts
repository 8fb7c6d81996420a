import type express from 'express';
import { createInviteCheckRouter, type InviteCheckRouterOptions } from 'express-matrix-invite';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { describe, expect, it } from 'vitest';
import { newApp } from '../frameworks/hosts/new-app.ts';
import {
  ALICE,
  agentOf,
  BOB,
  CAROL,
  CORS_HEADERS,
  limits,
  MALLORY,
  ROOM,
  seedRoom,
  tokens,
} from './support.ts';

const PATH = `/admin/rooms/${encodeURIComponent(ROOM)}/invite/check`;

async function appWith(options: Partial<InviteCheckRouterOptions> = {}) {
  const storage = new MemoryStorage();
  await seedRoom(storage, { members: { [MALLORY]: 'ban' } });
  const router = createInviteCheckRouter({
    serverName: 'example.org',
    storage,
    rateLimit: false,
    auth: tokens,
    ...options,
  });
  const app = newApp().use('/admin', router);
  return { app, router, storage };
}

async function check(
  app: express.Express,
  {
    token = 'alice-token',
    invitee = BOB,
    path = PATH,
  }: { token?: string; invitee?: string; path?: string } = {},
) {
  const response = await agentOf(app).get(path).query({ invitee }).set('Authorization', `Bearer ${token}`);
  return [response.status, response.body];
}

describe('the check router', () => {
  it('reports that an invite would be allowed, without sending it', async () => {
    const { app, storage } = await appWith();
    expect(await check(app)).toEqual([200, { allowed: true }]);
    expect(await storage.timeline(ROOM).then((page) => page?.events)).toHaveLength(3);
  });

  it('reports the response that the invite endpoint would send', async () => {
    const { app } = await appWith();
    expect(await check(app, { invitee: MALLORY })).toEqual([
      200,
      {
        allowed: false,
        status: 403,
        errcode: 'M_FORBIDDEN',
        error: 'The user is banned from the room',
        'org.matrix.msc3848.unstable.errcode': 'EXPRESS_MATRIX_INVITE.BANNED',
      },
    ]);
  });

  it('hides a drop from callers, and explains it to admins', async () => {
    const { app } = await appWith({
      policies: [{ name: 'spam', decide: ({ userId }) => (userId === CAROL ? 'drop' : undefined) }],
      explainTo: ({ userId }) => userId === ALICE,
    });
    expect(await check(app, { invitee: CAROL })).toEqual([
      200,
      { allowed: true, explanation: { by: 'policy', policy: 'spam', isDrop: true } },
    ]);
    expect(await check(app, { token: 'mallory-token', invitee: CAROL })).toEqual([
      200,
      expect.not.objectContaining({ explanation: expect.anything() }),
    ]);
  });

  it.each([[1], ['yes'], [{}], [undefined]])('explains nothing if explainTo returns %j', async (value) => {
    const { app } = await appWith({ explainTo: () => value as never });
    expect(await check(app)).toEqual([200, { allowed: true }]);
  });

  it('does not wait beyond the deadline for an explainTo that hangs', async () => {
    const { app } = await appWith({ explainTo: () => new Promise(() => {}), deadlineMs: 50 });
    expect(await check(app)).toEqual([503, expect.anything()]);
  });

  it('fails closed if explainTo fails', async () => {
    const { app } = await appWith({ explainTo: () => Promise.reject(new Error('fault')) });
    expect(await check(app)).toMatchObject([500, { errcode: 'M_UNKNOWN' }]);
  });

  it('requires authentication, and counts as an attempt', async () => {
    const { app } = await appWith({ rateLimit: limits(5, 2) });
    expect(await check(app, { token: 'nobody' })).toMatchObject([401, { errcode: 'M_UNKNOWN_TOKEN' }]);
    expect((await agentOf(app).get(PATH)).status).toBe(401);
    expect((await check(app))[0]).toBe(200);
    expect((await check(app))[0]).toBe(200);
    expect(await check(app)).toMatchObject([429, { errcode: 'M_LIMIT_EXCEEDED' }]);
  });

  it.each([
    ['no invitee', '', 400, 'M_MISSING_PARAM'],
    ['an empty invitee', '?invitee=', 400, 'M_INVALID_PARAM'],
    ['an invitee that is not a user ID', '?invitee=bob', 400, 'M_INVALID_PARAM'],
    ['two invitees', '?invitee=@a:b.c&invitee=@d:e.f', 400, 'M_INVALID_PARAM'],
  ])('rejects a request with %s', async (_case, query, status, errcode) => {
    const { app } = await appWith();
    const response = await agentOf(app).get(`${PATH}${query}`).set('Authorization', 'Bearer alice-token');
    expect([response.status, response.body.errcode]).toEqual([status, errcode]);
  });

  it('rejects a path without a valid room ID', async () => {
    const { app } = await appWith();
    expect(await check(app, { path: '/admin/rooms/room/invite/check' })).toMatchObject([
      400,
      { errcode: 'M_INVALID_PARAM' },
    ]);
    expect(await check(app, { path: '/admin/rooms/%zz/invite/check' })).toMatchObject([
      400,
      { errcode: 'M_INVALID_PARAM' },
    ]);
  });

  it('serves only GET, HEAD and OPTIONS, with the headers of every response', async () => {
    const { app } = await appWith();
    const posted = await agentOf(app).post(PATH).send({ user_id: BOB });
    expect([posted.status, posted.headers.allow, posted.body.errcode]).toEqual([
      405,
      'OPTIONS, GET',
      'M_UNRECOGNIZED',
    ]);
    const head = await agentOf(app)
      .head(PATH)
      .query({ invitee: BOB })
      .set('Authorization', 'Bearer alice-token');
    expect([head.status, head.headers['content-type'], head.text]).toEqual([
      200,
      'application/json',
      undefined,
    ]);
    const preflight = await agentOf(app).options(PATH);
    expect([preflight.status, preflight.headers]).toMatchObject([204, CORS_HEADERS]);
    expect((await agentOf(app).get('/admin/rooms/x/invite')).status).toBe(404);
  });

  it('responds 503 once it is closed', async () => {
    const { app, router } = await appWith();
    await router.close();
    expect(await check(app)).toMatchObject([503, { errcode: 'M_UNKNOWN' }]);
  });
});
