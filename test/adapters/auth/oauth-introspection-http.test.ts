import { inspect } from 'node:util';
import { oauthIntrospection } from 'express-matrix-invite/auth/oauth-introspection';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  BOB,
  CAROL,
  expectInvited,
  expectRefusal,
  invite,
  memberOf,
  recordingLogger,
  seedRoom,
  setUp,
} from '../../http/support.ts';
import {
  API,
  DEVICE,
  GUEST_API,
  OidcProvider,
  RESOURCE_SERVER,
  UNSTABLE_API,
} from '../../support/oidc-provider.ts';

let provider: OidcProvider;

beforeEach(async () => {
  provider = await OidcProvider.start();
});
afterEach(() => provider.close());

/** Returns an app that asks the provider about each token, without a cache, and its log lines. */
async function start(timeoutMs = 30_000) {
  const { logger, lines } = recordingLogger();
  const auth = oauthIntrospection({
    issuer: provider.issuer,
    ...RESOURCE_SERVER,
    userId: ({ sub }) => sub && `@${sub}:example.org`,
    allowInsecureHttp: true,
    cacheMs: 0,
    timeoutMs,
  });
  const { app, store } = setUp({ auth, logger, deadlineMs: 60_000 });
  await seedRoom(store);
  return { app, store, lines };
}

it('a user who signed in can invite, until the token is revoked', async () => {
  const { app, store } = await start();
  const { access_token: token } = await provider.signIn({ scope: `${API} ${DEVICE}` });
  expectInvited(await invite(app, { token }));
  expect((await memberOf(store, BOB))?.sender).toBe('@alice:example.org');
  await provider.revoke(token);
  expectRefusal(await invite(app, { token, body: { user_id: CAROL } }), 401, 'M_UNKNOWN_TOKEN');
  expect(await memberOf(store, CAROL)).toBeUndefined();
});

it('the token of another user authenticates that user', async () => {
  const { app } = await start();
  const token = await provider.issue({ account: 'mallory', scope: UNSTABLE_API });
  expectRefusal(await invite(app, { token }), 403, 'M_FORBIDDEN');
});

it('a guest may not invite', async () => {
  const { app } = await start();
  const token = await provider.issue({ scope: GUEST_API });
  expectRefusal(await invite(app, { token }), 403, 'M_GUEST_ACCESS_FORBIDDEN');
});

it('a token for something else is unknown', async () => {
  const { app } = await start();
  const token = await provider.issue({ scope: 'openid' });
  expectRefusal(await invite(app, { token }), 401, 'M_UNKNOWN_TOKEN');
});

it('a provider that is down logs nobody out: the response is a 503, and the log has no token', async () => {
  const { app, lines } = await start();
  const token = await provider.issue();
  expectInvited(await invite(app, { token }));
  await provider.close();
  const response = await invite(app, { token, body: { user_id: CAROL } });
  expectRefusal(response, 503, 'M_UNKNOWN');
  expect(Number(response.headers['retry-after'])).toBeGreaterThan(0);
  expect(lines).toMatchObject([{ level: 'warn', details: { err: { code: 'ERR_OAUTH_PROVIDER' } } }]);
  expect(inspect(lines, { showHidden: true, depth: Infinity })).not.toContain(token);
  provider = await OidcProvider.start();
});

it('a provider that hangs logs nobody out: the response is a 503 within timeoutMs', async () => {
  const { app } = await start(100);
  const token = await provider.issue();
  provider.hold();
  const response = await invite(app, { token });
  expectRefusal(response, 503, 'M_UNKNOWN');
  expect(Number(response.headers['retry-after'])).toBeGreaterThan(0);
});
