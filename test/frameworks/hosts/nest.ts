import 'reflect-metadata';
import type { RequestListener } from 'node:http';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { type Host, lazyHost } from './host.ts';

class AppModule {}
Module({})(AppModule);

export function newHost(): Host {
  const middleware: unknown[][] = [];
  return lazyHost(
    (...args) => middleware.push(args),
    async () => {
      const app = await NestFactory.create<NestExpressApplication>(AppModule, { logger: false });
      for (const args of middleware) app.use(...args);
      await app.init();
      return app.getHttpAdapter().getInstance() as unknown as RequestListener;
    },
  );
}
