// Runs each host function that fails, in a process that an unhandled rejection ends. The parameter is how it fails.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import express from 'express';
import { Redis } from 'ioredis';
import { jwt } from '../../adapters/auth/jwt/index.ts';
import { httpAntispam } from '../../adapters/policies/http-antispam/index.ts';
import { RedisRateLimit } from '../../adapters/rate-limit/redis/index.ts';
import { MemoryStorage } from '../../adapters/storage/memory.ts';
import { transactionalStorage } from '../../adapters/storage/transactional/index.ts';
import {
  createInviteCheckRouter,
  createInviteRouter,
  type InviteRouterOptions,
  type Logger,
  matrixErrorHandler,
} from '../../src/index.ts';

const ALICE = '@alice:example.org';
const ROOM = '!room:example.org';
const NOWHERE = 'http://127.0.0.1:1/';

const failure = () => new Error('the host function failed');

const unreadable = () =>
  Object.defineProperty(new Error('the host function failed'), 'code', {
    get() {
      throw new Error('code cannot be read');
    },
  });

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable(new Error('the host function failed'), {});
  revoke();
  return proxy;
}

const FAILURES: Readonly<Record<string, () => unknown>> = {
  throws() {
    throw failure();
  },
  rejects: () => Promise.reject(failure()),
  'rejects with an error whose fields cannot be read': () => Promise.reject(unreadable()),
  'rejects with a revoked Proxy': () => Promise.reject(revoked()),
  'returns a rejecting thenable': () => ({
    // biome-ignore lint/suspicious/noThenProperty: that is what is tested
    then: (_resolve: unknown, reject: (reason: unknown) => void) => reject(failure()),
  }),
};

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const fail = FAILURES[process.argv[2] ?? ''] as () => never;
const redis = new Redis(NOWHERE, { lazyConnect: true, retryStrategy: () => null, enableOfflineQueue: false });
redis.on('error', () => {});

const byAlice = { sender: ALICE, origin_server_ts: 1 };
const storage = new MemoryStorage();
await storage.createRoom({
  roomId: ROOM,
  state: [
    { ...byAlice, type: 'm.room.create', state_key: '', content: { room_version: '11' } },
    { ...byAlice, type: 'm.room.member', state_key: ALICE, content: { membership: 'join' } },
  ],
});

const hostTables = {
  transact: <T>(_roomId: string, work: (tx: undefined) => Promise<T>) => work(undefined),
  readState: async (_tx: undefined, roomId: string) => (await storage.roomState(roomId)) ?? [],
  insert: async () => ({ eventId: 'event' }),
};

/** An unsigned token of the issuer that the adapter trusts. */
const parts = [{ alg: 'RS256' }, { iss: 'issuer' }].map((part) =>
  Buffer.from(JSON.stringify(part)).toString('base64url'),
);
const token = `${parts.join('.')}.AAAA`;

const CASES: Readonly<Record<string, Partial<InviteRouterOptions>>> = {
  'logger.info': { logger: { ...silent, info: fail } },
  'logger.warn': {
    logger: { ...silent, warn: fail },
    users: { getProfile: () => Promise.reject(failure()) },
  },
  'logger.error': {
    logger: { ...silent, error: fail },
    onInvite: () => Promise.reject(failure()),
    onOutcome: () => Promise.reject(failure()),
  },
  'the logger of RedisRateLimit': {
    rateLimit: new RedisRateLimit(redis, { logger: { ...silent, warn: fail } }),
  },
  'the logger of jwt': {
    auth: jwt({
      issuer: 'issuer',
      audience: 'chat',
      algorithms: ['RS256'],
      keys: { jwksUri: NOWHERE, allowInsecureHttp: true, logger: { ...silent, warn: fail } },
      userId: () => ALICE,
    }),
  },
  requestId: { requestId: fail },
  stateKeys: { policies: [{ name: 'p', stateKeys: fail, decide: () => undefined }] },
  'an entry of stateKeys': {
    policies: [{ name: 'p', stateKeys: () => [fail()], decide: () => undefined }],
  },
  decide: { policies: [{ name: 'p', decide: fail }] },
  'the message of decide': { policies: [{ name: 'p', decide: () => ({ message: fail() }) }] },
  'onError of httpAntispam': {
    policies: [httpAntispam({ baseUrl: NOWHERE, onFailure: 'allow', onError: fail })],
  },
  onInvite: { onInvite: fail },
  onOutcome: { onOutcome: fail },
  beforeAppend: { beforeAppend: fail },
  'the content of beforeAppend': { beforeAppend: () => ({ content: fail() }) },
  'a field of the content of beforeAppend': {
    beforeAppend: ({ event }) => ({ content: { ...event.content, displayname: fail() } }),
  },
  authenticate: { auth: { authenticate: fail } },
  'the requester of authenticate': { auth: { authenticate: async () => ({ requester: fail() }) } },
  'the userId of authenticate': { auth: { authenticate: async () => ({ requester: { userId: fail() } }) } },
  'isSuspended of authenticate': {
    auth: { authenticate: async () => ({ requester: { userId: ALICE, isSuspended: fail() } }) },
  },
  'exists of users': { users: { exists: fail } },
  'getProfile of users': { users: { getProfile: fail } },
  'a field of getProfile': { users: { getProfile: async () => ({ displayname: fail() }) } },
  'getAccountData of users': { users: { getAccountData: fail } },
  'a field of getAccountData': { users: { getAccountData: async () => ({ default_action: fail() }) } },
  consume: { rateLimit: { consume: fail, refund: async () => {} } },
  'readState of transactionalStorage': { storage: transactionalStorage({ ...hostTables, readState: fail }) },
  'an event of readState of transactionalStorage': {
    storage: transactionalStorage({ ...hostTables, readState: async () => [fail()] }),
  },
  'the content of an event of transactionalStorage': {
    storage: transactionalStorage({
      ...hostTables,
      readState: async () => [{ type: 'm.room.create', state_key: '', sender: ALICE, content: fail() }],
    }),
  },
  'readState, with a transact that does not wait': {
    storage: transactionalStorage({
      ...hostTables,
      async transact(_roomId, work) {
        void work(undefined);
        return undefined as never;
      },
      readState: fail,
    }),
  },
  'insert of transactionalStorage': { storage: transactionalStorage({ ...hostTables, insert: fail }) },
  'the eventId of insert': {
    storage: transactionalStorage({ ...hostTables, insert: async () => ({ eventId: fail() }) }),
  },
  'isConflict of transactionalStorage': {
    storage: transactionalStorage({
      ...hostTables,
      insert: () => Promise.reject(failure()),
      isConflict: fail,
    }),
  },
};

const auth = { authenticate: async () => ({ requester: { userId: ALICE } }) };
const defaults = { serverName: 'example.org', storage, rateLimit: false, auth, logger: silent } as const;

/** Sends a request to the app, and waits until a rejection that nobody handles would have ended the process. */
async function statusOf(app: express.Express, path: string, body?: object): Promise<number> {
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  await response.text();
  for (let turn = 0; turn < 10; turn += 1) await nextTurn();
  server.close();
  server.closeAllConnections();
  return response.status;
}

let invitees = 0;
for (const [name, options] of Object.entries(CASES)) {
  const router = createInviteRouter({ ...defaults, ...options });
  invitees += 1;
  const path = `/rooms/${encodeURIComponent(ROOM)}/invite`;
  const status = await statusOf(express().use(router), path, { user_id: `@user${invitees}:example.org` });
  await router.close();
  console.log(`${name}: ${status}`);
}

const checks = express().use(createInviteCheckRouter({ ...defaults, explainTo: fail }));
const checkPath = `/rooms/${encodeURIComponent(ROOM)}/invite/check?invitee=${encodeURIComponent('@bob:example.org')}`;
console.log(`explainTo: ${await statusOf(checks, checkPath)}`);

const broken = express();
broken.use(() => {
  throw failure();
});
broken.use(matrixErrorHandler({ logger: { ...silent, error: fail } }));
console.log(`the logger of matrixErrorHandler: ${await statusOf(broken, '/_matrix/client/v3/sync')}`);

redis.disconnect();
