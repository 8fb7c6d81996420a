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

/** Accepts any value, as JavaScript does. */
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
  it('may be user IDs', async () => {
    const auth = staticTokens({ one: ALICE, two: BOB });
    expectTypeOf(auth).toEqualTypeOf<AuthAdapter>();
    expect(await ask(auth, 'one')).toEqual({ requester: { userId: ALICE } });
    expect(await ask(auth, 'two')).toEqual({ requester: { userId: BOB } });
  });

  it('may be requesters with fields of the host app', async () => {
    type Employee = Requester & { readonly team: string };
    const employee: Employee = { userId: ALICE, isGuest: true, isRateLimitExempt: true, team: 'red' };
    const auth = staticTokens({ one: employee });
    expectTypeOf(auth).toEqualTypeOf<AuthAdapter<Employee>>();
    expect(await ask(auth, 'one')).toEqual({ requester: employee });
  });

  it('may be mixed, so that the fields become optional', async () => {
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

  it('cannot be changed through a result', async () => {
    const auth = staticTokens({ one: ALICE });
    const result = await ask(auth, 'one');
    expect(() => Object.assign('requester' in result && result.requester, { userId: BOB })).toThrow(
      TypeError,
    );
  });
});

describe('tokens', () => {
  it('may be an object, a Map, a list of pairs or a generator', async () => {
    const pairs = [['one', ALICE]] as const;
    function* generated() {
      yield* pairs;
    }
    for (const tokens of [{ one: ALICE }, new Map(pairs), pairs, generated()]) {
      expect(await ask(staticTokens(tokens), 'one')).toEqual({ requester: { userId: ALICE } });
    }
  });

  it('may be empty', async () => {
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

  it('that differ in white space or Unicode form are different', async () => {
    const auth = staticTokens({ 'a é': ALICE, é: BOB, 'e\u0301': '@carol:example.org' });
    expect(await ask(auth, 'a é')).toEqual({ requester: { userId: ALICE } });
    expect(await ask(auth, '\u00e9')).toEqual({ requester: { userId: BOB } });
    expect(await ask(auth, 'e\u0301')).toEqual({ requester: { userId: '@carol:example.org' } });
    expect(await ask(auth, 'aé')).toEqual(UNKNOWN);
    expect(await ask(auth, 'é ')).toEqual(UNKNOWN);
  });

  it('with a lone surrogate are unknown, even if the replacement character is a token', async () => {
    const auth = staticTokens({ '\ufffd': ALICE });
    expect(await ask(auth, '\ufffd')).toEqual({ requester: { userId: ALICE } });
    expect(await ask(auth, '\ud800')).toEqual(UNKNOWN);
    expect(await ask(auth, '\udfff')).toEqual(UNKNOWN);
  });

  it('that are added to the list later are unknown', async () => {
    const tokens = new Map([['one', ALICE]]);
    const auth = staticTokens(tokens);
    tokens.set('two', BOB).delete('one');
    expect(await ask(auth, 'one')).toEqual({ requester: { userId: ALICE } });
    expect(await ask(auth, 'two')).toEqual(UNKNOWN);
  });

  it('do not appear in a log of the adapter', () => {
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

describe('a TypeError', () => {
  const token = 'must have a non-empty, well-formed access token without white space at its ends';
  const owner = 'must have an owner with a full Matrix user ID';
  const cases: readonly (readonly [what: string, tokens: unknown, message: string])[] = [
    ['an empty token', { secret: ALICE, '': BOB }, `entry 2 ${token}`],
    ['a lone surrogate', { 'secret\ud800': ALICE }, `entry 1 ${token}`],
    ['a token that is not a string', [[5, ALICE]], `entry 1 ${token}`],
    ['a bare name', { secret: 'alice' }, `entry 1 ${owner}`],
    ['a swapped pair', { [ALICE]: 'secret' }, `entry 1 ${owner}`],
    ['a malformed user ID', { secret: { userId: '@a' } }, `entry 1 ${owner}`],
    ['no owner', { secret: undefined }, `entry 1 ${owner}`],
    ['a null owner', { secret: null }, `entry 1 ${owner}`],
    ['an owner without an ID', { secret: {} }, `entry 1 ${owner}`],
    ['a numeric ID', { secret: { userId: 5 } }, `entry 1 ${owner}`],
    [
      'a repeated token',
      [
        ['secret', ALICE],
        ['secret', BOB],
      ],
      'entry 2 repeats the access token of an earlier entry',
    ],
    [
      'a string instead of a pair',
      new Set(['secret']),
      'entry 1 must be a pair of an access token and its owner',
    ],
  ];

  it.each(cases)('is thrown for %s, and quotes nothing', (_what, tokens, message) => {
    expect(() => staticTokens(untyped(tokens))).toThrow(new TypeError(`staticTokens: ${message}`));
  });

  it.each([undefined, null, 'secret', 5])('is thrown for %j instead of the tokens', (tokens) => {
    expect(() => staticTokens(untyped(tokens))).toThrow(
      new TypeError(
        'staticTokens: the argument must be an object of access tokens and owners, or an iterable of pairs',
      ),
    );
  });
});
