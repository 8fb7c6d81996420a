import express from 'express';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryRateLimit } from '../../adapters/rate-limit/memory.ts';
import { MemoryStorage } from '../../adapters/storage/memory.ts';
import {
  type InvitePolicy,
  MatrixError,
  type RateLimitAdapter,
  type StorageAdapter,
} from '../../src/index.ts';
import { BOB, CAROL, invite, listening, portOf, ROOM, seedRoom, sendTo, setUp } from '../http/support.ts';

/** A storage that remembers the room as it was in the beginning. */
async function roomWithMemory() {
  const store = new MemoryStorage();
  await seedRoom(store, { members: { '@banned:example.org': 'ban' } });
  const state = (await store.roomState(ROOM)) ?? [];
  const storage: StorageAdapter = {
    readState: (...read) => store.readState(...read),
    appendEvent: (...append) => store.appendEvent(...append),
    recall: (roomId, keys) => {
      const isAsked = (event: { type: string; state_key: string }) =>
        keys.some(({ type, state_key }) => type === event.type && state_key === event.state_key);
      const events = structuredClone(state.filter(isAsked));
      return roomId === ROOM ? { roomId, keys, events, revision: undefined } : undefined;
    },
  };
  return { store, storage };
}

function limitsOf(attempts: number, others = 1_000) {
  const limit = { points: others, durationSeconds: 600 };
  return new MemoryRateLimit({
    attempt: { points: attempts, durationSeconds: 600 },
    inviter: limit,
    room: limit,
    invitee: limit,
  });
}

/** Records the scopes of each call that consumes. */
function recorded(limits: MemoryRateLimit) {
  const calls: string[] = [];
  const rateLimit: RateLimitAdapter = {
    consume(buckets) {
      calls.push(buckets.map(({ scope }) => scope).join(' '));
      return limits.consume(buckets);
    },
    consumeKeeping(kept, refundable) {
      calls.push(`${kept.map(({ scope }) => scope)} + ${refundable.map(({ scope }) => scope).join(' ')}`);
      return limits.consumeKeeping(kept, refundable);
    },
    refund: (receipt) => limits.refund(receipt as object),
  };
  return { rateLimit, calls };
}

const parseJson = (app: express.Express) => app.use(express.json());

const TOGETHER = 'attempt + inviter room invitee';
const APART = ['attempt', 'inviter room invitee'];

describe('the attempt limit of an invite on remembered state', () => {
  it('is consumed in one call with the others', async () => {
    const { storage } = await roomWithMemory();
    const { rateLimit, calls } = recorded(limitsOf(10));
    const { app } = setUp({ storage, rateLimit }, parseJson);
    expect((await invite(app)).status).toBe(200);
    expect(calls).toEqual([TOGETHER]);
  });

  it('is consumed alone first if a limit is reached, if the room is not remembered, and for an invalid body', async () => {
    const { storage } = await roomWithMemory();
    const { rateLimit, calls } = recorded(limitsOf(10, 1));
    const { app } = setUp({ storage, rateLimit }, parseJson);
    expect((await invite(app)).status).toBe(200);
    expect((await invite(app, { body: { user_id: CAROL } })).status).toBe(429);
    expect((await invite(app, { roomId: '!unknown:example.org' })).status).toBe(403);
    expect((await invite(app, { body: { user_id: 'bob' } })).status).toBe(400);
    // The second invite is refused together, then counted as an attempt, then refused again on a read.
    expect(calls).toEqual([TOGETHER, TOGETHER, ...APART, 'attempt', 'attempt']);
  });

  it('is never refunded, unlike the others', async () => {
    const { storage } = await roomWithMemory();
    const error = new MatrixError(403, 'M_FORBIDDEN', 'The store says no');
    const refusing: StorageAdapter = { ...storage, appendEvent: async () => ({ outcome: 'refused', error }) };
    const { app } = setUp({ storage: refusing, rateLimit: limitsOf(3, 2) }, parseJson);
    const statuses = [];
    for (const _ of Array(4)) statuses.push((await invite(app)).status);
    // The others have two points.
    expect(statuses).toEqual([403, 403, 403, 429]);
  });

  it('is consumed before a policy or a user directory is asked', async () => {
    const { storage } = await roomWithMemory();
    const order: string[] = [];
    const { rateLimit } = recorded(limitsOf(10));
    const policy: InvitePolicy = {
      name: 'test',
      decide() {
        order.push('policy');
        return undefined;
      },
    };
    const counted: RateLimitAdapter = {
      ...rateLimit,
      consume(buckets, context) {
        order.push(buckets.map(({ scope }) => scope).join(' '));
        return rateLimit.consume(buckets, context);
      },
    };
    const { app } = setUp({ storage, rateLimit: counted, policies: [policy] }, parseJson);
    expect((await invite(app)).status).toBe(200);
    expect(order).toEqual(['attempt', 'policy', 'inviter room invitee']);
  });

  it('is consumed alone while the body has not arrived', async () => {
    const { storage } = await roomWithMemory();
    const { rateLimit, calls } = recorded(limitsOf(10));
    const { app } = setUp({ storage, rateLimit, bodyTimeoutMs: 200 });
    const port = portOf(await listening(app));
    expect((await sendTo(port, { isUnfinished: true })).status).toBe(408);
    expect(calls).toEqual(['attempt']);
  });
});

const silentLogger = { debug() {}, info() {}, warn() {}, error() {} };

const BODIES: readonly unknown[] = [
  { user_id: BOB },
  { user_id: CAROL },
  { user_id: '@dan:example.org' },
  { user_id: '@banned:example.org' },
  { user_id: '@eve:elsewhere.example' },
  { user_id: 'bob' },
  {},
  { medium: 'email', address: 'a@example.org', id_server: 'x', id_access_token: 'y' },
];

describe('counting attempts together with the other limits', () => {
  it('changes no answer', async () => {
    const request = fc.record({
      body: fc.constantFrom(...BODIES),
      token: fc.constantFrom('alice-token', 'mallory-token', 'nobody'),
      roomId: fc.constantFrom(ROOM, ROOM, ROOM, '!unknown:example.org', 'no room'),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(request, { maxLength: 25 }),
        fc.record({ attempts: fc.integer({ min: 1, max: 20 }), others: fc.integer({ min: 1, max: 5 }) }),
        async (requests, { attempts, others }) => {
          const answers = [];
          for (const isRemembered of [true, false]) {
            const { store, storage } = await roomWithMemory();
            const { app } = setUp(
              {
                storage: isRemembered ? storage : store,
                rateLimit: limitsOf(attempts, others),
                logger: silentLogger,
              },
              parseJson,
            );
            const seen = [];
            for (const each of requests) {
              const { status, body } = await invite(app, each);
              seen.push([status, body.errcode]);
            }
            answers.push([
              seen,
              (await store.roomState(ROOM))?.map(({ state_key, content }) => [state_key, content]),
            ]);
          }
          expect(answers[0]).toEqual(answers[1]);
        },
      ),
      { numRuns: 15 },
    );
  });
});
