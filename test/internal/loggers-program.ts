// Prints what a logger prints for a line of the package: `LOGGER as-is` or `LOGGER wrapped`.
import { format, inspect } from 'node:util';
import { Logger as NestLogger } from '@nestjs/common';
import { createConsola } from 'consola';
import express from 'express';
import { createInviteRouter, type Logger, printable } from 'express-matrix-invite';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import Fastify from 'fastify';
import log4js from 'log4js';
import loglevel from 'loglevel';
import { pino } from 'pino';
import supertest from 'supertest';
import { Logger as TsLog } from 'tslog';
import winston from 'winston';

log4js.configure({
  appenders: { out: { type: 'stdout', layout: { type: 'basic' } } },
  categories: { default: { appenders: ['out'], level: 'info' } },
});

const nest = new NestLogger('invites');

const loggers: Readonly<Record<string, object>> = {
  pino: pino(),
  fastify: Fastify({ logger: true }).log,
  console,
  loglevel,
  log4js: log4js.getLogger(),
  consola: createConsola({ level: 4 }),
  tslog: new TsLog({ stylePrettyLogs: false }),
  'tslog json': new TsLog({ type: 'json' }),
  winston: winston.createLogger({ transports: [new winston.transports.Console()] }),
  nest,
};

function messageFirst(log: Record<keyof Logger, (line: string) => unknown>): Logger {
  const at = (level: keyof Logger) => (details: object, message: string) => {
    log[level](`${message} ${printable(inspect(details))}`);
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

const [, , name = '', how] = process.argv;
const log = name === 'nest' && how === 'wrapped' ? Object.assign(nest, { info: nest.log }) : loggers[name];
const logger = how === 'wrapped' ? messageFirst(log as Parameters<typeof messageFirst>[0]) : log;
try {
  const storage = new MemoryStorage();
  storage.readState = () => Promise.reject(new Error('boom', { cause: new Error('inner') }));
  const router = createInviteRouter({
    serverName: 'example.org',
    storage,
    rateLimit: false,
    auth: { authenticate: async () => ({ requester: { userId: '@alice:example.org' } }) },
    logger: logger as Logger,
  });
  await supertest(express().use(router))
    .post('/rooms/%21cats%1b%5b2J:example.org/invite')
    .set('Authorization', 'Bearer secret-token')
    .send({ user_id: '@bob:example.org', reason: 'secret-reason' });
} catch (error) {
  console.log(format(error));
}
