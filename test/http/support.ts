import express from 'express';
import { createInviteRouter, type InviteRouterOptions, type Requester } from 'express-matrix-invite';
import { staticTokens } from 'express-matrix-invite/auth/static-tokens';
import { MemoryRateLimit } from 'express-matrix-invite/rate-limit/memory';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import supertest from 'supertest';
import { expect } from 'vitest';
import type { JsonObject, RoomStore } from '../../src/ports/storage.ts';
import { checkResponse } from '../../src/openapi/index.ts';

export const PREFIX = '/_matrix/client/v3';
export const ROOM = '!room:example.org';
export const ALICE = '@alice:example.org';
export const BOB = '@bob:example.org';
export const CAROL = '@carol:example.org';
export const MALLORY = '@mallory:example.org';

/** Each user's token is `<localpart>-token`. */
export const tokens = staticTokens({
  'alice-token': ALICE,
  'bob-token': BOB,
  'carol-token': CAROL,
  'mallory-token': MALLORY,
});

export type RoomSeed = {
  readonly roomId?: string;
  readonly version?: string;
  readonly create?: JsonObject;
  readonly powerLevels?: JsonObject;
  /** User id → membership; the creator, Alice, is joined unless it says otherwise. */
  readonly members?: Readonly<Record<string, string>>;
};

/** Makes a room of Alice's. */
export async function seedRoom(store: RoomStore, seed: RoomSeed = {}): Promise<string> {
  const roomId = seed.roomId ?? ROOM;
  const event = (type: string, state_key: string, content: JsonObject) => ({
    type,
    state_key,
    sender: ALICE,
    origin_server_ts: 1,
    content,
  });
  const state = [
    event('m.room.create', '', { room_version: seed.version ?? '11', ...seed.create }),
    ...(seed.powerLevels ? [event('m.room.power_levels', '', seed.powerLevels)] : []),
    ...Object.entries({ [ALICE]: 'join', ...seed.members }).map(([userId, membership]) =>
      event('m.room.member', userId, { membership }),
    ),
  ];
  expect(await store.createRoom({ roomId, state })).toBe('created');
  return roomId;
}

/** The current member event of a user. */
export async function memberOf(store: RoomStore, userId: string, roomId: string = ROOM) {
  const state = await store.roomState(roomId);
  return state?.find(({ type, state_key }) => type === 'm.room.member' && state_key === userId);
}

/** How often a user was invited, by the room's log. */
export async function invitesOf(store: RoomStore, userId: string, roomId: string = ROOM): Promise<number> {
  const page = await store.timeline(roomId, { limit: 1_000_000 });
  return (page?.events ?? []).filter(
    ({ type, state_key, content }) =>
      type === 'm.room.member' && state_key === userId && content.membership === 'invite',
  ).length;
}

/** An app with the router at the usual prefix, on a memory store and without limits unless said otherwise. */
export function setUp(
  options: Partial<InviteRouterOptions<Requester>> = {},
  mount: (app: express.Express) => void = () => {},
) {
  const store = new MemoryStorage();
  const router = createInviteRouter({
    serverName: 'example.org',
    storage: store,
    rateLimit: false,
    auth: tokens,
    ...options,
  });
  const app = express();
  mount(app);
  app.use(PREFIX, router);
  return { app, router, store };
}

export const limits = (points: number) =>
  new MemoryRateLimit({
    attempt: { points: 1000, durationSeconds: 60 },
    inviter: { points, durationSeconds: 60 },
    room: { points, durationSeconds: 60 },
    invitee: { points, durationSeconds: 60 },
  });

/** Asks for an invite, and holds every answer against the OpenAPI description. */
export async function invite(
  app: Parameters<typeof supertest>[0],
  {
    token = 'alice-token',
    roomId = ROOM,
    body = { user_id: BOB },
  }: { token?: string | null; roomId?: string; body?: unknown } = {},
): Promise<supertest.Response> {
  const request = supertest(app).post(`${PREFIX}/rooms/${encodeURIComponent(roomId)}/invite`);
  if (token !== null) request.set('Authorization', `Bearer ${token}`);
  const response = await request.send(body as object);
  expectDescribed(response);
  return response;
}

/** Every answer is JSON as described, with the headers that every answer bears. */
export function expectDescribed(response: supertest.Response): void {
  expect(checkResponse(response.status, response.body, response.headers)).toEqual([]);
  expect(response.headers).toMatchObject({
    'content-type': 'application/json',
    'access-control-allow-origin': '*',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
}
