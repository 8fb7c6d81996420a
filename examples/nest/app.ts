import 'reflect-metadata';
import type { Server } from 'node:http';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { InviteRouter, RoomStore } from 'express-matrix-invite';
import { ROOM_STORE, RoomsController } from './rooms-controller.ts';

class AppModule {}

/** Creates a Nest app with the invite router in front of its controllers. */
export async function createApp(
  invites: InviteRouter,
  store: RoomStore,
): Promise<NestExpressApplication<Server>> {
  const app = await NestFactory.create<NestExpressApplication<Server>>(
    {
      module: AppModule,
      controllers: [RoomsController],
      providers: [{ provide: ROOM_STORE, useValue: store }],
    },
    { logger: ['error', 'warn'] },
  );
  // Before `listen`, which adds Nest's body parsers, its routes and its 404 handler.
  app.use('/_matrix/client/v3', invites);
  return app;
}
