import { MysqlStorage } from 'express-matrix-invite/storage/mysql';
import { PostgresStorage } from 'express-matrix-invite/storage/postgres';
import { expect, it, onTestFinished } from 'vitest';
import { MariadbServer } from '../../../servers/mariadb-server.ts';
import { PostgresServer } from '../../../servers/postgres-server.ts';
import type { PendingAddressInvites } from '../../../src/ports/pending-address-invites.ts';
import type { RoomStore } from '../../../src/ports/storage.ts';
import { ALICE, inTime, invite, NAME, newRoom, stateEvent } from '../../support/storage-room.ts';

/** Calls every method but `migrate`. */
async function useAll(store: RoomStore & PendingAddressInvites): Promise<void> {
  const room = newRoom();
  const { roomId } = room;
  expect(await store.createRoom(room)).toBe('created');
  expect(await invite(store, roomId, '@bob:example.org')).toMatchObject({ outcome: 'appended' });
  expect(await store.putState(stateEvent(roomId, NAME, { name: 'Friday' }, ALICE))).toBeDefined();
  expect(await store.roomState(roomId)).toHaveLength(4);
  expect((await store.timeline(roomId))?.events).toHaveLength(4);

  const key = { roomId, addressHash: 'a'.repeat(64) };
  const claimed = async () => {
    const claim = await store.claimAddress(key, inTime());
    return claim.outcome === 'claimed' ? claim.claimId : expect.fail(claim.outcome);
  };
  await store.releaseAddress(key, await claimed(), inTime());
  const pending = { token: 'token', displayName: 'b…@e…', publicKeys: [{ publicKey: 'A'.repeat(43) }] };
  expect(await store.settleAddress(key, await claimed(), pending, inTime())).toEqual(pending);
  await store.forgetAddress(key, pending.token, inTime());
  await claimed();
}

it('PostgresStorage works with the privileges that docs/postgresql.md names', async () => {
  const server = await PostgresServer.start();
  onTestFinished(() => server.close());
  const admin = server.pool();
  await new PostgresStorage(admin).migrate();
  await admin.query(`CREATE ROLE app LOGIN;
    GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO app;
    GRANT DELETE ON matrix_pending_addresses TO app`);
  await useAll(new PostgresStorage(server.pool({ user: 'app' })));
});

it('MysqlStorage works with the privileges that docs/mysql.md names', async () => {
  const server = await MariadbServer.start();
  onTestFinished(() => server.close());
  const admin = server.pool();
  await admin.query('CREATE DATABASE rooms');
  await new MysqlStorage(server.pool({ database: 'rooms' })).migrate();
  await admin.query('CREATE USER app');
  await admin.query('GRANT SELECT, INSERT ON rooms.* TO app');
  await admin.query('GRANT UPDATE, DELETE ON rooms.matrix_pending_addresses TO app');
  await useAll(new MysqlStorage(server.pool({ user: 'app', database: 'rooms' })));
});
