import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { validateInviteBody, validateRoomId } from '../../src/openapi/validators.ts';

const BOB = '@bob:example.org';
const userIdOf = (bytes: number) => `@${'b'.repeat(bytes - '@:example.org'.length)}:example.org`;
const roomIdOf = (bytes: number) => `!${'r'.repeat(bytes - 1)}`;

describe('the body of an invite', () => {
  it.each([
    ['a user', { user_id: BOB }],
    ['a user and a reason', { user_id: BOB, reason: 'hello' }],
    ['an empty reason', { user_id: BOB, reason: '' }],
    ['a reason with NUL and an emoji', { user_id: BOB, reason: 'a\0💬' }],
    ['an empty localpart', { user_id: '@:example.org' }],
    ['a user ID of 255 bytes', { user_id: userIdOf(255) }],
  ])('is accepted: %s', (_, body) => {
    expect(validateInviteBody(body)).toEqual({ valid: true, value: body });
  });

  it('can have other fields, which are left out', () => {
    const body = JSON.parse(`{"user_id":"${BOB}","membership":"join","__proto__":{"reason":"x"},"n":[1]}`);
    const verdict = validateInviteBody(body);
    expect(verdict).toEqual({ valid: true, value: { user_id: BOB } });
    expect(verdict.valid && Object.keys(verdict.value)).toEqual(['user_id']);
  });

  it('can have third-party fields too: the user ID counts', () => {
    const body = { user_id: BOB, id_server: 'x', id_access_token: 'x', medium: 'email', address: 'a@b.c' };
    expect(validateInviteBody(body)).toEqual({ valid: true, value: { user_id: BOB } });
  });

  it('can be an object without a prototype', () => {
    const body = Object.assign(Object.create(null), { user_id: BOB, reason: 'hello' });
    expect(validateInviteBody(body)).toEqual({ valid: true, value: { user_id: BOB, reason: 'hello' } });
  });

  it('can contain a field twice: the last one counts, as in JSON.parse', () => {
    const verdict = validateInviteBody(JSON.parse(`{"user_id":1,"user_id":"${BOB}"}`));
    expect(verdict).toEqual({ valid: true, value: { user_id: BOB } });
  });

  it('is returned as a copy', () => {
    const body = { user_id: BOB, reason: 'hello' };
    const verdict = validateInviteBody(body);
    body.user_id = '@mallory:example.org';
    expect(verdict).toEqual({ valid: true, value: { user_id: BOB, reason: 'hello' } });
  });
});

describe('a body of the wrong shape', () => {
  it.each([
    ['undefined', undefined, 'the body must be a JSON object'],
    ['null', null, 'the body must be a JSON object'],
    ['a boolean', true, 'the body must be a JSON object'],
    ['a number', 1, 'the body must be a JSON object'],
    ['a string', `{"user_id":"${BOB}"}`, 'the body must be a JSON object'],
    ['an array', [{ user_id: BOB }], 'the body must be a JSON object'],
    ['an empty object', {}, 'user_id is required'],
    ['null as user_id', { user_id: null }, 'user_id must be a string'],
    ['a number as user_id', { user_id: 1 }, 'user_id must be a string'],
    ['an array as user_id', { user_id: [BOB] }, 'user_id must be a string'],
    ['an object as user_id', { user_id: { user_id: BOB } }, 'user_id must be a string'],
    ['null as reason', { user_id: BOB, reason: null }, 'reason must be a string'],
    ['a number as reason', { user_id: BOB, reason: 1 }, 'reason must be a string'],
    ['an array as reason', { user_id: BOB, reason: ['hello'] }, 'reason must be a string'],
    ['a lone surrogate in user_id', { user_id: '@\ud800:x' }, 'user_id must be well-formed Unicode'],
    ['a lone surrogate in reason', { user_id: BOB, reason: '\udc00' }, 'reason must be well-formed Unicode'],
    [
      'surrogates in the wrong order',
      { user_id: BOB, reason: '\udc00\ud800' },
      'reason must be well-formed Unicode',
    ],
    [
      'both fields of the wrong type',
      { user_id: 1, reason: 1 },
      'user_id must be a string; reason must be a string',
    ],
    [
      'no user_id, and a reason of the wrong type',
      { reason: 1 },
      'user_id is required; reason must be a string',
    ],
    [
      'an invalid user_id, and a reason of the wrong type',
      { user_id: 'bob', reason: 1 },
      'reason must be a string',
    ],
    ['user_id in __proto__', JSON.parse(`{"__proto__":{"user_id":"${BOB}"}}`), 'user_id is required'],
    ['an inherited user_id', Object.create({ user_id: BOB }), 'user_id is required'],
    [
      'null as user_id next to an address',
      { user_id: null, medium: 'email', address: 'a@b.c' },
      'user_id must be a string',
    ],
  ])('is M_BAD_JSON: %s', (_, body, message) => {
    expect(validateInviteBody(body)).toEqual({ valid: false, errcode: 'M_BAD_JSON', message });
  });
});

describe('a user_id that is not a user ID', () => {
  it.each([
    ['empty', ''],
    ['without a sigil', 'bob'],
    ['with the sigil of a room', '!bob:example.org'],
    ['without a domain', '@bob'],
    ['with an empty domain', '@bob:'],
    ['with NUL', '@b\0b:example.org'],
    ['with a newline', `${BOB}\n`],
    ['of 256 bytes', userIdOf(256)],
    ['of 256 bytes in fewer characters', `@${'ü'.repeat(121)}b:example.org`],
  ])('is M_INVALID_PARAM: %s', (_, user_id) => {
    expect(validateInviteBody({ user_id, reason: 'hello' })).toEqual({
      valid: false,
      errcode: 'M_INVALID_PARAM',
      message: 'user_id is not a Matrix user ID',
    });
  });
});

describe('a third-party invite', () => {
  const form = { id_server: 'id.example.org', id_access_token: 'token', medium: 'email', address: 'a@b.c' };
  const { id_access_token: _, ...withoutToken } = form;

  it.each([
    ['as specified', form],
    ['of an older client', withoutToken],
    ['without an identity server', { medium: 'msisdn', address: '441234567890' }],
    ['with a reason', { ...form, reason: 'hello' }],
    ['without a prototype', Object.assign(Object.create(null), form)],
  ])('is M_THREEPID_DENIED: %s', (__, body) => {
    expect(validateInviteBody(body)).toMatchObject({ valid: false, errcode: 'M_THREEPID_DENIED' });
  });

  it.each([
    ['without a medium', { address: 'a@b.c' }],
    ['without an address', { medium: 'email' }],
    ['with a medium that is not a string', { medium: 1, address: 'a@b.c' }],
    ['with an address that is not a string', { medium: 'email', address: null }],
    ['inherited', Object.create(form)],
    ['in an array', [form]],
  ])('is M_BAD_JSON: %s', (__, body) => {
    expect(validateInviteBody(body)).toMatchObject({ valid: false, errcode: 'M_BAD_JSON' });
  });

  it('is validated by its user_id if it has one, even an invalid one', () => {
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
  const string = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
    fc.constantFrom(BOB, userIdOf(255), userIdOf(256), '@', '@:', '@b:[::1]:1'),
  );
  const field = fc.oneof(string, fc.jsonValue());
  const nearInvite = fc.record(
    { user_id: field, reason: field, medium: field, address: field, ['__proto__']: field },
    { requiredKeys: [], noNullPrototype: false },
  );
  const anyBody = fc.oneof(nearInvite, fc.jsonValue({ noUnicodeString: false }), string);

  it('gets a known verdict, and can be stored if it is valid', () => {
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
    const parts = [...messages].flatMap((message) => message.split('; '));
    expect([
      'the body must be a JSON object',
      'user_id is required',
      'user_id must be a string',
      'user_id must be well-formed Unicode',
      'user_id is not a Matrix user ID',
      'reason must be a string',
      'reason must be well-formed Unicode',
      'Users can only be invited by their Matrix user ID',
    ]).toEqual(expect.arrayContaining([...new Set(parts)]));
  });
});

describe('a room ID', () => {
  it.each(['!a:example.org', '!a/b c?:example.org:8448', roomIdOf(255), '!ü'])('%j is valid', (roomId) => {
    expect(validateRoomId(roomId)).toEqual({ valid: true, value: roomId });
  });

  it.each(['', '!', 'a:example.org', '#a:example.org', '!a:', '!a\0:example.org', '!\ud800', roomIdOf(256)])(
    '%j is invalid',
    (roomId) => {
      expect(validateRoomId(roomId)).toEqual({
        valid: false,
        errcode: 'M_INVALID_PARAM',
        message: 'roomId is not a Matrix room ID',
      });
    },
  );

  it.each([undefined, null, 1, ['!a:example.org'], {}])('%j is not a string', (roomId) => {
    expect(validateRoomId(roomId)).toEqual({
      valid: false,
      errcode: 'M_BAD_JSON',
      message: 'roomId must be a string',
    });
  });
});
