import { randomBytes, randomInt } from 'node:crypto';
import {
  type InvitePolicy,
  MatrixError,
  type PolicyDecision,
  type RequestOutcome,
} from 'express-matrix-invite';
import { prometheusMetrics } from 'express-matrix-invite/observability/prometheus';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { inviteDescription } from '../../../src/openapi/index.ts';
import { send } from '../../http/support.ts';
import { counted, parseScrape, samplesOf } from './scrape.ts';
import { measured } from './support.ts';

/** Strings that would break the scrape or the counting if they were not escaped. */
const HOSTILE = [
  '\n# TYPE forged counter\nforged 1',
  '"} 1\nforged{a="',
  '\\',
  '\\n',
  '\u{1f600}',
  '__proto__',
  '',
];

function refusing(name: string, decision: PolicyDecision = { message: 'no' }): InvitePolicy {
  return { name, decide: () => decision };
}

async function seriesOf(register: Registry): Promise<string[]> {
  const samples = samplesOf(parseScrape(await register.metrics()));
  return samples.map(({ name, labels }) => JSON.stringify([name, labels]));
}

describe('the labels of a response', () => {
  it('are those in the OpenAPI description, and start at 0', async () => {
    const { register } = await measured();
    const { samples = [] } = parseScrape(await register.metrics()).get('matrix_invite_requests_total') ?? {};
    const { responses } = inviteDescription.paths['/rooms/{roomId}/invite'].post;
    const described = Object.entries(responses).flatMap(([status, response]) =>
      (response['x-errcodes'] ?? []).map((errcode) => ({ status, errcode, outcome: '' })),
    );
    const invited = ['invited', 'alreadyInvited', 'dropped', 'storedForAddress'].map((outcome) => {
      return { status: '200', errcode: '', outcome };
    });
    expect(samples.map(({ labels }) => labels)).toEqual([...invited, ...described]);
    expect(samples.filter(({ value }) => value !== 0)).toEqual([]);
  });

  it.each([
    [{ errcode: 'ORG.EXAMPLE.CLOSED' }, 'status="403",errcode="other"'],
    [{ status: 451 }, 'status="4xx",errcode="M_FORBIDDEN"'],
    [{ status: 599, errcode: 'toString' }, 'status="5xx",errcode="other"'],
    [{ status: 418, errcode: '"} 1\nforged{a="' }, 'status="4xx",errcode="other"'],
    [{ status: 503, errcode: 'M_NOT_JSON' }, 'status="503",errcode="M_NOT_JSON"'],
  ])('fold values from the host app: %j', async (refusal, labels) => {
    const { app, register } = await measured({ policies: [refusing('p', { message: 'no', ...refusal })] });
    await send(app);
    expect(counted(await register.metrics())).toContain(
      `matrix_invite_requests_total{${labels},outcome=""} 1`,
    );
  });

  it('fold an errcode from the auth adapter', async () => {
    const { app, register } = await measured({
      auth: { authenticate: () => Promise.reject(new MatrixError(402, 'ORG.EXAMPLE.PAY', 'Pay')) },
    });
    await send(app);
    expect(counted(await register.metrics())).toContain(
      'matrix_invite_requests_total{status="4xx",errcode="other",outcome=""} 1',
    );
  });

  it('fold an unknown scope from a rate limit adapter', async () => {
    const refusal = { allowed: false, scope: 'user-4711', retryAfterMs: 1 };
    const { app, register } = await measured({
      rateLimit: { consume: async () => refusal as never, refund: async () => {} },
    });
    await send(app);
    expect(counted(await register.metrics())).toContain('matrix_invite_rate_limited_total{scope="other"} 1');
  });
});

describe("the class of another server's answer", () => {
  it.each([
    [{ remoteServer: 'two.test', remoteStatus: 200 }, '2xx'],
    [{ remoteServer: 'two.test', remoteStatus: 404 }, '4xx'],
    [{ remoteServer: 'two.test' }, 'none'],
    [{ remoteStatus: 103 }, 'other'],
  ])('is a label, and its name is not: %j', async (remote, label) => {
    const register = new Registry();
    prometheusMetrics(register)({ status: 200, tries: 1, durationMs: 1, ...remote });
    const text = await register.metrics();
    expect(counted(text)).toContain(`matrix_invite_remote_answers_total{remote_answer="${label}"} 1`);
    expect(text).not.toContain('two.test');
  });
});

describe('the names of policies', () => {
  it('beyond the maximum share one label', async () => {
    const refusals = ['one', 'two', 'three', 'four', 'one', 'three'];
    let name = '';
    const policies = ['one', 'two', 'three', 'four'].map((each) => ({
      name: each,
      decide: () => (each === name ? { message: 'no' } : undefined),
    }));
    const { app, register } = await measured({ policies }, { maxPolicies: 2 });
    for (name of refusals) await send(app);
    expect(counted(await register.metrics()).filter((line) => line.includes('policy'))).toEqual([
      'matrix_invite_policy_refusals_total{policy="one"} 2',
      'matrix_invite_policy_refusals_total{policy="other"} 3',
      'matrix_invite_policy_refusals_total{policy="two"} 1',
    ]);
  });

  it('are 50 by default', async () => {
    const register = new Registry();
    const observe = prometheusMetrics(register);
    const ended = { status: 403, errcode: 'M_FORBIDDEN', tries: 1, durationMs: 1 };
    for (let count = 1; count <= 60; count += 1) observe({ ...ended, policy: `policy-${count}` });
    const lines = counted(await register.metrics()).filter((line) => line.includes('{policy='));
    expect(lines).toHaveLength(51);
    expect(lines).toContain('matrix_invite_policy_refusals_total{policy="other"} 10');
  });

  it.each(HOSTILE.filter((name) => name !== ''))('cannot forge a line: %j', async (name) => {
    const { app, register } = await measured({ policies: [refusing(name)] });
    const before = await seriesOf(register);
    await send(app);
    const after = await seriesOf(register);
    expect(after.filter((each) => !before.includes(each))).toEqual([
      JSON.stringify(['matrix_invite_policy_refusals_total', { policy: name }]),
    ]);
  });
});

describe('10,000 random outcomes', () => {
  const text = () => randomBytes(6).toString('base64');
  /** Violates the types, as adapters in JavaScript can. */
  const anything = () =>
    ({
      status: randomInt(400, 600),
      errcode: text(),
      durationMs: randomInt(30_000),
      tries: randomInt(10),
      scope: text(),
      policy: text(),
      reason: text(),
      failedCall: text(),
      requesterId: text(),
      roomId: text(),
      requestId: text(),
    }) as unknown as RequestOutcome;

  it('do not grow the registry', async () => {
    const register = new Registry();
    const observe = prometheusMetrics(register);
    for (let count = 0; count < 5_000; count += 1) observe(anything());
    const series = await seriesOf(register);
    for (let count = 0; count < 5_000; count += 1) observe(anything());
    expect((await seriesOf(register)).sort()).toEqual(series.sort());
    const { app, register: fresh } = await measured();
    await send(app);
    // 51 policies, `other` for three more labels, and `other` with each of the 14 error statuses.
    expect(series).toHaveLength((await seriesOf(fresh)).length + 51 + 3 + 14);
  });

  it('are all counted', async () => {
    const register = new Registry();
    const observe = prometheusMetrics(register);
    for (let count = 0; count < 10_000; count += 1) observe(anything());
    const families = parseScrape(await register.metrics());
    for (const name of [
      'requests',
      'rate_limited',
      'policy_refusals',
      'room_refusals',
      'host_call_failures',
    ]) {
      const { samples = [] } = families.get(`matrix_invite_${name}_total`) ?? {};
      expect([name, samples.reduce((sum, { value }) => sum + value, 0)]).toEqual([name, 10_000]);
    }
  });
});
