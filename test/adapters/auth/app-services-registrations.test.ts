import { describe, expect, it } from 'vitest';
import {
  type AppServiceRegistration,
  type AppServicesOptions,
  appServices,
} from '../../../adapters/auth/app-services/index.ts';
import {
  ask,
  bridges,
  FAILURE,
  IRC_BOT,
  irc,
  maySpeakFor,
  registrationFromFile,
  SERVER,
  slack,
} from './app-services-support.ts';

/** Returns the error message for registrations, which may have any type, as in JavaScript. */
function messageFor(...registrations: readonly unknown[]): string {
  try {
    appServices({ serverName: SERVER, registrations: registrations as AppServiceRegistration[] });
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    return (error as TypeError).message;
  }
  throw new Error('the registrations were accepted');
}

describe('the registration file of a bridge', () => {
  it('is accepted as the YAML parser returns it, with keys that are in no specification', async () => {
    const registration = await registrationFromFile();
    const auth = bridges({ registrations: [registration] });
    const token = registration.as_token;
    expect(await ask(auth, { token })).toEqual({
      requester: { userId: '@_telegram_as:example.org', appServiceId: 'telegram', isRateLimitExempt: true },
    });
    expect(await ask(auth, { token, assertedUserId: '@telegram_42:example.org' })).toEqual({
      requester: { userId: '@telegram_42:example.org', appServiceId: 'telegram', isRateLimitExempt: true },
    });
    expect(await ask(auth, { token, assertedUserId: '@telegrambot:example.org' })).toHaveProperty(
      'requester',
    );
    expect(await ask(auth, { token, assertedUserId: '@telegram_x:example.org' })).toEqual(FAILURE.forbidden);
  });

  it('may omit optional keys, or leave them empty', async () => {
    const namespaces = { users: null, aliases: null, rooms: null };
    for (const registration of [
      { ...irc, namespaces: {} },
      { ...irc, namespaces, rate_limited: null, protocols: null },
    ]) {
      const auth = bridges({ registrations: [registration] });
      expect(await ask(auth)).toMatchObject({ requester: { userId: IRC_BOT } });
      expect(await maySpeakFor(auth, '@_irc_alice:example.org')).toBe(false);
    }
  });
});

describe('a registration is rejected', () => {
  const nonEmpty = 'must be a non-empty string';
  const token = 'must be a non-empty, well-formed token without white space at its ends';
  const cases: readonly (readonly [change: object, message: string])[] = [
    [{ url: undefined }, '"url" must be a string or null'],
    [{ url: 5 }, '"url" must be a string or null'],
    [{ as_token: undefined }, `"as_token" ${token}`],
    [{ as_token: '' }, `"as_token" ${token}`],
    [{ as_token: 12_345 }, `"as_token" ${token}`],
    [{ as_token: 'secret\ud800' }, `"as_token" ${token}`],
    [{ hs_token: undefined }, `"hs_token" ${token}`],
    [{ hs_token: ['secret'] }, `"hs_token" ${token}`],
    [{ sender_localpart: undefined }, `"sender_localpart" ${nonEmpty}`],
    [{ sender_localpart: '' }, `"sender_localpart" ${nonEmpty}`],
    [{ namespaces: undefined }, '"namespaces" must be an object'],
    [{ namespaces: null }, '"namespaces" must be an object'],
    [{ namespaces: [] }, '"namespaces" must be an object'],
    [{ namespaces: { users: {} } }, '"namespaces.users" must be a list'],
    [{ namespaces: { users: 'secret' } }, '"namespaces.users" must be a list'],
    [{ rate_limited: 'no' }, '"rate_limited" must be a boolean'],
    [{ rate_limited: 0 }, '"rate_limited" must be a boolean'],
  ];

  it.each(cases)('for %j', (change, message) => {
    expect(messageFor({ ...irc, ...change })).toBe(`appServices: registration "irc": ${message}`);
  });

  it.each([
    null,
    'secret',
    { regex: 5, exclusive: true },
    { regex: '@x' },
    { regex: '@x', exclusive: 'yes' },
  ])('for %j as a namespace', (namespace) => {
    const users = [{ exclusive: true, regex: '@_irc_.*' }, namespace];
    expect(messageFor({ ...irc, namespaces: { users } })).toBe(
      'appServices: registration "irc": entry 2 of "namespaces.users" must have a string "regex" and a ' +
        'boolean "exclusive"',
    );
  });

  it.each(['@bot', 'a:b', 'bot:example.org', 'x\0', 'x'.repeat(250)])(
    'for the sender %j, unless it makes a user ID on this server',
    (sender_localpart) => {
      const isFine = sender_localpart === '@bot';
      const message = isFine
        ? 'accepted'
        : 'appServices: registration "irc": "sender_localpart" must be the localpart of a user ID on example.org';
      const attempt = () => messageFor({ ...irc, sender_localpart });
      if (isFine) expect(attempt).toThrow('the registrations were accepted');
      else expect(attempt()).toBe(message);
    },
  );

  it.each([undefined, '', 5])('for the id %j, and named by its position in the list', (id) => {
    expect(messageFor(slack, { ...irc, id })).toBe(
      'appServices: registration 2: "id" must be a non-empty string',
    );
  });

  it.each([null, undefined, 'secret', []])('if it is %j', (registration) => {
    expect(messageFor(irc, registration)).toBe('appServices: registration 2 must be an object');
  });

  it('for the id of another one', () => {
    expect(messageFor(irc, slack, { ...irc, as_token: 'other', hs_token: 'another' })).toBe(
      'appServices: registration "irc" has the same id as registration "irc"',
    );
  });

  it('for the as_token of another one', () => {
    expect(messageFor(irc, { ...slack, as_token: irc.as_token })).toBe(
      'appServices: registration "slack" has the same as_token as registration "irc"',
    );
  });

  it.each([
    ['of a later one', [{ ...irc, as_token: slack.hs_token }, slack], '"irc"', '"slack"'],
    ['of an earlier one', [irc, { ...slack, as_token: irc.hs_token }], '"slack"', '"irc"'],
    ['of its own', [{ ...irc, as_token: irc.hs_token }], '"irc"', '"irc"'],
  ])('for an as_token that is the hs_token %s', (_whose, registrations, one, other) => {
    expect(messageFor(...registrations)).toBe(
      `appServices: registration ${one} uses the hs_token of registration ${other} as its as_token`,
    );
  });

  it('and no message quotes a token, not even one in place of the id', () => {
    for (const id of [irc.as_token, irc.hs_token]) {
      expect(messageFor({ ...irc, id, url: 5 })).toBe(
        'appServices: registration 1: "url" must be a string or null',
      );
    }
  });
});

describe('options', () => {
  it('are rejected if they are unknown, and the message lists the allowed ones', () => {
    const options = { serverName: SERVER, registrations: [], tokens: [] } as AppServicesOptions;
    expect(() => appServices(options)).toThrow(
      new TypeError(
        'appServices: unknown option "tokens"; allowed: serverName, registrations, userExists, deviceExists',
      ),
    );
  });

  it.each([
    [{ serverName: undefined }, '"serverName" is required'],
    [{ serverName: 'https://example.org' }, '"serverName" must be'],
    [{ serverName: [] }, '"serverName" must be'],
    [{ registrations: undefined }, '"registrations" is required'],
    [{ registrations: irc }, '"registrations" must be a list of registrations'],
    [{ userExists: true }, '"userExists" must be a function'],
    [{ deviceExists: [] }, '"deviceExists" must be a function'],
  ])('are rejected if they have the wrong type: %j', (change, message) => {
    const options = { serverName: SERVER, registrations: [irc], ...change } as unknown as AppServicesOptions;
    expect(() => appServices(options)).toThrow(`appServices: option ${message}`);
  });
});
