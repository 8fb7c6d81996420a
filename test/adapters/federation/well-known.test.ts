import type { ServerResponse } from 'node:http';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { clientWith, dnsStub, failureOf, get, RecordingServer } from './support.ts';

const PATH = '/.well-known/matrix/server';
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/**
 * Starts a host that may delegate, `a.test`, and two servers: `a.test` itself at the default port, and `b.test` at a port
 * of its own.
 */
async function network() {
  const documents = await RecordingServer.start(['DNS:a.test', 'DNS:other.test']);
  const original = await RecordingServer.start(['DNS:a.test']);
  const delegated = await RecordingServer.start(['DNS:b.test']);
  const dns = await dnsStub();
  dns.answer = (name) => (name.endsWith('.test') ? ['127.0.0.2'] : 'NXDOMAIN');
  const client = await clientWith({
    dns: { servers: [dns.address] },
    wellKnownPort: documents.port,
    defaultPort: original.port,
  });
  const document = { 'm.server': `b.test:${delegated.port}` };
  documents.respond = () => document;
  /** Sends a request, and returns which of the two servers has got it. */
  const askedServer = async () => {
    const before = [original.received.length, delegated.received.length];
    await get(client, 'a.test');
    const after = [original.received.length, delegated.received.length];
    return after[0] === (before[0] ?? 0) + 1 ? 'original' : 'delegated';
  };
  return { documents, original, delegated, dns, client, document, askedServer };
}

/** Advances the clock by which entries of caches expire. */
function fakeClock() {
  vi.useFakeTimers({ toFake: ['performance', 'Date'] });
  onTestFinished(() => void vi.useRealTimers());
}

const redirect = (response: ServerResponse, status: number, location: string | undefined) => {
  response.statusCode = status;
  if (location !== undefined) response.setHeader('Location', location);
  response.end('{"m.server":"elsewhere.test:1"}');
  return undefined;
};

describe('a document', () => {
  it('is asked for like any other, without a signature', async () => {
    const { documents, askedServer } = await network();
    expect(await askedServer()).toBe('delegated');
    expect(documents.received).toMatchObject([
      { method: 'GET', target: PATH, servername: 'a.test', headers: { host: `a.test:${documents.port}` } },
    ]);
    expect(documents.received[0]?.headers.authorization).toBeUndefined();
  });

  it('is JSON, whatever its Content-Type, with whatever else it has', async () => {
    const { documents, document, askedServer } = await network();
    documents.respond = (_received, response) => {
      response.setHeader('Content-Type', 'text/html');
      response.end(JSON.stringify({ ...document, other: [1.5] }));
      return undefined;
    };
    expect(await askedServer()).toBe('delegated');
  });

  it.each<[string, (response: ServerResponse) => void]>([
    ['that is no JSON', (response) => response.end('<html>')],
    ['that is a list', (response) => response.end('["b.test"]')],
    ['that is null', (response) => response.end('null')],
    ['without m.server', (response) => response.end('{}')],
    ['with an m.server that is no string', (response) => response.end('{"m.server":{"host":"b.test"}}')],
    ['with an m.server that is a URL', (response) => response.end('{"m.server":"https://b.test"}')],
    ['with an m.server that is empty', (response) => response.end('{"m.server":""}')],
    ['with an m.server whose port is 0', (response) => response.end('{"m.server":"b.test:0"}')],
    ['with an m.server that only URLs understand', (response) => response.end('{"m.server":"0x7f.1"}')],
    ['of more than 50 KiB', (response) => response.end(`{"m.server":"b.test:1"${' '.repeat(51_200)}}`)],
    ['that never ends', (response) => endless(response)],
    ['with too many headers', (response) => response.writeHead(200, { x: 'x'.repeat(20_000) }).end('{}')],
    ['whose connection breaks', (response) => void response.socket?.destroy()],
    ['with status 201', (response) => response.writeHead(201).end('{"m.server":"b.test:1"}')],
    ['with status 404', (response) => response.writeHead(404).end('{"m.server":"b.test:1"}')],
    ['with status 500', (response) => response.writeHead(500).end('{"m.server":"b.test:1"}')],
    ['with status 304', (response) => response.writeHead(304).end()],
  ])('%s delegates to nobody', async (_what, write) => {
    const { documents, askedServer } = await network();
    documents.respond = (_received, response) => {
      write(response);
      return undefined;
    };
    expect(await askedServer()).toBe('original');
  });

  it('that does not come in five seconds delegates to nobody', async () => {
    const { documents, askedServer } = await network();
    documents.respond = () => undefined;
    const startedAt = performance.now();
    expect(await askedServer()).toBe('original');
    expect(performance.now() - startedAt).toBeGreaterThan(4_900);
  });

  it('of a host with a wrong certificate delegates to nobody', async () => {
    const { original, dns } = await network();
    const wrong = await RecordingServer.start(['DNS:b.test']);
    wrong.respond = () => ({ 'm.server': 'b.test:1' });
    const client = await clientWith({
      dns: { servers: [dns.address] },
      wellKnownPort: wrong.port,
      defaultPort: original.port,
    });
    await get(client, 'a.test');
    expect([original.received.length, wrong.received.length]).toEqual([1, 0]);
  });

  it('of the delegated name does not delegate again', async () => {
    const { documents, original, askedServer } = await network();
    documents.respond = (received) =>
      received.headers.host?.startsWith('a.test') ? { 'm.server': 'a.test' } : { 'm.server': 'c.test' };
    expect(await askedServer()).toBe('original');
    expect(documents.received).toHaveLength(1);
    expect(original.received).toHaveLength(1);
  });
});

/** Writes spaces until the reader has had enough. */
function endless({ socket }: ServerResponse): void {
  socket?.on('error', () => {});
  socket?.write('HTTP/1.1 200 OK\r\n\r\n');
  const more = () => {
    while (socket?.writable && socket.write(' '.repeat(10_000)));
    socket?.once('drain', more);
  };
  more();
}

describe('a redirect', () => {
  it.each([301, 302, 303, 307, 308])(
    'is followed, to a path or another host, with status %i',
    async (status) => {
      const { documents, document, askedServer } = await network();
      documents.respond = ({ target, headers }, response) => {
        if (target === PATH) return redirect(response, status, '/one?x=%2F');
        if (target === '/one?x=%2F')
          return redirect(response, status, `https://other.test:${documents.port}/two`);
        return headers.host === `other.test:${documents.port}` ? document : {};
      };
      expect(await askedServer()).toBe('delegated');
      expect(documents.received.map(({ target, servername }) => [target, servername])).toEqual([
        [PATH, 'a.test'],
        ['/one?x=%2F', 'a.test'],
        ['/two', 'other.test'],
      ]);
    },
  );

  it('is followed five times, and no more', async () => {
    for (const [redirects, expected] of [
      [5, 'delegated'],
      [6, 'original'],
    ] as const) {
      const { documents, document, askedServer } = await network();
      documents.respond = ({ target }, response) => {
        const step = target === PATH ? 0 : Number(target.slice(1));
        return step === redirects ? document : redirect(response, 302, `/${step + 1}`);
      };
      expect(await askedServer()).toBe(expected);
      expect(documents.received).toHaveLength(6);
    }
  });

  it('to itself ends', async () => {
    const { documents, askedServer } = await network();
    documents.respond = (_received, response) => redirect(response, 302, PATH);
    expect(await askedServer()).toBe('original');
    expect(documents.received).toHaveLength(6);
  });

  it('to plain HTTP is not followed, not even by HTTPS', async () => {
    const { documents, document, askedServer } = await network();
    documents.respond = ({ target }, response) =>
      target === PATH ? redirect(response, 302, `http://other.test:${documents.port}/two`) : document;
    expect(await askedServer()).toBe('original');
    expect(documents.received).toHaveLength(1);
  });

  it.each([
    ['nowhere', undefined],
    ['a file', 'file:///etc/passwd'],
    ['no URL', 'https://['],
    ['port 0', 'https://other.test:0/'],
    ['a name without addresses', 'https://none.invalid/'],
  ])('to %s delegates to nobody', async (_what, location) => {
    const { documents, askedServer } = await network();
    documents.respond = (_received, response) => redirect(response, 302, location);
    expect(await askedServer()).toBe('original');
    expect(documents.received).toHaveLength(1);
  });
});

describe('a delegation is remembered', () => {
  /** Returns for how many minutes the answer with these headers is remembered, of those in question. */
  async function remembered(headers: Readonly<Record<string, string>>, minutes: readonly number[]) {
    fakeClock();
    const { documents, document, askedServer } = await network();
    documents.respond = (_received, response) => {
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      return document;
    };
    await askedServer();
    const isKnown: boolean[] = [];
    let now = 0;
    for (const minute of minutes) {
      vi.advanceTimersByTime((minute - now) * MINUTE_MS);
      now = minute;
      const before = documents.received.length;
      expect(await askedServer()).toBe('delegated');
      isKnown.push(documents.received.length === before);
    }
    return isKnown;
  }

  it.each<[string, Readonly<Record<string, string>>, number]>([
    ['a day without headers', {}, 24 * 60],
    ['as Cache-Control says', { 'Cache-Control': 'public, Max-Age=3600' }, 60],
    ['five minutes at least', { 'Cache-Control': 'max-age=1' }, 5],
    ['five minutes with no-store', { 'Cache-Control': 'no-store, max-age=86400' }, 5],
    ['five minutes with no-cache', { 'Cache-Control': 'no-cache' }, 5],
    ['48 hours at most', { 'Cache-Control': 'max-age=9999999999' }, 48 * 60],
    ['a day with a Cache-Control that says nothing of it', { 'Cache-Control': 'max-age=x, public' }, 24 * 60],
    [
      'as Expires says',
      { Date: 'Thu, 01 Jan 2026 00:00:00 GMT', Expires: 'Thu, 01 Jan 2026 02:00:00 GMT' },
      120,
    ],
    ['five minutes with an invalid Expires', { Expires: '0' }, 5],
    [
      'as Cache-Control says, not Expires',
      { 'Cache-Control': 'max-age=600', Expires: 'Thu, 01 Jan 2099 02:00:00 GMT' },
      10,
    ],
  ])('for %s', async (_what, headers, minutes) => {
    expect(await remembered(headers, [minutes - 1, minutes + 1])).toEqual([true, false]);
  });
});

describe('that there is no delegation is remembered', () => {
  it('for an hour, or two minutes if there was one not long ago', async () => {
    fakeClock();
    const { documents, document, askedServer } = await network();
    const fault = (status: number) => () => {
      documents.respond = (_received, response) => {
        response.writeHead(status).end();
        return undefined;
      };
    };
    const requests = async (afterMs: number) => {
      vi.advanceTimersByTime(afterMs);
      const before = documents.received.length;
      const server = await askedServer();
      return `${documents.received.length - before} ${server}`;
    };
    fault(404)();
    expect(await requests(0)).toBe('1 original');
    expect(await requests(HOUR_MS - 1_000)).toBe('0 original');
    documents.respond = (_received, response) => {
      response.setHeader('Cache-Control', 'max-age=600');
      return document;
    };
    expect(await requests(2_000)).toBe('1 delegated');
    fault(500)();
    expect(await requests(9 * MINUTE_MS)).toBe('0 delegated');
    expect(await requests(2 * MINUTE_MS)).toBe('1 original');
    expect(await requests(MINUTE_MS)).toBe('0 original');
    expect(await requests(2 * MINUTE_MS)).toBe('1 original');
    // Two hours after it was last valid.
    expect(await requests(2 * HOUR_MS)).toBe('1 original');
    expect(await requests(HOUR_MS - MINUTE_MS)).toBe('0 original');
  });

  it('for two minutes if nothing answered', async () => {
    fakeClock();
    const { documents, document, askedServer } = await network();
    documents.respond = (_received, response) => {
      response.socket?.destroy();
      return undefined;
    };
    expect(await askedServer()).toBe('original');
    documents.respond = () => document;
    vi.advanceTimersByTime(MINUTE_MS);
    expect(await askedServer()).toBe('original');
    vi.advanceTimersByTime(2 * MINUTE_MS);
    expect(await askedServer()).toBe('delegated');
  });
});

describe('requests at the same time', () => {
  it('ask for the document once', async () => {
    const { documents, delegated, client } = await network();
    await Promise.all(Array.from({ length: 4 }, () => get(client, 'a.test')));
    expect([documents.received.length, delegated.received.length]).toEqual([1, 4]);
  });

  it('that give up leave the document to the others', async () => {
    const { documents, document, client, askedServer } = await network();
    let answer: (() => void) | undefined;
    documents.respond = (_received, response) => {
      answer = () => response.end(JSON.stringify(document));
      return undefined;
    };
    const hasty = client.request(
      'a.test',
      { method: 'GET', path: '/', maxBytes: 1, timeoutMs: 200 },
      { signal: new AbortController().signal },
    );
    const patient = askedServer();
    expect(await failureOf(hasty)).toBe('timeout');
    await vi.waitUntil(() => answer !== undefined, 60_000);
    answer?.();
    expect(await patient).toBe('delegated');
    expect(documents.received).toHaveLength(1);
  });
});
