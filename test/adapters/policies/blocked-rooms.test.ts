import { blockedRooms } from 'express-matrix-invite/policies/blocked-rooms';
import { describe, expect, it } from 'vitest';
import { ROOM } from '../../http/support.ts';
import { appWith, ask, expectAllowed, expectRefused, itFailsClosed, itRefusesAsTold } from './support.ts';

const BLOCKED = 'This room is blocked on this server';

describe('blockedRooms', () => {
  itRefusesAsTold('blockedRooms', BLOCKED, (options) => blockedRooms({ rooms: [ROOM], ...options }));
  itFailsClosed('rooms', (rooms) => blockedRooms({ rooms }));

  it('lets invites into other rooms pass', async () => {
    await expectAllowed(await appWith(blockedRooms({ rooms: ['!other:example.org', '!Room:example.org'] })));
    await expectAllowed(await appWith(blockedRooms({ rooms: [] })));
  });

  it('takes any list, read once, also of room ids without a domain', async () => {
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

  it('asks a function about the room', async () => {
    const asked: unknown[] = [];
    const rooms = async (...args: unknown[]) => asked.push(args) === 0;
    await expectAllowed(await appWith(blockedRooms({ rooms })));
    expect(asked).toEqual([[ROOM, { signal: expect.any(AbortSignal) }]]);
    await expectRefused(await appWith(blockedRooms({ rooms: (id) => id === ROOM })), BLOCKED);
  });

  it('tells those who are not in the room nothing of it', async () => {
    const host = await appWith(blockedRooms({ rooms: [ROOM] }));
    const { status, body } = await ask(host, {}, 'mallory-token');
    expect(status).toBe(403);
    expect(body.error).not.toContain('blocked');
  });

  it.each([[['#cats:example.org']], [['room']], [[5]], [[ROOM, '!']]])(
    'takes no list with what is no room id: %j',
    (rooms) => {
      expect(() => blockedRooms({ rooms: rooms as string[] })).toThrow(
        new TypeError('blockedRooms: rooms must have ids such as "!room:example.org" only'),
      );
    },
  );

  it.each([ROOM, 5, null, {}])('takes no %j in the place of a list', (rooms) => {
    expect(() => blockedRooms({ rooms: rooms as string[] })).toThrow(
      new TypeError('blockedRooms: option "rooms" must be a list of ids, or a function'),
    );
  });

  it('needs rooms', () => {
    // @ts-expect-error they are required
    expect(() => blockedRooms({})).toThrow(
      new TypeError('blockedRooms: option "rooms" is required: a list of ids, or a function'),
    );
  });
});
