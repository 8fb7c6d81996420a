import {
  createInviteRouter,
  createInviteService,
  type InvitePolicy,
  type InviteRouterOptions,
  type PolicyDecision,
  type PolicyRequest,
  type Requester,
  type StateKey,
  type StateSnapshot,
} from 'express-matrix-invite';
import { staticTokens } from 'express-matrix-invite/auth/static-tokens';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { describe, expect, it } from 'vitest';
import {
  ALICE,
  BOB,
  CAROL,
  invite,
  invitesOf,
  limits,
  MALLORY,
  ROOM,
  seedRoom,
  setUp,
} from '../http/support.ts';
import {
  aliceInvitesBob,
  around,
  never,
  put,
  recordedLogger,
  refusalOf,
  serviceOn,
  watched,
} from './support.ts';

/** A policy that answers so, and notes that it was asked. */
function answering(name: string, decision: PolicyDecision, asked: string[] = []): InvitePolicy {
  return {
    name,
    decide() {
      asked.push(name);
      return decision;
    },
  };
}

async function appWith(policies: readonly InvitePolicy[], options: Partial<InviteRouterOptions> = {}) {
  const outcomes: object[] = [];
  const told: object[] = [];
  const logger = recordedLogger();
  const { app, router, store } = setUp({
    policies,
    logger,
    onOutcome: (outcome) => outcomes.push(outcome),
    onInvite: (notice) => told.push(notice),
    ...options,
  });
  await seedRoom(store, { members: { [CAROL]: 'join' } });
  return { app, router, store, outcomes, told, logger };
}

describe('policies', () => {
  it('are asked in their order, and all of them must let the invite pass', async () => {
    const asked: string[] = [];
    const { app, outcomes } = await appWith([
      answering('first', undefined, asked),
      { name: 'second', decide: async () => void asked.push('second') },
      answering('third', undefined, asked),
    ]);
    expect((await invite(app)).status).toBe(200);
    expect(asked).toEqual(['first', 'second', 'third']);
    expect(outcomes).toMatchObject([{ outcome: 'invited' }]);
    expect(outcomes[0]).not.toHaveProperty('policy');
  });

  it('answer for all that come after them', async () => {
    const asked: string[] = [];
    const { app, store, outcomes, told } = await appWith([
      answering('first', undefined, asked),
      answering('second', { message: 'Not today' }, asked),
      answering('third', 'drop', asked),
    ]);
    const response = await invite(app);
    expect([response.status, response.body]).toEqual([403, { errcode: 'M_FORBIDDEN', error: 'Not today' }]);
    expect(asked).toEqual(['first', 'second']);
    expect(outcomes).toMatchObject([{ policy: 'second', status: 403 }]);
    expect(await invitesOf(store, BOB)).toBe(0);
    expect(told).toEqual([]);
  });

  it('choose status, errcode and fields of a refusal, but cannot hide the errcode behind a field', async () => {
    const fields = { 'org.example.why': ['spam'], errcode: 'X', error: 'Y' };
    const { service, store } = serviceOn({
      policies: [answering('test', { status: 451, errcode: 'ORG_EXAMPLE', message: 'No', fields })],
    });
    await seedRoom(store);
    const error = await refusalOf(service.invite(aliceInvitesBob));
    expect(error.status).toBe(451);
    expect(error.toJSON()).toEqual({ 'org.example.why': ['spam'], errcode: 'ORG_EXAMPLE', error: 'No' });
  });

  it('drop an invite: the caller sees a 200, and nothing happens', async () => {
    const { app, router, store, outcomes, told } = await appWith([answering('shadow', 'drop')]);
    const before = await store.timeline(ROOM);
    const response = await invite(app);
    expect([response.status, response.body]).toEqual([200, {}]);
    await router.close();
    expect(await store.timeline(ROOM)).toEqual(before);
    expect(told).toEqual([]);
    expect(outcomes).toMatchObject([{ status: 200, outcome: 'dropped', policy: 'shadow' }]);
  });

  it('see who asks for what, and the state that the invite rests on', async () => {
    const seen: (PolicyRequest & { state: StateSnapshot })[] = [];
    const { app } = await appWith([{ name: 'look', decide: (request) => void seen.push(request) }]);
    await invite(app, { body: { user_id: BOB, reason: 'Welcome' } });
    expect(seen).toMatchObject([
      { requester: { userId: ALICE }, roomId: ROOM, userId: BOB, reason: 'Welcome' },
    ]);
    expect(seen[0]?.state.events.map(({ type, state_key }) => [type, state_key])).toEqual([
      ['m.room.create', ''],
      ['m.room.member', ALICE],
    ]);
  });

  it.each([
    ['whom the room refuses', {}, { user_id: CAROL }, 'alice-token', 403],
    ['whom the room does not know', {}, { user_id: BOB }, 'mallory-token', 403],
    ['who do not exist', { users: { exists: async () => false } }, { user_id: BOB }, 'alice-token', 403],
    ['of another server', {}, { user_id: '@bob:elsewhere.org' }, 'alice-token', 403],
    ['who are invited already', {}, { user_id: MALLORY }, 'alice-token', 200],
  ])('are not asked about those %s', async (_case, options, body, token, status) => {
    const asked: string[] = [];
    const { app, store } = await appWith([answering('test', { message: 'No' }, asked)], options);
    await put(store, 'm.room.member', MALLORY, { membership: 'invite' });
    expect((await invite(app, { body, token })).status).toBe(status);
    expect(asked).toEqual([]);
  });

  it('are asked before the limits of an invite are debited', async () => {
    const limit = watched(limits(1));
    const { app } = await appWith([answering('test', { message: 'No' })], { rateLimit: limit });
    await invite(app);
    expect(limit.consumed.flat().map(({ scope }) => scope)).toEqual(['attempt']);
  });
});

describe('a policy that fails', () => {
  const nonsense: unknown[] = [
    true,
    false,
    null,
    {},
    [],
    'allow',
    0,
    { message: 5 },
    { message: 'x', status: 200 },
    { message: 'x', status: 600 },
    { message: 'x', status: 403.5 },
    { message: 'x', errcode: 7 },
  ];
  const failing: [name: string, decide: InvitePolicy['decide'], err?: string][] = [
    [
      'throws',
      () => {
        throw new Error('secret');
      },
      'secret',
    ],
    ['rejects', () => Promise.reject(new Error('secret')), 'secret'],
    ['is late', () => never(), 'Deadline exceeded: decide took too long'],
    ...nonsense.map((value): [string, InvitePolicy['decide']] => [
      `answers ${JSON.stringify(value)}`,
      () => value as PolicyDecision,
    ]),
  ];

  it.each(failing)('refuses, and is logged: it %s', async (_case, decide, err) => {
    const asked: string[] = [];
    const policies = [{ name: 'faulty', decide }, answering('next', undefined, asked)];
    const { app, store, logger, outcomes } = await appWith(policies, { deadlineMs: 100 });
    const response = await invite(app);
    expect([response.status, response.body]).toEqual([
      403,
      { errcode: 'M_FORBIDDEN', error: 'The invite could not be checked' },
    ]);
    expect(asked).toEqual([]);
    expect(await invitesOf(store, BOB)).toBe(0);
    expect(outcomes).toMatchObject([{ policy: 'faulty' }]);
    expect(logger.lines).toHaveLength(1);
    expect(logger.lines[0]).toMatchObject({
      level: 'error',
      details: { policy: 'faulty', ...(err && { err: { message: err } }) },
    });
  });

  it.each<[string, () => readonly StateKey[]]>([
    [
      'throws',
      () => {
        throw new Error('secret');
      },
    ],
    ['gives no list', () => undefined as unknown as StateKey[]],
    ['gives no state keys', () => [{ type: 'm.room.topic', stateKey: '' }] as unknown as StateKey[]],
  ])('to say what state it needs refuses as well: it %s', async (_case, stateKeys) => {
    const { app, store, logger, outcomes } = await appWith([
      { ...answering('faulty', undefined), stateKeys },
    ]);
    const response = await invite(app);
    expect([response.status, response.body.error]).toEqual([403, 'The invite could not be checked']);
    expect(await invitesOf(store, BOB)).toBe(0);
    expect(logger.lines).toMatchObject([{ level: 'error', details: { policy: 'faulty' } }]);
    expect(outcomes).toMatchObject([{ policy: 'faulty' }]);
  });
});

describe('the state that a policy names', () => {
  const TOPIC = { type: 'm.room.topic', state_key: '' };
  const OF_INVITEE = { type: 'org.example.note', state_key: BOB };

  /** Refuses in rooms of a closed topic. It is a class, since `this` must be what a method expects. */
  class TopicPolicy implements InvitePolicy {
    readonly name = 'topic';
    readonly topics: unknown[] = [];
    readonly #noteType = OF_INVITEE.type;

    stateKeys({ userId }: PolicyRequest): StateKey[] {
      return [TOPIC, { type: this.#noteType, state_key: userId }];
    }

    decide({ state }: { readonly state: StateSnapshot }): PolicyDecision {
      const topic = state.events.find(({ type }) => type === TOPIC.type)?.content.topic;
      this.topics.push(topic);
      return topic === 'closed' ? { message: 'Closed' } : undefined;
    }
  }

  it('is a copy: what a policy does to it changes neither the basis nor what the next one sees', async () => {
    const store = new MemoryStorage();
    await seedRoom(store);
    await put(store, 'm.room.topic', '', { topic: 'open' });
    const bases: StateSnapshot[] = [];
    const storage = around(store, {
      appendEvent(append, _count, _event, _context, basis) {
        bases.push(basis);
        return append();
      },
    });
    const vandal: InvitePolicy = {
      name: 'vandal',
      stateKeys: [TOPIC],
      decide({ state }) {
        for (const event of state.events) event.content.topic = 'closed';
        (state.keys as StateKey[]).length = 0;
        return undefined;
      },
    };
    const { app } = setUp({ storage, policies: [vandal, new TopicPolicy()] });
    expect((await invite(app)).status).toBe(200);
    expect(bases[0]?.keys).toHaveLength(6);
  });

  it('is read along with the rest, each key once', async () => {
    const store = new MemoryStorage();
    await seedRoom(store);
    await put(store, 'm.room.topic', '', { topic: 'open' });
    const read: (readonly StateKey[])[] = [];
    const bases: StateSnapshot[] = [];
    const storage = around(store, {
      readState(real, _count, keys) {
        read.push(keys);
        return real();
      },
      appendEvent(append, _count, _event, _context, basis) {
        bases.push(basis);
        return append();
      },
    });
    const policy = new TopicPolicy();
    const fixed: InvitePolicy = {
      ...answering('fixed', undefined),
      stateKeys: [TOPIC, { type: 'm.room.create', state_key: '' }, { type: 'm.room.name', state_key: '' }],
    };
    const { service } = serviceOn({ storage, policies: [fixed, policy] });
    await service.invite(aliceInvitesBob);
    const texts = read[0]?.map(({ type, state_key }) => `${type}|${state_key}`);
    expect(read).toHaveLength(1);
    expect(new Set(texts)).toEqual(
      new Set([
        'm.room.create|',
        'm.room.power_levels|',
        `m.room.member|${ALICE}`,
        `m.room.member|${BOB}`,
        'm.room.topic|',
        'm.room.name|',
        `org.example.note|${BOB}`,
      ]),
    );
    expect(texts).toHaveLength(7);
    expect(policy.topics).toEqual(['open']);
    expect(bases.map(({ keys }) => keys)).toEqual(read);
  });

  it('is part of what the invite rests on: when it changes, the policy is asked again', async () => {
    const store = new MemoryStorage();
    await seedRoom(store);
    const limit = watched(limits(1));
    const storage = around(store, {
      async appendEvent(append) {
        await put(store, 'm.room.topic', '', { topic: 'closed' });
        return append();
      },
    });
    const policy = new TopicPolicy();
    const trace = { tries: 0 };
    const { service } = serviceOn({ storage, policies: [policy], rateLimit: limit });
    expect(await refusalOf(service.invite(aliceInvitesBob, trace))).toMatchObject({ message: 'Closed' });
    expect(policy.topics).toEqual([undefined, 'closed']);
    expect(trace).toEqual({ tries: 2, policy: 'topic' });
    expect(await invitesOf(store, BOB)).toBe(0);
    expect(limit.refunded).toHaveLength(1);
  });

  it('may make a second try a drop, which stays paid for', async () => {
    const store = new MemoryStorage();
    await seedRoom(store);
    const limit = watched(limits(1));
    const storage = around(store, {
      async appendEvent(append) {
        await put(store, 'm.room.topic', '', { topic: 'x' });
        return append();
      },
    });
    const dropping: InvitePolicy = {
      name: 'drop',
      stateKeys: [TOPIC],
      decide: ({ state }) => (state.events.some(({ type }) => type === TOPIC.type) ? 'drop' : undefined),
    };
    const { service } = serviceOn({ storage, policies: [dropping], rateLimit: limit });
    expect(await service.invite(aliceInvitesBob)).toEqual({ outcome: 'dropped' });
    expect([limit.consumed.length, limit.refunded.length]).toEqual([1, 0]);
  });
});

describe("the host's own requester", () => {
  type Member = Requester & { readonly plan: 'free' | 'paid' };
  const member: Member = { userId: ALICE, plan: 'free' };
  const required = { serverName: 'example.org', storage: new MemoryStorage(), rateLimit: false } as const;

  it('is what policies, onInvite and the service see', async () => {
    const plans: string[] = [];
    const { storage } = required;
    await seedRoom(storage);
    const service = createInviteService<Member>({
      ...required,
      policies: [{ name: 'plan', decide: ({ requester }) => void plans.push(requester.plan) }],
      onInvite: ({ requester }) => plans.push(requester.plan),
    });
    await service.invite({ requester: member, roomId: ROOM, userId: BOB });
    await service.close();
    expect(plans).toEqual(['free', 'free']);
    // @ts-expect-error a requester without the host's own fields
    const wrong = () => service.invite({ requester: { userId: ALICE }, roomId: ROOM, userId: BOB });
    await expect(wrong()).rejects.toMatchObject({ status: 503 });
  });

  it('is inferred from the logins of a router', async () => {
    const plans: string[] = [];
    createInviteRouter({
      ...required,
      auth: staticTokens({ token: member }),
      policies: [{ name: 'plan', decide: ({ requester }) => void plans.push(requester.plan) }],
      onInvite: ({ requester }) => plans.push(requester.plan),
    });
    createInviteRouter({
      ...required,
      auth: { authenticate: async () => ({ requester: member }) },
      policies: [
        {
          name: 'plan',
          stateKeys: ({ requester }) => [{ type: requester.plan, state_key: '' }],
          decide: () => undefined,
        },
      ],
    });
    createInviteRouter({
      ...required,
      auth: staticTokens({ token: member }),
      // @ts-expect-error the requester has no such field
      policies: [{ name: 'plan', decide: ({ requester }) => void plans.push(requester.colour) }],
    });
    createInviteRouter({
      ...required,
      auth: staticTokens({ token: { userId: ALICE } }),
      policies: [
        // @ts-expect-error it is for other requesters than the logins know
        { name: 'plan', decide: ({ requester }: PolicyRequest<Member>) => void plans.push(requester.plan) },
      ],
    });
    expect(plans).toEqual([]);
  });
});
