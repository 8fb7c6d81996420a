import { domainToASCII } from 'node:url';
import { inspect } from 'node:util';
import { contentRules } from 'express-matrix-invite/policies/content-rules';
import { describe, expect, it } from 'vitest';
import {
  appWith,
  expectAllowed,
  expectRefused,
  itFailsClosed,
  itRefusesAsConfigured,
  sendInvite,
} from './support.ts';

const LINKS = 'The reason must have no links';
const tooLong = (maxLength: number) => `The reason must have at most ${maxLength} characters`;

describe('contentRules', () => {
  const rude = { reason: 'Rude' };
  itRefusesAsConfigured(
    'contentRules',
    'The reason is not welcome',
    (options) => contentRules({ isUnwelcome: (reason) => reason === 'Rude', ...options }),
    rude,
  );
  itFailsClosed('isUnwelcome', (isUnwelcome) => contentRules({ isUnwelcome }), undefined, rude);

  it.each([[{}], [{ reason: '' }], [{ reason: ' \n' }]])(
    'lets invites without a reason pass: %j',
    async (body) => {
      const isUnwelcome = () => expect.fail('called');
      await expectAllowed(await appWith(contentRules({ maxLength: 2, links: 'refuse', isUnwelcome })), body);
    },
  );

  it.each([[{}], [{ reason: '' }], [{ reason: ' \n' }]])('can require a reason: %j', async (body) => {
    const host = await appWith(contentRules({ required: true }));
    await expectRefused(host, 'An invite needs a reason', body);
    await expectAllowed(host, { reason: 'Tea' });
  });

  it('passes the reason to the host app unchanged', async () => {
    const calls: unknown[] = [];
    const isUnwelcome = async (...args: unknown[]) => calls.push(args) === 0;
    await expectAllowed(await appWith(contentRules({ isUnwelcome })), { reason: ' Ｔｅａ\u200b ' });
    expect(calls).toEqual([[' Ｔｅａ\u200b ', { signal: expect.any(AbortSignal) }]]);
  });

  it('uses the configured message for every rule, and never logs the reason', async () => {
    const host = await appWith(
      contentRules({ maxLength: 20, links: 'refuse', required: true, message: 'No' }),
    );
    for (const reason of ['', 'secret'.repeat(4), 'secret.com']) await expectRefused(host, 'No', { reason });
    expect(host.faults()).toEqual([]);
    expect(inspect([host.lines, host.outcomes], { depth: Infinity })).not.toContain('secret');
  });

  it('works without options', async () => {
    await expectAllowed(await appWith(contentRules()), { reason: 'See https://example.com' });
  });

  it.each([
    [{ maxLength: 0 }, 'option "maxLength" must be an integer number of characters, from 1 to 10000'],
    [{ maxLength: 10_001 }, 'option "maxLength" must be an integer number of characters, from 1 to 10000'],
    [{ maxLength: 1.5 }, 'option "maxLength" must be an integer number of characters, from 1 to 10000'],
    [{ links: 'deny' }, 'option "links" must be "allow" or "refuse"'],
    [{ links: true }, 'option "links" must be "allow" or "refuse"'],
    [{ required: 'yes' }, 'option "required" must be a boolean'],
    [{ isUnwelcome: /rude/ }, 'option "isUnwelcome" must be a function'],
    [
      { maxlength: 5 },
      'unknown option "maxlength"; allowed: required, maxLength, links, isUnwelcome, status, errcode, message',
    ],
  ])('rejects %j', (options, error) => {
    expect(() => contentRules(options as never)).toThrow(new TypeError(`contentRules: ${error}`));
  });
});

describe('the length of a reason', () => {
  it.each([
    ['a'.repeat(5), true],
    ['a'.repeat(6), false],
    ['💬'.repeat(5), true],
    ['💬'.repeat(6), false],
    ['💬💬💬💬aa', false],
    [' '.repeat(6), false],
  ])('is counted in code points: %j of 5', async (reason, isShort) => {
    const host = await appWith(contentRules({ maxLength: 5 }));
    await (isShort ? expectAllowed(host, { reason }) : expectRefused(host, tooLong(5), { reason }));
  });

  it('is limited to 1000 by default', async () => {
    const host = await appWith(contentRules());
    await expectRefused(host, tooLong(1000), { reason: 'a'.repeat(1001) });
    await expectAllowed(host, { reason: 'a'.repeat(1000) });
  });

  it('is checked first: longer reasons are neither searched nor passed on', async () => {
    const isUnwelcome = () => expect.fail('called');
    const host = await appWith(contentRules({ links: 'refuse', isUnwelcome }));
    await expectRefused(host, tooLong(1000), { reason: 'https://example.com '.repeat(3000) });
  });
});

describe('links in a reason', () => {
  it.each([
    'https://example.com',
    'See http://192.0.2.1/x',
    'mail to mailto:bob@example.org',
    'bob@example.org',
    'see example.com!',
    'EXAMPLE.COM',
    'win at prizes.xyz',
    '(пример.рф)',
    '//example.com/x',
    'tg://resolve?domain=x',
    'matrix.to/#/#cats:example.org',
    'matrix:r/cats:example.org',
    'call tel:+15550100',
    'magnet:?xt=urn:btih:x',
    'xmpp:bob@example.internal',
    'MATRIX://example.org/roomid/x',
    'join #cats:example.org',
    'ask @bob:example.org',
    'example.c\u200bom',
    'exam\u00adple.com',
    'matrix\u2060:r/cats',
    'see:\u200bexample.com',
    'ｅｘａｍｐｌｅ．ｃｏｍ',
    '𝐞𝐱𝐚𝐦𝐩𝐥𝐞.𝐜𝐨𝐦',
    'example。com',
    'example｡com',
    'ｅｘａｍｐｌｅ。ｃｏｍ',
    'example\u200b。\u00adcom',
    'ⓔⓧⓐⓜⓟⓛⓔ。ⓒⓞⓜ now',
    'example.㏄',
    '请看。example.com',
    '例子。com',
    '例子。cn',
    'bob@example。org',
    '@bob:example。org',
    '#cats:example。org',
    'matrix。to/#/#cats',
  ])('are refused: %j', async (reason) => {
    await expectRefused(await appWith(contentRules({ links: 'refuse' })), LINKS, { reason });
    await expectAllowed(await appWith(contentRules({ links: 'allow' })), { reason });
  });

  it.each([
    'Welcome to the team',
    'matrix: the film',
    'matrix:reloaded',
    'C#: a language',
    '#1: be kind',
    'at 10:30, room 1.2.3',
    'end.Start',
    'and/or @bob, #cats',
    'a @ b',
    'more…it',
    'node.js',
    '👩‍👩‍👧 family',
    '这是。然后',
    '例えば。はい',
    'はい。。。',
    '谢谢。No problem',
    '今日は寒い。In Tokyo it rains',
    '我用Linux。很好',
    'これはテストです。IT部',
    '版本1。0',
    '价格3㎝。好',
  ])('are not found in %j', async (reason) => {
    await expectAllowed(await appWith(contentRules({ links: 'refuse' })), { reason });
  });

  it('are found with every character that browsers take for a dot', { timeout: 60_000 }, async () => {
    const dots = Array.from({ length: 0x110000 }, (_, code) => code)
      .filter((code) => code < 0xd800 || code > 0xdfff)
      .map((code) => String.fromCodePoint(code))
      .filter((character) => domainToASCII(`example${character}com`) === 'example.com');
    expect(dots).toEqual(expect.arrayContaining(['.', '。', '．', '｡']));
    const host = await appWith(contentRules({ links: 'refuse' }));
    for (const dot of dots) await expectRefused(host, LINKS, { reason: `example${dot}com` });
  });

  it('are found with every top-level domain, whichever dot precedes it', async () => {
    const { decide } = contentRules({ links: 'refuse' });
    const context = { signal: new AbortController().signal };
    const request = {
      requester: { userId: '@a:b' },
      roomId: '!a:b',
      userId: '@c:b',
      state: { roomId: '!a:b', keys: [], events: [], revision: '1' },
    };
    const isRefused = async (reason: string) => (await decide({ ...request, reason }, context)) !== undefined;
    const letters = [...'abcdefghijklmnopqrstuvwxyz'];
    const pairs = letters.flatMap((one) => letters.map((other) => `${one}${other}`));
    const found = [];
    for (const domain of [...pairs, 'com', 'net', 'org', 'info', 'shop', 'xyz', 'рф', '然后', 'はい']) {
      const isLink = await isRefused(`example.${domain}`);
      if (isLink) found.push(domain);
      for (const dot of ['。', '．', '｡']) {
        expect([domain, dot, await isRefused(`example${dot}${domain}`)]).toEqual([domain, dot, isLink]);
      }
      expect([domain, await isRefused(`谢谢。${domain} and more`)]).toEqual([domain, domain === 'рф']);
    }
    expect(found.length).toBeGreaterThan(200);
  });

  it('are searched for to the end of long reasons that are designed to be slow', async () => {
    const host = await appWith(contentRules({ maxLength: 10_000, links: 'refuse' }));
    const texts = [
      '@',
      '#',
      '//[',
      'http:',
      '#a:',
      'a-',
      ' a.a.a.a.',
      '\ufdfa',
      '㏄',
      '。',
      '。a',
      '好。a ',
      'a\u200b',
      'matrix://a',
      '(',
    ];
    for (const text of texts) {
      const reason = text.repeat(10_000 / text.length);
      expect([text, (await sendInvite(host, { reason })).status]).toEqual([text, 200]);
    }
  });
});
