import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type TransactionalStorageOptions,
  transactionalStorage,
} from '../../../adapters/storage/transactional/index.ts';
import { PostgresServer } from '../../../servers/postgres-server.ts';
import { StorageUnavailableError } from '../../../src/errors.ts';
import type { StorageAdapter } from '../../../src/ports/storage.ts';
import { ALICE } from '../../support/storage-room.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { decideInvite, storageErrorOf } from './not-stored.ts';

const BOB = '@bob:example.org';
const ROOM = '!room:example.org';

type Host = TransactionalStorageOptions<pg.PoolClient>;

let server: PostgresServer;
let admin: pg.Pool;
let proxy: TcpProxy;

beforeAll(async () => {
  server = await PostgresServer.start();
  admin = server.pool();
  await admin.query(`CREATE TABLE rooms (id text PRIMARY KEY);
    CREATE TABLE members (room text, member text, changed_by text, content text, PRIMARY KEY (room, member));
    INSERT INTO rooms VALUES ('${ROOM}')`);
});
afterAll(() => server?.close());

beforeEach(async () => {
  proxy = await TcpProxy.start(server.port);
});
afterEach(async () => {
  await proxy.close();
  await admin.query('DELETE FROM members');
});

/** A host app with tables in PostgreSQL that keeps the promises of `transact`. */
function hostOn(pool: pg.Pool): Host {
  return {
    async transact(roomId, work) {
      const client = await pool.connect();
      client.on('error', () => {});
      try {
        await client.query('BEGIN');
        await client.query('SELECT 1 FROM rooms WHERE id = $1 FOR UPDATE', [roomId]);
        const result = await work(client);
        await client.query('COMMIT');
        return result;
      } catch (error) {
        await client.query('ROLLBACK').catch(() => {});
        throw error;
      } finally {
        client.release(true);
      }
    },
    async readState(client, roomId, keys) {
      const { rows } = await client.query('SELECT * FROM members WHERE room = $1', [roomId]);
      return keys.flatMap((key) => {
        if (key.type === 'm.room.create') return [{ ...key, sender: ALICE, content: { room_version: '11' } }];
        const row = rows.find(({ member }) => member === key.state_key);
        return row === undefined
          ? []
          : [{ ...key, sender: row.changed_by, content: JSON.parse(row.content) }];
      });
    },
    async insert(client, { room_id, state_key, sender, content }) {
      const row = [room_id, state_key, sender, JSON.stringify(content)];
      await client.query('INSERT INTO members VALUES ($1, $2, $3, $4)', row);
      return { eventId: state_key };
    },
  };
}

/** Decides an invite of Bob. `append` appends it through the proxy, with the changed host app. */
async function open(change: (host: Host) => Partial<Host> = () => ({})) {
  const host = hostOn(server.pool({ port: proxy.port }));
  const storage: StorageAdapter = transactionalStorage({ ...host, ...change(host) });
  const { append } = await decideInvite(transactionalStorage(hostOn(server.pool())), ROOM, BOB);
  return { append: (context?: { signal: AbortSignal }) => append(storage, context) };
}

const stored = async () => (await admin.query('SELECT 1 FROM members')).rowCount;

describe('isNotStored is true', () => {
  it('when insert fails, and transact rolls back and passes on the error', async () => {
    const failed = new TypeError('no such column');
    const { append } = await open((host) => ({
      async insert(client, event) {
        await host.insert(client, event);
        throw failed;
      },
    }));
    expect(await storageErrorOf(append())).toMatchObject({ isNotStored: true, cause: failed });
    expect(await stored()).toBe(0);
  });

  it('when the connection is cut during insert', async () => {
    const { append } = await open();
    proxy.onRequest = (piece) => (piece.includes('INSERT') ? 'cut' : 'pass');
    expect((await storageErrorOf(append())).isNotStored).toBe(true);
    expect(await stored()).toBe(0);
  });

  it('when the state cannot be read in the transaction', async () => {
    const { append } = await open(() => ({ readState: () => Promise.reject(new Error('no')) }));
    expect((await storageErrorOf(append())).isNotStored).toBe(true);
  });

  it('when the deadline passes during the wait for the lock', async () => {
    const deadline = new AbortController();
    const { append } = await open((host) => ({
      async readState(...parameters) {
        deadline.abort();
        return host.readState(...parameters);
      },
    }));
    expect((await storageErrorOf(append({ signal: deadline.signal }))).isNotStored).toBe(true);
    expect(await stored()).toBe(0);
  });

  it('when the host app says so about its own failure to connect', async () => {
    const { append } = await open((host) => ({
      transact: (...parameters) =>
        host.transact(...parameters).catch((cause: unknown) => {
          throw new StorageUnavailableError('no connection', { cause, isNotStored: true });
        }),
    }));
    await server.stop('SIGINT');
    const failure = await storageErrorOf(append()).finally(() => server.startAgain());
    expect(failure).toMatchObject({ isNotStored: true, message: 'no connection' });
    expect(await stored()).toBe(0);
  });

  it('when transact fails before the work, although the host app does not say so', async () => {
    const { append } = await open();
    await server.stop('SIGINT');
    const failure = await storageErrorOf(append()).finally(() => server.startAgain());
    expect(failure.isNotStored).toBe(true);
    expect(await stored()).toBe(0);
  });
});

describe('isNotStored is false', () => {
  it('when the connection is cut before the response to the commit: the event was stored', async () => {
    const { append } = await open();
    proxy.onRequest = (piece) => {
      if (piece.includes('COMMIT')) proxy.onResponse = () => 'cut';
      return 'pass';
    };
    expect((await storageErrorOf(append())).isNotStored).toBe(false);
    expect(await stored()).toBe(1);
  });

  it('when the connection is cut before the commit arrives: the event was not stored', async () => {
    const { append } = await open();
    proxy.onRequest = (piece) => (piece.includes('COMMIT') ? 'cut' : 'pass');
    expect((await storageErrorOf(append())).isNotStored).toBe(false);
    expect(await stored()).toBe(0);
  });

  it('when insert fails, but transact rejects with an error of its own', async () => {
    const { append } = await open((host) => ({
      transact: (...parameters) =>
        host.transact(...parameters).catch((cause: unknown) => {
          throw new Error('transaction failed', { cause });
        }),
      insert: () => Promise.reject(new Error('no')),
    }));
    expect((await storageErrorOf(append())).isNotStored).toBe(false);
  });

  it('when the work rejects with undefined, which identifies no error', async () => {
    const { append } = await open(() => ({ insert: () => Promise.reject(undefined) }));
    expect((await storageErrorOf(append())).isNotStored).toBe(false);
  });

  it('when the host app only says that its store is unavailable', async () => {
    const down = new StorageUnavailableError('down');
    const { append } = await open(() => ({ insert: () => Promise.reject(down) }));
    expect(await storageErrorOf(append())).toBe(down);
    expect(down.isNotStored).toBe(false);
  });
});
