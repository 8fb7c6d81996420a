// The host app that the code blocks of the docs assume. A block that uses one of these names without declaring it
// imports it from here.
import express from 'express';
import { staticTokens } from '../../adapters/auth/static-tokens.ts';
import { MemoryRateLimit } from '../../adapters/rate-limit/memory.ts';
import { MemoryStorage } from '../../adapters/storage/memory.ts';
import type { AuthResult, InviteNotice, JsonObject, Requester, RequestOutcome } from '../../src/index.ts';

const ALICE = '@alice:example.org';
const ROOM = '!cats:example.org';

export const app = express();

/** A store with one room, Alice's `!cats:example.org`. */
export const storage = new MemoryStorage();
const event = { sender: ALICE, origin_server_ts: 1 };
await storage.createRoom({
  roomId: ROOM,
  state: [
    { ...event, type: 'm.room.create', state_key: '', content: { room_version: '11' } },
    { ...event, type: 'm.room.member', state_key: ALICE, content: { membership: 'join' } },
  ],
});

export const auth = staticTokens({ 'alice-token': ALICE, 'bob-token': '@bob:example.org' });

export const rateLimit = new MemoryRateLimit();

/** The host's sessions, by access token and by cookie. */
export const sessions = {
  async lookUp(accessToken: string): Promise<AuthResult> {
    return accessToken === 'alice-token' ? { requester: { userId: ALICE } } : { failure: 'unknown' };
  },
  async ofCookie(cookie: string | undefined): Promise<Requester | undefined> {
    return cookie === 'sid=alice' ? { userId: ALICE } : undefined;
  },
};

export type TokenRow = {
  readonly userId: string;
  readonly expiresAt: number;
  readonly isLocked: boolean;
  readonly isSuspended: boolean;
  readonly isModerator: boolean;
};

/** The host's own tables. */
export const tables = {
  async tokenByHash(hash: string): Promise<TokenRow | undefined> {
    if (!/^[0-9a-f]{64}$/.test(hash)) throw new Error('expected a SHA-256 hash in hex');
    const row = { userId: ALICE, isLocked: false, isSuspended: false, isModerator: false };
    return { ...row, expiresAt: Date.now() + 60_000 };
  },
  async isBlockedBy(_blocker: string, _blocked: string): Promise<boolean> {
    return false;
  },
  async userByLocalpart(localpart: string): Promise<{ name: string; takesInvites: boolean } | undefined> {
    return localpart === 'bob' ? { name: 'Bob', takesInvites: true } : undefined;
  },
  async countPendingInvites(_inviter: string): Promise<number> {
    return 0;
  },
  async accountData(_userId: string, _type: string): Promise<JsonObject | undefined> {
    return undefined;
  },
  async hasUser(_userId: string): Promise<boolean> {
    return true;
  },
  async hasDevice(_userId: string, _deviceId: string): Promise<boolean> {
    return true;
  },
};

/** The host's other services. */
export const notifications = {
  async send(_userId: string, _invite: InviteNotice): Promise<void> {},
};
export const metrics = {
  count(_name: string, _labels: Partial<RequestOutcome>): void {},
};

/** The registration files of the host's bridges. */
export const registrationFiles = [
  new URL('../adapters/auth/app-services-registration.yaml', import.meta.url),
];
