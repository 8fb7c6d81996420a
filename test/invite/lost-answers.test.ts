import { DatabaseSync } from '@photostructure/sqlite';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { SqliteStorage } from 'express-matrix-invite/storage/sqlite';
import { transactionalStorage } from 'express-matrix-invite/storage/transactional';
import { describe, expect, it } from 'vitest';
import { ALICE, BOB, CAROL, ROOM } from '../http/support.ts';
import { MemberTables } from '../support/member-tables.ts';
import { type Host, hostOn, inviteWithLostAnswer, testLostAnswers } from '../support/unknown-outcome.ts';

async function sqliteHost(): Promise<Host> {
  const store = new SqliteStorage(new DatabaseSync(':memory:'));
  await store.migrate();
  return hostOn(store);
}

/** A host app without events: the content of a leave is always the same, so that leaves cannot be told apart. */
function tablesHost(): Host & { readonly tables: MemberTables } {
  const tables = new MemberTables();
  tables.addRoom(ROOM);
  tables.setMember(ROOM, CAROL, 'join');
  return {
    tables,
    storage: transactionalStorage(tables),
    setMember: async (userId, membership, sender) => tables.setMember(ROOM, userId, membership, null, sender),
    invites: async () => tables.rows('log').length,
  };
}

testLostAnswers('MemoryStorage', () => hostOn(new MemoryStorage()));
testLostAnswers('SqliteStorage', sqliteHost);
testLostAnswers('transactionalStorage', async () => tablesHost());

describe('an append that was not stored', () => {
  it.each([
    ['MemoryStorage', () => hostOn(new MemoryStorage())],
    ['SqliteStorage', sqliteHost],
  ])(
    'is repeated in a store with event IDs, which tell that nothing came between: %s',
    async (_name, open) => {
      for (const before of [undefined, 'leave', 'knock']) {
        const host = await open();
        if (before !== undefined) await host.setMember(BOB, before, BOB);
        const { response, ...effects } = await inviteWithLostAnswer(host, { isStored: false });
        expect(response.status).toBe(200);
        expect(effects).toEqual({ appends: 2, notices: 1, refunds: 0 });
        expect(await host.invites()).toBe(1);
      }
    },
  );

  it('is a 503 in a store without event IDs: the same row can have come back', async () => {
    for (const before of [undefined, 'leave', 'knock']) {
      const host = tablesHost();
      if (before !== undefined) await host.setMember(BOB, before, BOB);
      const { response, ...effects } = await inviteWithLostAnswer(host, { isStored: false });
      expect(response.status).toBe(503);
      expect(effects).toEqual({ appends: 1, notices: 0, refunds: 0 });
      expect(await host.invites()).toBe(0);
    }
  });

  it('is a 503 in a store that deletes the rows of users who left', async () => {
    const host = tablesHost();
    const { response, ...effects } = await inviteWithLostAnswer(host, {
      afterwards: () => host.tables.removeMember(ROOM, BOB),
    });
    expect(response.status).toBe(503);
    expect(effects).toEqual({ appends: 1, notices: 0, refunds: 0 });
    expect(await host.invites()).toBe(1);
  });

  it('is a 403 if the inviter has left since: the append relied on the membership', async () => {
    const host = await sqliteHost();
    const { response, ...effects } = await inviteWithLostAnswer(host, {
      isStored: false,
      afterwards: () => host.setMember(ALICE, 'leave', ALICE),
    });
    expect(response.status).toBe(403);
    expect(effects).toEqual({ appends: 1, notices: 0, refunds: 1 });
    expect(await host.invites()).toBe(0);
  });
});
