import { describe, expect, expectTypeOf, it, vi } from 'vitest';
import { firstOf } from '../../../adapters/auth/first-of.ts';
import { staticTokens } from '../../../adapters/auth/static-tokens.ts';
import type { AuthAdapter, AuthFailure, AuthResult, Requester } from '../../../src/ports/auth.ts';
import { authContract, authRequest, deadlineContext } from '../../../src/testing/index.ts';
import { expectInvited, expectRefusal, invite, seedRoom, setUp, silent } from '../../http/support.ts';
import { testContract } from '../../testing/support.ts';

const ALICE = '@alice:example.org';
const BOB = '@bob:example.org';
const UNKNOWN = { failure: 'unknown' };
const KNOWN = [
  { accessToken: 'alice-token', userId: ALICE },
  { accessToken: 'bob-token', userId: BOB },
];

const ofAlice = staticTokens({ 'alice-token': ALICE });
const ofBob = staticTokens({ 'bob-token': BOB });
const outage = new Error('the first store is down');
const down: AuthAdapter = { authenticate: () => Promise.reject(outage) };
const throwing: AuthAdapter = {
  authenticate() {
    throw outage;
  },
};
const failing = (failure: AuthFailure): AuthAdapter => ({ authenticate: async () => ({ failure }) });

/** An adapter that knows no token and records its calls. */
const spy = () => ({ authenticate: vi.fn(async (): Promise<AuthResult> => ({ failure: 'unknown' })) });

const ask = (auth: AuthAdapter, token: string, context = deadlineContext()) =>
  auth.authenticate(authRequest(token), context);

testContract('firstOf', authContract, async () => ({
  adapter: firstOf(ofAlice, ofBob),
  known: KNOWN,
  makeRequest: authRequest,
  unreachable: async () => firstOf(staticTokens({ other: ALICE }), down, throwing),
}));

describe('the adapters', () => {
  it('are asked in the order of the arguments: the first that knows the token decides', async () => {
    const last = spy();
    const auth = firstOf(ofAlice, staticTokens({ 'alice-token': BOB, 'bob-token': BOB }), last);
    expect(await ask(auth, 'alice-token')).toEqual({ requester: { userId: ALICE } });
    expect(await ask(auth, 'bob-token')).toEqual({ requester: { userId: BOB } });
    expect(last.authenticate).not.toHaveBeenCalled();
    expect(await ask(auth, 'other')).toEqual(UNKNOWN);
    expect(last.authenticate).toHaveBeenCalledTimes(1);
  });

  it.each(['expired', 'locked', 'forbidden', 'unknownDevice'] as const)(
    'are asked no further after one resolves %s',
    async (failure) => {
      const last = spy();
      expect(await ask(firstOf(ofBob, failing(failure), last, ofAlice), 'alice-token')).toEqual({ failure });
      expect(last.authenticate).not.toHaveBeenCalled();
    },
  );

  it('are asked no further after one resolves something that is not a result', async () => {
    const broken = { authenticate: async () => null } as unknown as AuthAdapter;
    expect(await ask(firstOf(ofBob, broken, ofAlice), 'alice-token')).toBeNull();
  });

  it('all get the same request and context', async () => {
    const [one, other] = [spy(), spy()];
    const [request, context] = [authRequest('x'), deadlineContext()];
    await firstOf(one, other).authenticate(request, context);
    for (const { authenticate } of [one, other])
      expect(authenticate.mock.calls).toEqual([[request, context]]);
  });
});

describe('an outage', () => {
  it.each([down, throwing])(
    'of one adapter, which rejects or throws, does not hide what others know',
    async (first) => {
      expect(await ask(firstOf(first, ofAlice), 'alice-token')).toEqual({ requester: { userId: ALICE } });
      expect(await ask(firstOf(first, failing('expired')), 'x')).toEqual({ failure: 'expired' });
      expect(await ask(firstOf(ofAlice, first), 'alice-token')).toEqual({ requester: { userId: ALICE } });
    },
  );

  it.each([
    ['first', firstOf(down, ofAlice)],
    ['in the middle', firstOf(ofBob, throwing, ofAlice)],
    ['last', firstOf(ofAlice, down)],
    ['inside another firstOf', firstOf(firstOf(down, ofBob), ofAlice)],
  ])('%s rejects with its own error if no other adapter knows the token', async (_where, auth) => {
    await expect(ask(auth, 'other')).rejects.toBe(outage);
  });

  it('of several adapters rejects with all of their errors', async () => {
    const second = new Error('the second store is down');
    const auth = firstOf(down, ofAlice, { authenticate: () => Promise.reject(second) });
    const error = await ask(auth, 'secret-token').catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(AggregateError);
    expect(error).toMatchObject({ errors: [outage, second], message: expect.not.stringContaining('secret') });
  });
});

describe('the deadline', () => {
  it('that has already passed prevents any call', async () => {
    const one = spy();
    await expect(ask(firstOf(one), 'x', { signal: AbortSignal.abort(outage) })).rejects.toBe(outage);
    expect(one.authenticate).not.toHaveBeenCalled();
  });

  it.each([
    ['resolves unknown', async (): Promise<AuthResult> => ({ failure: 'unknown' })],
    ['rejects', (): Promise<AuthResult> => Promise.reject(new Error('late'))],
  ])('that passes during a call, which then %s, prevents further calls', async (_what, respond) => {
    const deadline = new AbortController();
    const late: AuthAdapter = {
      authenticate() {
        deadline.abort(outage);
        return respond();
      },
    };
    const next = spy();
    await expect(ask(firstOf(late, next), 'x', deadline)).rejects.toBe(outage);
    expect(next.authenticate).not.toHaveBeenCalled();
  });
});

describe('the requester', () => {
  type Member = Requester & { readonly team: string };
  type Bridge = Requester & { readonly network: string };
  const members = staticTokens<Member>({ one: { userId: ALICE, team: 'red' } });
  const bridges = staticTokens<Bridge>({ two: { userId: BOB, network: 'irc' } });

  it('has the type of any of the adapters', async () => {
    const auth = firstOf(members, bridges);
    expectTypeOf(auth).toEqualTypeOf<AuthAdapter<Member | Bridge>>();
    expectTypeOf(firstOf(members)).toEqualTypeOf<AuthAdapter<Member>>();
    expect(await ask(auth, 'one')).toEqual({ requester: { userId: ALICE, team: 'red' } });
    expect(await ask(auth, 'two')).toEqual({ requester: { userId: BOB, network: 'irc' } });
  });
});

describe('arguments', () => {
  const untyped = firstOf as (...adapters: unknown[]) => AuthAdapter;

  it('must not be empty', () => {
    expect(() => untyped()).toThrow(new TypeError('firstOf: at least one AuthAdapter is required'));
  });

  it.each([undefined, null, 'token', {}, [ofAlice], () => UNKNOWN])('must not be %j', (adapter) => {
    expect(() => untyped(ofAlice, adapter)).toThrow(
      new TypeError('firstOf: argument 2 must be an AuthAdapter: an object with the method authenticate'),
    );
  });
});

describe('over HTTP', () => {
  it('an outage is a 503, never a 401, and known tokens still work', async () => {
    const { app, store } = setUp({ auth: firstOf(down, ofAlice), logger: silent });
    await seedRoom(store);
    expectInvited(await invite(app));
    expectRefusal(await invite(app, { token: 'other' }), 503, 'M_UNKNOWN');
  });

  it('a token that no adapter knows is a 401', async () => {
    const { app } = setUp({ auth: firstOf(ofBob, ofAlice) });
    expectRefusal(await invite(app, { token: 'other' }), 401, 'M_UNKNOWN_TOKEN');
  });
});
