import { copyFile } from 'node:fs/promises';
import { type RemoteInvitesHarness, remoteInvitesContract } from 'express-matrix-invite/testing';
import { onTestFinished, vi } from 'vitest';
import { matrixFederation } from '../../../adapters/federation/matrix.ts';
import { MemoryGraphStorage } from '../../../adapters/storage/memory-graph/index.ts';
import { SqliteGraphStorage } from '../../../adapters/storage/sqlite-graph/index.ts';
import { newUserId } from '../../../src/testing/random.ts';
import type { InboxAnswer, ReceivedInvite } from '../../support/federation-inbox.ts';
import { newSqlitePath, openSqlite } from '../../support/sqlite-file.ts';
import { testContract } from '../../testing/support.ts';
import { ALICE, createRoom, inboxNamed, invitesOf, network, SIGNER } from './matrix-support.ts';

type GraphStorage = MemoryGraphStorage | SqliteGraphStorage;

/** A harness whose clock the test can move on. */
async function harnessOn(
  rooms: GraphStorage,
  more: { [Name in 'secondInstance' | 'crash' | 'unreachable']?: () => Promise<GraphStorage> },
): Promise<RemoteInvitesHarness> {
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  const inbox = await inboxNamed('two.test:0');
  const { options } = await network();
  const limits = { maxRequestsPerServer: 64 };
  const instanceOn = (storage: GraphStorage) => ({
    federation: matrixFederation({ signer: SIGNER, rooms: storage, ...options, ...limits }),
    storage,
  });
  let current = rooms;
  const waiting = new Set<() => void>();
  const refuse = (): InboxAnswer => ({ status: 403, body: { errcode: 'M_FORBIDDEN', error: 'No' } });
  let answer: (invite: ReceivedInvite) => InboxAnswer | Promise<InboxAnswer> = (invite) =>
    inbox.accept(invite);
  const wait = async (invite: ReceivedInvite) => {
    await new Promise<void>((resolve) => waiting.add(resolve));
    return answer(invite);
  };
  inbox.respond = (invite) => answer(invite);
  const { secondInstance, crash, unreachable } = more;
  return {
    ...instanceOn(rooms),
    unfinished: true,
    createInvite: async () => ({
      roomId: await createRoom(rooms),
      sender: ALICE,
      userId: newUserId().replace(/:.*/, `:${inbox.name}`),
    }),
    async setMember(room_id, state_key, membership) {
      const event = { room_id, type: 'm.room.member', state_key, sender: ALICE };
      await current.putState({ ...event, origin_server_ts: Date.now(), content: { membership } });
    },
    asked: async (userId) => inbox.asked(userId),
    stored: async (roomId, userId) => (await invitesOf(current, roomId, userId)).length,
    async behave(behavior) {
      answer = { accept: (invite: ReceivedInvite) => inbox.accept(invite), refuse, wait }[behavior];
      if (behavior === 'wait') return;
      for (const go of waiting) go();
      waiting.clear();
    },
    ...(secondInstance && { secondInstance: async () => instanceOn(await secondInstance()) }),
    ...(crash && {
      async crash() {
        current = await crash();
        return instanceOn(current);
      },
    }),
    ...(unreachable && { unreachable: async () => instanceOn(await unreachable()).federation }),
    passTime: async () => void vi.setSystemTime(Date.now() + 30_000),
  };
}

testContract(
  'matrixFederation with MemoryGraphStorage',
  remoteInvitesContract,
  async () => {
    const rooms = new MemoryGraphStorage({ signer: SIGNER });
    return harnessOn(rooms, { secondInstance: async () => rooms, crash: async () => rooms });
  },
  ['unreachable'],
);

testContract('matrixFederation with SqliteGraphStorage', remoteInvitesContract, async () => {
  const path = await newSqlitePath();
  const open = (file: string) => new SqliteGraphStorage(openSqlite(file), { signer: SIGNER });
  const rooms = open(path);
  await rooms.migrate();
  return harnessOn(rooms, {
    secondInstance: async () => open(path),
    async crash() {
      const copy = `${path}.copy`;
      await copyFile(path, copy);
      await copyFile(`${path}-wal`, `${copy}-wal`);
      return open(copy);
    },
    async unreachable() {
      const database = openSqlite(path);
      database.close();
      return new SqliteGraphStorage(database, { signer: SIGNER });
    },
  });
});
