import {
  createInviteCheckRouter,
  createInviteRouter,
  createInviteService,
  type InviteCheckRouterOptions,
  type InviteRouterOptions,
  type InviteServiceOptions,
  type MatrixErrorHandlerOptions,
  matrixErrorHandler,
  type RemoteInvites,
  type ThirdPartyOptions,
} from 'express-matrix-invite';
import { MemoryRateLimit } from 'express-matrix-invite/rate-limit/memory';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { describe, expect, it } from 'vitest';
import type { OptionChecks } from '../../src/internal/options.ts';
import { inviteServiceOptionChecks } from '../../src/invite/config.ts';
import { inviteRouterOptionChecks } from '../../src/router-options.ts';
import { ALICE, invite, memberOf, seedRoom, setUp, tokens } from '../http/support.ts';

const logger = { debug() {}, info() {}, warn() {}, error() {} };
const session = { authenticate: async () => undefined, allowedOrigins: ['https://chat.example.org'] };

const required = { serverName: 'example.org', storage: new MemoryStorage(), rateLimit: false } as const;

const thirdParty: Required<ThirdPartyOptions> = {
  identity: {
    objectionTo: () => undefined,
    lookUp: async () => undefined,
    storeInvite: async () => 'inUse',
    isKeyValid: async () => true,
  },
  pending: new MemoryStorage(),
  secret: 'a secret of at least thirty-two bytes',
  policiesApplyToAddresses: false,
};

const federation: RemoteInvites = {
  timeoutMs: 20_000,
  stateKeys: () => [],
  concerns: () => false,
  objectionTo: () => undefined,
  invite: async () => ({ outcome: 'stale' }),
  abandon: async () => {},
};

/** Every option, with a valid value. */
const serviceOptions: Required<InviteServiceOptions> = {
  ...required,
  rateLimit: new MemoryRateLimit(),
  policies: [{ name: 'none', stateKeys: [], decide: () => undefined }],
  users: { exists: async () => true },
  beforeAppend: () => undefined,
  onInvite() {},
  thirdParty,
  federation,
  onAddressInvite() {},
  reasonCodes: false,
  logger,
  deadlineMs: 5_000,
};
const routerOptions: Required<InviteRouterOptions> = {
  ...serviceOptions,
  auth: tokens,
  session,
  queryToken: false,
  cors: false,
  bodyLimitBytes: 1,
  bodyTimeoutMs: 2_147_483_647,
  requestId: () => 'id',
  onOutcome() {},
};
const checkRouterOptions: Required<InviteCheckRouterOptions> = { ...routerOptions, explainTo: () => true };
const handlerOptions: Required<MatrixErrorHandlerOptions> = { cors: true, logger };

/** The functions that take options, without the types that would reject invalid ones. */
const factories = {
  createInviteService: (options: unknown) => createInviteService(options as InviteServiceOptions),
  createInviteRouter: (options: unknown) => createInviteRouter(options as InviteRouterOptions),
  createInviteCheckRouter: (options: unknown) => createInviteCheckRouter(options as InviteCheckRouterOptions),
  matrixErrorHandler: (options: unknown) => matrixErrorHandler(options as MatrixErrorHandlerOptions),
};
type FactoryName = keyof typeof factories;
const complete: Record<FactoryName, Record<string, unknown>> = {
  createInviteService: serviceOptions,
  createInviteRouter: routerOptions,
  createInviteCheckRouter: checkRouterOptions,
  matrixErrorHandler: handlerOptions,
};
const factoryNames = Object.keys(factories) as FactoryName[];

describe.each(factoryNames)('the options of %s', (factory) => {
  const create = (changes: object) => factories[factory]({ ...complete[factory], ...changes });

  it('are all accepted', () => {
    expect(() => create({})).not.toThrow();
  });

  it.each(['storages', 'Storage', '__proto__x', 'constructor', 'toString'])(
    'are rejected with the unknown name %s, in a message that lists the allowed names',
    (name) => {
      const error = thrown(() => create({ [name]: 1 }));
      expect(error).toBeInstanceOf(TypeError);
      expect(error.message).toContain(`${factory}: unknown option "${name}"`);
      const allowed = error.message.split('allowed: ')[1]?.split(', ');
      expect(new Set(allowed)).toEqual(new Set(Object.keys(complete[factory])));
    },
  );

  it.each([null, 'example.org', 7])('are rejected if they are %j', (options) => {
    expect(() => factories[factory](options)).toThrow(TypeError);
  });
});

describe('a missing option', () => {
  it.each(['serverName', 'storage', 'rateLimit'])('%s is named in the message', (name) => {
    for (const factory of ['createInviteService', 'createInviteRouter', 'createInviteCheckRouter'] as const) {
      const { [name]: _omitted, ...others } = complete[factory];
      const message = `${factory}: option "${name}" is required`;
      expect(thrown(() => factories[factory](others)).message).toContain(message);
      expect(thrown(() => factories[factory]({ ...others, [name]: undefined })).message).toContain(message);
    }
  });

  it('auth is required unless there is a session', () => {
    expect(thrown(() => createInviteRouter({ ...required }))).toMatchObject({
      name: 'TypeError',
      message: 'createInviteRouter: option "auth" or "session" is required',
    });
    expect(() => createInviteRouter({ ...required, session })).not.toThrow();
    expect(() => createInviteRouter({ ...required, auth: tokens })).not.toThrow();
  });
});

describe('an option that is undefined', () => {
  it('counts as omitted', async () => {
    const optional = Object.keys(complete.createInviteRouter).filter(
      (name) => !Object.hasOwn({ ...required, auth: 1 }, name),
    );
    const { app, store } = setUp(Object.fromEntries(optional.map((name) => [name, undefined])));
    await seedRoom(store);
    expect((await invite(app)).status).toBe(200);
    expect(() => matrixErrorHandler({ cors: undefined, logger: undefined })).not.toThrow();
  });
});

describe('an invalid option', () => {
  const decide = () => undefined;
  const invalid: [name: string, values: unknown[], expected: string][] = [
    ['serverName', ['', [], ['a', ''], ['a', 1], 'https://example.org', 'a b', null, 1], 'a server name'],
    ['storage', [{}, null, 'x', { readState() {} }, { appendEvent() {} }], 'readState and appendEvent'],
    ['rateLimit', [true, null, {}, { consume() {} }, { refund() {} }], 'consume and refund'],
    [
      'policies',
      [
        {},
        decide,
        [decide],
        [{ decide }],
        [{ name: 'a' }],
        [null],
        [{ name: 'a', decide, stateKeys: 'm.a' }],
        [{ name: 'a', decide, stateKeys: [{ type: 'm.a', stateKey: '' }] }],
      ],
      'an array of policies',
    ],
    [
      'users',
      [
        null,
        () => true,
        { exists: true },
        { getProfile: {} },
        { getAccountData: 1 },
        { exist: async () => true },
      ],
      'exists',
    ],
    ['beforeAppend', [{}, null, 'log'], 'a function'],
    ['onInvite', [{}, null, 'log'], 'a function'],
    ['thirdParty', [null, [], true, 'x'], 'an object with identity, pending and secret'],
    [
      'federation',
      [
        null,
        true,
        {},
        { ...federation, abandon: undefined },
        ...[0, 1.5, 120_001, undefined].map((timeoutMs) => ({ ...federation, timeoutMs })),
        { ...federation, unfinished: [] },
      ],
      'stateKeys, concerns, objectionTo, invite and abandon',
    ],
    ['onAddressInvite', [{}, null, 'log'], 'a function'],
    ['reasonCodes', [1, null, 'true'], 'a boolean'],
    ['logger', [null, {}, () => {}, { debug() {}, info() {}, warn() {} }], 'debug, info, warn and error'],
    ['deadlineMs', [0, -1, 1.5, '5000', Number.NaN, Infinity, 2_147_483_648, 5n], 'milliseconds'],
    ['auth', [null, {}, () => {}, { authenticate: 'x' }], 'authenticate'],
    [
      'session',
      [
        { authenticate() {} },
        { allowedOrigins: [] },
        ...['https://a.org/', 'https://a.org/path', 'a.org', '*', 7].map((origin) => ({
          ...session,
          allowedOrigins: [origin],
        })),
        { ...session, allowedOrigins: 'https://a.org' },
      ],
      'https://chat.example.org',
    ],
    ['queryToken', ['false', 0, null], 'a boolean'],
    ['cors', ['*', 0, null, { origin: '*' }], 'a boolean'],
    ['bodyLimitBytes', [0, '1mb', -1, 2.5], 'bytes'],
    ['bodyTimeoutMs', [0, '10s', Infinity], 'milliseconds'],
    ['requestId', [{}, null, 'id'], 'a function'],
    ['onOutcome', [{}, null], 'a function'],
    ['explainTo', [true, null, '@admin:example.org'], 'a function'],
  ];

  it.each(invalid)('%s is rejected, in a message that says what it must be', (name, values, expected) => {
    for (const factory of factoryNames.filter((candidate) => Object.hasOwn(complete[candidate], name))) {
      for (const value of values) {
        const error = thrown(() => factories[factory]({ ...complete[factory], [name]: value }));
        expect(error).toBeInstanceOf(TypeError);
        expect(error.message).toContain(`${factory}: option "${name}" must be`);
        expect(error.message).toContain(expected);
      }
    }
  });

  it('is tested for every name', () => {
    expect(new Set(invalid.map(([name]) => name))).toEqual(new Set(Object.keys(checkRouterOptions)));
  });
});

describe('serverName', () => {
  it('can be an array: users of each name are local', async () => {
    const { app, store } = setUp({ serverName: ['example.org', 'example.net:8448'] });
    await seedRoom(store);
    expect((await invite(app, { body: { user_id: '@bob:example.net:8448' } })).status).toBe(200);
    expect((await invite(app, { body: { user_id: '@bob:example.net' } })).status).toBe(403);
    expect(await memberOf(store, '@bob:example.net:8448')).toMatchObject({ sender: ALICE });
  });
});

describe('the tables of option checks', () => {
  it('have exactly one check for each option of the types', () => {
    // The compiler compares the tables with the types: a missing or an extra option is an error.
    inviteServiceOptionChecks satisfies OptionChecks<InviteServiceOptions>;
    inviteRouterOptionChecks satisfies OptionChecks<InviteRouterOptions>;
    const { deadlineMs: _omitted, ...incomplete } = inviteServiceOptionChecks;
    // @ts-expect-error a check is missing
    incomplete satisfies OptionChecks<InviteServiceOptions>;
    expect(new Set(Object.keys(inviteServiceOptionChecks))).toEqual(new Set(Object.keys(serviceOptions)));
    expect(new Set(Object.keys(inviteRouterOptionChecks))).toEqual(new Set(Object.keys(routerOptions)));
  });
});

function thrown(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  return expect.fail('nothing was thrown');
}
