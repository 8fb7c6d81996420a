import { once } from 'node:events';
import { createServer, type OutgoingHttpHeaders, type RequestListener, request } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { text } from 'node:stream/consumers';
import type express from 'express';
import { createInviteRouter, type InviteRouterOptions, type Requester } from 'express-matrix-invite';
import { staticTokens } from 'express-matrix-invite/auth/static-tokens';
import { MemoryRateLimit } from 'express-matrix-invite/rate-limit/memory';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import supertest from 'supertest';
import { expect, inject, onTestFinished } from 'vitest';
import { checkResponse } from '../../src/openapi/index.ts';
import type { Logger } from '../../src/ports/logger.ts';
import type { RoomStore } from '../../src/ports/storage.ts';
import type { JsonObject } from '../../src/rooms/event.ts';
import { newApp } from '../frameworks/hosts/new-app.ts';
import { type Exchange, type TestResponse, toTestResponse } from './exchange.ts';
import { createHttp2Server, exchangeOverHttp2 } from './http2-client.ts';

export { type TestResponse, toTestResponse } from './exchange.ts';

export const PREFIX = '/_matrix/client/v3';
export const ROOM = '!room:example.org';
export const ALICE = '@alice:example.org';
export const BOB = '@bob:example.org';
export const CAROL = '@carol:example.org';
export const MALLORY = '@mallory:example.org';
export const INVITE_PATH: string = invitePath(ROOM);
export const AS_ALICE = { authorization: 'Bearer alice-token' };

/** True in the test project that speaks HTTP/2. */
const isHttp2 = inject('host') === 'node:http2';

export function invitePath(roomId: string, prefix: string = PREFIX): string {
  return `${prefix}/rooms/${encodeURIComponent(roomId)}/invite`;
}

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
  /** User ID → membership. Alice, the creator, is joined by default. */
  readonly members?: Readonly<Record<string, string>>;
};

/** Creates a room with Alice as its creator. */
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

/** Returns the current member event of a user. */
export async function memberOf(store: RoomStore, userId: string, roomId: string = ROOM) {
  const state = await store.roomState(roomId);
  return state?.find(({ type, state_key }) => type === 'm.room.member' && state_key === userId);
}

/** Counts the invites of a user in the room's timeline. */
export async function invitesOf(store: RoomStore, userId: string, roomId: string = ROOM): Promise<number> {
  const page = await store.timeline(roomId, { limit: 1_000_000 });
  return (page?.events ?? []).filter(
    ({ type, state_key, content }) =>
      type === 'm.room.member' && state_key === userId && content.membership === 'invite',
  ).length;
}

/** Creates an app with the router at the usual prefix: by default on a memory store and without rate limits. */
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
  const app = newApp();
  mount(app);
  app.use(PREFIX, router);
  return { app, router, store };
}

export const limits = (points: number, attempts = 1000) =>
  new MemoryRateLimit({
    attempt: { points: attempts, durationSeconds: 60 },
    inviter: { points, durationSeconds: 60 },
    room: { points, durationSeconds: 60 },
    invitee: { points, durationSeconds: 60 },
  });

/** Returns a SuperTest agent that speaks the HTTP version of this test project. */
export function agentOf(app: Parameters<typeof supertest>[0]) {
  return supertest(app, { http2: isHttp2 });
}

/** Sends an invite and checks the response against the OpenAPI description. */
export async function invite(
  app: Parameters<typeof supertest>[0],
  {
    token = 'alice-token',
    roomId = ROOM,
    body = { user_id: BOB },
  }: { token?: string | null; roomId?: string; body?: unknown } = {},
): Promise<supertest.Response> {
  const request = agentOf(app).post(`${PREFIX}/rooms/${encodeURIComponent(roomId)}/invite`);
  if (token !== null) request.set('Authorization', `Bearer ${token}`);
  const response = await request.send(body as object);
  expectDescribed(response);
  return response;
}

export type TestRequest = {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: OutgoingHttpHeaders;
  /** Objects are sent as JSON, strings and bytes unchanged. Default: an invite of Bob. */
  readonly body?: unknown;
  /** Whether the client never finishes the body. Default false. */
  readonly isUnfinished?: boolean;
};

/** Sends a request as is: without normalizing the path or adding a Content-Type. By default as Alice. */
export async function send(app: express.Express, sent: TestRequest = {}): Promise<TestResponse> {
  const server = await listening(app);
  return sendTo(portOf(server), sent).finally(() => server.close());
}

/** Like {@link send}, to a server that is already listening. */
export async function sendTo(
  port: number,
  {
    method = 'POST',
    path = INVITE_PATH,
    headers = AS_ALICE,
    body = { user_id: BOB },
    isUnfinished = false,
  }: TestRequest = {},
): Promise<TestResponse> {
  const hasBody = method !== 'GET' && method !== 'HEAD';
  if (!hasBody) return exchange(port, { method, path, headers });
  const bytes = Buffer.from(
    typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
  );
  const length = isUnfinished ? {} : { 'content-length': bytes.length };
  return exchange(port, { method, path, headers: { ...length, ...headers }, bytes, isUnfinished });
}

/** Sends a request exactly as given, in the HTTP version of this test project. */
export async function exchange(port: number, sent: Exchange): Promise<TestResponse> {
  if (isHttp2) return exchangeOverHttp2(port, sent);
  const { bytes, isUnfinished = false, ...head } = sent;
  const outgoing = request({ ...head, port, agent: false, signal: AbortSignal.timeout(60_000) });
  const responded = once(outgoing, 'response');
  if (isUnfinished) outgoing.write(bytes);
  else outgoing.end(bytes);
  const [response] = await responded;
  return toTestResponse(response.statusCode, response.headers, await text(response));
}

/** Starts a server on a free port; it is closed after the test. */
export async function listening(app: express.Express): Promise<Server> {
  const server = isHttp2 ? createHttp2Server(app as RequestListener) : createServer(app);
  const connections = new Set<{ destroy(): void }>();
  server.on('connection', (socket) => connections.add(socket));
  onTestFinished(() => {
    server.close();
    for (const socket of connections) socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** Returns a logger that keeps warnings and errors in `lines`. */
export function recordingLogger() {
  const lines: { level: keyof Logger; details: object; message: string }[] = [];
  const at = (level: keyof Logger) => (details: object, message: string) => {
    lines.push({ level, details, message });
  };
  const logger: Logger = { debug() {}, info() {}, warn: at('warn'), error: at('error') };
  return { logger, lines };
}

export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** Makes the host app respond with a 418 to every request that the router passes on. */
export function respondAsHost(app: express.Express): void {
  app.use((_request, response) => {
    // Not every framework's responses have Express's methods.
    response.statusCode = 418;
    response.setHeader('Content-Type', 'application/json');
    response.end('{"host":true}');
  });
}

/** The field with the reason code of a refusal by the room, which has its own tests. */
export const REASON_FIELD = 'org.matrix.msc3848.unstable.errcode';

/** Expects a refusal with exactly these fields. */
export function expectRefusal(
  response: AnyResponse,
  status: number,
  errcode: string,
  fields: object = {},
): void {
  const { [REASON_FIELD]: _reason, ...body } = response.body as Record<string, unknown>;
  expect({ status: response.status, body }).toEqual({
    status,
    body: {
      errcode,
      error: expect.stringMatching(/./),
      ...(status === 503 ? { retry_after_ms: expect.any(Number) } : {}),
      ...fields,
    },
  });
  expectDescribed(response);
}

export function expectInvited(response: AnyResponse): void {
  expect({ status: response.status, body: response.body }).toEqual({ status: 200, body: {} });
  expectDescribed(response);
}

type AnyResponse = { readonly status: number; readonly body: unknown; readonly headers: object };

/** Expects JSON as the OpenAPI description says, with the headers that every response has. */
export function expectDescribed({ status, body, headers }: AnyResponse): void {
  expect(checkResponse(status, body, { ...headers })).toEqual([]);
  expect(headers).toMatchObject({
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...CORS_HEADERS,
  });
}

/** The headers that browsers need (client-server API, "Web browser clients"), and the one that exposes `Retry-After`. */
export const CORS_HEADERS = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET, POST, PUT, DELETE, OPTIONS',
  'access-control-allow-headers': 'X-Requested-With, Content-Type, Authorization',
  'access-control-expose-headers': 'Retry-After',
};
