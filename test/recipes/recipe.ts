import { inspect } from 'node:util';
import express from 'express';
import { createInviteRouter } from 'express-matrix-invite';
import { staticTokens } from 'express-matrix-invite/auth/static-tokens';
import supertest from 'supertest';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { roomNumberOf } from '../../examples/recipes/matrix.ts';
import type { Logger } from '../../src/ports/logger.ts';
import type { StorageAdapter } from '../../src/ports/storage.ts';
import { type StorageHarness, storageContract } from '../../src/testing/index.ts';
import { silent } from '../http/support.ts';
import { inTime, inviteOf, member } from '../support/storage-room.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { testContract } from '../testing/support.ts';
import { chatApp } from './chat-app.ts';
import { type Connection, type Database, openMariadb, openPostgres } from './database.ts';

const DATABASES = { PostgreSQL: openPostgres, MariaDB: openMariadb };

/** A recipe's adapter, with connections of its own. */
export type OpenRecipe = { readonly adapter: StorageAdapter; close(): Promise<unknown> };

/** Tests a recipe on a real server, with the contract and with requests. */
export function testRecipe(
  name: string,
  on: keyof typeof DATABASES,
  open: (connection: Connection) => OpenRecipe | Promise<OpenRecipe>,
): void {
  let database: Database;
  const opened: OpenRecipe[] = [];
  const openAdapter = async (change: Partial<Connection> = {}) => {
    const recipe = await open({ ...database.connection, ...change });
    opened.push(recipe);
    return recipe.adapter;
  };
  let adapter: StorageAdapter;
  let other: StorageAdapter;

  beforeAll(async () => {
    database = await DATABASES[on]();
    adapter = await openAdapter();
    other = await openAdapter();
  });
  afterAll(async () => {
    for (const { close } of opened) await close();
    await database?.close();
  });

  const harness = async (): Promise<StorageHarness> => ({
    ...chatApp(database),
    adapter,
    secondInstance: async () => other,
    crash: async () => {
      await database.crash();
      return other;
    },
    unreachable: async () => {
      // TypeORM opens only if the server answers.
      const proxy = await TcpProxy.start(database.connection.port);
      const reachable = await openAdapter({ port: proxy.port });
      await proxy.close();
      return reachable;
    },
  });

  // The tables contain no events, so no other types, no event IDs and no other content. Usernames have 64 characters.
  const without = ['putState', 'eventIds', 'refusedContent', 'recall'] as const;
  testContract(`the ${name} recipe on ${on}`, storageContract, harness, without, ['longUserIds']);

  describe(`the ${name} recipe on ${on}`, () => {
    const alice = '@alice:example.org';
    const bob = '@bob:example.org';
    let roomId: string;

    beforeAll(async () => {
      const app = chatApp(database);
      await app.createUsers([alice, bob]);
      const room = await app.createRoom({
        roomId: '',
        creator: alice,
        members: { [alice]: 'join' },
        powerLevels: { users: { [alice]: 100 }, users_default: 0, invite: 50 },
      });
      roomId = room?.roomId ?? '';
      await database.createTrigger();
    });

    /** Sends an invite by Alice. */
    const invite = async (invitee: string, reason: string, logger: Logger = silent) => {
      const router = createInviteRouter({
        serverName: 'example.org',
        storage: adapter,
        rateLimit: false,
        auth: staticTokens({ 'alice-token': alice }),
        logger,
      });
      const { status, body } = await supertest(express().use(router))
        .post(`/rooms/${roomId}/invite`)
        .auth('alice-token', { type: 'bearer' })
        .send({ user_id: invitee, reason });
      return { status, body };
    };
    const rows = () =>
      database.query('SELECT status, invite FROM memberships WHERE invite IS NOT NULL AND room_id = ?', [
        roomNumberOf(roomId),
      ]);

    it('refuses to invite a user whom the app does not have', async () => {
      const body = { errcode: 'M_FORBIDDEN', error: 'The user does not exist' };
      expect(await invite('@nobody:example.org', 'who')).toEqual({ status: 403, body });
    });

    it('resolves stale if the database has rolled back because of another transaction', async () => {
      const basis = await adapter.readState(roomId, [member(bob)], inTime());
      if (basis === undefined) throw new Error('no room');
      const event = inviteOf(roomId, bob, 'lose');
      expect(await adapter.appendEvent(event, basis, inTime())).toEqual({ outcome: 'stale' });
      expect(await rows()).toEqual([]);
    });

    it('frees its connections when transactions cannot begin', async () => {
      const proxy = await TcpProxy.start(database.connection.port);
      onTestFinished(() => proxy.close());
      const behind = await openAdapter({ port: proxy.port });
      proxy.onRequest = (chunk) =>
        /begin|start transaction/i.test(chunk.toString('latin1')) ? 'cut' : 'pass';
      // More than fit into a pool.
      for (let tries = 0; tries < 12; tries += 1) {
        await expect(behind.readState(roomId, [], inTime())).rejects.toMatchObject({
          code: 'ERR_STORAGE_UNAVAILABLE',
        });
      }
      proxy.onRequest = () => 'pass';
      expect(await behind.readState(roomId, [], inTime())).toMatchObject({ events: [] });
    });

    it('logs an error without the invite, although drivers and ORMs add it', async () => {
      const lines: string[] = [];
      const log = (...line: unknown[]) => lines.push(inspect(line, { depth: 30, showHidden: true }));
      const { status } = await invite(bob, 'fail secretly', { debug: log, info: log, warn: log, error: log });
      expect(status).toBe(503);
      const text = lines.join('\n');
      expect(text).toContain('broken');
      expect(text).not.toContain('secretly');
    });

    it('stores an invite in one row', async () => {
      expect(await invite(bob, 'a\0b')).toEqual({ status: 200, body: {} });
      const content = JSON.stringify({ membership: 'invite', reason: 'a\0b' });
      expect(await rows()).toEqual([{ status: 'invited', invite: content }]);
    });
  });
}
