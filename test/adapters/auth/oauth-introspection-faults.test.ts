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

/** A service on a free port, that answers as the test says. */
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
  // No slow machine may break a case that is not about time.
  timeoutMs: 30_000,
  userId: ({ sub }: { sub?: string }) => sub && `@${sub}:example.org`,
};

type Options = Partial<OAuthIntrospectionOptions>;

/** An adapter whose provider answers introspections so. */
async function adapter(handle: Handle, more: Options = {}) {
  const introspectionEndpoint = `${await serve(handle)}/introspect`;
  return oauthIntrospection({ ...given, introspectionEndpoint, ...more } as OAuthIntrospectionOptions & {
    requester?: undefined;
  });
}

type Adapter = Awaited<ReturnType<typeof adapter>>;

const ask = (auth: Adapter, context = deadlineContext()) => auth.authenticate(authRequest(TOKEN), context);

/** What an adapter rejects with: an error that is fit for a log. */
async function failureOf(auth: Adapter): Promise<string> {
  const error = await ask(auth).then(
    (result) => new Error(`resolved ${JSON.stringify(result)}`),
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ code: 'ERR_OAUTH_PROVIDER' });
  const shown = inspect(error, { showHidden: true, depth: Infinity, getters: true });
  for (const secret of [TOKEN, SECRET]) expect(shown).not.toContain(secret);
  return (error as Error).message.replace('The OAuth provider cannot be asked about an access token: ', '');
}

const echo = { error: TOKEN, error_description: `no token ${TOKEN}`, code: TOKEN, cause: { code: TOKEN } };

describe('a provider is no judge of tokens', () => {
  const cases: Record<string, [handle: Handle, message: string]> = {
    'that answers 500': [(response) => json(response, echo, 500), 'it answered 500'],
    'that answers 503 in HTML': [
      (response) => response.writeHead(503, { 'content-type': 'text/html' }).end(TOKEN),
      'it answered 503',
    ],
    'that has too much to do': [(response) => json(response, echo, 429), 'it answered 429'],
    'that refuses our client': [
      (response) => json(response, echo, 401, { 'www-authenticate': `Basic realm="${TOKEN}"` }),
      'it refuses our clientId and clientSecret (401)',
    ],
    'that forbids us to ask': [(response) => json(response, echo, 403), 'it answered 403'],
    'that is not there': [(response) => json(response, echo, 404), 'it answered 404'],
    'that does not understand us': [(response) => json(response, echo, 400), 'it answered 400'],
    'that answers 400 in HTML': [
      (response) => response.writeHead(400, { 'content-type': 'text/html' }).end(TOKEN),
      'it answered 400',
    ],
    'that answers 201': [(response) => json(response, ACTIVE, 201), 'it answered 201'],
    'that answers nothing': [(response) => response.writeHead(204).end(), 'it answered 204'],
    'that answers no JSON': [
      (response) => json(response, `{"${TOKEN}`),
      'the request failed (OAUTH_PARSE_ERROR)',
    ],
    'that answers a list': [
      (response) => json(response, [TOKEN]),
      'the request failed (OAUTH_INVALID_RESPONSE)',
    ],
    'that answers null': [
      (response) => json(response, 'null'),
      'the request failed (OAUTH_INVALID_RESPONSE)',
    ],
    'that does not say active': [
      (response) => json(response, { ...ACTIVE, active: undefined, ...echo }),
      'the request failed (OAUTH_INVALID_RESPONSE)',
    ],
    'that says active in a text': [
      (response) => json(response, { ...ACTIVE, active: 'false' }),
      'the request failed (OAUTH_INVALID_RESPONSE)',
    ],
    'that answers JSON as HTML': [
      (response) => json(response, ACTIVE, 200, { 'content-type': 'text/html' }),
      'its answer is no application/json',
    ],
    'that answers a JWT which nobody checks': [
      (response) => json(response, 'a.b.c', 200, { 'content-type': 'application/token-introspection+jwt' }),
      'its answer is no application/json',
    ],
    'that has no end': [
      (response) => json(response, { ...ACTIVE, more: 'x'.repeat(65_536) }),
      'its answer is longer than 65536 bytes',
    ],
    'that has no end once it is unpacked': [
      (response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
        response.end(gzipSync(JSON.stringify({ ...ACTIVE, more: 'x'.repeat(5_000_000) })));
      },
      'its answer is longer than 65536 bytes',
    ],
    'that breaks off': [
      (response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '500' });
        response.write('{"active":');
        setImmediate(() => response.destroy());
      },
      'the request failed (',
    ],
    'that hangs up': [(response) => response.destroy(), 'the request failed ('],
    'whose scope is a list': [
      (response) => json(response, { ...ACTIVE, scope: [API] }),
      'a claim of the wrong type',
    ],
    'whose user is a number': [
      (response) => json(response, { ...ACTIVE, username: 5 }),
      'a claim of the wrong type',
    ],
    'whose expiry is a text': [
      (response) => json(response, { ...ACTIVE, exp: '1893456000' }),
      'a claim of the wrong type',
    ],
  };

  it.each(Object.entries(cases))('%s', async (_what, [handle, message]) => {
    const auth = await adapter(handle);
    expect(await failureOf(auth)).toContain(message);
  });

  it('that does not answer in time', async () => {
    const auth = await adapter(() => {}, { timeoutMs: 50 });
    expect(await failureOf(auth)).toBe('no answer within 50 ms');
  });

  it('that does not end its answer in time', async () => {
    const auth = await adapter(
      (response) => response.writeHead(200, { 'content-type': 'application/json' }).write('{"active":'),
      { timeoutMs: 50 },
    );
    expect(await failureOf(auth)).toBe('no answer within 50 ms');
  });

  it('that is busy with other tokens for too long', async () => {
    const auth = await adapter(() => {}, { timeoutMs: 50, maxConcurrent: 1 });
    const others = ['one', 'two'].map((token) => auth.authenticate(authRequest(token), deadlineContext()));
    const ends = await Promise.allSettled([ask(auth), ...others]);
    expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  });

  it('beyond the deadline of the request', async () => {
    const auth = await adapter(() => {}, { timeoutMs: 600_000 });
    const deadline = new AbortController();
    const asked = ask(auth, { signal: deadline.signal });
    deadline.abort();
    await expect(asked).rejects.toThrow('no answer within the deadline of the request');
  });

  it.each([301, 302, 307, 308])('that sends us elsewhere (%i): secrets do not go there', async (status) => {
    let wasFollowed = false;
    const elsewhere = await serve((response) => {
      wasFollowed = true;
      json(response, ACTIVE);
    });
    const auth = await adapter((response) => response.writeHead(status, { location: elsewhere }).end());
    expect(await failureOf(auth)).toBe(`it answered ${status}`);
    expect(wasFollowed).toBe(false);
  });

  it('until it is well again: no failure is remembered', async () => {
    let isWell = false;
    const auth = await adapter((response) => json(response, isWell ? ACTIVE : echo, isWell ? 200 : 500));
    expect(await failureOf(auth)).toBe('it answered 500');
    isWell = true;
    expect(await ask(auth)).toHaveProperty('requester');
  });
});

describe('the question', () => {
  it('has the token and its kind in a body, and the secret in a header', async () => {
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

describe('an answer', () => {
  const nowSeconds = () => Math.floor(Date.now() / 1000);
  const alice = { userId: '@alice:example.org', isGuest: false };
  const unknown = { failure: 'unknown' };

  const cases: Record<string, [answer: object, result: object]> = {
    'with a type as Matrix Authentication Service says it': [
      { ...ACTIVE, token_type: 'access_token' },
      { requester: alice },
    ],
    'with a type in small letters': [{ ...ACTIVE, token_type: 'bearer' }, { requester: alice }],
    'of a refresh token': [{ ...ACTIVE, token_type: 'refresh_token' }, unknown],
    'of a refresh token, by token_use': [{ ...ACTIVE, token_use: 'refresh_token' }, unknown],
    'of a refresh token, by typ': [{ ...ACTIVE, typ: 'Refresh' }, unknown],
    'of a token that is bound to a key': [{ ...ACTIVE, token_type: 'DPoP', cnf: { jkt: 'a' } }, unknown],
    'of a token that is bound to a certificate': [{ ...ACTIVE, cnf: { 'x5t#S256': 'a' } }, unknown],
    'with a device outside of the scope': [
      { ...ACTIVE, device_id: 'my old phone' },
      { requester: { ...alice, deviceId: 'my old phone' } },
    ],
    'with claims that are null': [{ ...ACTIVE, device_id: null, exp: null, cnf: null }, { requester: alice }],
    'with two devices': [{ ...ACTIVE, scope: `${API} ${DEVICE} ${DEVICE}2` }, unknown],
    'with an empty device': [{ ...ACTIVE, scope: `${API} urn:matrix:client:device:` }, unknown],
    'with a device that is too long': [{ ...ACTIVE, scope: `${API} ${DEVICE}${'x'.repeat(250)}` }, unknown],
    'without a scope': [{ ...ACTIVE, scope: undefined }, unknown],
    'with a scope that only begins so': [
      { ...ACTIVE, scope: `${API}x ${API.slice(0, -1)} x${API}` },
      unknown,
    ],
    'with a scope in capitals': [{ ...ACTIVE, scope: API.toUpperCase() }, unknown],
    'without a user': [{ ...ACTIVE, sub: undefined, username: undefined }, unknown],
    'that is inactive, whatever else it says': [{ ...ACTIVE, active: false }, unknown],
    'of a token that has expired': [{ ...ACTIVE, exp: nowSeconds() - 1 }, { failure: 'expired' }],
    'of a token that expires later': [{ ...ACTIVE, exp: nowSeconds() + 3_600 }, { requester: alice }],
  };

  it.each(Object.entries(cases))('%s', async (_what, [answer, result]) => {
    const auth = await adapter((response) => json(response, answer));
    expect(await ask(auth)).toEqual(result);
  });
});

describe('discovery', () => {
  type Pages = Record<string, object>;

  /** An issuer with these pages, where `{}` names its own address. */
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

  it('reads the metadata of RFC 8414 where OpenID Connect’s are not there', async () => {
    const { at, requests } = await issuer((origin) => ({
      [`${OAUTH}/realm`]: metadata(origin, '/realm'),
      '/introspect': ACTIVE,
    }));
    expect(await ask(at('/realm'))).toHaveProperty('requester');
    expect(requests).toEqual([`GET /realm${OIDC}`, `GET ${OAUTH}/realm`, 'POST /introspect']);
  });

  it('is tried again after it failed', async () => {
    let pages: Pages = {};
    const { at, origin } = await issuer(() => pages);
    const auth = at();
    expect(await failureOf(auth)).toBe('discovery was answered 404');
    pages = { [OIDC]: metadata(origin), '/introspect': ACTIVE };
    expect(await ask(auth)).toHaveProperty('requester');
  });

  it('is made again when the endpoint has gone', async () => {
    let endpoint = 'old';
    const { at } = await issuer((origin) => ({
      [OIDC]: { issuer: `${origin}/`, introspection_endpoint: `${origin}/${endpoint}` },
      [`/${endpoint}`]: ACTIVE,
    }));
    const auth = at('/', { cacheMs: 0 });
    expect(await ask(auth)).toHaveProperty('requester');
    endpoint = 'new';
    expect(await failureOf(auth)).toBe('it answered 404');
    expect(await ask(auth)).toHaveProperty('requester');
  });

  it('takes no metadata of another issuer', async () => {
    const { at } = await issuer((origin) => ({
      [OIDC]: { ...metadata(origin), issuer: 'https://evil.example.net/' },
      '/introspect': ACTIVE,
    }));
    expect(await failureOf(at())).toBe('the request failed (OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED)');
  });

  it('needs an endpoint for introspection', async () => {
    const { at } = await issuer((origin) => ({ [OIDC]: { issuer: `${origin}/` } }));
    expect(await failureOf(at())).toBe('its metadata has no introspection_endpoint');
  });

  it('that takes too long fails within timeoutMs', async () => {
    const silentIssuer = await serve(() => {});
    const auth = await adapter(() => {}, {
      introspectionEndpoint: undefined,
      issuer: silentIssuer,
      timeoutMs: 50,
    });
    expect(await failureOf(auth)).toMatch(/50 ms/);
  });
});

it('an address where nobody listens is named by its code', async () => {
  const auth = await adapter(() => {});
  const [server] = servers;
  server?.close();
  if (server?.listening) await once(server, 'close');
  expect(await failureOf(auth)).toBe('the request failed (ECONNREFUSED)');
});
