import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { validateInviteBody, validateRoomId } from '../../src/openapi/validators.ts';

const BOB = '@bob:example.org';
const userIdOf = (bytes: number) => `@${'b'.repeat(bytes - '@:example.org'.length)}:example.org`;
const roomIdOf = (bytes: number) => `!${'r'.repeat(bytes - 1)}`;

describe('a body that is an invite', () => {
  it.each([
    ['a user', { user_id: BOB }],
    ['a user and a reason', { user_id: BOB, reason: 'hello' }],
    ['an empty reason', { user_id: BOB, reason: '' }],
    ['a reason with NUL and an emoji', { user_id: BOB, reason: 'a\0💬' }],
    ['an empty localpart', { user_id: '@:example.org' }],
    ['a user id of 255 bytes', { user_id: userIdOf(255) }],
  ])('%s', (_, body) => {
    expect(validateInviteBody(body)).toEqual({ valid: true, value: body });
  });

  it('may have other fields, which are not taken over', () => {
    const body = JSON.parse(`{"user_id":"${BOB}","membership":"join","__proto__":{"reason":"x"},"n":[1]}`);
    const verdict = validateInviteBody(body);
    expect(verdict).toEqual({ valid: true, value: { user_id: BOB } });
    expect(verdict.valid && Object.keys(verdict.value)).toEqual(['user_id']);
  });

  it('may have third-party fields too: the user id is meant', () => {
    const body = { user_id: BOB, id_server: 'x', id_access_token: 'x', medium: 'email', address: 'a@b.c' };
    expect(validateInviteBody(body)).toEqual({ valid: true, value: { user_id: BOB } });
  });

  it('may be an object without a prototype', () => {
    const body = Object.assign(Object.create(null), { user_id: BOB, reason: 'hello' });
    expect(validateInviteBody(body)).toEqual({ valid: true, value: { user_id: BOB, reason: 'hello' } });
  });

  it('may say a field twice: the last one counts, as in JSON.parse', () => {
    const verdict = validateInviteBody(JSON.parse(`{"user_id":1,"user_id":"${BOB}"}`));
    expect(verdict).toEqual({ valid: true, value: { user_id: BOB } });
  });

  it('is not the object that came', () => {
    const body = { user_id: BOB, reason: 'hello' };
    const verdict = validateInviteBody(body);
    body.user_id = '@mallory:example.org';
    expect(verdict).toEqual({ valid: true, value: { user_id: BOB, reason: 'hello' } });
  });
});

describe('a body that has not the right shape is M_BAD_JSON', () => {
  it.each([
    ['undefined', undefined, 'the body must be a JSON object'],
    ['null', null, 'the body must be a JSON object'],
    ['a boolean', true, 'the body must be a JSON object'],
    ['a number', 1, 'the body must be a JSON object'],
    ['a string', `{"user_id":"${BOB}"}`, 'the body must be a JSON object'],
    ['an array', [{ user_id: BOB }], 'the body must be a JSON object'],
    ['nothing', {}, 'user_id is required'],
    ['user_id null', { user_id: null }, 'user_id must be a string'],
    ['user_id a number', { user_id: 1 }, 'user_id must be a string'],
    ['user_id an array', { user_id: [BOB] }, 'user_id must be a string'],
    ['user_id an object', { user_id: { user_id: BOB } }, 'user_id must be a string'],
    ['reason null', { user_id: BOB, reason: null }, 'reason must be a string'],
    ['reason a number', { user_id: BOB, reason: 1 }, 'reason must be a string'],
    ['reason an array', { user_id: BOB, reason: ['hello'] }, 'reason must be a string'],
    ['a lone surrogate in user_id', { user_id: '@\ud800:x' }, 'user_id must be well-formed Unicode'],
    ['a lone surrogate in reason', { user_id: BOB, reason: '\udc00' }, 'reason must be well-formed Unicode'],
    [
      'surrogates the wrong way round',
      { user_id: BOB, reason: '\udc00\ud800' },
      'reason must be well-formed Unicode',
    ],
    ['both fields ill-typed', { user_id: 1, reason: 1 }, 'user_id must be a string; reason must be a string'],
    ['no user_id, reason ill-typed', { reason: 1 }, 'user_id is required; reason must be a string'],
    ['a wrong shape and a wrong id', { user_id: 'bob', reason: 1 }, 'reason must be a string'],
    ['user_id of a prototype', JSON.parse(`{"__proto__":{"user_id":"${BOB}"}}`), 'user_id is required'],
    ['user_id inherited', Object.create({ user_id: BOB }), 'user_id is required'],
    [
      'user_id null beside an address',
      { user_id: null, medium: 'email', address: 'a@b.c' },
      'user_id must be a string',
    ],
  ])('%s', (_, body, message) => {
    expect(validateInviteBody(body)).toEqual({ valid: false, errcode: 'M_BAD_JSON', message });
  });
});

describe('a user_id that is no user id is M_INVALID_PARAM', () => {
  it.each([
    ['empty', ''],
    ['without a sigil', 'bob'],
    ['with the sigil of a room', '!bob:example.org'],
    ['without a domain', '@bob'],
    ['with an empty domain', '@bob:'],
    ['with NUL', '@b\0b:example.org'],
    ['with a line end', `${BOB}\n`],
    ['of 256 bytes', userIdOf(256)],
    ['of 256 bytes in fewer characters', `@${'ü'.repeat(121)}b:example.org`],
  ])('%s', (_, user_id) => {
    expect(validateInviteBody({ user_id, reason: 'hello' })).toEqual({
      valid: false,
      errcode: 'M_INVALID_PARAM',
      message: 'user_id is not a Matrix user ID',
    });
  });
});

describe('the third-party form is M_THREEPID_DENIED', () => {
  const form = { id_server: 'id.example.org', id_access_token: 'token', medium: 'email', address: 'a@b.c' };
  const { id_access_token: _, ...withoutToken } = form;

  it.each([
    ['as specified', form],
    ['of an older client', withoutToken],
    ['without an identity server', { medium: 'msisdn', address: '441234567890' }],
    ['with a reason', { ...form, reason: 'hello' }],
    ['without a prototype', Object.assign(Object.create(null), form)],
  ])('%s', (__, body) => {
    expect(validateInviteBody(body)).toMatchObject({ valid: false, errcode: 'M_THREEPID_DENIED' });
  });

  it.each([
    ['without a medium', { address: 'a@b.c' }],
    ['without an address', { medium: 'email' }],
    ['with a medium that is no string', { medium: 1, address: 'a@b.c' }],
    ['with an address that is no string', { medium: 'email', address: null }],
    ['inherited', Object.create(form)],
    ['in an array', [form]],
  ])('but not %s', (__, body) => {
    expect(validateInviteBody(body)).toMatchObject({ valid: false, errcode: 'M_BAD_JSON' });
  });

  it('but not with a user_id, which is meant then, however wrong', () => {
    expect(validateInviteBody({ ...form, user_id: 'bob' })).toMatchObject({ errcode: 'M_INVALID_PARAM' });
    expect(validateInviteBody({ ...form, user_id: 1 })).toMatchObject({ errcode: 'M_BAD_JSON' });
  });
});

describe('with a polluted Object.prototype', () => {
  const polluted = Object.prototype as { user_id?: unknown; reason?: unknown };

  afterEach(() => {
    delete polluted.user_id;
    delete polluted.reason;
  });

  it('only own fields count', () => {
    polluted.user_id = '@mallory:example.org';
    polluted.reason = 'not said';
    const nothing = validateInviteBody({});
    const invite = validateInviteBody({ user_id: BOB });
    expect(nothing).toMatchObject({ errcode: 'M_BAD_JSON', message: 'user_id is required' });
    expect(invite.valid && Object.entries(invite.value)).toEqual([['user_id', BOB]]);
  });
});

describe('any JSON value', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
    fc.constantFrom(BOB, userIdOf(255), userIdOf(256), '@', '@:', '@b:[::1]:1'),
  );
  const field = fc.oneof(text, fc.jsonValue());
  const nearInvite = fc.record(
    { user_id: field, reason: field, medium: field, address: field, ['__proto__']: field },
    { requiredKeys: [], noNullPrototype: false },
  );
  const anyBody = fc.oneof(nearInvite, fc.jsonValue({ noUnicodeString: false }), text);

  it('gets one of the verdicts, and an invite that can be stored when it is valid', () => {
    let valid = 0;
    fc.assert(
      fc.property(anyBody, (body) => {
        const verdict = validateInviteBody(body);
        if (verdict.valid) {
          valid += 1;
          const { user_id, reason, ...rest } = verdict.value;
          expect(user_id).toMatch(/^@/);
          expect(Buffer.byteLength(user_id)).toBeLessThanOrEqual(255);
          expect(`${user_id}${reason ?? ''}`.isWellFormed()).toBe(true);
          expect(rest).toEqual({});
        } else {
          expect(['M_BAD_JSON', 'M_INVALID_PARAM', 'M_THREEPID_DENIED']).toContain(verdict.errcode);
          expect(verdict.message).not.toBe('');
        }
      }),
      { numRuns: 3_000 },
    );
    expect(valid).toBeGreaterThan(0);
  });

  it('is never repeated in the message', () => {
    const messages = new Set<string>();
    fc.assert(
      fc.property(anyBody, (body) => {
        const verdict = validateInviteBody(body);
        if (!verdict.valid) messages.add(verdict.message);
      }),
      { numRuns: 3_000 },
    );
    const told = [...messages].flatMap((message) => message.split('; '));
    expect([
      'the body must be a JSON object',
      'user_id is required',
      'user_id must be a string',
      'user_id must be well-formed Unicode',
      'user_id is not a Matrix user ID',
      'reason must be a string',
      'reason must be well-formed Unicode',
      'Users can only be invited by their Matrix user ID',
    ]).toEqual(expect.arrayContaining([...new Set(told)]));
  });
});

describe('a room id', () => {
  it.each(['!a:example.org', '!a/b c?:example.org:8448', roomIdOf(255), '!ü'])('%j is one', (roomId) => {
    expect(validateRoomId(roomId)).toEqual({ valid: true, value: roomId });
  });

  it.each(['', '!', 'a:example.org', '#a:example.org', '!a:', '!a\0:example.org', '!\ud800', roomIdOf(256)])(
    '%j is none',
    (roomId) => {
      expect(validateRoomId(roomId)).toEqual({
        valid: false,
        errcode: 'M_INVALID_PARAM',
        message: 'roomId is not a Matrix room ID',
      });
    },
  );

  it.each([undefined, null, 1, ['!a:example.org'], {}])('%j is no text', (roomId) => {
    expect(validateRoomId(roomId)).toEqual({
      valid: false,
      errcode: 'M_BAD_JSON',
      message: 'roomId must be a string',
    });
  });
});
