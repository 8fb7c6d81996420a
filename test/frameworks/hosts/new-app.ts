import express from 'express';
import { inject } from 'vitest';
import type { HostName } from './host.ts';

type NewApp = () => express.Express;

/** Each loads its framework only where it is asked for. */
const hosts: Record<HostName, () => Promise<NewApp>> = {
  express: async () => express,
  fastify: async () => asExpress(await import('./fastify.ts')),
  'fastify hook': async () => asExpress(await import('./fastify-hook.ts')),
  nest: async () => asExpress(await import('./nest.ts')),
  koa: async () => asExpress(await import('./koa.ts')),
  'node:http': async () => asExpress(await import('./node-http.ts')),
};

/** What tests want of an app beyond `use` and its being a listener, they want of Express alone. */
function asExpress({ newHost }: { newHost(): unknown }): NewApp {
  return newHost as NewApp;
}

/** Makes an empty app of the framework with which this project of the tests runs. */
export const newApp: NewApp = await hosts[inject('host') ?? 'express']();
