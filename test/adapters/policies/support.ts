import type { InvitePolicy, InviteRouterOptions, Requester } from 'express-matrix-invite';
import supertest from 'supertest';
import { expect, it } from 'vitest';
import type { RefusalOptions } from '../../../adapters/policies/shared/refusal-options.ts';
import { BOB, INVITE_PATH, invitesOf, ROOM, recordingLogger, seedRoom, setUp } from '../../http/support.ts';

/**
 * Creates an app with one policy and a room of Alice's, and records its log lines and outcomes. `faults`
 * returns the lines with a warning or an error.
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

/** Sends an invite: by default, Alice invites Bob. */
export async function sendInvite(
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
  expect(await sendInvite(host, body)).toEqual({ status: 200, body: {} });
  expect(await invitesOf(host.store, BOB, ROOM)).toBe(1);
}

export async function expectRefused(host: AppWithPolicy, error: string, body: object = {}): Promise<void> {
  expect(await sendInvite(host, body)).toEqual({ status: 403, body: { errcode: 'M_FORBIDDEN', error } });
  expect(await invitesOf(host.store, BOB, ROOM)).toBe(0);
}

/** Expects that the policy fails: it refuses, and its name is logged. */
export async function expectNotChecked(policy: InvitePolicy, body: object = {}): Promise<void> {
  const host = await appWith(policy, { deadlineMs: 200 });
  await expectRefused(host, 'The invite could not be checked', body);
  expect(host.faults()).toMatchObject([{ level: 'error', details: { policy: policy.name } }]);
  expect(host.outcomes).toMatchObject([{ status: 403, policy: policy.name }]);
}

/** Functions that fail, whatever they should return. */
const failing: readonly [string, () => never][] = [
  [
    'throws',
    () => {
      throw new Error('the host is down');
    },
  ],
  ['rejects', () => Promise.reject(new Error('the host is down')) as never],
  ['never settles', () => new Promise<never>(() => {}) as never],
];

/** Tests that a policy refuses, and is logged, if its function fails or returns an invalid value. */
export function itFailsClosed(
  name: string,
  make: (hostFunction: () => never) => InvitePolicy,
  invalidValues: readonly unknown[] = [undefined, null, 0, 1, '', 'true', {}, []],
  body: object = {},
): void {
  const returning = invalidValues.flatMap((value): [string, () => never][] => [
    [`returns ${JSON.stringify(value) ?? String(value)}`, () => value as never],
    [`resolves to ${JSON.stringify(value) ?? String(value)}`, () => Promise.resolve(value) as never],
  ]);
  it.each([...failing, ...returning])(`refuses if ${name} %s`, async (_case, hostFunction) => {
    await expectNotChecked(make(hostFunction), body);
  });
}

/** Tests the default refusal, and that the options change it. `make` creates a policy that refuses. */
export function itRefusesAsConfigured(
  name: string,
  message: string,
  make: (options: RefusalOptions) => InvitePolicy,
  body: object = {},
): void {
  it('refuses by default with a 403 M_FORBIDDEN, and is named in the outcome', async () => {
    const host = await appWith(make({}));
    await expectRefused(host, message, body);
    expect(host.outcomes).toMatchObject([{ status: 403, policy: name }]);
    expect(host.faults()).toEqual([]);
  });

  it('refuses with the configured status, errcode and message', async () => {
    const host = await appWith(make({ status: 409, errcode: 'ORG_EXAMPLE_NO', message: 'Not here' }));
    expect(await sendInvite(host, body)).toEqual({
      status: 409,
      body: { errcode: 'ORG_EXAMPLE_NO', error: 'Not here' },
    });
    expect(await sendInvite(await appWith(make({ message: 'Not here' })), body)).toEqual({
      status: 403,
      body: { errcode: 'M_FORBIDDEN', error: 'Not here' },
    });
  });

  it.each<[string, object, string]>([
    ['a misspelled option', { errCode: 'X' }, 'unknown option "errCode"; allowed: '],
    [
      'a status that is not an error',
      { status: 200 },
      'option "status" must be an HTTP status from 400 to 599',
    ],
    ['a status with a fraction', { status: 403.5 }, 'option "status" must be an HTTP status from 400 to 599'],
    ['an empty errcode', { errcode: '' }, 'option "errcode" must be an errcode, a non-empty string'],
    ['a message that is not a string', { message: 5 }, 'option "message" must be a string'],
  ])('rejects %s', (_case, options, error) => {
    expect(() => make(options)).toThrow(TypeError);
    expect(() => make(options)).toThrow(`${name}: ${error}`);
  });
}
