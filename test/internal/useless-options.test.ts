import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { DatabaseSync } from '@photostructure/sqlite';
import express from 'express';
import { Client } from 'pg';
import supertest from 'supertest';
import { describe, expect, it, onTestFinished } from 'vitest';
import { appServices } from '../../adapters/auth/app-services/index.ts';
import { jwt } from '../../adapters/auth/jwt/index.ts';
import { oauthIntrospection } from '../../adapters/auth/oauth-introspection/index.ts';
import { staticTokens } from '../../adapters/auth/static-tokens.ts';
import { adminsOnly } from '../../adapters/policies/admins-only.ts';
import { blockedRooms } from '../../adapters/policies/blocked-rooms.ts';
import { contentRules } from '../../adapters/policies/content-rules/index.ts';
import { httpAntispam } from '../../adapters/policies/http-antispam/index.ts';
import { pendingInviteQuota } from '../../adapters/policies/pending-invite-quota.ts';
import { protectedUsers } from '../../adapters/policies/protected-users.ts';
import { MemoryRateLimit } from '../../adapters/rate-limit/memory.ts';
import { MemoryStorage } from '../../adapters/storage/memory.ts';
import { PostgresStorage } from '../../adapters/storage/postgres/index.ts';
import { type SqliteDatabase, SqliteStorage } from '../../adapters/storage/sqlite/index.ts';
import { transactionalStorage } from '../../adapters/storage/transactional/index.ts';
import {
  createInviteCheckRouter,
  createInviteRouter,
  createInviteService,
  matrixErrorHandler,
  type RequestOutcome,
} from '../../src/index.ts';
import { authRequest, deadlineContext } from '../../src/testing/index.ts';
import { options as jwtOptions, signerOf, tokenOf } from '../adapters/auth/jwt-support.ts';
import {
  ALICE,
  AS_ALICE,
  BOB,
  expectInvited,
  invite,
  PREFIX,
  portOf,
  ROOM,
  seedRoom,
  tokens as tokensOfUsers,
} from '../http/support.ts';

const required = { serverName: 'example.org', storage: new MemoryStorage(), rateLimit: false } as const;
const tokens = { issuer: 'https://a.example', audience: 'a', userId: () => '@alice:example.org' };
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' });
const anObject = 'options must be an object, not a list, a Map or a promise';
const decide = () => undefined;

/** Values that would be accepted and then never matter, if only their type were checked. */
const useless: readonly (readonly [what: string, make: () => unknown, message: string])[] = [
  ['a Map of options', () => contentRules(new Map([['links', 'refuse']]) as never), anObject],
  ['an empty list of options', () => contentRules([] as never), anObject],
  ['options that are not awaited', () => matrixErrorHandler(Promise.resolve({}) as never), anObject],
  ['a Map of limits', () => new MemoryRateLimit(new Map() as never), 'Rate limits: must be an object with'],
  [
    'limits that are not awaited',
    () => new MemoryRateLimit(Promise.resolve({}) as never),
    'must be an object',
  ],
  ['a Map of users', () => createInviteService({ ...required, users: new Map() as never }), 'option "users"'],
  ['a list of users', () => createInviteService({ ...required, users: [] as never }), 'option "users"'],
  [
    'users that are not awaited',
    () => createInviteService({ ...required, users: Promise.resolve({}) as never }),
    'option "users" must be an object of functions',
  ],
  [
    'an instance with none of the functions of users',
    () => createInviteService({ ...required, users: new MemoryStorage() as never }),
    'option "users" must be an object of functions',
  ],
  [
    'a policy without a name',
    () => createInviteService({ ...required, policies: [{ name: '', decide }] }),
    'option "policies" must be an array of policies',
  ],
  ['a pattern of rooms', () => blockedRooms({ rooms: ['!*:evil.example'] }), 'must only contain IDs'],
  ['a room ID with a newline', () => blockedRooms({ rooms: ['!abc\n'] }), 'must only contain IDs'],
  ['a pattern of users', () => protectedUsers({ users: ['@bot_*:example.org'] }), 'must only contain IDs'],
  ['a token with a newline', () => staticTokens({ 'token\n': '@a:example.org' }), 'without white space'],
  [
    'an as_token with a newline',
    () =>
      appServices({
        serverName: 'example.org',
        registrations: [
          { id: 'a', url: null, as_token: 'a\n', hs_token: 'b', sender_localpart: 'a', namespaces: {} },
        ],
      }),
    'without white space',
  ],
  [
    'a JWKS with keys of other algorithms',
    () => jwt({ ...tokens, algorithms: ['ES256', 'EdDSA'], keys: { keys: [rsa] } }),
    'jwt: option "keys" must be a JWKS with a key that can verify ES256 or EdDSA',
  ],
  [
    'a JWKS with a key for encryption',
    () => jwt({ ...tokens, algorithms: ['RS256'], keys: { keys: [{ ...rsa, use: 'enc' }] } }),
    'must be a JWKS with a key that can verify RS256',
  ],
  [
    'a JWKS with a key of another algorithm',
    () => jwt({ ...tokens, algorithms: ['RS256'], keys: { keys: [{ ...rsa, alg: 'RS512' }] } }),
    'must be a JWKS with a key that can verify RS256',
  ],
  [
    'a JWKS with a key that is none',
    () => jwt({ ...tokens, algorithms: ['RS256'], keys: { keys: [{ kty: 'RSA' }] } }),
    'must be a JWKS with a key that can verify RS256',
  ],
  [
    'a Client of pg',
    () => new PostgresStorage(new Client() as never),
    'the first argument must be a pg Pool',
  ],
];

describe('is a TypeError at startup:', () => {
  it.each(useless)('%s', (_what, make, message) => {
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
  });
});

describe('is accepted:', () => {
  it('a JWKS in which one key fits', () => {
    const keys = [{ ...rsa, use: 'enc' }, { kty: 'unknown' }, { ...rsa, alg: 'RS256', key_ops: ['verify'] }];
    expect(() => jwt({ ...tokens, algorithms: ['RS256'], keys: { keys } })).not.toThrow();
  });

  it('a connection to SQLite that returns integers as BigInt', async () => {
    const storage = new SqliteStorage(new DatabaseSync(':memory:', { readBigInts: true }));
    await storage.migrate();
    await seedRoom(storage);
    expect((await storage.timeline(ROOM))?.events[0]?.origin_server_ts).toBeTypeOf('number');
  });

  it('an object of users without functions, and an instance of a class with one', () => {
    class Users {
      async exists() {
        return true;
      }
    }
    for (const users of [{}, { exists: undefined }, new Users()]) {
      expect(() => createInviteService({ ...required, users })).not.toThrow();
    }
  });
});

describe('a driver of another kind is a TypeError at the first use:', () => {
  const typeError = (message: string) => ({ name: 'TypeError', message });

  it.each([
    ['whose connect resolves to nothing', async () => undefined],
    ['whose clients cannot be released', async () => ({ query: async () => ({ rows: [] }), end() {} })],
  ])('a pool %s', async (_what, connect) => {
    const storage = new PostgresStorage({ connect } as never);
    await expect(storage.migrate()).rejects.toMatchObject(
      typeError('PostgresStorage: connect of the pool must resolve to a client with query and release'),
    );
  });

  it.each([
    // sqlite3: `get` returns the statement, and passes the row to a callback.
    ['passes rows to callbacks', { get: (): object => ({}), all() {}, run() {} }],
    ['returns promises', { get: () => Promise.reject(new Error('late')), all() {}, run() {} }],
    ['prepares asynchronously', Promise.resolve({ get: () => ({ one: 1 }) })],
  ])('a connection to SQLite that %s', async (_what, statement) => {
    await expectUseless({ exec() {}, prepare: () => statement });
  });

  it('a connection to SQLite that returns rows as lists', async () => {
    await expectUseless(new DatabaseSync(':memory:', { returnArrays: true }));
  });

  async function expectUseless(database: object): Promise<void> {
    await expect(new SqliteStorage(database as SqliteDatabase).migrate()).rejects.toMatchObject({
      cause: typeError('SqliteStorage: the connection must return each row at once, as an object'),
    });
  }
});

describe('functions keep the object that they came from as `this`:', () => {
  const request = {
    requester: { userId: '@alice:example.org' },
    userId: '@bob:example.org',
    roomId: '!cats:example.org',
    reason: 'Hello',
    state: { roomId: '!cats:example.org', keys: [], events: [], revision: undefined },
  };

  /** A host app's class. Its private field can only be read with the right `this`. */
  class Host {
    #isOpen = true;

    is() {
      return this.#isOpen;
    }
    count() {
      return this.#isOpen ? 0 : 1;
    }
    id() {
      return this.#isOpen ? '@alice:example.org' : undefined;
    }
  }
  const optionsOf = (given: object): never => {
    class Options extends Host {}
    for (const [name, method] of Object.entries(given)) {
      Object.defineProperty(Options.prototype, name, { value: method });
    }
    return new Options() as never;
  };
  const { is, count, id } = Host.prototype;

  it.each([
    ['adminsOnly', adminsOnly(optionsOf({ isAdmin: is })), undefined],
    ['blockedRooms', blockedRooms(optionsOf({ rooms: is })), { errcode: 'M_FORBIDDEN' }],
    ['protectedUsers', protectedUsers(optionsOf({ users: is, allow: is })), undefined],
    ['pendingInviteQuota', pendingInviteQuota(optionsOf({ max: 1, countPending: count })), undefined],
    ['contentRules', contentRules(optionsOf({ isUnwelcome: is })), { errcode: 'M_FORBIDDEN' }],
    [
      'httpAntispam',
      httpAntispam(optionsOf({ baseUrl: 'http://127.0.0.1:1', onFailure: 'allow', onError: is })),
      undefined,
    ],
  ])('%s', async (_name, policy, decision) => {
    const decided = await policy.decide(request, deadlineContext());
    if (decision === undefined) expect(decided).toBeUndefined();
    else expect(decided).toMatchObject(decision);
  });

  it('appServices', async () => {
    const auth = appServices(
      optionsOf({
        serverName: 'example.org',
        registrations: [
          {
            id: 'irc',
            url: null,
            as_token: 'as',
            hs_token: 'hs',
            sender_localpart: 'irc',
            namespaces: { users: [{ regex: '@irc_.*', exclusive: true }] },
          },
        ],
        userExists: is,
        deviceExists: is,
      }),
    );
    const asserted = { assertedUserId: '@irc_a:example.org', assertedDeviceId: 'D' };
    const result = await auth.authenticate({ ...authRequest('as'), ...asserted }, deadlineContext());
    expect(result).toMatchObject({ requester: { userId: '@irc_a:example.org', deviceId: 'D' } });
  });

  it('transactionalStorage', async () => {
    const storage = transactionalStorage(
      optionsOf({
        transact(this: Host, _roomId: string, work: (tx: boolean) => unknown) {
          return work(this.is());
        },
        async readState(this: Host) {
          return this.is() ? undefined : [];
        },
        insert: is,
      }),
    );
    expect(await storage.readState('!cats:example.org', [], deadlineContext())).toBeUndefined();
  });

  it('createInviteRouter', async () => {
    const storage = new MemoryStorage();
    await seedRoom(storage);
    const seen: unknown[] = [];
    const router = createInviteRouter(
      optionsOf({
        ...required,
        storage,
        auth: tokensOfUsers,
        requestId: id,
        beforeAppend(this: Host) {
          seen.push('beforeAppend', this.is());
        },
        onOutcome(this: Host, { requestId }: RequestOutcome) {
          seen.push('onOutcome', this.is(), requestId);
        },
        onInvite(this: Host) {
          seen.push('onInvite', this.is());
        },
      }),
    );
    expectInvited(await invite(express().use(PREFIX, router)));
    await router.close();
    expect(seen).toEqual(['beforeAppend', true, 'onOutcome', true, ALICE, 'onInvite', true]);
  });

  it('createInviteCheckRouter', async () => {
    const storage = new MemoryStorage();
    await seedRoom(storage);
    const options = optionsOf({ ...required, storage, auth: tokensOfUsers, explainTo: is });
    const response = await supertest(express().use(createInviteCheckRouter(options)))
      .get(`/rooms/${encodeURIComponent(ROOM)}/invite/check?invitee=${encodeURIComponent(BOB)}`)
      .set(AS_ALICE);
    expect(response.body).toMatchObject({ allowed: true, explanation: expect.anything() });
  });

  it('jwt', async () => {
    const signer = signerOf('EdDSA');
    const auth = jwt(optionsOf({ ...jwtOptions, keys: signer.check, algorithms: ['EdDSA'], userId: id }));
    const token = await tokenOf(signer);
    expect(await auth.authenticate(authRequest(token), deadlineContext())).toEqual({
      requester: { userId: ALICE },
    });
  });

  it('oauthIntrospection', async () => {
    const provider = createServer((_request, response) => {
      response.setHeader('content-type', 'application/json');
      const claims = { active: true, token_type: 'Bearer', scope: 'urn:matrix:client:api:*', sub: 'alice' };
      response.end(JSON.stringify(claims));
    }).listen(0, '127.0.0.1');
    onTestFinished(() => void provider.close());
    await once(provider, 'listening');
    const auth = oauthIntrospection(
      optionsOf({
        introspectionEndpoint: `http://127.0.0.1:${portOf(provider)}/`,
        allowInsecureHttp: true,
        clientId: 'a',
        clientSecret: 'b',
        userId: id,
      }),
    );
    expect(await auth.authenticate(authRequest('token'), deadlineContext())).toMatchObject({
      requester: { userId: ALICE },
    });
  });
});
