import { describe, expect, it } from 'vitest';
import { BOB, CAROL, invite, MALLORY, REASON_FIELD, ROOM, seedRoom, setUp } from '../http/support.ts';

async function appWith(options: { reasonCodes?: boolean } = {}) {
  const { app, store } = setUp(options);
  await seedRoom(store, {
    powerLevels: { invite: 50, users: { '@alice:example.org': 100 } },
    members: { [CAROL]: 'join', [MALLORY]: 'ban' },
  });
  return app;
}

const cases: [name: string, request: Parameters<typeof invite>[1], code: string | undefined][] = [
  ['an invitee who is in the room', { body: { user_id: CAROL } }, 'ORG.MATRIX.MSC3848.ALREADY_JOINED'],
  ['an invitee who is banned', { body: { user_id: MALLORY } }, 'EXPRESS_MATRIX_INVITE.BANNED'],
  ['an inviter who is not in the room', { token: 'bob-token' }, 'ORG.MATRIX.MSC3848.NOT_JOINED'],
  ['a room that does not exist', { roomId: '!none:example.org' }, 'ORG.MATRIX.MSC3848.NOT_JOINED'],
  ['too little power', { token: 'carol-token' }, 'ORG.MATRIX.MSC3848.INSUFFICIENT_POWER'],
  [
    'an invitee of another server, without a code',
    { body: { user_id: '@bob:elsewhere.example' } },
    undefined,
  ],
];

describe('the reason code of a refusal', () => {
  it.each(cases)('matches the refusal: %s', async (_case, request, code) => {
    const { status, body } = await invite(await appWith(), request);
    expect([status, body.errcode, body[REASON_FIELD]]).toEqual([403, 'M_FORBIDDEN', code]);
  });

  it.each(cases)('can be turned off: %s', async (_case, request) => {
    const { status, body } = await invite(await appWith({ reasonCodes: false }), request);
    expect(status).toBe(403);
    expect(Object.keys(body).sort()).toEqual(['errcode', 'error']);
  });

  it('does not reveal whether a room exists', async () => {
    const app = await appWith();
    const unknown = await invite(app, { token: 'bob-token', roomId: '!none:example.org' });
    const known = await invite(app, { token: 'bob-token', roomId: ROOM, body: { user_id: BOB } });
    expect([known.status, known.text]).toEqual([unknown.status, unknown.text]);
  });
});
