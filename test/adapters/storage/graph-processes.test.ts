import { describe, expect, it } from 'vitest';
import { SqliteGraphStorage } from '../../../adapters/storage/sqlite-graph/index.ts';
import { Child } from '../../support/child.ts';
import { checkGraph } from '../../support/graph-check.ts';
import { newFederatedRoom, SIGNER } from '../../support/graph-room.ts';
import { newSqlitePath, openSqlite } from '../../support/sqlite-file.ts';
import { inTime, member, NAME, stateEvent } from '../../support/storage-room.ts';

async function newRoomFile() {
  const path = await newSqlitePath();
  const storage = new SqliteGraphStorage(openSqlite(path), { signer: SIGNER });
  await storage.migrate();
  const roomId = await storage.createFederatedRoom(newFederatedRoom());
  return { path, storage, roomId };
}

describe('processes that share a file of rooms that federate', () => {
  it('append at the same time to one graph', { timeout: 240_000 }, async () => {
    const { path, storage, roomId } = await newRoomFile();
    const children = ['a', 'b', 'c'].map(
      (name) => new Child('sqlite-graph-stream.ts', path, roomId, name, '60'),
    );
    const ends = Promise.all(children.map((child) => child.end()));
    const progress: { isOver: boolean } = { isOver: false };
    void ends.finally(() => Object.assign(progress, { isOver: true })).catch(() => {});
    let puts = 0;
    while (!progress.isOver) {
      await storage.putState(stateEvent(roomId, NAME, { puts }));
      puts += 1;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await ends;

    const log = await checkGraph(storage, roomId);
    const appended = children.flatMap((child) => child.lines);
    expect(appended).toHaveLength(180);
    expect(log).toHaveLength(3 + puts + 180);
    expect(log.map(({ event_id }) => event_id)).toEqual(expect.arrayContaining(appended));
    expect(await storage.unfinished({ olderThanMs: 0, limit: 1_000 }, inTime())).toEqual([]);
  });
});

describe('a process that is killed while it invites', () => {
  it.each([1, 5, 20, 60, 120])(
    'loses none of its %i or more invites, and leaves none half done',
    { timeout: 240_000 },
    async (count) => {
      const { path, roomId } = await newRoomFile();
      const child = new Child('sqlite-graph-stream.ts', path, roomId, 'user', '1000000');
      await child.hasPrinted(count);
      await child.kill();

      const database = openSqlite(path);
      expect(database.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }]);
      const storage = new SqliteGraphStorage(database, { signer: SIGNER });
      const before = await checkGraph(storage, roomId);
      expect(before.map(({ event_id }) => event_id)).toEqual(expect.arrayContaining(child.lines));

      const unfinished = await storage.unfinished({ olderThanMs: 0, limit: 1_000 }, inTime());
      expect(unfinished.length).toBeLessThanOrEqual(4);
      for (const { pdu, eventId } of unfinished) {
        const basis = await storage.readState(roomId, [member(pdu.state_key ?? '')], inTime());
        if (basis === undefined) throw new Error('The room is lost');
        const { type, state_key = '', sender, content } = pdu;
        const event = { room_id: roomId, type, state_key, sender, content, origin_server_ts: Date.now() };
        const again = await storage.build(event, basis, inTime());
        if (again.outcome !== 'built') throw new Error(again.outcome);
        expect(again.invite.eventId).toBe(eventId);
        expect(await storage.append(again.invite, pdu, basis, inTime())).toEqual({
          outcome: 'appended',
          eventId,
        });
      }
      expect(await checkGraph(storage, roomId)).toHaveLength(before.length + unfinished.length);
    },
  );
});
