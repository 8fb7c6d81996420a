import { createServer } from 'node:http';
import { type Request, type Response, Router } from 'express';
import { expect, it } from 'vitest';
import {
  expectInvited,
  INVITE_PATH,
  listening,
  PREFIX,
  portOf,
  seedRoom,
  sendTo,
  setUp,
} from '../http/support.ts';

it('on node:http, other requests reach the listener unchanged', async () => {
  const { router, store } = setUp();
  await seedRoom(store);
  const matrix = Router().use(PREFIX, router);
  const server = await listening(((request: Request, response: Response) => {
    matrix(request, response, () => response.end(`${request.method} ${request.url}`));
  }) as never);
  expectInvited(await sendTo(portOf(server)));
  const path = `${PREFIX}/rooms/%21a%2525/state?a=%2525`;
  expect((await sendTo(portOf(server), { method: 'PUT', path })).text).toBe(`PUT ${path}`);
});

it('on node:http, the router needs no Express router if the listener removes the prefix', async () => {
  const { router, store } = setUp();
  await seedRoom(store);
  const server = createServer((request, response) => {
    request.url = request.url?.replace(PREFIX, '');
    router(request, response, () => response.writeHead(404).end());
  });
  expectInvited(
    await sendTo(portOf(await listening(server.listeners('request')[0] as never)), { path: INVITE_PATH }),
  );
});
