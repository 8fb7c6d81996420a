import { inspect } from 'node:util';
import { runInNewContext } from 'node:vm';
import {
  createInviteService,
  type Logger,
  MatrixError,
  StorageUnavailableError,
} from 'express-matrix-invite';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { describe, expect, it } from 'vitest';
import { ALICE, BOB, ROOM, seedRoom } from '../http/support.ts';
import { around } from './support.ts';

const SECRET = 'secret-reason-and-token';

/** Invites Bob with this store failure, and returns what loggers that print every field would print. */
async function loggedAfter(failure: unknown) {
  const lines: { level: string; err: unknown; text: string }[] = [];
  const at = (level: string) => (details: object) => {
    const text = inspect(details, { depth: 30, showHidden: true });
    lines.push({ level, err: 'err' in details ? details.err : undefined, text });
  };
  const logger: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  const store = new MemoryStorage();
  await seedRoom(store);
  const storage = around(store, { appendEvent: () => Promise.reject(failure) });
  const service = createInviteService({ serverName: 'example.org', storage, rateLimit: false, logger });
  await service.invite({ requester: { userId: ALICE }, roomId: ROOM, userId: BOB }).catch(() => {});
  return { lines, text: lines.map(({ text }) => text).join('\n'), err: lines[0]?.err };
}

const failWith = (fields: object, message = 'failed', prototype: object = Error.prototype) =>
  Object.setPrototypeOf(Object.assign(new Error(message), fields), prototype);

/** Errors of HTTP clients have such a prototype: it shows the request. */
const withFormat: object = Object.create(Error.prototype, {
  toJSON: { value: () => ({ body: SECRET }) },
  [inspect.custom]: { value: () => SECRET },
});

function failureOf(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable(new Error(SECRET), {});
  revoke();
  return proxy;
}

describe('the err of a log line', () => {
  it.each<[name: string, failure: unknown, kept: object]>([
    [
      'PostgreSQL',
      failWith(
        {
          code: '23502',
          severity: 'ERROR',
          table: 'members',
          constraint: 'known',
          detail: `Failing row contains (${SECRET})`,
          where: `unnamed portal with parameters: $1 = '${SECRET}'`,
          internalQuery: SECRET,
          hint: SECRET,
        },
        'null value',
      ),
      { message: 'null value', code: '23502', table: 'members', constraint: 'known' },
    ],
    [
      "PostgreSQL's messages that quote a value",
      failWith(
        { code: '22P02', severity: 'ERROR' },
        `invalid input syntax for type integer: "${SECRET} "x" \n"`,
      ),
      { message: 'invalid input syntax for type integer: …', code: '22P02' },
    ],
    [
      "MariaDB's messages that quote a value",
      failWith(
        { code: 'ER_TRUNCATED_WRONG_VALUE_FOR_FIELD', errno: 1366, sqlState: '22007', sql: SECRET },
        `Incorrect string value: '${SECRET}' \n' for column 'reason' at row 1`,
      ),
      { message: "Incorrect string value: … for column 'reason' at row 1", errno: 1366 },
    ],
    [
      'Knex, which puts the statement and its values before the message',
      failWith({ code: '23505' }, `insert into "t" ("reason") values ('${SECRET} - \n') - duplicate key`),
      { message: 'duplicate key', code: '23505' },
    ],
    [
      'Drizzle, which puts the values after the statement',
      new Error(`Failed query: insert into "t" values ($1)\nparams: \nparams: ${SECRET}`, {
        cause: failWith({ sqlState: '23000' }, "Duplicate entry '1' for key 'a'"),
      }),
      {
        message: 'Failed query: insert into "t" values ($1)',
        cause: { message: "Duplicate entry '1' for key 'a'" },
      },
    ],
    [
      'ioredis',
      failWith({ command: { name: 'evalsha', args: [SECRET] }, previousErrors: [new Error(SECRET)] }, 'OOM'),
      { message: 'OOM' },
    ],
    [
      'HTTP clients',
      failWith({
        code: 'ECONNRESET',
        config: { headers: { Authorization: SECRET }, data: SECRET },
        request: {},
      }),
      { code: 'ECONNRESET' },
    ],
    ['query builders', failWith({ sql: SECRET, parameters: [SECRET], query: SECRET }), { message: 'failed' }],
    [
      'a cause',
      new Error('outer', { cause: failWith({ detail: SECRET }, 'inner') }),
      { cause: { message: 'inner' } },
    ],
    [
      'a cause of a StorageUnavailableError',
      new StorageUnavailableError('down', { cause: failWith({ detail: SECRET }, 'inner') }),
      { message: 'down', code: 'ERR_STORAGE_UNAVAILABLE', cause: { message: 'inner' } },
    ],
    ['a cause that is no error', new Error('outer', { cause: { body: SECRET } }), { message: 'outer' }],
    [
      'several errors',
      new AggregateError([failWith({ detail: SECRET }, 'one'), new Error('two')], 'both'),
      { message: 'both', errors: [{ message: 'one' }, { message: 'two' }] },
    ],
    [
      'validators, whose errors are no errors',
      failWith({ name: 'ValidationError', errors: { reason: { path: 'reason', value: SECRET } } }),
      { name: 'ValidationError', message: 'failed' },
    ],
    ['validators, whose errors are messages', failWith({ errors: [`"${SECRET}" is no reason`] }), {}],
    ['fields whose names are symbols', failWith({ [Symbol('request')]: { body: SECRET } }), {}],
    ['an error with its own format', failWith({}, 'failed', withFormat), { message: 'failed' }],
    [
      'JSON.parse',
      failureOf(() => JSON.parse(`{"reason":${SECRET}`)),
      { name: 'SyntaxError', message: 'Unexpected token … is not valid JSON' },
    ],
    [
      'a message that repeats that of JSON.parse',
      new Error(`Bad row: ${String(failureOf(() => JSON.parse(`["${SECRET}",${SECRET}]`)))}`),
      { message: 'Bad row: SyntaxError: Unexpected token … is not valid JSON' },
    ],
    ['a message that is an object', failWith({ message: { reason: SECRET } }), { message: '' }],
    ['an allowed field that is an object', failWith({ code: { token: SECRET } }), { message: 'failed' }],
    ['an object', { token: SECRET }, {}],
    [
      'an error that cannot be read',
      new Proxy(new Error('x'), {
        ownKeys() {
          throw new Error(SECRET);
        },
      }),
      {},
    ],
  ])('has nothing of what was sent: %s', async (_, failure, kept) => {
    const { text, err } = await loggedAfter(failure);
    expect(err).toBeInstanceOf(Error);
    expect(err).toMatchObject(kept);
    expect(text).not.toContain(SECRET);
  });

  it('has the name and the stack of the error', async () => {
    class DriverError extends Error {
      detail = SECRET;
    }
    const failure = new DriverError('no');
    const { err } = await loggedAfter(failure);
    expect(err).toMatchObject({ name: 'DriverError', message: 'no', stack: failure.stack });
  });

  it('is the error itself if it has nothing else', async () => {
    const failure = new Error('a bug', { cause: failWith({ code: 'ENOSPC', syscall: 'write' }) });
    expect((await loggedAfter(failure)).err).toBe(failure);
  });

  it.each(['Error', 'AggregateError'])(
    'is the error itself if another realm has made it: %s',
    async (name) => {
      const failure = runInNewContext(`Object.assign(
      ${name === 'Error' ? "new Error('no')" : "new AggregateError([new Error('inner')], 'no')"},
      { code: 'ECONNREFUSED' },
    )`);
      expect((await loggedAfter(failure)).err).toBe(failure);
    },
  );

  it.each([
    ['a revoked Proxy', revoked()],
    [
      'a getter that throws',
      Object.defineProperty(new Error(SECRET), 'code', {
        get() {
          throw new Error(SECRET);
        },
      }),
    ],
  ])('says that what was thrown cannot be read: %s', async (_, failure) => {
    const { lines, text } = await loggedAfter(failure);
    const message = 'A host function threw an error whose fields cannot be read';
    expect(lines).toMatchObject([{ level: 'error', err: { name: 'TypeError', message } }]);
    expect(text).not.toContain(SECRET);
    const { lines: ofCause } = await loggedAfter(new Error('outer', { cause: failure }));
    expect(ofCause).toMatchObject([{ err: { message: 'outer' } }]);
  });

  it('ends with a circle of causes', async () => {
    const failure: Error = failWith({ detail: SECRET });
    failure.cause = new Error('in between', { cause: failure });
    expect((await loggedAfter(failure)).text).not.toContain(SECRET);
  });

  it('is also that of a refusal by the store', async () => {
    const store = new MemoryStorage();
    await seedRoom(store);
    const error = new MatrixError(403, 'M_FORBIDDEN', 'no', {
      cause: failWith({ code: '23514', detail: SECRET }),
    });
    const storage = around(store, { appendEvent: async () => ({ outcome: 'refused', error }) });
    const lines: object[] = [];
    const logger = { debug() {}, info: (details: object) => void lines.push(details), warn() {}, error() {} };
    const service = createInviteService({ serverName: 'example.org', storage, rateLimit: false, logger });
    await service.invite({ requester: { userId: ALICE }, roomId: ROOM, userId: BOB }).catch(() => {});
    expect(lines).toMatchObject([
      { status: 403, err: { code: '23514' }, problems: ['The store refused the event'] },
    ]);
    expect(inspect(lines, { depth: 30 })).not.toContain(SECRET);
  });
});
