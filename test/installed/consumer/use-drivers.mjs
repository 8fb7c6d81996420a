// Uses each adapter that imports a driver once, and prints the outcomes as JSON.
import { createServer } from 'node:http';
import { trace } from '@opentelemetry/api';
import { appServices } from 'express-matrix-invite/auth/app-services';
import { jwt } from 'express-matrix-invite/auth/jwt';
import { oauthIntrospection } from 'express-matrix-invite/auth/oauth-introspection';
import { openTelemetry } from 'express-matrix-invite/observability/open-telemetry';
import { prometheusMetrics } from 'express-matrix-invite/observability/prometheus';
import { contentRules } from 'express-matrix-invite/policies/content-rules';
import { identityServers } from 'express-matrix-invite/third-party';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { Registry } from 'prom-client';

const context = { signal: AbortSignal.timeout(10_000) };
const serverName = 'example.org';
const userId = ({ sub }) => `@${sub}:${serverName}`;

const { publicKey, privateKey } = await generateKeyPair('ES256');
const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'a', alg: 'ES256' }] };
const responses = {
  '/jwks': () => jwks,
  '/.well-known/openid-configuration': () => ({ issuer, introspection_endpoint: `${issuer}/introspect` }),
  '/introspect': () => ({
    active: true,
    sub: 'alice',
    scope: 'urn:matrix:client:api:*',
    token_type: 'Bearer',
  }),
};
const server = createServer((request, response) => {
  response.setHeader('content-type', 'application/json').end(JSON.stringify(responses[request.url]()));
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address();
const issuer = `http://127.0.0.1:${port}`;

const byJwt = jwt({
  issuer: 'https://login.example.org',
  audience: 'matrix',
  algorithms: ['ES256'],
  keys: { jwksUri: `${issuer}/jwks`, allowInsecureHttp: true },
  userId,
});
const accessToken = await new SignJWT({ sub: 'alice' })
  .setProtectedHeader({ alg: 'ES256', kid: 'a' })
  .setIssuer('https://login.example.org')
  .setAudience('matrix')
  .setExpirationTime('1m')
  .sign(privateKey);

const byOAuth = oauthIntrospection({
  issuer,
  clientId: 'matrix',
  clientSecret: 'secret',
  allowInsecureHttp: true,
  userId,
});

const byBridge = appServices({
  serverName,
  registrations: [
    {
      id: 'irc',
      as_token: 'as-token',
      hs_token: 'hs-token',
      url: null,
      sender_localpart: 'irc',
      namespaces: { users: [{ regex: '@irc_.*:example\\.org', exclusive: true }] },
    },
  ],
  userExists: async () => true,
});

const { decide } = contentRules({ links: 'refuse' });
const decideOn = async (reason) => (await decide({ reason }, context)) ?? null;

const identity = identityServers({ servers: 'any', allowAddresses: ['127.0.0.1/32'] });
/** The reason why nothing is sent to an address. */
const failureAt = (idServer) =>
  identity
    .lookUp({ idServer, idAccessToken: 'token', medium: 'email', address: 'bob@example.org' }, context)
    .catch(({ cause }) => cause.failure);

const outcome = { status: 200, outcome: 'invited', durationMs: 1, tries: 1 };
const register = new Registry();
prometheusMetrics(register)(outcome, {});

let spanName;
trace.setGlobalTracerProvider({
  getTracer: () => ({
    startSpan: (name) => {
      spanName = name;
      return { end() {}, setStatus() {} };
    },
  }),
});
openTelemetry()(outcome, { method: 'POST', headers: {}, socket: {} });

console.log(
  JSON.stringify({
    jwt: await byJwt.authenticate({ accessToken }, context),
    oauthIntrospection: await byOAuth.authenticate({ accessToken: 'token' }, context),
    appServices: await byBridge.authenticate(
      { accessToken: 'as-token', assertedUserId: '@irc_bob:example.org' },
      context,
    ),
    contentRules: [await decideOn('See https://example.com'), await decideOn('Welcome')],
    // Refused is 127.0.0.2. At 127.0.0.1 is the server above, without TLS.
    identityServers: [await failureAt(`127.0.0.2:${port}`), await failureAt(`127.0.0.1:${port}`)],
    prometheus: (await register.metrics())
      .split('\n')
      .find((line) => line.startsWith('matrix_invite_requests_total{') && line.includes('outcome="invited"')),
    openTelemetry: spanName,
  }),
);
server.close();
