import { type InviteRouterOptions, MatrixError } from 'express-matrix-invite';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { describe, expect, it } from 'vitest';
import { BOB, invite, invitesOf, seedRoom, setUp } from '../http/support.ts';
import { around, recordedLogger } from './support.ts';

const circle: Record<string, unknown> = {};
circle.again = circle;

const refusing = (fields: object): Partial<InviteRouterOptions> => ({
  policies: [{ name: 'p', decide: () => ({ message: 'no', fields: fields as never }) }],
});
const storeSays = (error: MatrixError): Partial<InviteRouterOptions> => ({
  storage: around(new MemoryStorage(), { readState: () => Promise.reject(error) }),
});

/** What counts as a `MatrixError` by its code, as a host's own class or a copy from another process does. */
const byCodeAlone = (fields: object) =>
  Object.assign(new Error('x'), { code: 'ERR_MATRIX', status: 403, errcode: 'M_X', ...fields }) as never;

describe('an answer that cannot be written', () => {
  it.each<[string, Partial<InviteRouterOptions>]>([
    ['a bigint in the fields of a refusal', refusing({ quota: 10n })],
    ['a circle in the fields of a refusal', refusing(circle)],
    ['an error of a status that is none', storeSays(new MatrixError(0, 'M_UNKNOWN', 'x'))],
    ['an error of a status that is no error', storeSays(new MatrixError(200, 'M_UNKNOWN', 'x'))],
    ['an error without an errcode', storeSays(new MatrixError(403, '', 'x'))],
    ['an error without toJSON', storeSays(byCodeAlone({}))],
    ['a toJSON that gives a bigint', storeSays(byCodeAlone({ toJSON: () => ({ a: 1n }) }))],
    ['a wait that is a bigint', storeSays(byCodeAlone({ retryAfterMs: 5n, toJSON: () => ({}) }))],
  ])('is a 500 that is logged: %s', async (_case, options) => {
    const logger = recordedLogger();
    const { app, store } = setUp({ logger, ...options });
    await seedRoom(store);
    const response = await invite(app);
    expect(response.status).toBe(500);
    expect(logger.lines.map(({ level }) => level)).toEqual(['error']);
    expect(await invitesOf(store, BOB)).toBe(0);
  });
});

it('is the host’s where not even a 500 can be sent, and ends no process', async () => {
  const { app } = setUp({}, (host) =>
    host.use((_request, response, next) => {
      // A wrapper of the host's that fails, as compression's or a session's may.
      response.end = () => {
        throw new Error('cannot end');
      };
      next();
    }),
  );
  const failed = new Promise((resolve) => {
    app.use((error: unknown, _request: unknown, response: { destroy(): void }, _next: unknown) => {
      resolve(error);
      response.destroy();
    });
  });
  await invite(app).catch(() => {});
  expect(await failed).toMatchObject({ message: 'cannot end' });
});

describe('a logger that throws', () => {
  it('keeps no answer back', async () => {
    const fail = () => {
      throw new Error('the log is full');
    };
    const logger = { debug: fail, info: fail, warn: fail, error: fail };
    const { app } = setUp({ logger, auth: { authenticate: () => Promise.reject(new Error('down')) } });
    expect((await invite(app)).status).toBe(503);
  });
});
