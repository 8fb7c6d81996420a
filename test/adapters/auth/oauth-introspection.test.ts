import { inspect } from 'node:util';
import {
  type OAuthIntrospectionOptions,
  type OAuthRequester,
  oauthIntrospection,
} from 'express-matrix-invite/auth/oauth-introspection';
import { afterAll, afterEach, beforeAll, describe, expect, expectTypeOf, it, vi } from 'vitest';
import type { AuthAdapter, AuthResult, Requester } from '../../../src/ports/auth.ts';
import { abortedContext, authContract, authRequest, deadlineContext } from '../../../src/testing/index.ts';
import {
  API,
  DEVICE,
  GUEST_API,
  OidcProvider,
  RESOURCE_SERVER,
  UNSTABLE_API,
  UNSTABLE_DEVICE,
  UNSTABLE_GUEST_API,
} from '../../support/oidc-provider.ts';
import { testContract } from '../../testing/support.ts';

const UNKNOWN = { failure: 'unknown' };
const ALICE = { requester: { userId: '@alice:example.org', isGuest: false } };

let provider: OidcProvider;

beforeAll(async () => {
  provider = await OidcProvider.start();
});
afterAll(() => provider?.close());
afterEach(() => {
  vi.useRealTimers();
  provider.release();
});

const userId: OAuthIntrospectionOptions['userId'] = ({ sub }) => sub && `@${sub}:example.org`;

function options(more: Partial<OAuthIntrospectionOptions> = {}) {
  const base = {
    issuer: provider.issuer,
    ...RESOURCE_SERVER,
    allowInsecureHttp: true,
    timeoutMs: 30_000,
    userId,
  };
  return { ...base, ...more } as OAuthIntrospectionOptions & { requester?: undefined };
}

const adapter = (more?: Partial<OAuthIntrospectionOptions>) => oauthIntrospection(options(more));

const ask = <R extends Requester>(auth: AuthAdapter<R>, token: string, context = deadlineContext()) =>
  auth.authenticate(authRequest(token), context);

/** Advances the clocks of the adapter and the provider, but not timers. */
function pass(ms: number): void {
  if (!vi.isFakeTimers()) vi.useFakeTimers({ toFake: ['Date', 'performance'], now: Date.now() });
  vi.advanceTimersByTime(ms);
}

/** Returns the number of introspection requests that the provider got while `work` ran. */
async function requestsDuring(work: () => Promise<unknown>): Promise<number> {
  const before = provider.introspections;
  await work();
  return provider.introspections - before;
}

testContract('oauthIntrospection', authContract, async () => ({
  adapter: adapter(),
  known: [
    { accessToken: await provider.issue(), userId: '@alice:example.org' },
    { accessToken: await provider.issue({ account: 'bob' }), userId: '@bob:example.org' },
  ],
  makeRequest: authRequest,
  unreachable: async () => adapter({ issuer: undefined, introspectionEndpoint: await closedEndpoint() }),
}));

async function closedEndpoint(): Promise<string> {
  const gone = await OidcProvider.start();
  await gone.close();
  return gone.introspectionEndpoint;
}

describe('a token', () => {
  it('from a real login belongs to its user, until it is revoked', async () => {
    const auth = adapter({ cacheMs: 0 });
    const { access_token } = await provider.signIn({ account: 'alice', scope: `${API} ${DEVICE}` });
    const requester = { userId: '@alice:example.org', isGuest: false, deviceId: 'ABCDEFGHIJ' };
    expect(await ask(auth, access_token)).toEqual({ requester });
    await provider.revoke(access_token);
    expect(await ask(auth, access_token)).toEqual(UNKNOWN);
  });

  it('without a token_type, such as a refresh token, is rejected unless the host app accepts it', async () => {
    const { refresh_token } = await provider.signIn();
    await expect(ask(adapter(), refresh_token)).rejects.toThrow('no token_type');
    expect(await ask(adapter({ acceptUntypedTokens: true }), refresh_token)).toEqual(ALICE);
  });

  it('that is a JWT, which the provider does not introspect, is unknown', async () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const jwt = `${part({ alg: 'RS256' })}.${part({ sub: 'alice', scope: API })}.c2lnbmF0dXJl`;
    expect(await ask(adapter(), jwt)).toEqual(UNKNOWN);
  });

  it.each(['', ' ', 'a b', 'ü', '\0', 'x'.repeat(16_385)])(
    'such as %j is unknown without a request',
    async (token) => {
      expect(await requestsDuring(async () => expect(await ask(adapter(), token)).toEqual(UNKNOWN))).toBe(0);
    },
  );
});

describe('the scope', () => {
  const device = { deviceId: 'ABCDEFGHIJ' };
  const guest = { isGuest: true };

  it.each<[string, object]>([
    [API, {}],
    [UNSTABLE_API, {}],
    [`${API} ${DEVICE}`, device],
    [`${UNSTABLE_API} ${UNSTABLE_DEVICE}`, device],
    [`${UNSTABLE_DEVICE} ${API} ${DEVICE} ${UNSTABLE_API}`, device],
    [`openid ${DEVICE} ${UNSTABLE_API} offline_access`, device],
    [GUEST_API, guest],
    [`${UNSTABLE_GUEST_API} ${DEVICE}`, { ...guest, ...device }],
    [`${GUEST_API} ${API}`, {}],
  ])('%s grants access', async (scope, more) => {
    const token = await provider.issue({ scope });
    expect(await ask(adapter(), token)).toEqual({ requester: { ...ALICE.requester, ...more } });
  });

  it.each(['openid', 'profile-of-another-service', DEVICE, `openid ${UNSTABLE_DEVICE}`])(
    '%s is for something else: the token is unknown',
    async (scope) => {
      expect(await ask(adapter(), await provider.issue({ scope }))).toEqual(UNKNOWN);
    },
  );
});

describe('the cache', () => {
  it('keeps a response for cacheMs, even if the token is revoked', async () => {
    pass(0);
    const auth = adapter();
    const token = await provider.issue();
    await ask(auth, token);
    await provider.revoke(token);
    pass(29_999);
    expect(await requestsDuring(async () => expect(await ask(auth, token)).toEqual(ALICE))).toBe(0);
    pass(1);
    expect(await requestsDuring(async () => expect(await ask(auth, token)).toEqual(UNKNOWN))).toBe(1);
  });

  it('keeps no token beyond its expiry: it is then expired', async () => {
    pass(0);
    const auth = adapter({ cacheMs: 600_000 });
    const token = await provider.issue({ expiresInSeconds: 60 });
    expect(await ask(auth, token)).toEqual(ALICE);
    pass(58_000);
    expect(await ask(auth, token)).toEqual(ALICE);
    pass(2_000);
    expect(
      await requestsDuring(async () => expect(await ask(auth, token)).toEqual({ failure: 'expired' })),
    ).toBe(0);
    pass(540_000);
    expect(await ask(auth, token)).toEqual(UNKNOWN);
  });

  it('is used while the provider does not respond', async () => {
    const auth = adapter();
    const token = await provider.issue();
    await ask(auth, token);
    provider.hold();
    expect(await ask(auth, token)).toEqual(ALICE);
  });

  it('is off with cacheMs 0', async () => {
    const auth = adapter({ cacheMs: 0 });
    const token = await provider.issue();
    expect(await requestsDuring(async () => [await ask(auth, token), await ask(auth, token)])).toBe(2);
  });

  it('keeps inactive tokens for 5 s', async () => {
    pass(0);
    const auth = adapter();
    expect(await requestsDuring(async () => [await ask(auth, 'nobody'), await ask(auth, 'nobody')])).toBe(1);
    pass(4_999);
    expect(await requestsDuring(() => ask(auth, 'nobody'))).toBe(0);
    pass(1);
    expect(await requestsDuring(() => ask(auth, 'nobody'))).toBe(1);
  });

  it('keeps at most cacheEntries tokens, and evicts the oldest', async () => {
    const auth = adapter({ cacheEntries: 2 });
    const [one = '', two = '', three = ''] = await Promise.all([1, 2, 3].map(() => provider.issue()));
    for (const token of [one, two, three]) await ask(auth, token);
    expect(await requestsDuring(async () => [await ask(auth, two), await ask(auth, three)])).toBe(0);
    expect(await requestsDuring(() => ask(auth, one))).toBe(1);
  });

  it('evicts no active token for made-up ones', async () => {
    const auth = adapter({ cacheEntries: 2 });
    const token = await provider.issue();
    await ask(auth, token);
    for (const made of ['up1', 'up2', 'up3', 'up4']) await ask(auth, made);
    expect(await requestsDuring(() => ask(auth, token))).toBe(0);
  });

  it('sends one request for all concurrent callers with the same token', async () => {
    const auth = adapter({ cacheMs: 0 });
    const token = await provider.issue();
    await ask(auth, token);
    const results: AuthResult[] = [];
    const calls = await requestsDuring(async () => {
      results.push(...(await Promise.all(Array.from({ length: 50 }, () => ask(auth, token)))));
    });
    expect([calls, results]).toEqual([1, Array.from({ length: 50 }, () => ALICE)]);
  });
});

describe('the deadline of one caller', () => {
  it('does not affect the others', async () => {
    const auth = adapter();
    const token = await provider.issue();
    provider.hold();
    const impatient = new AbortController();
    const first = ask(auth, token, { signal: impatient.signal });
    const second = ask(auth, token);
    impatient.abort();
    await expect(first).rejects.toMatchObject({ code: 'ERR_OAUTH_PROVIDER' });
    provider.release();
    expect(await second).toEqual(ALICE);
  });

  it('that has already passed prevents a request', async () => {
    const auth = adapter();
    const token = await provider.issue();
    const late = () => expect(ask(auth, token, abortedContext())).rejects.toThrow('aborted');
    expect(await requestsDuring(late)).toBe(0);
  });
});

describe('the functions of the host app', () => {
  type Employee = OAuthRequester & { readonly team: string };
  const LOCKED: AuthResult<Employee> = { failure: 'locked' };

  it('may add fields, or return a failure, on each request', async () => {
    let isLocked = false;
    const auth: AuthAdapter<Employee> = oauthIntrospection({
      ...options(),
      requester: async (login, { client_id }) =>
        isLocked ? LOCKED : { requester: { ...login, team: `red of ${client_id}` } },
    });
    expectTypeOf(adapter()).not.toExtend<AuthAdapter<Employee>>();
    expectTypeOf(adapter()).toEqualTypeOf<AuthAdapter<OAuthRequester>>();
    const token = await provider.issue();
    expect(await ask(auth, token)).toEqual({ requester: { ...ALICE.requester, team: 'red of chat' } });
    isLocked = true;
    expect(await requestsDuring(async () => expect(await ask(auth, token)).toEqual(LOCKED))).toBe(0);
  });

  it('cannot change what is cached', async () => {
    const auth = adapter({
      userId(claims) {
        const { sub } = claims;
        Object.assign(claims, { sub: 'mallory' });
        return `@${sub}:example.org`;
      },
    });
    const token = await provider.issue();
    for (const _ of [1, 2]) expect(await ask(auth, token)).toEqual(ALICE);
  });

  it.each([undefined, null])('may return no user: %s', async (nobody) => {
    expect(await ask(adapter({ userId: async () => nobody }), await provider.issue())).toEqual(UNKNOWN);
  });

  it.each(['alice', '', 5, {}])('must not return %j as a user ID: 500', async (id) => {
    const auth = adapter({ userId: () => id as string });
    await expect(ask(auth, await provider.issue())).rejects.toMatchObject({
      code: 'ERR_MATRIX',
      status: 500,
      cause: new TypeError(
        'oauthIntrospection: option "userId" must return a full Matrix user ID, or undefined',
      ),
    });
  });

  it('make the adapter reject if they fail', async () => {
    const failure = new Error('the database is down');
    const auth = adapter({ userId: () => Promise.reject(failure) });
    await expect(ask(auth, await provider.issue())).rejects.toBe(failure);
  });
});

describe('the provider', () => {
  it('gets no request from the factory, and one discovery request', async () => {
    const before = provider.requests.length;
    const auth = adapter({ cacheMs: 0 });
    const token = await provider.issue();
    expect(provider.requests.length).toBe(before);
    await Promise.all([ask(auth, token), ask(auth, 'nobody'), ask(auth, token)]);
    await ask(auth, token);
    const discoveries = provider.requests.slice(before).filter((each) => each.startsWith('GET '));
    expect(discoveries).toEqual(['GET /.well-known/openid-configuration']);
  });

  it('accepts the secret by either method, with introspectionEndpoint', async () => {
    const { introspectionEndpoint } = provider;
    for (const clientAuthMethod of ['client_secret_basic', 'client_secret_post'] as const) {
      const auth = adapter({ issuer: undefined, introspectionEndpoint, clientAuthMethod });
      expect(await ask(auth, await provider.issue())).toEqual(ALICE);
    }
  });

  it('that rejects our own credentials makes no token unknown', async () => {
    const auth = adapter({ clientSecret: 'another secret' });
    await expect(ask(auth, await provider.issue())).rejects.toThrow(
      'the provider rejects our clientId and clientSecret (401)',
    );
  });

  it('is asked about maxConcurrent tokens at once, and others wait in a queue', async () => {
    const auth = adapter({
      issuer: undefined,
      introspectionEndpoint: provider.introspectionEndpoint,
      maxConcurrent: 2,
    });
    const tokens = await Promise.all(Array.from({ length: 9 }, () => provider.issue()));
    const before = provider.introspections;
    provider.hold();
    const results = Promise.all(tokens.map((token) => ask(auth, token)));
    await vi.waitFor(() => expect(provider.introspections - before).toBe(2), { timeout: 20_000 });
    provider.release();
    expect(await results).toEqual(tokens.map(() => ALICE));
    expect(provider.introspections - before).toBe(9);
  });
});

it('a log of the adapter shows neither tokens nor the secret', async () => {
  const auth = adapter();
  const token = await provider.issue();
  await ask(auth, token);
  const shown = inspect(auth, { showHidden: true, depth: Infinity, getters: true }) + JSON.stringify(auth);
  expect(shown).not.toContain(token);
  expect(shown).not.toContain(RESOURCE_SERVER.clientSecret);
});

describe('options', () => {
  const good = { issuer: 'https://account.example.org/', clientId: 'a', clientSecret: 'b', userId };
  const { issuer, ...noAddress } = good;
  const either = 'option "issuer" or "introspectionEndpoint" is required, not both';
  const https = 'must be an https: URL, unless "allowInsecureHttp" is true';
  const url =
    'option "issuer" must be an absolute URL as a string, without user name, password, query or fragment';

  it.each<[string, object, string]>([
    ['misspelled', { ...good, clientID: 'a' }, 'unknown option "clientID"; allowed: issuer, '],
    ['no address', noAddress, either],
    ['two addresses', { ...good, introspectionEndpoint: issuer }, either],
    ['no client', { ...good, clientId: undefined }, 'option "clientId" is required: a non-empty string'],
    ['an empty secret', { ...good, clientSecret: '' }, 'option "clientSecret" must be a non-empty string'],
    ['no userId', { ...good, userId: undefined }, 'option "userId" is required: a function'],
    ['an issuer over http', { ...good, issuer: 'http://account.example.org/' }, `option "issuer" ${https}`],
    [
      'an endpoint over http',
      { ...noAddress, introspectionEndpoint: 'http://localhost/' },
      `option "introspectionEndpoint" ${https}`,
    ],
    ['another protocol', { ...good, issuer: 'file:///etc/passwd', allowInsecureHttp: true }, url],
    ['a password in a URL', { ...good, issuer: 'https://a:b@account.example.org/' }, url],
    ['a path', { ...good, issuer: '/oauth' }, url],
    [
      'a negative cacheMs',
      { ...good, cacheMs: -1 },
      'option "cacheMs" must be an integer number of milliseconds, from 0 to 2147483647',
    ],
    [
      'a cache without entries',
      { ...good, cacheEntries: 0 },
      'option "cacheEntries" must be an integer number of tokens, from 1 to 2147483647',
    ],
    [
      'a timeout of 0',
      { ...good, timeoutMs: 0 },
      'option "timeoutMs" must be an integer number of milliseconds, from 1 to 2147483647',
    ],
    [
      'an unknown method',
      { ...good, clientAuthMethod: 'none' },
      'option "clientAuthMethod" must be "client_secret',
    ],
  ])('must not be %s', (_what, given, message) => {
    const make = () => oauthIntrospection(given as typeof good);
    expect(make).toThrow(TypeError);
    expect(make).toThrow(`oauthIntrospection: ${message}`);
  });

  it('may include an introspectionEndpoint with a query', () => {
    const introspectionEndpoint = 'https://account.example.org/introspect?realm=a';
    expect(oauthIntrospection({ ...noAddress, introspectionEndpoint })).toHaveProperty('authenticate');
  });

  it('are copied', async () => {
    const given = { ...options() };
    const auth = oauthIntrospection(given);
    Object.assign(given, { userId: () => '@mallory:example.org' });
    expect(await ask(auth, await provider.issue())).toEqual(ALICE);
  });
});
