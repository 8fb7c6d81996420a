import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { domainOf, isUserId } from '../../../src/rooms/identifiers.ts';
import { ask, bridges, irc, maySpeakFor, SERVER, withUsers } from './app-services-support.ts';

const inNamespace = (localpart: string, ...expressions: string[]) =>
  maySpeakFor(withUsers(...expressions), `@${localpart}:${SERVER}`);

describe('an expression', () => {
  it.each([
    ['@_irc_.*', '_irc_alice', true],
    ['^@_irc_.*:example\\.org$', '_irc_alice', true],
    ['@_irc_[a-z]+:example\\.org', '_irc_alice', true],
    ['@_irc_[[:alpha:]]+:.*', '_irc_alice', true],
    ['@(alice|bob):example\\.org', 'bob', true],
    ['@a:example.org|@b:example.org', 'b', true],
    ['(?i)@_IRC_.*', '_irc_alice', true],
    ['@_irc_.*', '_irc_ü💬', true],
    ['@_irc_.:.*', '_irc_💬', true],
    // Partial matches, at either end.
    ['@_irc_', '_irc_alice', false],
    ['_irc_.*', '_irc_alice', false],
    ['@_irc_.*', 'mallory@_irc_alice', false],
    ['@bot', 'bothersome', false],
    ['@bot:example.org|@x', 'xavier', false],
    ['@a|@b:example.org', 'a', false],
    ['.*', 'a\nb', false],
    ['(?m)^@_irc_a$', '_irc_a\nb', false],
    ['@_IRC_.*', '_irc_alice', false],
    ['', '_irc_alice', false],
  ])('%j matches all of @%s: %s', async (expression, localpart, expected) => {
    expect(await inNamespace(localpart, expression)).toBe(expected);
  });

  it('is enough if it is one of several that matches', async () => {
    expect(await inNamespace('b', '@a:.*', '@b:.*')).toBe(true);
    expect(await inNamespace('c', '@a:.*', '@b:.*')).toBe(false);
  });

  it('matches the same IDs as the anchored expression in JavaScript', async () => {
    const letters = fc.constantFrom('a', 'b', '_');
    const { expression } = fc.letrec<{ expression: string }>((tie) => ({
      expression: fc.oneof(
        { maxDepth: 3 },
        fc.oneof(letters, fc.constantFrom('.', '[ab]', '[^a]', '\\w', '')),
        fc.tuple(tie('expression'), tie('expression')).map(([one, other]) => `${one}${other}`),
        fc.tuple(tie('expression'), tie('expression')).map(([one, other]) => `(?:${one}|${other})`),
        fc
          .tuple(tie('expression'), fc.constantFrom('*', '+', '?', '{0,2}', '{2}'))
          .map(([one, times]) => `(?:${one})${times}`),
      ),
    }));
    const localpart = fc.array(letters, { maxLength: 6 }).map((each) => each.join(''));
    await fc.assert(
      fc.asyncProperty(expression, fc.boolean(), localpart, async (part, hasEnd, name) => {
        const whole = `@${part}${hasEnd ? ':example\\.org' : ''}`;
        const expected = new RegExp(`^(?:${whole})$`, 'u').test(`@${name}:${SERVER}`);
        expect(await inNamespace(name, whole)).toBe(expected);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a namespace that matches everything', () => {
  it('contains the user IDs of this server, and nothing else', async () => {
    const auth = withUsers('(?s).*');
    const letter = fc.oneof(
      { weight: 100, arbitrary: fc.constantFrom('a', 'A', '@', ' ', '\n', 'é', '💬') },
      { weight: 1, arbitrary: fc.constantFrom(':', '\0', '\ud800') },
    );
    const name = fc.array(letter, { size: 'large', maxLength: 260 });
    const server = fc.constantFrom(SERVER, SERVER, SERVER, 'evil.example', '', ':8448', `${SERVER}:8448`);
    const id = fc.tuple(fc.constantFrom('@', '@', '@', ''), name, server).map(([sigil, letters, domain]) => {
      return `${sigil}${letters.join('')}:${domain}`;
    });
    await fc.assert(
      fc.asyncProperty(id, async (assertedUserId) => {
        const isUser = isUserId(assertedUserId) && domainOf(assertedUserId) === SERVER;
        expect(await ask(auth, { assertedUserId })).toEqual(
          isUser
            ? { requester: { userId: assertedUserId, appServiceId: 'irc', isRateLimitExempt: false } }
            : { failure: 'forbidden' },
        );
      }),
    );
  });
});

describe('the cost of an expression', () => {
  // A backtracking matcher would practically never finish.
  it.each(['@(a+)+$', '@(a|a)*!', '@(a|aa)+!', '@(.*)*!', '@((a*)*)*!', '@(a?){100}a{100}!'])(
    '%s is linear',
    async (expression) => {
      expect(await inNamespace('a'.repeat(240), expression)).toBe(false);
    },
  );

  it('is limited in repetitions', () => {
    for (const expression of ['(x{1000}){1000}', '((((x{10}){10}){10}){10}){10}', 'x{1001}']) {
      expect(() => withUsers(expression)).toThrow(/^appServices: registration "irc": .*invalid repeat count/);
    }
  });

  it('is limited in size', () => {
    expect(() => withUsers('@(.?.?.?.?.?){1000}!')).toThrow(
      new TypeError(
        'appServices: registration "irc": the expressions in "namespaces.users" compile to more than 3000 ' +
          'instructions, at "@(.?.?.?.?.?){1000}!"',
      ),
    );
  });

  it('is limited in size per registration, not for all registrations together', () => {
    const large = '@x{1000}';
    const users = [large, large].map((regex) => ({ exclusive: true, regex }));
    const registrations = ['a', 'b', 'c'].map((id) => ({
      ...irc,
      id,
      as_token: `as-${id}`,
      hs_token: `hs-${id}`,
      namespaces: { users },
    }));
    expect(() => bridges({ registrations })).not.toThrow();
    expect(() => withUsers(large, large, '@y{1000}')).toThrow(
      /more than 3000 instructions, at "@y\{1000\}"$/,
    );
  });

  it('is limited in length', () => {
    expect(() => withUsers('a'.repeat(1000))).not.toThrow();
    expect(() => withUsers('a'.repeat(1001))).toThrow(
      new TypeError(
        'appServices: registration "irc": an expression in "namespaces.users" has more than 1000 characters: ' +
          `"${'a'.repeat(100)}…"`,
      ),
    );
  });

  it('is limited in depth', () => {
    expect(() => withUsers(`${'('.repeat(499)}a${')'.repeat(499)}`)).not.toThrow();
    expect(() => withUsers('('.repeat(1000))).toThrow(TypeError);
  });

  it('is large enough for real bridges', () => {
    expect(() => withUsers('@_irc_[a-z0-9._=/+-]{1,240}:example\\.org')).not.toThrow();
    const puppets = Array.from({ length: 90 }, (_, index) => `@user${index}:example\\.org`);
    expect(() => withUsers(...puppets)).not.toThrow();
  });
});

describe('an expression that is not valid in RE2 is rejected', () => {
  it.each(['@(?!admin).*', '@.*(?<!_bot):.*', '@(a)\\1', '@(?>a+)', '@a++', '@[a', '@(a', '*', '\\Z'])(
    '%j',
    (expression) => {
      expect(() => withUsers('@fine', expression)).toThrow(TypeError);
      expect(() => withUsers('@fine', expression)).toThrow(
        'appServices: registration "irc": an expression in "namespaces.users" is not valid in RE2: ' +
          `${JSON.stringify(expression)}: `,
      );
    },
  );
});
