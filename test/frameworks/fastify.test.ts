import type { Server } from 'node:http';
import fastifyExpress from '@fastify/express';
import { type Request, type Response, Router } from 'express';
import type { InviteRouter } from 'express-matrix-invite';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import {
  AS_ALICE,
  BOB,
  expectInvited,
  INVITE_PATH,
  PREFIX,
  portOf,
  seedRoom,
  sendTo,
  setUp,
} from '../http/support.ts';

let app: FastifyInstance | undefined;
afterEach(() => app?.close());

type Mount = (router: InviteRouter) => Promise<FastifyInstance>;

function hookOf(router: InviteRouter) {
  const matrix = Router().use(PREFIX, router);
  return (request: FastifyRequest, reply: FastifyReply, next: () => void): void => {
    matrix(request.raw as Request, reply.raw as Response, next);
  };
}

const byHook: Mount = async (router) => {
  const host = fastify();
  host.addHook('onRequest', hookOf(router));
  return host;
};
const byPlugin: Mount = async (router) => {
  const host = fastify();
  await host.register(fastifyExpress);
  host.use(PREFIX, router);
  return host;
};

/** Starts a Fastify server with the router; `extend` adds to it. */
async function listeningHost(mount: Mount, extend: (host: FastifyInstance) => void = () => {}) {
  const { router, store } = setUp();
  await seedRoom(store);
  app = await mount(router);
  extend(app);
  await app.listen({ port: 0, host: '127.0.0.1' });
  return { app, port: portOf(app.server as Server) };
}

const json = { ...AS_ALICE, 'content-type': 'application/json' };

describe.each([
  ['a hook', byHook],
  ['@fastify/express', byPlugin],
])('in Fastify, through %s', (_name, mount) => {
  it('the router leaves the body to the host app’s own routes, including those below the prefix', async () => {
    const { port } = await listeningHost(mount, (host) => {
      host.post('/echo', async ({ body }) => ({ body }));
      host.put<{ Params: object }>(`${PREFIX}/rooms/:id/state`, async ({ params, body }) => ({
        params,
        body,
      }));
    });
    const body = { a: 'é' };
    expect((await sendTo(port, { path: '/echo', headers: json, body })).body).toEqual({ body });
    const path = `${PREFIX}/rooms/%21a%2Fb/state`;
    expect((await sendTo(port, { method: 'PUT', path, headers: json, body })).body).toEqual({
      params: { id: '!a/b' },
      body,
    });
    expectInvited(await sendTo(port, { headers: json }));
  });

  it('the router reads the body itself, even one that Fastify would reject', async () => {
    const { port } = await listeningHost(mount, (host) => {
      host.removeAllContentTypeParsers();
    });
    expectInvited(await sendTo(port, { headers: { ...AS_ALICE, 'content-type': 'text/html' } }));
  });

  it('the router is seen by onResponse hooks, and runs before later onRequest hooks', async () => {
    const seen: unknown[] = [];
    const { port } = await listeningHost(mount, (host) => {
      host.addHook('onRequest', async ({ method }) => {
        seen.push(method);
      });
      host.addHook('onResponse', async (_request, reply) => {
        seen.push(reply.statusCode);
      });
    });
    expectInvited(await sendTo(port));
    await expect.poll(() => seen).toContain(200);
    expect((await sendTo(port, { path: '/none' })).status).toBe(404);
    await expect.poll(() => seen).toEqual([200, 'POST', 404]);
  });

  it('the router does not receive a path that cannot be decoded, without `frameworkErrors`', async () => {
    const { port } = await listeningHost(mount);
    const response = await sendTo(port, { path: `${PREFIX}/rooms/%zz/invite` });
    expect([response.status, response.body]).toMatchObject([400, { code: 'FST_ERR_BAD_URL' }]);
  });
});

it('in Fastify, through a hook, the router responds to injected requests without a port', async () => {
  const { app } = await listeningHost(byHook);
  const response = await app.inject({
    method: 'POST',
    url: INVITE_PATH,
    headers: AS_ALICE,
    payload: { user_id: BOB },
  });
  expect([response.statusCode, response.json()]).toEqual([200, {}]);
});

it('in Fastify, through a hook, the router keeps the raw headers of earlier hooks, but not those of replies', async () => {
  const { router, store } = setUp();
  await seedRoom(store);
  app = fastify();
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('x-reply', '1');
    reply.raw.setHeader('x-raw', '1');
  });
  app.addHook('onRequest', hookOf(router));
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { headers } = await sendTo(portOf(app.server as Server));
  expect(headers).toHaveProperty('x-raw');
  expect(headers).not.toHaveProperty('x-reply');
});

it('in Fastify, through a hook in an encapsulated plugin, the router is not called', async () => {
  const { router } = setUp();
  const { port } = await listeningHost(
    async () => fastify(),
    (host) => {
      host.register((plugin, _options, done) => {
        plugin.addHook('onRequest', hookOf(router));
        done();
      });
    },
  );
  expect((await sendTo(port)).status).toBe(404);
});

it('in Fastify, through @fastify/express, the router does not receive a query that cannot be decoded', async () => {
  const { port } = await listeningHost(byPlugin);
  expect((await sendTo(port, { path: `${INVITE_PATH}?%zz` })).status).toBe(500);
});
