import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type JWK, type JWTHeaderParameters, type JWTPayload, SignJWT } from 'jose';
import { onTestFinished } from 'vitest';
import { type JwtOptions, jwt, type RemoteKeys } from '../../../adapters/auth/jwt/index.ts';
import type { AuthAdapter } from '../../../src/ports/auth.ts';
import { authRequest, deadlineContext } from '../../../src/testing/index.ts';

export const ISSUER = 'https://login.example.org/';
export const AUDIENCE = 'https://chat.example.org';
export const ALICE = '@alice:example.org';
export const BOB = '@bob:example.org';
export const UNKNOWN = { failure: 'unknown' };
export const EXPIRED = { failure: 'expired' };
export const IS_ALICE = { requester: { userId: ALICE } };

/** A key that signs tokens, and the key that verifies them. */
export type Signer = {
  readonly alg: string;
  readonly kid?: string;
  readonly sign: KeyObject;
  readonly check: KeyObject;
};

function pairOf(alg: string): { privateKey: KeyObject; publicKey: KeyObject } {
  if (alg === 'ES256') return generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return alg === 'EdDSA'
    ? generateKeyPairSync('ed25519')
    : generateKeyPairSync('rsa', { modulusLength: 2048 });
}

export function signerOf(alg: 'RS256' | 'ES256' | 'EdDSA', kid?: string): Signer {
  const { privateKey, publicKey } = pairOf(alg);
  return { alg, kid, sign: privateKey, check: publicKey };
}

export const secret: Buffer = randomBytes(32);

export function jwkOf({ alg, kid, check }: Signer, extra: JWK = {}): JWK {
  return { ...(check.export({ format: 'jwk' }) as JWK), alg, kid, use: 'sig', ...extra };
}

export const pemOf = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString();

export const seconds = (): number => Math.floor(Date.now() / 1000);

/** Returns the claims of a valid token for Alice. */
export const goodClaims = (): JWTPayload => ({
  iss: ISSUER,
  aud: AUDIENCE,
  sub: 'alice',
  exp: seconds() + 3600,
});

/** Returns a token that is valid except for the given claims and headers. `undefined` omits one. */
export function tokenOf(
  signer: Pick<Signer, 'alg' | 'kid'> & { readonly sign: KeyObject | Uint8Array },
  claims: JWTPayload = {},
  header: Partial<JWTHeaderParameters> = {},
): Promise<string> {
  return new SignJWT({ ...goodClaims(), ...claims })
    .setProtectedHeader({ alg: signer.alg, kid: signer.kid, ...header })
    .sign(signer.sign);
}

/** Encodes a part of a compact JWS by hand. */
export const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

export const options = {
  issuer: ISSUER,
  audience: AUDIENCE,
  userId: ({ sub }: JWTPayload) => (sub === undefined ? undefined : `@${sub}:example.org`),
} as const;

/** Returns an adapter for the tokens of one signer. */
export function jwtFor(signer: Signer, more: Partial<JwtOptions> = {}): AuthAdapter {
  return jwt({ ...options, algorithms: [signer.alg as 'RS256'], keys: signer.check, ...more });
}

export const ask = (auth: AuthAdapter, token: string, context = deadlineContext()) =>
  auth.authenticate(authRequest(token), context);

/** An endpoint that serves a JWKS, on a free port. */
export type JwksServer = {
  readonly jwksUri: string;
  /** Returns the number of requests so far. */
  requests(): number;
  /** Resolves on the next request. */
  nextRequest(): Promise<unknown>;
  serve(...signers: Signer[]): void;
  respondWith(listener: RequestListener): void;
  stop(): Promise<void>;
};

/** Starts a server, which closes after the test. */
export async function startJwks(...signers: Signer[]): Promise<JwksServer> {
  let requests = 0;
  let listener: RequestListener = () => {};
  const server = createServer((request, response) => {
    requests += 1;
    // A kept-alive connection would survive an outage.
    response.setHeader('connection', 'close');
    listener(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const jwks: JwksServer = {
    jwksUri: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`,
    requests: () => requests,
    nextRequest: () => once(server, 'request'),
    serve(...current) {
      const body = JSON.stringify({ keys: current.map((signer) => jwkOf(signer)) });
      listener = (_request, response) => response.setHeader('content-type', 'application/json').end(body);
    },
    respondWith(other) {
      listener = other;
    },
    async stop() {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
  jwks.serve(...signers);
  onTestFinished(() => jwks.stop());
  return jwks;
}

export const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/** Returns an adapter for RS256, ES256 and EdDSA that fetches its keys. */
export function remoteJwt({ jwksUri }: JwksServer, keys: Partial<RemoteKeys> = {}): AuthAdapter {
  return jwt({
    ...options,
    algorithms: ['RS256', 'ES256', 'EdDSA'],
    keys: { jwksUri, allowInsecureHttp: true, logger: quiet, timeoutMs: 20_000, ...keys },
  });
}
