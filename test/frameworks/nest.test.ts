import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import { Body, Controller, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { afterEach, describe, expect, it } from 'vitest';
import { AS_ALICE, expectInvited, expectRefusal, PREFIX, seedRoom, sendTo, setUp } from '../http/support.ts';

class EchoController {
  echo(body: unknown): unknown {
    return { body };
  }
}
Controller('echo')(EchoController);
Body()(EchoController.prototype, 'echo', 0);
Post()(
  EchoController.prototype,
  'echo',
  Object.getOwnPropertyDescriptor(EchoController.prototype, 'echo') ?? {},
);

class AppModule {}
Module({ controllers: [EchoController] })(AppModule);

let app: NestExpressApplication | undefined;
afterEach(() => app?.close());

/** Starts a Nest app; `prepare` receives it and the router before it starts. */
async function listeningHost(
  options: { readonly bodyParser?: boolean },
  prepare: (host: NestExpressApplication, router: ReturnType<typeof setUp>['router']) => unknown,
) {
  const { router, store } = setUp();
  await seedRoom(store);
  app = await NestFactory.create<NestExpressApplication>(AppModule, { logger: false, ...options });
  await prepare(app, router);
  const server = await app.listen(0, '127.0.0.1');
  return { port: (server.address() as AddressInfo).port };
}

const json = { ...AS_ALICE, 'content-type': 'application/json' };

describe('in Nest', () => {
  it.each([true, false])('the router reads the body itself, with bodyParser: %s', async (bodyParser) => {
    const { port } = await listeningHost({ bodyParser }, (host, router) => host.use(PREFIX, router));
    expectRefusal(await sendTo(port, { headers: json, body: '{' }), 400, 'M_NOT_JSON');
    expectInvited(await sendTo(port, { headers: json }));
    const echoed = await sendTo(port, { path: '/echo', headers: json, body: { a: 1 } });
    expect(echoed.body).toEqual(bodyParser ? { body: { a: 1 } } : {});
  });

  it('the router uses the body of a Nest parser in front of it, which rejects broken JSON itself', async () => {
    const { port } = await listeningHost({}, (host, router) => {
      host.useBodyParser('json');
      host.use(PREFIX, router);
    });
    expectInvited(await sendTo(port, { headers: json }));
    const broken = await sendTo(port, { headers: json, body: '{' });
    expect([broken.status, broken.body]).toMatchObject([400, { statusCode: 400, error: 'Bad Request' }]);
  });

  it('the router is not affected by a global prefix or by guards', async () => {
    const { port } = await listeningHost({}, (host, router) => {
      host.setGlobalPrefix('api');
      host.useGlobalGuards({ canActivate: () => false });
      host.use(PREFIX, router);
    });
    expectInvited(await sendTo(port));
    expect((await sendTo(port, { path: '/api/echo' })).status).toBe(403);
  });

  it('the router is not reached if it is mounted after `init`', async () => {
    const { port } = await listeningHost({}, async (host, router) => {
      await host.init();
      host.use(PREFIX, router);
    });
    expect((await sendTo(port)).status).toBe(404);
  });
});
