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

/** The message of the refusal of registrations, as JavaScript may hand them in. */
function refusal(...registrations: readonly unknown[]): string {
  try {
    appServices({ serverName: SERVER, registrations: registrations as AppServiceRegistration[] });
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    return (error as TypeError).message;
  }
  throw new Error('the registrations were taken');
}

describe('a registration file of a bridge', () => {
  it('is taken as the YAML parser gives it, with keys of no specification', async () => {
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

  it('may leave out what is optional, or leave it empty', async () => {
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

describe('a registration is refused', () => {
  const text = 'must be a text that is not empty';
  const token = 'must be a well-formed token, not empty';
  const cases: readonly (readonly [change: object, message: string])[] = [
    [{ url: undefined }, '"url" must be a text or null'],
    [{ url: 5 }, '"url" must be a text or null'],
    [{ as_token: undefined }, `"as_token" ${token}`],
    [{ as_token: '' }, `"as_token" ${token}`],
    [{ as_token: 12_345 }, `"as_token" ${token}`],
    [{ as_token: 'secret\ud800' }, `"as_token" ${token}`],
    [{ hs_token: undefined }, `"hs_token" ${token}`],
    [{ hs_token: ['secret'] }, `"hs_token" ${token}`],
    [{ sender_localpart: undefined }, `"sender_localpart" ${text}`],
    [{ sender_localpart: '' }, `"sender_localpart" ${text}`],
    [{ namespaces: undefined }, '"namespaces" must be an object'],
    [{ namespaces: null }, '"namespaces" must be an object'],
    [{ namespaces: [] }, '"namespaces" must be an object'],
    [{ namespaces: { users: {} } }, '"namespaces.users" must be a list'],
    [{ namespaces: { users: 'secret' } }, '"namespaces.users" must be a list'],
    [{ rate_limited: 'no' }, '"rate_limited" must be a boolean'],
    [{ rate_limited: 0 }, '"rate_limited" must be a boolean'],
  ];

  it.each(cases)('for %j', (change, message) => {
    expect(refusal({ ...irc, ...change })).toBe(`appServices: registration "irc": ${message}`);
  });

  it.each([
    null,
    'secret',
    { regex: 5, exclusive: true },
    { regex: '@x' },
    { regex: '@x', exclusive: 'yes' },
  ])('for %j as a namespace', (namespace) => {
    const users = [{ exclusive: true, regex: '@_irc_.*' }, namespace];
    expect(refusal({ ...irc, namespaces: { users } })).toBe(
      'appServices: registration "irc": "namespaces.users" must have a "regex", a text, and "exclusive", ' +
        'true or false, in entry 2',
    );
  });

  it.each(['@bot', 'a:b', 'bot:example.org', 'x\0', 'x'.repeat(250)])(
    'for the sender %j, unless that makes a user id of this server',
    (sender_localpart) => {
      const isFine = sender_localpart === '@bot';
      const message = isFine
        ? 'taken'
        : 'appServices: registration "irc": "sender_localpart" must be the localpart of a user id of example.org';
      const attempt = () => refusal({ ...irc, sender_localpart });
      if (isFine) expect(attempt).toThrow('the registrations were taken');
      else expect(attempt()).toBe(message);
    },
  );

  it.each([undefined, '', 5])('for the id %j, by its place in the list', (id) => {
    expect(refusal(slack, { ...irc, id })).toBe(
      'appServices: registration 2: "id" must be a text that is not empty',
    );
  });

  it.each([null, undefined, 'secret', []])('for being %j', (registration) => {
    expect(refusal(irc, registration)).toBe('appServices: registration 2 must be an object');
  });

  it('for the id of another', () => {
    expect(refusal(irc, slack, { ...irc, as_token: 'other', hs_token: 'another' })).toBe(
      'appServices: registration "irc" has the id of registration "irc"',
    );
  });

  it('for the as_token of another', () => {
    expect(refusal(irc, { ...slack, as_token: irc.as_token })).toBe(
      'appServices: registration "slack" has the as_token of registration "irc"',
    );
  });

  it.each([
    ['of a later one', [{ ...irc, as_token: slack.hs_token }, slack], '"irc"', '"slack"'],
    ['of an earlier one', [irc, { ...slack, as_token: irc.hs_token }], '"slack"', '"irc"'],
    ['of its own', [{ ...irc, as_token: irc.hs_token }], '"irc"', '"irc"'],
  ])('for an as_token that is the hs_token %s', (_whose, registrations, one, other) => {
    expect(refusal(...registrations)).toBe(
      `appServices: registration ${one} has the hs_token, as its as_token, of registration ${other}`,
    );
  });

  it('and no message quotes a token, not even one in the place of the id', () => {
    for (const id of [irc.as_token, irc.hs_token]) {
      expect(refusal({ ...irc, id, url: 5 })).toBe(
        'appServices: registration 1: "url" must be a text or null',
      );
    }
  });
});

describe('options', () => {
  it('are refused where they are unknown, and the allowed ones are named', () => {
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
  ])('are refused where they are ill-typed: %j', (change, message) => {
    const options = { serverName: SERVER, registrations: [irc], ...change } as unknown as AppServicesOptions;
    expect(() => appServices(options)).toThrow(`appServices: option ${message}`);
  });
});
