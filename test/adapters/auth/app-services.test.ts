import { inspect } from 'node:util';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { type AppServiceRequester, appServices } from '../../../adapters/auth/app-services/index.ts';
import type { AuthAdapter } from '../../../src/ports/auth.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import { authContract, authRequest } from '../../../src/testing/index.ts';
import { testContract } from '../../testing/support.ts';
import {
  ask,
  bridges,
  FAILURE,
  IRC_ALICE,
  IRC_BOT,
  IRC_TOKEN,
  irc,
  SERVER,
  SLACK_BOT,
  SLACK_TOKEN,
  slack,
} from './app-services-support.ts';

// Each known token belongs to a sender, which is outside of the other's namespace: neither may act as the
// other.
testContract(
  'appServices',
  authContract,
  async () => ({
    adapter: bridges({ userExists: async () => true, deviceExists: async () => true }),
    known: [
      { accessToken: IRC_TOKEN, userId: IRC_BOT },
      { accessToken: SLACK_TOKEN, userId: SLACK_BOT },
    ],
    makeRequest: authRequest,
  }),
  ['unreachable'],
);

describe('without an asserted user', () => {
  it('an application service acts as its sender', async () => {
    const auth = bridges();
    expectTypeOf(auth).toEqualTypeOf<AuthAdapter<AppServiceRequester>>();
    expect(await ask(auth)).toEqual({
      requester: { userId: IRC_BOT, appServiceId: 'irc', isRateLimitExempt: true },
    });
    expect(await ask(auth, { token: SLACK_TOKEN })).toMatchObject({
      requester: { userId: SLACK_BOT, appServiceId: 'slack' },
    });
  });

  it('the sender is on the first of several servers', async () => {
    const auth = bridges({ serverName: ['one.example', 'two.example'] });
    expect(await ask(auth)).toMatchObject({ requester: { userId: '@_irc_bot:one.example' } });
  });
});

describe('with an asserted user', () => {
  it('it acts as that user if the user is in its namespace', async () => {
    expect(await ask(bridges(), { assertedUserId: IRC_ALICE })).toEqual({
      requester: { userId: IRC_ALICE, appServiceId: 'irc', isRateLimitExempt: false },
    });
  });

  it('it may assert its sender, who need not be in a namespace', async () => {
    const registrations = [{ ...irc, namespaces: {} }];
    expect(await ask(bridges({ registrations }), { assertedUserId: IRC_BOT })).toEqual(
      await ask(bridges({ registrations })),
    );
  });

  it('it may not act as a user or the sender of another application service', async () => {
    for (const assertedUserId of [SLACK_BOT, '@_slack_bob:example.org', '@alice:example.org']) {
      expect(await ask(bridges(), { assertedUserId })).toEqual(FAILURE.forbidden);
    }
  });

  it('it may not act as a user of another server, even if its namespace matches', async () => {
    const auth = bridges();
    for (const server of ['evil.example', 'example.org.evil', 'example.org:8448', 'Example.org', '']) {
      expect(await ask(auth, { assertedUserId: `@_irc_alice:${server}` })).toEqual(FAILURE.forbidden);
    }
  });

  it('it may act as a user of any of several server names', async () => {
    const auth = bridges({ serverName: ['one.example', 'two.example'] });
    for (const server of ['one.example', 'two.example']) {
      const assertedUserId = `@_irc_alice:${server}`;
      expect(await ask(auth, { assertedUserId })).toMatchObject({ requester: { userId: assertedUserId } });
    }
    expect(await ask(auth, { assertedUserId: IRC_ALICE })).toEqual(FAILURE.forbidden);
  });

  it.each([
    '',
    '@',
    '_irc_alice',
    '@_irc_alice',
    '_irc_alice:example.org',
    '@_irc_\0:example.org',
    '@_irc_\ud800:example.org',
    `@_irc_${'x'.repeat(255)}:example.org`,
    `@_irc_${'💬'.repeat(60)}:example.org`,
  ])('%j is forbidden: it is not a user ID', async (assertedUserId) => {
    expect(await ask(bridges(), { assertedUserId })).toEqual(FAILURE.forbidden);
  });

  it('another token is unknown, whatever it asserts', async () => {
    expect(await ask(bridges(), { token: 'nobody', assertedUserId: IRC_ALICE })).toEqual(FAILURE.unknown);
    expect(await ask(bridges(), { token: 'hs-token-of-irc' })).toEqual(FAILURE.unknown);
  });
});

describe('userExists', () => {
  it('is called for an asserted user in the namespace, and nobody else', async () => {
    const asked: unknown[] = [];
    const auth = bridges({
      userExists: async (userId: string, { signal }: CallContext) => {
        asked.push([userId, signal instanceof AbortSignal]);
        return userId === IRC_ALICE;
      },
    });
    expect(await ask(auth, { assertedUserId: IRC_ALICE })).toMatchObject({
      requester: { userId: IRC_ALICE },
    });
    expect(await ask(auth, { assertedUserId: '@_irc_new:example.org' })).toEqual(FAILURE.forbidden);
    await ask(auth);
    await ask(auth, { assertedUserId: IRC_BOT });
    await ask(auth, { assertedUserId: SLACK_BOT });
    await ask(auth, { token: 'nobody', assertedUserId: IRC_ALICE });
    expect(asked).toEqual([
      [IRC_ALICE, true],
      ['@_irc_new:example.org', true],
    ]);
  });

  it('must return true: a truthy value is not enough', async () => {
    const auth = bridges({ userExists: async () => 'yes' as unknown as boolean });
    expect(await ask(auth, { assertedUserId: IRC_ALICE })).toEqual(FAILURE.forbidden);
  });

  it('makes the adapter reject if it fails: an outage is not a refusal', async () => {
    const down = new Error('the database is down');
    const rejecting = bridges({ userExists: () => Promise.reject(down) });
    const throwing = bridges({
      userExists: () => {
        throw down;
      },
    });
    for (const auth of [rejecting, throwing]) {
      await expect(ask(auth, { assertedUserId: IRC_ALICE })).rejects.toBe(down);
    }
  });
});

describe('an asserted device', () => {
  const devices: readonly unknown[] = [
    [IRC_BOT, 'BOTDEVICE'],
    [IRC_ALICE, 'ALICEDEVICE'],
  ];
  const auth = bridges({
    deviceExists: async (userId, deviceId) =>
      devices.some((device) => JSON.stringify(device) === JSON.stringify([userId, deviceId])),
  });

  it('must belong to the asserted user', async () => {
    expect(await ask(auth, { assertedUserId: IRC_ALICE, assertedDeviceId: 'ALICEDEVICE' })).toMatchObject({
      requester: { userId: IRC_ALICE, deviceId: 'ALICEDEVICE' },
    });
    expect(await ask(auth, { assertedUserId: IRC_ALICE, assertedDeviceId: 'BOTDEVICE' })).toEqual(
      FAILURE.unknownDevice,
    );
  });

  it('must belong to the sender if no user is asserted', async () => {
    expect(await ask(auth, { assertedDeviceId: 'BOTDEVICE' })).toMatchObject({
      requester: { userId: IRC_BOT, deviceId: 'BOTDEVICE' },
    });
    expect(await ask(auth, { assertedDeviceId: 'ALICEDEVICE' })).toEqual(FAILURE.unknownDevice);
  });

  it('is looked up only if the user may be asserted', async () => {
    const refusing = bridges({ deviceExists: () => Promise.reject(new Error('must not be called')) });
    const outside = { assertedUserId: SLACK_BOT, assertedDeviceId: 'ALICEDEVICE' };
    expect(await ask(refusing, outside)).toEqual(FAILURE.forbidden);
    expect(await ask(refusing, { ...outside, token: 'nobody' })).toEqual(FAILURE.unknown);
  });

  it('is unknown without deviceExists', async () => {
    expect(await ask(bridges(), { assertedDeviceId: 'BOTDEVICE' })).toEqual(FAILURE.unknownDevice);
  });

  it.each(['', 'A\0B'])('%j is unknown, and deviceExists is not called', async (assertedDeviceId) => {
    const refusing = bridges({ deviceExists: () => Promise.reject(new Error('must not be called')) });
    expect(await ask(refusing, { assertedDeviceId })).toEqual(FAILURE.unknownDevice);
  });

  it('is unknown unless deviceExists returns true', async () => {
    const sloppy = bridges({ deviceExists: async () => ({}) as unknown as boolean });
    expect(await ask(sloppy, { assertedDeviceId: 'BOTDEVICE' })).toEqual(FAILURE.unknownDevice);
  });

  it('makes the adapter reject if it cannot be looked up', async () => {
    const down = new Error('the database is down');
    const failing = bridges({ deviceExists: () => Promise.reject(down) });
    await expect(ask(failing, { assertedDeviceId: 'BOTDEVICE' })).rejects.toBe(down);
  });
});

describe('rate limits', () => {
  const isExempt = async (rate_limited: boolean | null | undefined, assertedUserId?: string) => {
    const result = await ask(bridges({ registrations: [{ ...irc, rate_limited }] }), { assertedUserId });
    return 'requester' in result && result.requester.isRateLimitExempt;
  };

  it.each([
    [true, false],
    [undefined, false],
    [null, false],
    [false, true],
  ])('with rate_limited %s, users are exempt: %s. The sender always is.', async (rateLimited, usersAre) => {
    expect(await isExempt(rateLimited, IRC_ALICE)).toBe(usersAre);
    expect(await isExempt(rateLimited, IRC_BOT)).toBe(true);
    expect(await isExempt(rateLimited)).toBe(true);
  });

  it("apply to another application service's sender in the namespace", async () => {
    const registrations = [{ ...irc, namespaces: { users: [{ exclusive: false, regex: '@.*' }] } }, slack];
    expect(await ask(bridges({ registrations }), { assertedUserId: SLACK_BOT })).toMatchObject({
      requester: { appServiceId: 'irc', isRateLimitExempt: false },
    });
  });
});

describe('the adapter', () => {
  it('shows no token in any log', () => {
    const auth = bridges();
    const shown = [
      inspect(auth, { showHidden: true, depth: Infinity, getters: true }),
      JSON.stringify(auth),
      String(auth),
    ].join();
    expect(shown).not.toMatch(/s-token-of/);
  });

  it('is not affected by later changes to its options', async () => {
    const users = [{ exclusive: true, regex: '@_irc_.*' }];
    const registration = { ...irc, namespaces: { users } };
    const registrations = [registration];
    const serverName = [SERVER];
    const auth = appServices({ serverName, registrations });
    Object.assign(registration, { as_token: 'another', sender_localpart: 'another', id: 'another' });
    users.splice(0, 1, { exclusive: true, regex: '@.*' });
    registrations.pop();
    serverName.splice(0, 1, 'another.example');
    expect(await ask(auth)).toMatchObject({ requester: { userId: IRC_BOT, appServiceId: 'irc' } });
    expect(await ask(auth, { assertedUserId: IRC_ALICE })).toHaveProperty('requester');
    expect(await ask(auth, { assertedUserId: '@alice:example.org' })).toEqual(FAILURE.forbidden);
    expect(await ask(auth, { token: 'another' })).toEqual(FAILURE.unknown);
  });

  it('knows nobody without registrations', async () => {
    expect(await ask(bridges({ registrations: [] }))).toEqual(FAILURE.unknown);
  });
});
