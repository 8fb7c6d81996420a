import { createInviteRouter } from 'express-matrix-invite';
import { prometheusMetrics } from 'express-matrix-invite/observability/prometheus';
import { Counter, register as globalRegister, type OpenMetricsContentType, Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import { send, tokens } from '../../http/support.ts';
import { Child } from '../../support/child.ts';
import { counted, parseScrape, samplesOf } from './scrape.ts';
import { measured } from './support.ts';

const ended = { status: 200, outcome: 'invited', tries: 1, durationMs: 7 } as const;

const namesIn = (register: Registry) => register.getMetricsAsArray().map(({ name }) => name);

afterEach(() => globalRegister.clear());

describe('the registry', () => {
  it('has all metrics before the first request, at 0', async () => {
    const register = new Registry();
    prometheusMetrics(register);
    const families = parseScrape(await register.metrics());
    expect([...families].map(([name, { type }]) => `${type} ${name}`)).toEqual([
      'counter matrix_invite_requests_total',
      'histogram matrix_invite_duration_seconds',
      'counter matrix_invite_retries_total',
      'counter matrix_invite_rate_limited_total',
      'counter matrix_invite_policy_refusals_total',
      'counter matrix_invite_room_refusals_total',
      'counter matrix_invite_remote_answers_total',
      'counter matrix_invite_host_call_failures_total',
    ]);
    for (const [name, { samples }] of families) {
      // The host app chooses the names of policies.
      if (name === 'matrix_invite_policy_refusals_total') expect(samples).toEqual([]);
      else expect([name, samples.length > 0]).toEqual([name, true]);
    }
    expect(samplesOf(families).filter(({ value }) => value !== 0)).toEqual([]);
  });

  it("is the given one, not prom-client's default", () => {
    prometheusMetrics(new Registry());
    expect(namesIn(globalRegister)).toEqual([]);
  });

  it('accepts the metrics once', () => {
    const register = new Registry();
    prometheusMetrics(register);
    expect(() => prometheusMetrics(register)).toThrow(
      /^prometheusMetrics: the registry already has a metric matrix_invite_requests_total; pass all routers/,
    );
  });

  it('gets none of them if one name is taken', () => {
    const register = new Registry();
    const name = 'matrix_invite_host_call_failures_total';
    new Counter({ name, help: 'of the host app', registers: [register] });
    expect(() => prometheusMetrics(register)).toThrow(name);
    expect(namesIn(register)).toEqual([name]);
  });

  it('accepts them again with another prefix', async () => {
    const register = new Registry();
    prometheusMetrics(register);
    prometheusMetrics(register, { prefix: 'cats:' })(ended);
    prometheusMetrics(register, { prefix: '' });
    expect(counted(await register.metrics())).toEqual([
      'cats:duration_seconds_count{status_class="2xx"} 1',
      'cats:requests_total{status="200",errcode="",outcome="invited"} 1',
    ]);
  });

  it('counts several routers with one function', async () => {
    const { app, register, observe, store } = await measured();
    const router = createInviteRouter({
      serverName: 'example.org',
      storage: store,
      rateLimit: false,
      auth: tokens,
      onOutcome: observe,
    });
    app.use('/second', router);
    await send(app);
    await send(app, { path: `/second/rooms/!room:example.org/invite` });
    expect(counted(await register.metrics())).toContain(
      'matrix_invite_duration_seconds_count{status_class="2xx"} 2',
    );
  });

  it('can have the OpenMetrics content type', async () => {
    const register = new Registry<OpenMetricsContentType>();
    register.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    const observe = prometheusMetrics(register);
    await register.metrics();
    observe(ended);
    expect(await register.metrics()).toContain(
      '\nmatrix_invite_requests_total{status="200",errcode="",outcome="invited"} 1\n',
    );
  });

  it('adds its default labels', async () => {
    const register = new Registry();
    register.setDefaultLabels({ app: 'chat' });
    prometheusMetrics(register)(ended);
    expect(counted(await register.metrics())).toContain(
      'matrix_invite_requests_total{status="200",errcode="",outcome="invited",app="chat"} 1',
    );
  });
});

describe('buckets', () => {
  const boundsOf = async (register: Registry) => {
    const { samples = [] } =
      parseScrape(await register.metrics()).get('matrix_invite_duration_seconds') ?? {};
    return samples
      .filter(({ labels }) => labels.status_class === '2xx')
      .flatMap(({ labels }) => labels.le ?? []);
  };

  it('cover the maximum duration of a request by default', async () => {
    const { register } = await measured();
    const bounds = '0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10 20 +Inf';
    expect((await boundsOf(register)).join(' ')).toBe(bounds);
  });

  it('are a copy of the option', async () => {
    const register = new Registry();
    const buckets = [0.1, 1];
    const observe = prometheusMetrics(register, { buckets });
    buckets.push(2);
    observe({ ...ended, durationMs: 100 });
    observe({ ...ended, durationMs: 101 });
    expect(await boundsOf(register)).toEqual(['0.1', '1', '+Inf']);
    expect(await register.metrics()).toMatch(
      /_bucket\{le="0\.1",status_class="2xx"\} 1\n.*_bucket\{le="1",status_class="2xx"\} 2\n/,
    );
  });
});

describe('the arguments', () => {
  it.each([
    [undefined, {}, 'prometheusMetrics takes a prom-client Registry'],
    [{ prefix: 'a_' }, {}, 'prometheusMetrics takes a prom-client Registry'],
    [new Registry(), null, 'prometheusMetrics: options must be an object'],
    [
      new Registry(),
      { prefx: 'a_' },
      'prometheusMetrics: unknown option "prefx"; allowed: prefix, buckets, maxPolicies',
    ],
    [new Registry(), { prefix: '1_' }, 'option "prefix" must be a string of letters'],
    [new Registry(), { prefix: 'a-' }, 'option "prefix" must be a string of letters'],
    [new Registry(), { prefix: 'a_\n' }, 'option "prefix" must be a string of letters'],
    [new Registry(), { buckets: [] }, 'option "buckets" must be a non-empty list of seconds above 0'],
    [new Registry(), { buckets: [0, 1] }, 'option "buckets" must be a non-empty list of seconds above 0'],
    [new Registry(), { buckets: [1, 1] }, 'option "buckets" must be a non-empty list of seconds above 0'],
    [
      new Registry(),
      { buckets: [1, Number.POSITIVE_INFINITY] },
      'option "buckets" must be a non-empty list of seconds above 0',
    ],
    [new Registry(), { buckets: ['1'] }, 'option "buckets" must be a non-empty list of seconds above 0'],
    [new Registry(), { maxPolicies: 0 }, 'option "maxPolicies" must be an integer number of names'],
  ])('are checked: %#', (register, options, message) => {
    expect(() => prometheusMetrics(register as never, options as never)).toThrow(TypeError);
    expect(() => prometheusMetrics(register as never, options as never)).toThrow(message);
  });
});

describe('a cluster', () => {
  it('is summed by an AggregatorRegistry', async () => {
    const primary = new Child('../adapters/observability/cluster-primary.ts');
    await primary.end();
    const lines = counted(`${primary.lines.join('\n')}\n`);
    expect(lines).toEqual([
      'matrix_invite_duration_seconds_count{status_class="2xx"} 2',
      'matrix_invite_duration_seconds_count{status_class="4xx"} 4',
      'matrix_invite_requests_total{status="200",errcode="",outcome="invited"} 2',
      'matrix_invite_requests_total{status="401",errcode="M_UNKNOWN_TOKEN",outcome=""} 4',
    ]);
  });
});
