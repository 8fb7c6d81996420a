// A server with a spammer and honest users, mounted by a code block of docs/invite-spam.md.
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

/** Mallory's rooms: a new one for every ten users, so that the limit of a room does not hold her back. */
const SPAM_ROOMS = Array.from({ length: 10 }, (_, index) => `!win${index}:example.org`);
export const spamRoomOf = (target: string): string =>
  SPAM_ROOMS[Math.floor(TARGETS.indexOf(target) / 10)] ?? '';

const ACCOUNT_DATA: Readonly<Record<string, JsonObject>> = {
  [`${IGNORING} m.ignored_user_list`]: { ignored_users: { [MALLORY]: {} } },
  [`${FILTERING} org.matrix.msc4155.invite_permission_config`]: { ignored_users: ['@mal*:example.org'] },
};

const HONEST: readonly { readonly token: string; readonly userId: string; readonly reason?: string }[] = [
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

export type World = Awaited<ReturnType<typeof worldWith>>;

/** The server, mounted by this block. */
export async function worldWith(block: string) {
  const storage = new MemoryStorage();
  await makeRoom(storage, CATS, ALICE, { [BOB]: 'join', [DAVE]: 'leave' });
  for (const roomId of SPAM_ROOMS) await makeRoom(storage, roomId, MALLORY);
  const app = express();
  const lines: LogLine[] = [];
  const printed: unknown[] = [];
  const at = (level: string) => (details: object) => lines.push({ level, ...details });
  const console = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
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

/** A room as its creator would have it made. */
async function makeRoom(
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

/** Mallory's invite of one user. */
export function spam({ app }: World, target: string, reason?: string) {
  return invite(app, {
    token: 'mallory-token',
    roomId: spamRoomOf(target),
    body: { user_id: target, ...(reason === undefined ? {} : { reason }) },
  });
}

/** What a spammer does: goes through her list once, waits out each 429, and gives up after a day. */
async function spamAll(world: World, reason?: string): Promise<void> {
  const end = Date.now() + DAY_MS;
  for (const target of TARGETS) {
    let answer = await spam(world, target, reason);
    while (answer.status === 429) {
      vi.setSystemTime(Date.now() + 1_000 * Number(answer.headers['retry-after']));
      if (Date.now() >= end) return;
      answer = await spam(world, target, reason);
    }
  }
}

/** Lets honest users and Mallory loose, at the same time. The clock must be one that can be set. */
export async function attack(world: World, reason?: string) {
  const start = Date.now();
  const honest = HONEST.map(({ token, userId, reason }) =>
    invite(world.app, { token, roomId: CATS, body: { user_id: userId, ...(reason && { reason }) } }),
  );
  await Promise.all([spamAll(world, reason), ...honest]);
  const spamEvents = (await Promise.all(SPAM_ROOMS.map((roomId) => invitesIn(world, roomId)))).flat();
  const honestEvents = await invitesIn(world, CATS);
  const arrived = HONEST.filter(({ userId }) => honestEvents.some((event) => event.state_key === userId));
  return {
    firstHour: spamEvents.filter((event) => event.origin_server_ts < start + HOUR_MS).length,
    day: spamEvents.length,
    honest: `${arrived.length} of ${HONEST.length}`,
    spammed: spamEvents.map((event) => event.state_key),
  };
}

/** Every invite that was ever appended to a room. */
async function invitesIn({ storage }: World, roomId: string) {
  const page = await storage.timeline(roomId, { limit: 1_000 });
  return (page?.events ?? []).filter(
    ({ type, content }) => type === 'm.room.member' && content.membership === 'invite',
  );
}
