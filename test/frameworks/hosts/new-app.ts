import express from 'express';
import { inject } from 'vitest';
import type { HostName } from './host.ts';

type NewApp = () => express.Express;

/** Loads a framework only if it is used. */
const hosts: Record<HostName, () => Promise<NewApp>> = {
  express: async () => express,
  fastify: async () => asExpress(await import('./fastify.ts')),
  'fastify hook': async () => asExpress(await import('./fastify-hook.ts')),
  nest: async () => asExpress(await import('./nest.ts')),
  koa: async () => asExpress(await import('./koa.ts')),
  'node:http': async () => asExpress(await import('./node-http.ts')),
  // The listener is the same. `test/http/support.ts` chooses the server.
  'node:http2': async () => asExpress(await import('./node-http.ts')),
};

/** The tests of other frameworks use an app only as a listener and through `use`. */
function asExpress({ newHost }: { newHost(): unknown }): NewApp {
  return newHost as NewApp;
}

/** Creates an empty app of the framework that this test project runs with. */
export const newApp: NewApp = await hosts[inject('host') ?? 'express']();
