import { blockedRooms } from 'express-matrix-invite/policies/blocked-rooms';
import { describe, expect, it } from 'vitest';
import { ROOM } from '../../http/support.ts';
import {
  appWith,
  expectAllowed,
  expectRefused,
  itFailsClosed,
  itRefusesAsConfigured,
  sendInvite,
} from './support.ts';

const BLOCKED = 'This room is blocked on this server';

describe('blockedRooms', () => {
  itRefusesAsConfigured('blockedRooms', BLOCKED, (options) => blockedRooms({ rooms: [ROOM], ...options }));
  itFailsClosed('rooms', (rooms) => blockedRooms({ rooms }));

  it('lets invites to other rooms pass', async () => {
    await expectAllowed(await appWith(blockedRooms({ rooms: ['!other:example.org', '!Room:example.org'] })));
    await expectAllowed(await appWith(blockedRooms({ rooms: [] })));
  });

  it('accepts any iterable, reads it once, and supports room IDs without a domain', async () => {
    function* generated() {
      yield '!cBYVrLGYmqh4JYyTMUYZ7kCJcCMJEUYRbB0eZZp3nyA';
      yield ROOM;
    }
    const rooms = new Set([ROOM]);
    const policy = blockedRooms({ rooms });
    rooms.clear();
    for (const each of [policy, blockedRooms({ rooms: generated() })]) {
      const host = await appWith(each);
      await expectRefused(host, BLOCKED);
      await expectRefused(host, BLOCKED);
    }
  });

  it('calls a function with the room', async () => {
    const calls: unknown[] = [];
    const rooms = async (...args: unknown[]) => calls.push(args) === 0;
    await expectAllowed(await appWith(blockedRooms({ rooms })));
    expect(calls).toEqual([[ROOM, { signal: expect.any(AbortSignal) }]]);
    await expectRefused(await appWith(blockedRooms({ rooms: (id) => id === ROOM })), BLOCKED);
  });

  it('reveals nothing to users who are not in the room', async () => {
    const host = await appWith(blockedRooms({ rooms: [ROOM] }));
    const { status, body } = await sendInvite(host, {}, 'mallory-token');
    expect(status).toBe(403);
    expect(body.error).not.toContain('blocked');
  });

  it.each([[['#cats:example.org']], [['room']], [[5]], [[ROOM, '!']]])(
    'rejects a list with anything but room IDs: %j',
    (rooms) => {
      expect(() => blockedRooms({ rooms: rooms as string[] })).toThrow(
        new TypeError('blockedRooms: rooms must only contain IDs such as "!room:example.org"'),
      );
    },
  );

  it.each([ROOM, 5, null, {}])('rejects %j instead of a list', (rooms) => {
    expect(() => blockedRooms({ rooms: rooms as string[] })).toThrow(
      new TypeError('blockedRooms: option "rooms" must be a list of IDs, or a function'),
    );
  });

  it('requires rooms', () => {
    // @ts-expect-error required
    expect(() => blockedRooms({})).toThrow(
      new TypeError('blockedRooms: option "rooms" is required: a list of IDs, or a function'),
    );
  });
});
