import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import {
  type OAuthIntrospectionOptions,
  oauthIntrospection,
} from 'express-matrix-invite/auth/oauth-introspection';
import { afterEach, describe, expect, it } from 'vitest';
import { authRequest, deadlineContext } from '../../../src/testing/index.ts';
import { API, DEVICE } from '../../support/oidc-provider.ts';

// Uppercase, with digits and _, so that it could pass for an error code as well.
const TOKEN = 'MAT_SECRET_TOKEN_4242';
const SECRET = 'CLIENT_SECRET_4242';
const ACTIVE = { active: true, scope: API, sub: 'alice', username: 'alice', token_type: 'Bearer' };

type Handle = (response: ServerResponse, request: IncomingMessage) => unknown;

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

/** Starts a server on a free port. */
async function serve(handle: Handle): Promise<string> {
  const server = createServer((request, response) => void handle(response, request)).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function json(
  response: ServerResponse,
  body: unknown,
  status = 200,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

const given = {
  clientId: 'router',
  clientSecret: SECRET,
  allowInsecureHttp: true,
  // So that a slow machine does not fail a test that is not about time.
  timeoutMs: 30_000,
  userId: ({ sub }: { sub?: string }) => sub && `@${sub}:example.org`,
};

type Options = Partial<OAuthIntrospectionOptions>;

/** Returns an adapter whose provider handles introspection requests like this. */
async function adapter(handle: Handle, more: Options = {}) {
  const introspectionEndpoint = `${await serve(handle)}/introspect`;
  return oauthIntrospection({ ...given, introspectionEndpoint, ...more } as OAuthIntrospectionOptions & {
    requester?: undefined;
  });
}

type Adapter = Awaited<ReturnType<typeof adapter>>;

const ask = (auth: Adapter, context = deadlineContext()) => auth.authenticate(authRequest(TOKEN), context);

/**
 * Returns the message of the error that an adapter rejects with, and checks that the error is safe to log.
 */
async function rejectionOf(auth: Adapter): Promise<string> {
  const error = await ask(auth).then(
    (result) => new Error(`resolved ${JSON.stringify(result)}`),
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ code: 'ERR_OAUTH_PROVIDER' });
  const shown = inspect(error, { showHidden: true, depth: Infinity, getters: true });
  for (const secret of [TOKEN, SECRET]) expect(shown).not.toContain(secret);
  return (error as Error).message.replace('Token introspection failed: ', '');
}

const echo = { error: TOKEN, error_description: `no token ${TOKEN}`, code: TOKEN, cause: { code: TOKEN } };

describe('a token is never unknown because of a provider', () => {
  const cases: Record<string, [handle: Handle, message: string]> = {
    'that returns a 500': [(response) => json(response, echo, 500), 'the provider returned a 500'],
    'that returns a 503 in HTML': [
      (response) => response.writeHead(503, { 'content-type': 'text/html' }).end(TOKEN),
      'the provider returned a 503',
    ],
    'that is overloaded': [(response) => json(response, echo, 429), 'the provider returned a 429'],
    'that rejects our client': [
      (response) => json(response, echo, 401, { 'www-authenticate': `Basic realm="${TOKEN}"` }),
      'the provider rejects our clientId and clientSecret (401)',
    ],
    'that forbids introspection': [(response) => json(response, echo, 403), 'the provider returned a 403'],
    'that returns a 404': [(response) => json(response, echo, 404), 'the provider returned a 404'],
    'that returns a 400': [(response) => json(response, echo, 400), 'the provider returned a 400'],
    'that returns a 400 in HTML': [
      (response) => response.writeHead(400, { 'content-type': 'text/html' }).end(TOKEN),
      'the provider returned a 400',
    ],
    'that returns a 201': [(response) => json(response, ACTIVE, 201), 'the provider returned a 201'],
    'that returns no body': [(response) => response.writeHead(204).end(), 'the provider returned a 204'],
    'that returns invalid JSON': [
      (response) => json(response, `{"${TOKEN}`),
      'the request failed (OAUTH_PARSE_ERROR)',
    ],
    'that returns a list': [
      (response) => json(response, [TOKEN]),
      'the request failed (OAUTH_INVALID_RESPONSE)',
    ],
    'that returns null': [
      (response) => json(response, 'null'),
      'the request failed (OAUTH_INVALID_RESPONSE)',
    ],
    'that does not return active': [
      (response) => json(response, { ...ACTIVE, active: undefined, ...echo }),
      'the request failed (OAUTH_INVALID_RESPONSE)',
    ],
    'that returns active as a string': [
      (response) => json(response, { ...ACTIVE, active: 'false' }),
      'the request failed (OAUTH_INVALID_RESPONSE)',
    ],
    'that returns JSON as HTML': [
      (response) => json(response, ACTIVE, 200, { 'content-type': 'text/html' }),
      'the response is not application/json',
    ],
    'that returns an unverified JWT': [
      (response) => json(response, 'a.b.c', 200, { 'content-type': 'application/token-introspection+jwt' }),
      'the response is not application/json',
    ],
    'that returns too much': [
      (response) => json(response, { ...ACTIVE, more: 'x'.repeat(65_536) }),
      'the response is longer than 65536 bytes',
    ],
    'that returns too much once it is decompressed': [
      (response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
        response.end(gzipSync(JSON.stringify({ ...ACTIVE, more: 'x'.repeat(5_000_000) })));
      },
      'the response is longer than 65536 bytes',
    ],
    'that breaks off its response': [
      (response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '500' });
        response.write('{"active":');
        setImmediate(() => response.destroy());
      },
      'the request failed (',
    ],
    'that closes the connection': [(response) => response.destroy(), 'the request failed ('],
    'whose scope is a list': [
      (response) => json(response, { ...ACTIVE, scope: [API] }),
      'a claim of the wrong type',
    ],
    'whose user is a number': [
      (response) => json(response, { ...ACTIVE, username: 5 }),
      'a claim of the wrong type',
    ],
    'whose expiry is a string': [
      (response) => json(response, { ...ACTIVE, exp: '1893456000' }),
      'a claim of the wrong type',
    ],
  };

  it.each(Object.entries(cases))('%s', async (_what, [handle, message]) => {
    const auth = await adapter(handle);
    expect(await rejectionOf(auth)).toContain(message);
  });

  it('that does not respond in time', async () => {
    const auth = await adapter(() => {}, { timeoutMs: 50 });
    expect(await rejectionOf(auth)).toBe('no response within 50 ms');
  });

  it('that does not end its response in time', async () => {
    const auth = await adapter(
      (response) => response.writeHead(200, { 'content-type': 'application/json' }).write('{"active":'),
      { timeoutMs: 50 },
    );
    expect(await rejectionOf(auth)).toBe('no response within 50 ms');
  });

  it('that is too long busy with other tokens', async () => {
    const auth = await adapter(() => {}, { timeoutMs: 50, maxConcurrent: 1 });
    const others = ['one', 'two'].map((token) => auth.authenticate(authRequest(token), deadlineContext()));
    const results = await Promise.allSettled([ask(auth), ...others]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  });

  it('that does not respond within the deadline of the request', async () => {
    const auth = await adapter(() => {}, { timeoutMs: 600_000 });
    const deadline = new AbortController();
    const asked = ask(auth, { signal: deadline.signal });
    deadline.abort();
    await expect(asked).rejects.toThrow('no response within the deadline of the request');
  });

  it.each([301, 302, 307, 308])('that redirects (%i): the secrets do not follow', async (status) => {
    let wasFollowed = false;
    const elsewhere = await serve((response) => {
      wasFollowed = true;
      json(response, ACTIVE);
    });
    const auth = await adapter((response) => response.writeHead(status, { location: elsewhere }).end());
    expect(await rejectionOf(auth)).toBe(`the provider returned a ${status}`);
    expect(wasFollowed).toBe(false);
  });

  it('that has recovered: failures are not cached', async () => {
    let hasRecovered = false;
    const auth = await adapter((response) =>
      hasRecovered ? json(response, ACTIVE) : json(response, echo, 500),
    );
    expect(await rejectionOf(auth)).toBe('the provider returned a 500');
    hasRecovered = true;
    expect(await ask(auth)).toHaveProperty('requester');
  });
});

describe('the introspection request', () => {
  it('has the token and its kind in the body, and the secret in a header', async () => {
    let seen: unknown;
    const auth = await adapter(async (response, request) => {
      const { method, url, headers } = request;
      const body = Object.fromEntries(new URLSearchParams(await text(request)));
      seen = [method, url, headers.authorization, headers.accept, body];
      json(response, ACTIVE);
    });
    await ask(auth);
    const basic = `Basic ${Buffer.from(`router:${SECRET.replaceAll('_', '%5F')}`).toString('base64')}`;
    const body = { token: TOKEN, token_type_hint: 'access_token' };
    expect(seen).toEqual(['POST', '/introspect', basic, 'application/json', body]);
  });
});

describe('an introspection response', () => {
  const nowSeconds = () => Math.floor(Date.now() / 1000);
  const alice = { userId: '@alice:example.org', isGuest: false };
  const unknown = { failure: 'unknown' };

  const cases: Record<string, [body: object, result: object]> = {
    'with the token_type of Matrix Authentication Service': [
      { ...ACTIVE, token_type: 'access_token' },
      { requester: alice },
    ],
    'with a token_type in lower case': [{ ...ACTIVE, token_type: 'bearer' }, { requester: alice }],
    'for a refresh token': [{ ...ACTIVE, token_type: 'refresh_token' }, unknown],
    'for a refresh token, by token_use': [{ ...ACTIVE, token_use: 'refresh_token' }, unknown],
    'for a refresh token, by typ': [{ ...ACTIVE, typ: 'Refresh' }, unknown],
    'for a token that is bound to a key': [{ ...ACTIVE, token_type: 'DPoP', cnf: { jkt: 'a' } }, unknown],
    'for a token that is bound to a certificate': [{ ...ACTIVE, cnf: { 'x5t#S256': 'a' } }, unknown],
    'with a device outside of the scope': [
      { ...ACTIVE, device_id: 'my old phone' },
      { requester: { ...alice, deviceId: 'my old phone' } },
    ],
    'with claims that are null': [{ ...ACTIVE, device_id: null, exp: null, cnf: null }, { requester: alice }],
    'with two devices': [{ ...ACTIVE, scope: `${API} ${DEVICE} ${DEVICE}2` }, unknown],
    'with an empty device': [{ ...ACTIVE, scope: `${API} urn:matrix:client:device:` }, unknown],
    'with a device that is too long': [{ ...ACTIVE, scope: `${API} ${DEVICE}${'x'.repeat(250)}` }, unknown],
    'without a scope': [{ ...ACTIVE, scope: undefined }, unknown],
    'with scopes that only start or end like the right one': [
      { ...ACTIVE, scope: `${API}x ${API.slice(0, -1)} x${API}` },
      unknown,
    ],
    'with a scope in capitals': [{ ...ACTIVE, scope: API.toUpperCase() }, unknown],
    'without a user': [{ ...ACTIVE, sub: undefined, username: undefined }, unknown],
    'that is inactive, whatever else it contains': [{ ...ACTIVE, active: false }, unknown],
    'for an expired token': [{ ...ACTIVE, exp: nowSeconds() - 1 }, { failure: 'expired' }],
    'for a token that expires later': [{ ...ACTIVE, exp: nowSeconds() + 3_600 }, { requester: alice }],
  };

  it.each(Object.entries(cases))('%s', async (_what, [body, result]) => {
    const auth = await adapter((response) => json(response, body));
    expect(await ask(auth)).toEqual(result);
  });
});

describe('discovery', () => {
  type Pages = Record<string, object>;

  /** Starts an issuer that serves these pages, which are made from its own address. */
  async function issuer(pages: (origin: string) => Pages) {
    const requests: string[] = [];
    const origin: string = await serve((response, request) => {
      requests.push(`${request.method} ${request.url}`);
      const page = pages(origin)[request.url ?? ''];
      json(response, page ?? {}, page === undefined ? 404 : 200);
    });
    const at = (path = '/', more: Options = {}) =>
      oauthIntrospection({ ...given, issuer: origin + path, ...more } as OAuthIntrospectionOptions & {
        requester?: undefined;
      });
    return { origin, requests, at };
  }

  const OIDC = '/.well-known/openid-configuration';
  const OAUTH = '/.well-known/oauth-authorization-server';
  const metadata = (origin: string, path = '/') => ({
    issuer: origin + path,
    introspection_endpoint: `${origin}/introspect`,
  });

  it('reads the metadata of RFC 8414 if those of OpenID Connect are not there', async () => {
    const { at, requests } = await issuer((origin) => ({
      [`${OAUTH}/realm`]: metadata(origin, '/realm'),
      '/introspect': ACTIVE,
    }));
    expect(await ask(at('/realm'))).toHaveProperty('requester');
    expect(requests).toEqual([`GET /realm${OIDC}`, `GET ${OAUTH}/realm`, 'POST /introspect']);
  });

  it('is tried again after a failure', async () => {
    let pages: Pages = {};
    const { at, origin } = await issuer(() => pages);
    const auth = at();
    expect(await rejectionOf(auth)).toBe('discovery returned a 404');
    pages = { [OIDC]: metadata(origin), '/introspect': ACTIVE };
    expect(await ask(auth)).toHaveProperty('requester');
  });

  it('is repeated after the endpoint returns a 404', async () => {
    let endpoint = 'old';
    const { at } = await issuer((origin) => ({
      [OIDC]: { issuer: `${origin}/`, introspection_endpoint: `${origin}/${endpoint}` },
      [`/${endpoint}`]: ACTIVE,
    }));
    const auth = at('/', { cacheMs: 0 });
    expect(await ask(auth)).toHaveProperty('requester');
    endpoint = 'new';
    expect(await rejectionOf(auth)).toBe('the provider returned a 404');
    expect(await ask(auth)).toHaveProperty('requester');
  });

  it('rejects the metadata of another issuer', async () => {
    const { at } = await issuer((origin) => ({
      [OIDC]: { ...metadata(origin), issuer: 'https://evil.example.net/' },
      '/introspect': ACTIVE,
    }));
    expect(await rejectionOf(at())).toBe('the request failed (OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED)');
  });

  it('requires an introspection_endpoint', async () => {
    const { at } = await issuer((origin) => ({ [OIDC]: { issuer: `${origin}/` } }));
    expect(await rejectionOf(at())).toBe('the metadata has no introspection_endpoint');
  });

  it('fails after timeoutMs', async () => {
    const silentIssuer = await serve(() => {});
    const auth = await adapter(() => {}, {
      introspectionEndpoint: undefined,
      issuer: silentIssuer,
      timeoutMs: 50,
    });
    expect(await rejectionOf(auth)).toMatch(/50 ms/);
  });
});

it('the error for a refused connection names its code', async () => {
  const auth = await adapter(() => {});
  const [server] = servers;
  server?.close();
  if (server?.listening) await once(server, 'close');
  expect(await rejectionOf(auth)).toBe('the request failed (ECONNREFUSED)');
});
