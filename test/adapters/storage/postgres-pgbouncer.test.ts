import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PostgresStorage } from '../../../adapters/storage/postgres/index.ts';
import { PgBouncer } from '../../../servers/pgbouncer.ts';
import { PostgresServer } from '../../../servers/postgres-server.ts';
import { basisFor, inTime, invite, inviteOf, newRoom } from '../../support/storage-room.ts';

let server: PostgresServer;
let bouncer: PgBouncer;

beforeAll(async () => {
  server = await PostgresServer.start();
  bouncer = await PgBouncer.start(server);
});
afterAll(async () => {
  // The server's pools hold connections of PgBouncer.
  await Promise.all([server?.close(), bouncer?.close()]);
});

describe('behind PgBouncer in transaction mode', () => {
  it('works with more connections than the server has, without prepared statements', async () => {
    const options = { preparedStatements: false };
    const [one, other] = [1, 2].map(
      () => new PostgresStorage(server.pool({ port: bouncer.port, max: 20 }), options),
    );
    if (one === undefined || other === undefined) throw new Error('unreachable');
    await Promise.all([one.migrate(), other.migrate()]);
    const room = newRoom();
    await one.createRoom(room);

    const results = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        invite(index % 2 === 0 ? one : other, room.roomId, `@guest${index}:example.org`),
      ),
    );
    expect(results.every(({ outcome }) => outcome === 'appended')).toBe(true);
    const basis = await basisFor(one, room.roomId, '@bob:example.org');
    const race = await Promise.all(
      Array.from({ length: 32 }, (_, index) =>
        (index % 2 === 0 ? one : other).appendEvent(
          inviteOf(room.roomId, '@bob:example.org', `${index}`),
          basis,
          inTime(),
        ),
      ),
    );
    expect(race.filter(({ outcome }) => outcome === 'appended')).toHaveLength(1);
    expect((await other.timeline(room.roomId, { limit: 1_000 }))?.events).toHaveLength(203);

    const { rows } = await server
      .pool({ port: bouncer.port })
      .query(
        'SELECT count(*)::int AS count FROM pg_stat_activity WHERE backend_type = $1 AND pid <> pg_backend_pid()',
        ['client backend'],
      );
    expect(rows[0]?.count).toBeLessThanOrEqual(4);
    // Settings of a change's transaction are gone for the next client.
    const after = await server.pool({ port: bouncer.port }).query('SHOW lock_timeout');
    expect(after.rows).toEqual([{ lock_timeout: '0' }]);
  });
});
