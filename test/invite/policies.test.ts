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

/** Creates a policy with a fixed decision, which adds its name to `calls`. */
function fixedPolicy(name: string, decision: PolicyDecision, calls: string[] = []): InvitePolicy {
  return {
    name,
    decide() {
      calls.push(name);
      return decision;
    },
  };
}

async function appWith(policies: readonly InvitePolicy[], options: Partial<InviteRouterOptions> = {}) {
  const outcomes: object[] = [];
  const notices: object[] = [];
  const logger = recordedLogger();
  const { app, router, store } = setUp({
    policies,
    logger,
    onOutcome: (outcome) => outcomes.push(outcome),
    onInvite: (notice) => notices.push(notice),
    ...options,
  });
  await seedRoom(store, { members: { [CAROL]: 'join' } });
  return { app, router, store, outcomes, notices, logger };
}

describe('policies', () => {
  it('run in order, and all of them must allow the invite', async () => {
    const calls: string[] = [];
    const { app, outcomes } = await appWith([
      fixedPolicy('first', undefined, calls),
      { name: 'second', decide: async () => void calls.push('second') },
      fixedPolicy('third', undefined, calls),
    ]);
    expect((await invite(app)).status).toBe(200);
    expect(calls).toEqual(['first', 'second', 'third']);
    expect(outcomes).toMatchObject([{ outcome: 'invited' }]);
    expect(outcomes[0]).not.toHaveProperty('policy');
  });

  it('stop at the first one that refuses', async () => {
    const calls: string[] = [];
    const { app, store, outcomes, notices } = await appWith([
      fixedPolicy('first', undefined, calls),
      fixedPolicy('second', { message: 'Not today' }, calls),
      fixedPolicy('third', 'drop', calls),
    ]);
    const response = await invite(app);
    expect([response.status, response.body]).toEqual([403, { errcode: 'M_FORBIDDEN', error: 'Not today' }]);
    expect(calls).toEqual(['first', 'second']);
    expect(outcomes).toMatchObject([{ policy: 'second', status: 403 }]);
    expect(await invitesOf(store, BOB)).toBe(0);
    expect(notices).toEqual([]);
  });

  it('choose the status, errcode and fields of a refusal, but cannot override the errcode with a field', async () => {
    const fields = { 'org.example.why': ['spam'], errcode: 'X', error: 'Y' };
    const { service, store } = serviceOn({
      policies: [fixedPolicy('test', { status: 451, errcode: 'ORG_EXAMPLE', message: 'No', fields })],
    });
    await seedRoom(store);
    const error = await refusalOf(service.invite(aliceInvitesBob));
    expect(error.status).toBe(451);
    expect(error.toJSON()).toEqual({ 'org.example.why': ['spam'], errcode: 'ORG_EXAMPLE', error: 'No' });
  });

  it('can drop an invite: the caller gets a 200, and nothing happens', async () => {
    const { app, router, store, outcomes, notices } = await appWith([fixedPolicy('shadow', 'drop')]);
    const before = await store.timeline(ROOM);
    const response = await invite(app);
    expect([response.status, response.body]).toEqual([200, {}]);
    await router.close();
    expect(await store.timeline(ROOM)).toEqual(before);
    expect(notices).toEqual([]);
    expect(outcomes).toMatchObject([{ status: 200, outcome: 'dropped', policy: 'shadow' }]);
  });

  it('receive the request and the state that the invite depends on', async () => {
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
    ['an invitee that the room refuses', {}, { user_id: CAROL }, 'alice-token', 403],
    ['an inviter that the room does not know', {}, { user_id: BOB }, 'mallory-token', 403],
    [
      'an invitee who does not exist',
      { users: { exists: async () => false } },
      { user_id: BOB },
      'alice-token',
      403,
    ],
    ['an invitee of another server', {}, { user_id: '@bob:elsewhere.org' }, 'alice-token', 403],
    ['an invitee who is already invited', {}, { user_id: MALLORY }, 'alice-token', 200],
  ])('do not run for %s', async (_case, options, body, token, status) => {
    const calls: string[] = [];
    const { app, store } = await appWith([fixedPolicy('test', { message: 'No' }, calls)], options);
    await put(store, 'm.room.member', MALLORY, { membership: 'invite' });
    expect((await invite(app, { body, token })).status).toBe(status);
    expect(calls).toEqual([]);
  });

  it('run before the limits of an invite are consumed', async () => {
    const limit = watched(limits(1));
    const { app } = await appWith([fixedPolicy('test', { message: 'No' })], { rateLimit: limit });
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
      `returns ${JSON.stringify(value)}`,
      () => value as PolicyDecision,
    ]),
  ];

  it.each(failing)('refuses, and is logged: it %s', async (_case, decide, err) => {
    const calls: string[] = [];
    const policies = [{ name: 'faulty', decide }, fixedPolicy('next', undefined, calls)];
    const { app, store, logger, outcomes } = await appWith(policies, { deadlineMs: 100 });
    const response = await invite(app);
    expect([response.status, response.body]).toEqual([
      403,
      { errcode: 'M_FORBIDDEN', error: 'The invite could not be checked' },
    ]);
    expect(calls).toEqual([]);
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
    ['returns no array', () => undefined as unknown as StateKey[]],
    [
      'returns something other than state keys',
      () => [{ type: 'm.room.topic', stateKey: '' }] as unknown as StateKey[],
    ],
  ])('refuses as well if its stateKeys function %s', async (_case, stateKeys) => {
    const { app, store, logger, outcomes } = await appWith([
      { ...fixedPolicy('faulty', undefined), stateKeys },
    ]);
    const response = await invite(app);
    expect([response.status, response.body.error]).toEqual([403, 'The invite could not be checked']);
    expect(await invitesOf(store, BOB)).toBe(0);
    expect(logger.lines).toMatchObject([{ level: 'error', details: { policy: 'faulty' } }]);
    expect(outcomes).toMatchObject([{ policy: 'faulty' }]);
  });
});

describe('the state that a policy asks for', () => {
  const TOPIC = { type: 'm.room.topic', state_key: '' };
  const OF_INVITEE = { type: 'org.example.note', state_key: BOB };

  /** Refuses if the topic is closed. A class, to test that methods are called with the right `this`. */
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

  it('is a copy: a policy that mutates it changes neither the basis nor what the next policy sees', async () => {
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

  it('is read together with the rest, each key once', async () => {
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
      ...fixedPolicy('fixed', undefined),
      stateKeys: [TOPIC, { type: 'm.room.create', state_key: '' }, { type: 'm.room.name', state_key: '' }],
    };
    const { service } = serviceOn({ storage, policies: [fixed, policy] });
    await service.invite(aliceInvitesBob);
    const keyNames = read[0]?.map(({ type, state_key }) => `${type}|${state_key}`);
    expect(read).toHaveLength(1);
    expect(new Set(keyNames)).toEqual(
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
    expect(keyNames).toHaveLength(7);
    expect(policy.topics).toEqual(['open']);
    expect(bases.map(({ keys }) => keys)).toEqual(read);
  });

  it('is part of the basis: if it changes, the policy runs again', async () => {
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

  it('can turn the second try into a drop, which is not refunded', async () => {
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

describe("the host app's own requester type", () => {
  type Member = Requester & { readonly plan: 'free' | 'paid' };
  const member: Member = { userId: ALICE, plan: 'free' };
  const required = { serverName: 'example.org', storage: new MemoryStorage(), rateLimit: false } as const;

  it('reaches policies, onInvite and the service', async () => {
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
    // @ts-expect-error the requester lacks the host app's own fields
    const wrong = () => service.invite({ requester: { userId: ALICE }, roomId: ROOM, userId: BOB });
    await expect(wrong()).rejects.toMatchObject({ status: 503 });
  });

  it('is inferred from the auth adapter of a router', async () => {
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
      policies: [{ name: 'plan', decide: ({ requester }) => void plans.push(requester.color) }],
    });
    createInviteRouter({
      ...required,
      auth: staticTokens({ token: { userId: ALICE } }),
      policies: [
        // @ts-expect-error the policy expects another requester type than auth returns
        { name: 'plan', decide: ({ requester }: PolicyRequest<Member>) => void plans.push(requester.plan) },
      ],
    });
    expect(plans).toEqual([]);
  });
});
