import type { OutgoingHttpHeaders } from 'node:http';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  ALICE,
  BOB,
  CORS_HEADERS,
  exchange,
  expectDescribed,
  listening,
  PREFIX,
  portOf,
  ROOM,
  recordingLogger,
  respondAsHost,
  seedRoom,
  setUp,
  type TestResponse,
} from './support.ts';

type Fuzzed = {
  readonly method: string;
  readonly segment: string;
  readonly rest: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Uint8Array;
};

const often = <T>(usual: T, other: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: other });

const method = often(
  'POST',
  fc.constantFrom('GET', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'PURGE'),
);

/** Characters of a request line, including broken percent-encoding, without `?`, `#` and `/`. */
const segmentCharacter = fc.oneof(
  fc.constantFrom('!', ':', '%', '%21', '%2F', '%00', '%ED%A0%80', '%zz', '+', '.', '@', ';', '%F0%9F%98%80'),
  fc.constantFrom(...'abcXYZ019-_~$&\'()*,=|"<>\\^`{}[]'),
);
const segment = often(
  encodeURIComponent(ROOM),
  fc.oneof(
    fc.array(segmentCharacter, { minLength: 1, maxLength: 40 }).map((parts) => parts.join('')),
    fc.string({ unit: 'binary', minLength: 1 }).map((id) => encodeURIComponent(id.toWellFormed())),
    fc.string({ minLength: 1 }).map((id) => `!${encodeURIComponent(id)}:example.org`),
    fc.constantFrom(`!${'a'.repeat(254)}`, `!${'a'.repeat(255)}`, '.', '..', '%2e%2e'),
  ),
);
const rest = often(
  '',
  fc.oneof(
    fc.constantFrom(
      '?',
      '?access_token=alice-token',
      '?access_token=',
      '?user_id=a&user_id=b',
      '?a[b]=c&a=d',
    ),
    fc.string().map((value) => `?access_token=${encodeURIComponent(value)}`),
    fc.array(segmentCharacter, { maxLength: 20 }).map((parts) => `?${parts.join('')}`),
  ),
);

/** Header values that Node's client can send. */
const headerValue = fc.string({ unit: fc.constantFrom(...' !"#%&,;:=/\\azAZ09-_~ÿ\u00a0'), maxLength: 30 });
const headers: fc.Arbitrary<OutgoingHttpHeaders> = fc
  .record(
    {
      authorization: often(
        'Bearer alice-token',
        fc.oneof(
          headerValue,
          headerValue.map((value) => `Bearer ${value}`),
        ),
      ),
      'content-type': fc.oneof(
        fc.constantFrom('application/json', 'text/plain', 'a/b; charset=x'),
        headerValue,
      ),
      'content-encoding': fc.oneof(
        fc.constantFrom('gzip', 'deflate', 'br', 'identity', 'gzip, br'),
        headerValue,
      ),
      origin: fc.oneof(fc.constantFrom('null', 'https://chat.example.org'), headerValue),
      cookie: headerValue,
      'x-forwarded-for': headerValue,
      'x-http-method-override': fc.constantFrom('DELETE', 'GET'),
      'access-control-request-method': headerValue,
      accept: headerValue,
      range: fc.constant('bytes=0-1'),
      'if-none-match': fc.constant('*'),
    },
    { requiredKeys: ['authorization'] },
  )
  .map((fields) => ({ ...fields }));

const invitee = fc.oneof(
  fc.integer({ min: 0, max: 30 }).map((number) => `@user${number}:example.org`),
  fc.constantFrom(ALICE, BOB, '@x:elsewhere.org', 'bob', '', 1, null),
  fc.string({ unit: 'binary' }),
);
const json = fc.oneof(
  fc.record(
    { user_id: invitee, reason: fc.oneof(fc.string({ unit: 'binary' }), fc.jsonValue()) },
    { requiredKeys: [] },
  ),
  fc.record({ user_id: invitee }),
  fc.jsonValue(),
);
const plainBody = fc.oneof(
  { weight: 4, arbitrary: json.map((value) => Buffer.from(JSON.stringify(value))) },
  { weight: 1, arbitrary: fc.json().map((value) => Buffer.from(value).subarray(1)) },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 200 }) },
  { weight: 1, arbitrary: fc.constant(Buffer.alloc(3_000, ' ')) },
);
const body = fc.oneof(
  { weight: 4, arbitrary: plainBody },
  { weight: 1, arbitrary: plainBody.map((bytes) => gzipSync(bytes)) },
);

const fuzzed: fc.Arbitrary<Fuzzed> = fc.record({ method, segment, rest, headers, body });

it('any request gets a Matrix response in time, and changes nothing unless that is a 200', async () => {
  const { logger, lines } = recordingLogger();
  const { app, store } = setUp({
    logger,
    bodyLimitBytes: 2_000,
    session: { authenticate: async () => undefined, allowedOrigins: ['https://chat.example.org'] },
  });
  respondAsHost(app);
  await seedRoom(store);
  const port = portOf(await listening(app));
  const seen = new Set<number>();
  const log = async () => (await store.timeline(ROOM, { limit: 1_000_000 }))?.events ?? [];

  await fc.assert(
    fc.asyncProperty(fuzzed, async (sent) => {
      const before = await log();
      const response = await sendFuzzed(port, sent);
      const after = await log();
      seen.add(response.status);
      expect(response.status).toBeLessThan(500);
      expect(lines).toEqual([]);
      expect(after.slice(0, before.length)).toEqual(before);
      expect(after.length - before.length).toBeLessThanOrEqual(response.status === 200 ? 1 : 0);
      expectMatrixResponse(sent, response);
    }),
    { numRuns: 600 },
  );

  // Requests that never reach the router's steps would prove nothing.
  expect([...seen]).toEqual(expect.arrayContaining([200, 400, 405]));
}, 300_000);

function expectMatrixResponse({ method: sentMethod }: Fuzzed, response: TestResponse): void {
  expect(response.headers).toMatchObject(CORS_HEADERS);
  if (sentMethod === 'OPTIONS' && response.status === 204) expect(response.text).toBe('');
  else if (sentMethod === 'HEAD') expect([400, 405]).toContain(response.status);
  else {
    expectDescribed(response);
    if (response.status === 200) expect(response.body).toEqual({});
    else expect(response.body).toMatchObject({ errcode: expect.any(String), error: expect.any(String) });
  }
}

async function sendFuzzed(port: number, sent: Fuzzed): Promise<TestResponse> {
  const path = `${PREFIX}/rooms/${sent.segment}/invite${sent.rest}`;
  const headers = { 'content-length': sent.body.length, ...sent.headers };
  return exchange(port, { method: sent.method, path, headers, bytes: sent.body });
}
