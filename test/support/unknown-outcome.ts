import {
  type InviteNotice,
  type RateLimitAdapter,
  type RoomStore,
  type StorageAdapter,
  StorageUnavailableError,
} from 'express-matrix-invite';
import { describe, expect, it } from 'vitest';
import { ALICE, BOB, CAROL, invite, limits, ROOM, seedRoom, setUp } from '../http/support.ts';

/** A host app whose store is tested. */
export type Host = {
  readonly storage: StorageAdapter;
  /** The host app's own change of a membership: a join, a leave, a ban. */
  setMember(userId: string, membership: string, sender: string): Promise<unknown>;
  /** Counts the invites by Alice that were ever stored. */
  invites(): Promise<number>;
};

/** Returns the host app on a store of this package, with the room of the tests. */
export async function hostOn(store: RoomStore): Promise<Host> {
  await seedRoom(store, { members: { [CAROL]: 'join' } });
  return {
    storage: store,
    setMember: (state_key, membership, sender) =>
      store.putState({
        room_id: ROOM,
        type: 'm.room.member',
        state_key,
        sender,
        origin_server_ts: 2,
        content: { membership },
      }),
    async invites() {
      const page = await store.timeline(ROOM, { limit: 1_000 });
      const events = page?.events ?? [];
      return events.filter(({ sender, content }) => sender === ALICE && content.membership === 'invite')
        .length;
    },
  };
}

type Lost = {
  /** Whether the first append is stored before its answer is lost. */
  readonly isStored?: boolean;
  /** What happens between that append and the next read. */
  readonly afterwards?: (host: Host) => unknown;
};

/** Invites Bob over HTTP. The answer to the first append is lost. */
export async function inviteWithLostAnswer(host: Host, { isStored = true, afterwards }: Lost = {}) {
  const notices: InviteNotice[] = [];
  const refunds: unknown[] = [];
  let appends = 0;
  const limit: RateLimitAdapter = limits(10);
  const { app, router } = setUp({
    storage: {
      readState: (...parameters) => host.storage.readState(...parameters),
      async appendEvent(...parameters) {
        appends += 1;
        if (appends > 1) return host.storage.appendEvent(...parameters);
        if (isStored) await host.storage.appendEvent(...parameters);
        await afterwards?.(host);
        throw new StorageUnavailableError('The connection was lost during the commit');
      },
    },
    rateLimit: {
      consume: (...parameters) => limit.consume(...parameters),
      refund: async (receipt) => {
        refunds.push(receipt);
      },
    },
    onInvite: (notice) => notices.push(notice),
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  });
  const response = await invite(app);
  await router.close();
  return { response, appends, notices: notices.length, refunds: refunds.length };
}

const CHANGES: readonly (readonly [what: string, membership: string, sender: string])[] = [
  ['the invitee declines', 'leave', BOB],
  ['the invitee knocks', 'knock', BOB],
  ['the invitee joins', 'join', BOB],
  ['another member withdraws it', 'leave', CAROL],
  ['the inviter withdraws it', 'leave', ALICE],
  ['another member bans the invitee', 'ban', CAROL],
  ['another member invites too', 'invite', CAROL],
];

const BEFORE: readonly (readonly [what: string, membership: string | undefined])[] = [
  ['who was never in the room', undefined],
  ['who has left', 'leave'],
  ['who has knocked', 'knock'],
];

/** Tests that a lost answer leads to one invite at most. `open` opens a host app with an empty store. */
export function testLostAnswers(name: string, open: () => Promise<Host>): void {
  describe(`a lost answer to an append in ${name}`, () => {
    const cases = BEFORE.flatMap(([who, before]) =>
      CHANGES.map(([what, membership, sender]) => ({ who, before, what, membership, sender })),
    );

    it.each(cases)('is a 503 and one invite for a user $who, if $what', async (given) => {
      const host = await open();
      if (given.before !== undefined) await host.setMember(BOB, given.before, BOB);
      const { response, ...effects } = await inviteWithLostAnswer(host, {
        afterwards: () => host.setMember(BOB, given.membership, given.sender),
      });
      expect([response.status, response.body.errcode, response.headers['retry-after']]).toEqual([
        503,
        'M_UNKNOWN',
        '1',
      ]);
      expect(effects).toEqual({ appends: 1, notices: 0, refunds: 0 });
      expect(await host.invites()).toBe(1);
    });

    it.each(BEFORE)('is a 200 for a user %s, if the invite is still there', async (_who, before) => {
      const host = await open();
      if (before !== undefined) await host.setMember(BOB, before, BOB);
      const { response, ...effects } = await inviteWithLostAnswer(host);
      expect(response.status).toBe(200);
      expect(effects).toEqual({ appends: 1, notices: 1, refunds: 0 });
      expect(await host.invites()).toBe(1);
    });
  });
}
