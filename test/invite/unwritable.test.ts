import { type InviteRouterOptions, MatrixError } from 'express-matrix-invite';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { describe, expect, it } from 'vitest';
import { BOB, invite, invitesOf, seedRoom, setUp } from '../http/support.ts';
import { around, recordedLogger } from './support.ts';

const circular: Record<string, unknown> = {};
circular.again = circular;

const policyRefusing = (fields: object): Partial<InviteRouterOptions> => ({
  policies: [{ name: 'p', decide: () => ({ message: 'no', fields: fields as never }) }],
});
const storeRejecting = (error: MatrixError): Partial<InviteRouterOptions> => ({
  storage: around(new MemoryStorage(), { readState: () => Promise.reject(error) }),
});

/** An error that counts as a `MatrixError` by its code alone, such as one from another copy of the package. */
const byCodeAlone = (fields: object) =>
  Object.assign(new Error('x'), { code: 'ERR_MATRIX', status: 403, errcode: 'M_X', ...fields }) as never;

describe('a response that cannot be written', () => {
  it.each<[string, Partial<InviteRouterOptions>]>([
    ['a bigint in a field of a refusal', policyRefusing({ quota: 10n })],
    ['a circular field of a refusal', policyRefusing(circular)],
    ['an error with an invalid status', storeRejecting(new MatrixError(0, 'M_UNKNOWN', 'x'))],
    ['an error with a success status', storeRejecting(new MatrixError(200, 'M_UNKNOWN', 'x'))],
    ['an error without an errcode', storeRejecting(new MatrixError(403, '', 'x'))],
    ['an error without toJSON', storeRejecting(byCodeAlone({}))],
    ['a toJSON that returns a bigint', storeRejecting(byCodeAlone({ toJSON: () => ({ a: 1n }) }))],
    [
      'a retryAfterMs that is a bigint',
      storeRejecting(byCodeAlone({ retryAfterMs: 5n, toJSON: () => ({}) })),
    ],
  ])('becomes a 500 and is logged: %s', async (_case, options) => {
    const logger = recordedLogger();
    const { app, store } = setUp({ logger, ...options });
    await seedRoom(store);
    const response = await invite(app);
    expect(response.status).toBe(500);
    expect(logger.lines.map(({ level }) => level)).toEqual(['error']);
    expect(await invitesOf(store, BOB)).toBe(0);
  });
});

it('an error that prevents even a 500 goes to the host app and does not end the process', async () => {
  const { app } = setUp({}, (host) =>
    host.use((_request, response, next) => {
      // A wrapper of the host app that fails, as one of compression or session middleware can.
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
  it('does not prevent the response', async () => {
    const fail = () => {
      throw new Error('the log is full');
    };
    const logger = { debug: fail, info: fail, warn: fail, error: fail };
    const { app } = setUp({ logger, auth: { authenticate: () => Promise.reject(new Error('down')) } });
    expect((await invite(app)).status).toBe(503);
  });
});
