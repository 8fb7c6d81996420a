import type { InvitePolicy, InviteRouterOptions, Requester } from 'express-matrix-invite';
import supertest from 'supertest';
import { expect, it } from 'vitest';
import type { RefusalOptions } from '../../../adapters/policies/shared/refusal.ts';
import { BOB, INVITE_PATH, invitesOf, ROOM, recordingLogger, seedRoom, setUp } from '../../http/support.ts';

/**
 * An app with one policy and a room of Alice's. What it logs and what it tells of outcomes is kept; `faults` are the
 * lines that say that something is amiss.
 */
export async function appWith(policy: InvitePolicy, options: Partial<InviteRouterOptions<Requester>> = {}) {
  const { logger, lines } = recordingLogger();
  const outcomes: object[] = [];
  const { app, store } = setUp({
    policies: [policy],
    logger,
    onOutcome: (outcome) => outcomes.push(outcome),
    ...options,
  });
  await seedRoom(store);
  const faults = () => lines.filter(({ level }) => level === 'error' || level === 'warn');
  return { app, store, lines, faults, outcomes };
}

type AppWithPolicy = Awaited<ReturnType<typeof appWith>>;

/** Invites, as Alice and of Bob unless said otherwise. */
export async function ask(
  { app }: Pick<AppWithPolicy, 'app'>,
  body: object = { user_id: BOB },
  token: string = 'alice-token',
) {
  const response = await supertest(app)
    .post(INVITE_PATH)
    .set('Authorization', `Bearer ${token}`)
    .send({ user_id: BOB, ...body });
  return { status: response.status, body: response.body };
}

export async function expectAllowed(host: AppWithPolicy, body: object = {}): Promise<void> {
  expect(await ask(host, body)).toEqual({ status: 200, body: {} });
  expect(await invitesOf(host.store, BOB, ROOM)).toBe(1);
}

export async function expectRefused(host: AppWithPolicy, error: string, body: object = {}): Promise<void> {
  expect(await ask(host, body)).toEqual({ status: 403, body: { errcode: 'M_FORBIDDEN', error } });
  expect(await invitesOf(host.store, BOB, ROOM)).toBe(0);
}

/** The policy has failed: it refuses, and is logged by its name. */
export async function expectNotChecked(policy: InvitePolicy, body: object = {}): Promise<void> {
  const host = await appWith(policy, { deadlineMs: 200 });
  await expectRefused(host, 'The invite could not be checked', body);
  expect(host.faults()).toMatchObject([{ level: 'error', details: { policy: policy.name } }]);
  expect(host.outcomes).toMatchObject([{ status: 403, policy: policy.name }]);
}

/** Functions that fail, whatever they should answer. */
const failing: readonly [string, () => never][] = [
  [
    'throws',
    () => {
      throw new Error('the host is down');
    },
  ],
  ['rejects', () => Promise.reject(new Error('the host is down')) as never],
  ['is late', () => new Promise<never>(() => {}) as never],
];

/** Tests that a policy refuses, and is logged, whenever its function fails or answers none of what it may. */
export function itFailsClosed(
  name: string,
  make: (hostFunction: () => never) => InvitePolicy,
  wrongAnswers: readonly unknown[] = [undefined, null, 0, 1, '', 'true', {}, []],
  body: object = {},
): void {
  const answering = wrongAnswers.flatMap((answer): [string, () => never][] => [
    [`answers ${JSON.stringify(answer) ?? String(answer)}`, () => answer as never],
    [`resolves ${JSON.stringify(answer) ?? String(answer)}`, () => Promise.resolve(answer) as never],
  ]);
  it.each([...failing, ...answering])(`refuses where ${name} %s`, async (_case, hostFunction) => {
    await expectNotChecked(make(hostFunction), body);
  });
}

/** Tests what a refusal is by default, and that the options change it. `make` makes a policy that refuses. */
export function itRefusesAsTold(
  name: string,
  message: string,
  make: (options: RefusalOptions) => InvitePolicy,
  body: object = {},
): void {
  it('refuses by default with 403 M_FORBIDDEN, and is named in the outcome', async () => {
    const host = await appWith(make({}));
    await expectRefused(host, message, body);
    expect(host.outcomes).toMatchObject([{ status: 403, policy: name }]);
    expect(host.faults()).toEqual([]);
  });

  it("refuses with the host's own status, errcode and message", async () => {
    const host = await appWith(make({ status: 409, errcode: 'ORG_EXAMPLE_NO', message: 'Not here' }));
    expect(await ask(host, body)).toEqual({
      status: 409,
      body: { errcode: 'ORG_EXAMPLE_NO', error: 'Not here' },
    });
    expect(await ask(await appWith(make({ message: 'Not here' })), body)).toEqual({
      status: 403,
      body: { errcode: 'M_FORBIDDEN', error: 'Not here' },
    });
  });

  it.each<[string, object, string]>([
    ['a misspelt option', { errCode: 'X' }, 'unknown option "errCode"; allowed: '],
    ['a status that is none', { status: 200 }, 'option "status" must be an HTTP status from 400 to 599'],
    ['a status with a fraction', { status: 403.5 }, 'option "status" must be an HTTP status from 400 to 599'],
    ['an empty errcode', { errcode: '' }, 'option "errcode" must be an errcode, a text that is not empty'],
    ['a message that is no text', { message: 5 }, 'option "message" must be a text'],
  ])('takes no %s', (_case, options, error) => {
    expect(() => make(options)).toThrow(TypeError);
    expect(() => make(options)).toThrow(`${name}: ${error}`);
  });
}
