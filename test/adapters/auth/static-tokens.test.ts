import { inspect } from 'node:util';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { type StaticTokens, staticTokens } from '../../../adapters/auth/static-tokens.ts';
import type { AuthAdapter, Requester } from '../../../src/ports/auth.ts';
import { authContract, authRequest, deadlineContext } from '../../../src/testing/index.ts';
import { testContract } from '../../testing/support.ts';

const ALICE = '@alice:example.org';
const BOB = '@bob:example.org';
const UNKNOWN = { failure: 'unknown' };

const ask = (auth: AuthAdapter, token: string) => auth.authenticate(authRequest(token), deadlineContext());

/** Tokens as JavaScript may hand them in. */
const untyped = (tokens: unknown) => tokens as StaticTokens;

const KNOWN = [
  { accessToken: 'syt_YWxpY2U_Qm9iQ2Fyb2wx', userId: ALICE },
  { accessToken: 'jeton-privé-42', userId: BOB },
  { accessToken: '💬💬', userId: '@:example.org' },
];

testContract(
  'staticTokens',
  authContract,
  async () => ({
    adapter: staticTokens(KNOWN.map(({ accessToken, userId }) => [accessToken, userId] as const)),
    known: KNOWN,
    makeRequest: authRequest,
  }),
  ['unreachable'],
);

describe('owners', () => {
  it('may be user ids, who get nothing beyond', async () => {
    const auth = staticTokens({ one: ALICE, two: BOB });
    expectTypeOf(auth).toEqualTypeOf<AuthAdapter>();
    expect(await ask(auth, 'one')).toEqual({ requester: { userId: ALICE } });
    expect(await ask(auth, 'two')).toEqual({ requester: { userId: BOB } });
  });

  it('may be requesters with fields of the host', async () => {
    type Employee = Requester & { readonly team: string };
    const employee: Employee = { userId: ALICE, isGuest: true, isRateLimitExempt: true, team: 'red' };
    const auth = staticTokens({ one: employee });
    expectTypeOf(auth).toEqualTypeOf<AuthAdapter<Employee>>();
    expect(await ask(auth, 'one')).toEqual({ requester: employee });
  });

  it('may be mixed, and then need not have the fields', async () => {
    const auth = staticTokens<string | { userId: string; team: string }>({
      one: { userId: ALICE, team: 'red' },
      two: BOB,
    });
    expectTypeOf(auth).toEqualTypeOf<AuthAdapter<Requester | { userId: string; team: string }>>();
    expect(await ask(auth, 'one')).toEqual({ requester: { userId: ALICE, team: 'red' } });
    expect(await ask(auth, 'two')).toEqual({ requester: { userId: BOB } });
  });

  it('may share a user', async () => {
    const auth = staticTokens({ phone: ALICE, laptop: ALICE });
    expect(await ask(auth, 'phone')).toEqual(await ask(auth, 'laptop'));
  });

  it('cannot be changed through an answer', async () => {
    const auth = staticTokens({ one: ALICE });
    const answer = await ask(auth, 'one');
    expect(() => Object.assign('requester' in answer && answer.requester, { userId: BOB })).toThrow(
      TypeError,
    );
  });
});

describe('tokens', () => {
  it('may come as an object, a Map, pairs or a generator', async () => {
    const pairs = [['one', ALICE]] as const;
    function* generated() {
      yield* pairs;
    }
    for (const tokens of [{ one: ALICE }, new Map(pairs), pairs, generated()]) {
      expect(await ask(staticTokens(tokens), 'one')).toEqual({ requester: { userId: ALICE } });
    }
  });

  it('may be none', async () => {
    expect(await ask(staticTokens({}), 'one')).toEqual(UNKNOWN);
  });

  it('may be names of object members', async () => {
    const auth = staticTokens([
      ['__proto__', ALICE],
      ['constructor', BOB],
    ]);
    expect(await ask(auth, '__proto__')).toEqual({ requester: { userId: ALICE } });
    expect(await ask(auth, 'constructor')).toEqual({ requester: { userId: BOB } });
    expect(await ask(auth, 'toString')).toEqual(UNKNOWN);
  });

  it('that differ by white space or Unicode form are different', async () => {
    const auth = staticTokens({ ' é': ALICE, é: BOB, 'e\u0301': '@carol:example.org' });
    expect(await ask(auth, ' é')).toEqual({ requester: { userId: ALICE } });
    expect(await ask(auth, '\u00e9')).toEqual({ requester: { userId: BOB } });
    expect(await ask(auth, 'e\u0301')).toEqual({ requester: { userId: '@carol:example.org' } });
    expect(await ask(auth, 'é ')).toEqual(UNKNOWN);
  });

  it('with a lone surrogate are unknown, also where the replacement character is a token', async () => {
    const auth = staticTokens({ '\ufffd': ALICE });
    expect(await ask(auth, '\ufffd')).toEqual({ requester: { userId: ALICE } });
    expect(await ask(auth, '\ud800')).toEqual(UNKNOWN);
    expect(await ask(auth, '\udfff')).toEqual(UNKNOWN);
  });

  it('that are added to the list later are not known', async () => {
    const tokens = new Map([['one', ALICE]]);
    const auth = staticTokens(tokens);
    tokens.set('two', BOB).delete('one');
    expect(await ask(auth, 'one')).toEqual({ requester: { userId: ALICE } });
    expect(await ask(auth, 'two')).toEqual(UNKNOWN);
  });

  it('are shown by no log of the adapter', () => {
    const auth = staticTokens({ 'secret-one': ALICE, 'secret-two': { userId: BOB } });
    const shown = [
      inspect(auth, { showHidden: true, depth: Infinity, getters: true }),
      JSON.stringify(auth),
      String(auth),
      ...Reflect.ownKeys(auth).map(String),
    ];
    expect(shown.join()).not.toContain('secret');
  });
});

describe('refusals', () => {
  const cases: readonly (readonly [what: string, tokens: unknown, message: string])[] = [
    ['an empty token', { secret: ALICE, '': BOB }, 'entry 2 must have a well-formed access token, not empty'],
    [
      'a lone surrogate',
      { 'secret\ud800': ALICE },
      'entry 1 must have a well-formed access token, not empty',
    ],
    ['a token that is no text', [[5, ALICE]], 'entry 1 must have a well-formed access token, not empty'],
    ['no user id', { secret: 'alice' }, 'entry 1 must belong to a user id, @localpart:domain'],
    ['a swapped pair', { [ALICE]: 'secret' }, 'entry 1 must belong to a user id, @localpart:domain'],
    ['a bad user id', { secret: { userId: '@a' } }, 'entry 1 must belong to a user id, @localpart:domain'],
    ['no owner', { secret: undefined }, 'entry 1 must belong to a user id, @localpart:domain'],
    ['a null owner', { secret: null }, 'entry 1 must belong to a user id, @localpart:domain'],
    ['an owner without id', { secret: {} }, 'entry 1 must belong to a user id, @localpart:domain'],
    ['a numeric id', { secret: { userId: 5 } }, 'entry 1 must belong to a user id, @localpart:domain'],
    [
      'a token named twice',
      [
        ['secret', ALICE],
        ['secret', BOB],
      ],
      'entry 2 has the access token of an earlier entry',
    ],
    ['no pair', new Set(['secret']), 'entry 1 must be a pair of an access token and its owner'],
  ];

  it.each(cases)('answer %s with a TypeError that quotes nothing', (_what, tokens, message) => {
    expect(() => staticTokens(untyped(tokens))).toThrow(new TypeError(`staticTokens: ${message}`));
  });

  it.each([undefined, null, 'secret', 5])('answer %j in the place of the list', (tokens) => {
    expect(() => staticTokens(untyped(tokens))).toThrow(
      new TypeError('staticTokens takes an object of access tokens and owners, or an iterable of pairs'),
    );
  });
});
