// A server with a spammer and honest users. A code block of docs/invite-spam.md mounts its router.
import express from 'express';
import type { JsonObject } from 'express-matrix-invite';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { vi } from 'vitest';
import { ALICE, BOB, invite, MALLORY, tokens } from '../http/support.ts';
import * as host from './host.ts';
import { runBlock } from './run-block.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const CATS = '!cats:example.org';
const DAVE = '@dave:example.org';

export const TARGETS: readonly string[] = Array.from(
  { length: 100 },
  (_, index) => `@user${index}:example.org`,
);
export const [, IGNORING = '', FILTERING = '', ...OTHERS] = TARGETS;

/** Mallory's rooms: a new one for every ten invitees, so that the limit per room does not stop her. */
const SPAM_ROOMS = Array.from({ length: 10 }, (_, index) => `!win${index}:example.org`);
export const spamRoomOf = (target: string): string =>
  SPAM_ROOMS[Math.floor(TARGETS.indexOf(target) / 10)] ?? '';

const ACCOUNT_DATA: Readonly<Record<string, JsonObject>> = {
  [`${IGNORING} m.ignored_user_list`]: { ignored_users: { [MALLORY]: {} } },
  [`${FILTERING} org.matrix.msc4155.invite_permission_config`]: { ignored_users: ['@mal*:example.org'] },
};

const HONEST_INVITES: readonly {
  readonly token: string;
  readonly userId: string;
  readonly reason?: string;
}[] = [
  ...OTHERS.slice(0, 3).map((userId) => ({
    token: 'alice-token',
    userId,
    reason: 'Book club, Tuesdays at 8',
  })),
  { token: 'bob-token', userId: DAVE },
];

type LogLine = Partial<Record<'requesterId' | 'roomId' | 'scope', string>> & {
  readonly level: string;
  readonly status?: number;
};

export type SpamServer = Awaited<ReturnType<typeof setUpServer>>;

/** Creates the server with the settings of this code block. */
export async function setUpServer(block: string) {
  const storage = new MemoryStorage();
  await createRoom(storage, CATS, ALICE, { [BOB]: 'join', [DAVE]: 'leave' });
  for (const roomId of SPAM_ROOMS) await createRoom(storage, roomId, MALLORY);
  const app = express();
  const lines: LogLine[] = [];
  const printed: unknown[] = [];
  const logAt = (level: string) => (details: object) => lines.push({ level, ...details });
  const console = {
    debug: logAt('debug'),
    info: logAt('info'),
    warn: logAt('warn'),
    error: logAt('error'),
    log: (value: unknown) => printed.push(value),
  };
  const tables: typeof host.tables = {
    ...host.tables,
    async countPendingInvites(inviter) {
      const states = await Promise.all([CATS, ...SPAM_ROOMS].map((roomId) => storage.roomState(roomId)));
      return states.flatMap((state) => state ?? []).filter((event) => isInviteBy(inviter, event)).length;
    },
    accountData: async (userId, type) => ACCOUNT_DATA[`${userId} ${type}`],
  };
  await runBlock(block, { ...host, app, storage, auth: tokens, tables, console });
  return { app, storage, tables, lines, printed };
}

/** Creates a room as its creator would, with these members. */
async function createRoom(
  storage: MemoryStorage,
  roomId: string,
  creator: string,
  members: Readonly<Record<string, string>> = {},
): Promise<void> {
  const event = { sender: creator, origin_server_ts: Date.now() };
  const all = Object.entries({ [creator]: 'join', ...members });
  await storage.createRoom({
    roomId,
    state: [
      { ...event, type: 'm.room.create', state_key: '', content: { room_version: '11' } },
      ...all.map(([userId, membership]) => ({
        ...event,
        type: 'm.room.member',
        state_key: userId,
        content: { membership },
      })),
    ],
  });
}

type Event = { readonly type: string; readonly sender: string; readonly content: JsonObject };

function isInviteBy(inviter: string, { type, sender, content }: Event): boolean {
  return type === 'm.room.member' && sender === inviter && content.membership === 'invite';
}

/** Sends Mallory's invite to one user. */
export function spam({ app }: SpamServer, target: string, reason?: string) {
  return invite(app, {
    token: 'mallory-token',
    roomId: spamRoomOf(target),
    body: { user_id: target, ...(reason === undefined ? {} : { reason }) },
  });
}

/** Invites as a spammer does: goes through the list once, waits after each 429, and gives up after a day. */
async function spamAll(server: SpamServer, reason?: string): Promise<void> {
  const end = Date.now() + DAY_MS;
  for (const target of TARGETS) {
    let response = await spam(server, target, reason);
    while (response.status === 429) {
      vi.setSystemTime(Date.now() + 1_000 * Number(response.headers['retry-after']));
      if (Date.now() >= end) return;
      response = await spam(server, target, reason);
    }
  }
}

/** Sends the invites of honest users and of Mallory at the same time. Requires a fake `Date`. */
export async function attack(server: SpamServer, reason?: string) {
  const start = Date.now();
  const honest = HONEST_INVITES.map(({ token, userId, reason }) =>
    invite(server.app, { token, roomId: CATS, body: { user_id: userId, ...(reason && { reason }) } }),
  );
  await Promise.all([spamAll(server, reason), ...honest]);
  const spamEvents = (await Promise.all(SPAM_ROOMS.map((roomId) => invitesIn(server, roomId)))).flat();
  const honestEvents = await invitesIn(server, CATS);
  const delivered = HONEST_INVITES.filter(({ userId }) =>
    honestEvents.some((event) => event.state_key === userId),
  );
  return {
    firstHour: spamEvents.filter((event) => event.origin_server_ts < start + HOUR_MS).length,
    day: spamEvents.length,
    honest: `${delivered.length} of ${HONEST_INVITES.length}`,
    spammed: spamEvents.map((event) => event.state_key),
  };
}

/** Returns every invite that was ever appended to a room. */
async function invitesIn({ storage }: SpamServer, roomId: string) {
  const page = await storage.timeline(roomId, { limit: 1_000 });
  return (page?.events ?? []).filter(
    ({ type, content }) => type === 'm.room.member' && content.membership === 'invite',
  );
}
