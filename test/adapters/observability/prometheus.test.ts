import { setTimeout as delay } from 'node:timers/promises';
import { type InvitePolicy, type InviteRouterOptions, StorageUnavailableError } from 'express-matrix-invite';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { describe, expect, it } from 'vitest';
import { BOB, CAROL, invite, limits, seedRoom, send } from '../../http/support.ts';
import { around } from '../../invite/support.ts';
import { counted, parseScrape } from './scrape.ts';
import { measured } from './support.ts';

const responded = (status: number, errcode: string, count = 1) =>
  `matrix_invite_requests_total{status="${status}",errcode="${errcode}",outcome=""} ${count}`;
const became = (outcome: string, count = 1) =>
  `matrix_invite_requests_total{status="200",errcode="",outcome="${outcome}"} ${count}`;
const timed = (status_class: string, count = 1) =>
  `matrix_invite_duration_seconds_count{status_class="${status_class}"} ${count}`;

const spam: InvitePolicy = { name: 'spam', decide: ({ userId }) => (userId === CAROL ? 'drop' : undefined) };
const club: InvitePolicy = { name: 'club', decide: () => ({ message: 'Members only' }) };

/** Creates a store with one method that fails. */
function failing(method: 'readState' | 'appendEvent', error: Error) {
  return around(new MemoryStorage(), { [method]: () => Promise.reject(error) });
}

describe('prometheusMetrics', () => {
  it('counts each outcome of an invite', async () => {
    const { app, register } = await measured({ policies: [spam] });
    await invite(app);
    await invite(app);
    await invite(app);
    await invite(app, { body: { user_id: CAROL } });
    expect(counted(await register.metrics())).toEqual([
      timed('2xx', 4),
      'matrix_invite_policy_refusals_total{policy="spam"} 1',
      became('alreadyInvited', 2),
      became('dropped'),
      became('invited'),
    ]);
  });

  const cases: [string, Partial<InviteRouterOptions>, Parameters<typeof invite>[1], string[]][] = [
    ['without a token', {}, { token: null }, [timed('4xx'), responded(401, 'M_MISSING_TOKEN')]],
    ['without an invitee', {}, { body: {} }, [timed('4xx'), responded(400, 'M_BAD_JSON')]],
    [
      'that the room refuses',
      {},
      { token: 'bob-token', body: { user_id: CAROL } },
      [
        timed('4xx'),
        responded(403, 'M_FORBIDDEN'),
        'matrix_invite_room_refusals_total{reason="roomUnknownOrInviterNotJoined"} 1',
      ],
    ],
    [
      'that a policy refuses',
      { policies: [spam, club] },
      {},
      [timed('4xx'), 'matrix_invite_policy_refusals_total{policy="club"} 1', responded(403, 'M_FORBIDDEN')],
    ],
    [
      'whose policy fails',
      { policies: [{ name: 'broken', decide: () => Promise.reject(new Error('bug')) }] },
      {},
      [
        timed('4xx'),
        'matrix_invite_host_call_failures_total{call="decide"} 1',
        'matrix_invite_policy_refusals_total{policy="broken"} 1',
        responded(403, 'M_FORBIDDEN'),
      ],
    ],
    [
      'during an outage of the store',
      { storage: failing('readState', new StorageUnavailableError('down')) },
      {},
      [
        timed('5xx'),
        'matrix_invite_host_call_failures_total{call="readState"} 1',
        responded(503, 'M_UNKNOWN'),
      ],
    ],
    [
      'with a bug in the auth adapter',
      { auth: { authenticate: async () => null as never } },
      {},
      [timed('5xx'), responded(500, 'M_UNKNOWN')],
    ],
    [
      'that is sent without a profile',
      { users: { getProfile: () => Promise.reject(new Error('none')) } },
      {},
      [timed('2xx'), 'matrix_invite_host_call_failures_total{call="getProfile"} 1', became('invited')],
    ],
  ];

  it.each(cases)('counts a request %s', async (_case, options, request, expected) => {
    const { app, register } = await measured(options);
    await invite(app, request);
    expect(counted(await register.metrics())).toEqual(expected);
  });

  it('counts another method', async () => {
    const { app, register } = await measured();
    await send(app, { method: 'PUT' });
    expect(counted(await register.metrics())).toEqual([timed('4xx'), responded(405, 'M_UNRECOGNIZED')]);
  });

  it('counts refusals by rate limits, by scope', async () => {
    const { app, register } = await measured({ rateLimit: limits(100, 2) });
    for (let count = 0; count < 5; count += 1) await invite(app);
    expect(counted(await register.metrics())).toEqual([
      timed('2xx', 2),
      timed('4xx', 3),
      'matrix_invite_rate_limited_total{scope="attempt"} 3',
      became('alreadyInvited'),
      became('invited'),
      responded(429, 'M_LIMIT_EXCEEDED', 3),
    ]);
  });

  it('counts every try after the first', async () => {
    const storage = new MemoryStorage();
    await seedRoom(storage);
    const { app, register } = await measured({
      storage: around(storage, {
        appendEvent: async (append, count) => (count <= 3 ? { outcome: 'stale' } : append()),
      }),
    });
    await invite(app);
    expect(counted(await register.metrics())).toEqual([
      timed('2xx'),
      became('invited'),
      'matrix_invite_retries_total 3',
    ]);
  });

  it('measures durations in seconds', async () => {
    const durations: number[] = [];
    const { app, register, observe } = await measured({
      policies: [{ name: 'slow', decide: () => delay(30, undefined) }],
      onOutcome(outcome) {
        durations.push(outcome.durationMs);
        observe(outcome);
      },
    });
    await invite(app);
    await invite(app, { token: 'nobody' });
    const { samples = [] } =
      parseScrape(await register.metrics()).get('matrix_invite_duration_seconds') ?? {};
    const [slow = Number.NaN, fast = Number.NaN] = durations;
    const value = (suffix: string, labels: object) =>
      samples.find(
        (each) =>
          each.name === `matrix_invite_duration_seconds_${suffix}` &&
          JSON.stringify(each.labels) === JSON.stringify(labels),
      )?.value;
    expect(slow).toBeGreaterThan(29);
    expect(value('sum', { status_class: '2xx' })).toBeCloseTo(slow / 1_000, 9);
    expect(value('sum', { status_class: '4xx' })).toBeCloseTo(fast / 1_000, 9);
    expect(value('bucket', { le: '0.025', status_class: '2xx' })).toBe(0);
    expect(value('bucket', { le: '+Inf', status_class: '2xx' })).toBe(1);
  });

  it('contains no ID, token or reason from the request', async () => {
    const { app, register } = await measured({ requestId: () => 'request-of-carol' });
    await invite(app, { body: { user_id: BOB, reason: 'a-secret-reason' } });
    await invite(app, { token: 'a-secret-token' });
    await invite(app, { roomId: '!secret-room:example.org', body: { user_id: '@secret-user:example.org' } });
    const text = await register.metrics();
    expect(counted(text)).toContain(became('invited'));
    expect(text).not.toMatch(/secret|carol|alice|bob|example\.org|[@!]/i);
  });
});
