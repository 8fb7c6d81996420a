import { afterEach, describe, expect, expectTypeOf, it, vi } from 'vitest';
import { type JwtClaims, jwt } from '../../../adapters/auth/jwt/index.ts';
import { isMatrixError } from '../../../src/errors.ts';
import type { AuthAdapter, AuthResult, Requester } from '../../../src/ports/auth.ts';
import { authContract, authRequest } from '../../../src/testing/index.ts';
import { testContract } from '../../testing/support.ts';
import {
  ALICE,
  AUDIENCE,
  ask,
  BOB,
  EXPIRED,
  IS_ALICE,
  ISSUER,
  jwkOf,
  jwtFor,
  options,
  remoteJwt,
  type Signer,
  seconds,
  secret,
  signerOf,
  startJwks,
  tokenOf,
  UNKNOWN,
} from './jwt-support.ts';

const rsa = signerOf('RS256', 'rsa');
const ec = signerOf('ES256', 'ec');
const ed = signerOf('EdDSA');

const knownOf = async (signer: Parameters<typeof tokenOf>[0]) => [
  { accessToken: await tokenOf(signer), userId: ALICE },
  { accessToken: await tokenOf(signer, { sub: 'bob' }), userId: BOB },
];

const harnessOf = async (adapter: AuthAdapter, signer: Parameters<typeof tokenOf>[0]) => ({
  adapter,
  known: await knownOf(signer),
  makeRequest: authRequest,
});

testContract(
  'jwt with RS256 and a JWKS',
  authContract,
  async () => harnessOf(jwtFor(rsa, { keys: { keys: [jwkOf(rsa)] } }), rsa),
  ['unreachable'],
);
testContract('jwt with ES256 and a KeyObject', authContract, async () => harnessOf(jwtFor(ec), ec), [
  'unreachable',
]);
testContract('jwt with EdDSA and a KeyObject', authContract, async () => harnessOf(jwtFor(ed), ed), [
  'unreachable',
]);
testContract(
  'jwt with HS256 and a secret',
  authContract,
  async () =>
    harnessOf(jwt({ ...options, algorithms: ['HS256'], keys: secret }), { alg: 'HS256', sign: secret }),
  ['unreachable'],
);
testContract('jwt with a remote JWKS', authContract, async () => {
  const server = await startJwks(rsa, ec);
  const down = await startJwks();
  await down.stop();
  return {
    ...(await harnessOf(remoteJwt(server), ec)),
    unreachable: async () => remoteJwt(down),
  };
});

describe('times', () => {
  const auth = jwtFor(ed);
  afterEach(() => {
    vi.useRealTimers();
  });

  /** Returns the result this many seconds from now. */
  async function askLater(delay: number, token: string, adapter = auth) {
    vi.useFakeTimers({ toFake: ['Date'], now: (seconds() + delay) * 1000 });
    const result = await ask(adapter, token);
    vi.useRealTimers();
    return result;
  }

  it('a token is expired, a soft logout, after exp plus the tolerance', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_000 });
    const token = await tokenOf(ed, { exp: 1_800_000_100 });
    const at = async (milliseconds: number, adapter = auth) => {
      vi.setSystemTime(milliseconds);
      return ask(adapter, token);
    };
    expect(await at(1_800_000_104_999)).toEqual(IS_ALICE);
    expect(await at(1_800_000_105_000)).toEqual(EXPIRED);
    const exact = jwtFor(ed, { clockToleranceSeconds: 0 });
    expect(await at(1_800_000_099_999, exact)).toEqual(IS_ALICE);
    expect(await at(1_800_000_100_000, exact)).toEqual(EXPIRED);
  });

  it('a token is valid from nbf minus the tolerance', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_000 });
    const token = await tokenOf(ed, { nbf: 1_800_000_100 });
    vi.setSystemTime(1_800_000_094_999);
    expect(await ask(auth, token)).toEqual(UNKNOWN);
    vi.setSystemTime(1_800_000_095_000);
    expect(await ask(auth, token)).toEqual(IS_ALICE);
  });

  it('a token past its exp is expired only if everything else is valid', async () => {
    const past = { exp: seconds() - 100 };
    expect(await ask(auth, await tokenOf(ed, past))).toEqual(EXPIRED);
    const wrong = [{ iss: 'other' }, { aud: 'other' }, { nbf: seconds() + 100 }];
    for (const claims of wrong)
      expect(await ask(auth, await tokenOf(ed, { ...past, ...claims }))).toEqual(UNKNOWN);
    expect(await ask(auth, await tokenOf(signerOf('EdDSA'), past))).toEqual(UNKNOWN);
    const typed = jwtFor(ed, { typ: 'at+jwt' });
    expect(await ask(typed, await tokenOf(ed, past))).toEqual(UNKNOWN);
  });

  it('a token without exp is valid only without requireExpiry', async () => {
    const token = await tokenOf(ed, { exp: undefined });
    expect(await ask(auth, token)).toEqual(UNKNOWN);
    const lax = jwtFor(ed, { requireExpiry: false });
    expect(await ask(lax, token)).toEqual(IS_ALICE);
    expect(await askLater(10_000, await tokenOf(ed), lax)).toEqual(EXPIRED);
  });

  it.each(['soon', null, true, '9999999999'])('exp %j is invalid', async (exp) => {
    const claims = { exp } as unknown as JwtClaims;
    expect(await ask(auth, await tokenOf(ed, claims))).toEqual(UNKNOWN);
    expect(await ask(jwtFor(ed, { requireExpiry: false }), await tokenOf(ed, claims))).toEqual(UNKNOWN);
  });
});

describe('claims', () => {
  const wrong: readonly (readonly [string, object])[] = [
    ['another issuer', { iss: 'https://login.example.org' }],
    ['no issuer', { iss: undefined }],
    ['a list of issuers', { iss: [ISSUER] }],
    ['another audience', { aud: 'https://chat.example.orgs' }],
    ['no audience', { aud: undefined }],
    ['other audiences', { aud: ['a', 'b'] }],
    ['an empty list of audiences', { aud: [] }],
    ['an audience that is not a string', { aud: { [AUDIENCE]: true } }],
  ];
  it.each(wrong)('with %s are unknown', async (_what, claims) => {
    expect(await ask(jwtFor(ed), await tokenOf(ed, { ...claims }))).toEqual(UNKNOWN);
  });

  it('may name the audience among others, and any issuer and audience of the list', async () => {
    const auth = jwtFor(ed, { issuer: ['x', ISSUER], audience: ['y', AUDIENCE] });
    expect(await ask(auth, await tokenOf(ed, { aud: ['a', AUDIENCE] }))).toEqual(IS_ALICE);
    expect(await ask(auth, await tokenOf(ed, { iss: 'x', aud: 'y' }))).toEqual(IS_ALICE);
    expect(await ask(auth, await tokenOf(ed, { iss: 'y', aud: 'x' }))).toEqual(UNKNOWN);
  });

  it('must have the typ, in any case', async () => {
    const auth = jwtFor(ed, { typ: 'at+jwt' });
    expect(await ask(auth, await tokenOf(ed, {}, { typ: 'at+jwt' }))).toEqual(IS_ALICE);
    expect(await ask(auth, await tokenOf(ed, {}, { typ: 'application/AT+JWT' }))).toEqual(IS_ALICE);
    expect(await ask(auth, await tokenOf(ed, {}, { typ: 'JWT' }))).toEqual(UNKNOWN);
    expect(await ask(auth, await tokenOf(ed))).toEqual(UNKNOWN);
  });
});

describe('users', () => {
  it('are unknown if userId returns none for the claims', async () => {
    const auth = jwtFor(ed, { userId: async () => undefined });
    expect(await ask(auth, await tokenOf(ed))).toEqual(UNKNOWN);
    expect(await ask(jwtFor(ed, { userId: () => null }), await tokenOf(ed))).toEqual(UNKNOWN);
  });

  it('cannot be identified if userId fails: the adapter rejects with its error', async () => {
    const down = new Error('the database is down');
    const rejecting = jwtFor(ed, { userId: () => Promise.reject(down) });
    const throwing = jwtFor(ed, {
      userId: () => {
        throw down;
      },
    });
    for (const auth of [rejecting, throwing]) {
      await expect(ask(auth, await tokenOf(ed))).rejects.toBe(down);
    }
  });

  it.each(['alice', '', '@alice', 5 as unknown as string])(
    'with the ID %j are a bug in the host app',
    async (id) => {
      const auth = jwtFor(ed, { userId: () => id });
      const error = await ask(auth, await tokenOf(ed)).catch((reason: unknown) => reason);
      expect(isMatrixError(error) && [error.status, error.errcode, error.cause]).toEqual([
        500,
        'M_UNKNOWN',
        new TypeError('jwt: option "userId" must return a full Matrix user ID, or undefined'),
      ]);
    },
  );

  it("may have the host app's own fields, made from ID and claims", async () => {
    type Member = Requester & { readonly team: unknown };
    const auth = jwt({
      ...options,
      algorithms: ['EdDSA'],
      keys: ed.check,
      requester: async (user, { team }): Promise<AuthResult<Member>> => ({
        requester: { ...user, isGuest: true, team },
      }),
    });
    expectTypeOf(auth).toEqualTypeOf<AuthAdapter<Member>>();
    const token = await tokenOf(ed, { team: 'red' });
    expect(await ask(auth, token)).toEqual({ requester: { userId: ALICE, isGuest: true, team: 'red' } });
  });

  it('may be locked', async () => {
    const auth = jwt({
      ...options,
      algorithms: ['EdDSA'],
      keys: ed.check,
      requester: (requester) => (requester.userId === BOB ? { failure: 'locked' } : { requester }),
    });
    expectTypeOf(auth).toEqualTypeOf<AuthAdapter>();
    expect(await ask(auth, await tokenOf(ed))).toEqual(IS_ALICE);
    expect(await ask(auth, await tokenOf(ed, { sub: 'bob' }))).toEqual({ failure: 'locked' });
  });
});

describe('a JWKS of the host app', () => {
  const keys = (...signers: Signer[]) => ({ keys: signers.map((signer) => jwkOf(signer)) });

  it('is searched by key ID and algorithm', async () => {
    const auth = jwtFor(ec, { algorithms: ['RS256', 'ES256'], keys: keys(rsa, ec) });
    for (const signer of [rsa, ec]) expect(await ask(auth, await tokenOf(signer))).toEqual(IS_ALICE);
    expect(await ask(auth, await tokenOf({ ...ec, kid: 'rsa' }))).toEqual(UNKNOWN);
    expect(await ask(auth, await tokenOf({ ...ec, kid: 'other' }))).toEqual(UNKNOWN);
  });

  it('is tried key by key for a token without a key ID', async () => {
    const others = [signerOf('EdDSA', 'one'), signerOf('EdDSA', 'two')];
    const auth = jwtFor(ed, { keys: keys(...others) });
    for (const { sign } of others)
      expect(await ask(auth, await tokenOf({ alg: 'EdDSA', sign }))).toEqual(IS_ALICE);
    expect(await ask(auth, await tokenOf(ed))).toEqual(UNKNOWN);
    const expired = await tokenOf({ ...(others[1] ?? ed), kid: undefined }, { exp: 1 });
    expect(await ask(auth, expired)).toEqual(EXPIRED);
  });

  it('is not affected by later changes', async () => {
    const mutable = keys(ed);
    const auth = jwtFor(ed, { keys: mutable });
    mutable.keys.splice(0);
    expect(await ask(auth, await tokenOf(ed))).toEqual(IS_ALICE);
  });
});

it('calls no function if the deadline has already passed', async () => {
  const userId = vi.fn(() => ALICE);
  const auth = jwtFor(ed, { userId });
  await expect(ask(auth, await tokenOf(ed), { signal: AbortSignal.abort() })).rejects.toThrow('aborted');
  expect(userId).not.toHaveBeenCalled();
});
