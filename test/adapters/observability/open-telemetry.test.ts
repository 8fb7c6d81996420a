import { EventEmitter, once } from 'node:events';
import {
  type Attributes,
  type Context,
  context,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SamplingDecision,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { type InviteRouterOptions, StorageUnavailableError } from 'express-matrix-invite';
import { type OpenTelemetryOptions, openTelemetry } from 'express-matrix-invite/observability/open-telemetry';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  ALICE,
  BOB,
  CAROL,
  invite,
  limits,
  listening,
  portOf,
  ROOM,
  seedRoom,
  send,
  sendTo,
  setUp,
  silent,
} from '../../http/support.ts';
import { around } from '../../invite/support.ts';

const exporter = new InMemorySpanExporter();
const processor = new SimpleSpanProcessor(exporter);
const provider = new BasicTracerProvider({ spanProcessors: [processor] });
const hostTracer = provider.getTracer('host');

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});
beforeEach(() => {
  trace.setGlobalTracerProvider(provider);
});
afterEach(() => {
  exporter.reset();
  trace.disable();
});
afterAll(() => {
  context.disable();
});

/** Returns the spans that have ended: those of the host app, and ours. */
async function spans(): Promise<{ readonly ours: ReadableSpan[]; readonly hosts: ReadableSpan[] }> {
  await processor.forceFlush();
  const all = exporter.getFinishedSpans();
  const isHosts = ({ instrumentationScope }: ReadableSpan) => instrumentationScope.name === 'host';
  return { ours: all.filter((span) => !isHosts(span)), hosts: all.filter(isHosts) };
}

async function traced(options: Partial<InviteRouterOptions> = {}, ofSpans: OpenTelemetryOptions = {}) {
  const { app, store } = setUp({ onOutcome: openTelemetry(ofSpans), logger: silent, ...options }, (host) => {
    host.use((request, response, next) => {
      const span = hostTracer.startSpan('server', { kind: SpanKind.SERVER }, ROOT_CONTEXT);
      response.on('close', () => span.end());
      span.setAttribute('test.url', request.url);
      context.with(trace.setSpan(ROOT_CONTEXT, span), next);
    });
  });
  await seedRoom(store, { members: { [CAROL]: 'join' } });
  return app;
}

async function onlySpan(): Promise<ReadableSpan> {
  const { ours } = await spans();
  expect(ours).toHaveLength(1);
  return ours[0] as ReadableSpan;
}

const timeOf = ([seconds, nanoseconds]: readonly [number, number]) => seconds * 1_000 + nanoseconds / 1e6;

describe('openTelemetry', () => {
  it('creates one span per request', async () => {
    await invite(await traced());
    const span = await onlySpan();
    expect(span).toMatchObject({
      name: 'POST /_matrix/client/v3/rooms/{roomId}/invite',
      kind: SpanKind.INTERNAL,
      status: { code: SpanStatusCode.UNSET },
      instrumentationScope: { name: 'express-matrix-invite' },
      ended: true,
    });
    expect(span.attributes).toEqual({
      'http.request.method': 'POST',
      'http.response.status_code': 200,
      'matrix_invite.outcome': 'invited',
      'matrix_invite.tries': 1,
    });
  });

  it.each([
    [
      'that the room refuses',
      {},
      { body: { user_id: CAROL } },
      { status: 403, errcode: 'M_FORBIDDEN', more: { reason: 'inviteeJoined' } },
    ],
    [
      'that a policy refuses',
      { policies: [{ name: 'club', decide: () => ({ message: 'no', status: 451, errcode: 'ORG.CLUB' }) }] },
      {},
      { status: 451, errcode: 'ORG.CLUB', more: { policy: 'club' } },
    ],
    [
      'without a valid token',
      {},
      { headers: { authorization: 'Bearer nobody' } },
      { status: 401, errcode: 'M_UNKNOWN_TOKEN', more: { tries: 0 } },
    ],
    [
      'over a rate limit',
      {
        rateLimit: {
          consume: async () => ({ allowed: false, scope: 'attempt', retryAfterMs: 1 }) as const,
          refund: async () => {},
        },
      },
      {},
      { status: 429, errcode: 'M_LIMIT_EXCEEDED', more: { tries: 0, scope: 'attempt' } },
    ],
  ] as const)(
    'describes a request %s, which is not a server error',
    async (_case, options, request, expected) => {
      await send(await traced(options), request);
      const span = await onlySpan();
      const more = Object.entries({ tries: 1, ...expected.more }).map(([key, value]) => [
        `matrix_invite.${key}`,
        value,
      ]);
      expect(span.attributes).toEqual({
        'http.request.method': 'POST',
        'http.response.status_code': expected.status,
        'matrix_invite.errcode': expected.errcode,
        ...Object.fromEntries(more),
      });
      expect(span.status.code).toBe(SpanStatusCode.UNSET);
    },
  );

  it.each([
    [503, new StorageUnavailableError('down')],
    [500, new Error('a-secret-bug')],
  ])('has the status ERROR with a %i', async (status, error) => {
    const storage = around(new MemoryStorage(), { readState: () => Promise.reject(error) });
    await invite(await traced({ storage }));
    const span = await onlySpan();
    expect(span.status).toEqual({ code: SpanStatusCode.ERROR });
    expect(span.attributes).toEqual({
      'http.request.method': 'POST',
      'http.response.status_code': status,
      'error.type': String(status),
      'matrix_invite.errcode': 'M_UNKNOWN',
      'matrix_invite.tries': 1,
      'matrix_invite.failed_call': 'readState',
    });
  });

  it.each([
    ['PUT', 'PUT', 'PUT'],
    ['PROPFIND', 'HTTP', '_OTHER'],
  ])('names the method %s as in the conventions', async (method, named, attribute) => {
    await send(await traced(), { method });
    const { name, attributes } = await onlySpan();
    expect(name).toBe(`${named} /_matrix/client/v3/rooms/{roomId}/invite`);
    expect(attributes['http.request.method']).toBe(attribute);
  });

  it('contains IDs only if configured', async () => {
    const requestId = () => 'request-4711';
    await invite(await traced({ requestId }, { includeIds: true }));
    expect((await onlySpan()).attributes).toMatchObject({
      'matrix_invite.requester_id': ALICE,
      'matrix_invite.room_id': ROOM,
      'matrix_invite.request_id': 'request-4711',
    });
    exporter.reset();
    await invite(await traced({ requestId }, { includeIds: false }), {
      body: { user_id: BOB, reason: 'a-secret-reason' },
    });
    const { name, attributes, events, status, links } = await onlySpan();
    const content = JSON.stringify({ name, attributes, events, status, links });
    expect(content).toContain('invited');
    expect(content).not.toMatch(/secret|4711|alice|bob|example\.org|token/i);
  });
});

describe('the span', () => {
  it('is a child of the span that is active when the request arrives', async () => {
    const app = await traced();
    const server = await listening(app);
    const port = portOf(server);
    const responses = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        sendTo(port, { body: { user_id: `@user${index}:example.org`, reason: 'x'.repeat(index * 1_000) } }),
      ),
    );
    expect(responses.map(({ status }) => status)).toEqual(responses.map(() => 200));
    const { ours, hosts } = await spans();
    const idsOf = (span: ReadableSpan) => span.spanContext().spanId;
    expect(ours.map((span) => span.parentSpanContext?.spanId).sort()).toEqual(hosts.map(idsOf).sort());
    expect(new Set(ours.map((span) => span.spanContext().traceId)).size).toBe(20);
  });

  it('is a child even if the work continues in the context of another request', async () => {
    // Like a connection pool: the promise is settled in the context of other work.
    const reads = new EventEmitter();
    const store = new MemoryStorage();
    await seedRoom(store);
    const storage = around(store, {
      async readState(read) {
        await new Promise<void>((resolve) => reads.emit('read', resolve));
        return read();
      },
    });
    const reading = once(reads, 'read');
    const response = invite(await traced({ storage }));
    const [resume] = await reading;
    context.with(trace.setSpan(ROOT_CONTEXT, hostTracer.startSpan('other')), resume);
    await response;
    const { ours, hosts } = await spans();
    expect(ours[0]?.parentSpanContext?.spanId).toBe(hosts[0]?.spanContext().spanId);
  });

  it('has the times of the request', async () => {
    const durations: number[] = [];
    const observe = openTelemetry();
    const app = await traced({
      onOutcome(outcome, request) {
        durations.push(outcome.durationMs);
        observe(outcome, request);
      },
    });
    for (let count = 0; count < 20; count += 1) await invite(app);
    const { ours, hosts } = await spans();
    expect(ours).toHaveLength(20);
    for (const [index, span] of ours.entries()) {
      expect(timeOf(span.duration)).toBeCloseTo(durations[index] ?? Number.NaN, 2);
      const [child, parent] = [timeOf(span.startTime), timeOf(hosts[index]?.startTime ?? [0, 0])];
      expect(child).toBeGreaterThanOrEqual(parent);
      expect(timeOf(span.endTime)).toBeLessThanOrEqual(Date.now() + 1);
    }
  });

  it('is a root span if no span is active', async () => {
    const { app, store } = setUp({ onOutcome: openTelemetry(), logger: silent });
    await seedRoom(store);
    await invite(app);
    expect((await onlySpan()).parentSpanContext).toBeUndefined();
  });

  it('is not created if the trace is not sampled', async () => {
    const sampled: { parent: Context; attributes: Attributes }[] = [];
    const sampler = {
      shouldSample(parent: Context, ...[, , , attributes]: [string, string, SpanKind, Attributes]) {
        sampled.push({ parent, attributes });
        return { decision: SamplingDecision.NOT_RECORD };
      },
    };
    const tracer = new BasicTracerProvider({ sampler, spanProcessors: [processor] }).getTracer('unsampled');
    await invite(await traced({}, { tracer }));
    expect((await spans()).ours).toEqual([]);
    expect(sampled.map(({ parent }) => trace.getSpan(parent) !== undefined)).toEqual([true]);
    // A sampler sees the attributes of the span, without unknown ones.
    expect(Object.entries(sampled[0]?.attributes ?? {})).toEqual([
      ['http.request.method', 'POST'],
      ['http.response.status_code', 200],
      ['matrix_invite.outcome', 'invited'],
      ['matrix_invite.tries', 1],
    ]);
  });

  it('is created by the configured tracer', async () => {
    await invite(await traced({}, { tracer: provider.getTracer('my-tracer') }));
    expect((await onlySpan()).instrumentationScope.name).toBe('my-tracer');
  });

  it('is created by a provider that is set later', async () => {
    trace.disable();
    const app = await traced();
    await invite(app);
    expect((await spans()).ours).toEqual([]);
    trace.setGlobalTracerProvider(provider);
    await invite(app, { body: { user_id: '@new:example.org' } });
    expect((await spans()).ours).toHaveLength(1);
  });

  it('changes neither the response nor the log without an SDK', async () => {
    trace.disable();
    const lines: string[] = [];
    const line = (_details: object, message: string) => lines.push(message);
    const app = await traced({
      rateLimit: limits(1),
      logger: { debug: line, info: line, warn: line, error: line },
    });
    expect((await invite(app)).status).toBe(200);
    expect(lines).toEqual(['Responded 200 to an invite']);
  });
});

describe('the options of openTelemetry', () => {
  it.each([
    [null, 'openTelemetry: options must be an object'],
    [{ trace: {} }, 'openTelemetry: unknown option "trace"; allowed: tracer, includeIds'],
    [{ tracer: {} }, 'openTelemetry: option "tracer" must be an OpenTelemetry Tracer'],
    [{ includeIds: 1 }, 'openTelemetry: option "includeIds" must be a boolean'],
  ])('are checked: %j', (options, message) => {
    expect(() => openTelemetry(options as never)).toThrow(TypeError);
    expect(() => openTelemetry(options as never)).toThrow(message);
  });
});
