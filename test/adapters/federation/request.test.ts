import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { readXMatrix } from '../../../src/http/x-matrix.ts';
import { parseJson } from '../../../src/pdu/exact-json.ts';
import type { Signer } from '../../../src/ports/signer.ts';
import type { JsonObject } from '../../../src/rooms/event.ts';
import { newSigner } from '../../support/federation-inbox.ts';
import { isSignedBy } from '../../support/signed-json.ts';
import { clientWith, context, dnsStub, failureOf, get, RecordingServer } from './support.ts';

const PUT = { method: 'PUT', maxBytes: 1_000, timeoutMs: 60_000 } as const;

/** Starts a server with an IP literal as its name, and a client. */
async function network(options: Parameters<typeof clientWith>[0] = {}) {
  const server = await RecordingServer.start(['IP:127.0.0.2']);
  const signer = newSigner('us.test');
  const client = await clientWith({ signer, ...options });
  return { server, signer, client, name: `127.0.0.2:${server.port}` };
}

describe('a request', () => {
  it('is signed with its method, target, names and body', async () => {
    const { server, signer, client, name } = await network();
    // As in room version 3, whose event IDs have slashes and plus signs.
    const path = `/_matrix/federation/v2/invite/${encodeURIComponent('!a:b')}/${encodeURIComponent('$a/b+c')}?x=%41&y=a+b`;
    const body = { room_version: '10', event: { content: { 'ﬁ｡': 1, '😀': [true, null] }, type: 'é"\\\n' } };
    expect(await client.request(name, { ...PUT, path, body }, context)).toMatchObject({
      status: 200,
      json: {},
    });

    const [received] = server.received;
    expect(received).toMatchObject({ method: 'PUT', target: path });
    expect(received?.headers).toMatchObject({
      'content-type': 'application/json',
      'accept-encoding': 'identity',
    });
    const [header] = readXMatrix(received?.rawHeaders ?? []) ?? [];
    expect(header).toMatchObject({ origin: 'us.test', destination: name, key: 'ed25519:1' });
    const signed = (changes: JsonObject) =>
      isSignedBy(
        {
          method: 'PUT',
          uri: received?.target ?? '',
          origin: 'us.test',
          destination: name,
          content: JSON.parse(received?.body ?? ''),
          signatures: { 'us.test': { 'ed25519:1': header?.sig ?? '' } },
          ...changes,
        },
        'us.test',
        'ed25519:1',
        signer.publicKey,
      );
    expect(signed({})).toBe(true);
    for (const name of ['method', 'uri', 'destination', 'content', 'x']) {
      expect(signed({ [name]: 'other' })).toBe(false);
    }
    expect(JSON.parse(received?.body ?? '')).toEqual(body);
  });

  it('without a body is signed without content', async () => {
    const { server, signer, client, name } = await network();
    await get(client, name);
    const [received] = server.received;
    const [header] = readXMatrix(received?.rawHeaders ?? []) ?? [];
    const signatures = { 'us.test': { 'ed25519:1': header?.sig ?? '' } };
    const object = { method: 'GET', uri: '/_matrix/test', origin: 'us.test', destination: name, signatures };
    expect(isSignedBy(object, 'us.test', 'ed25519:1', signer.publicKey)).toBe(true);
    expect([received?.body, received?.headers['content-type']]).toEqual(['', undefined]);
  });

  it('sends numbers as they were read, as the events of old room versions may have them', async () => {
    const { server, client, name } = await network();
    const body = parseJson('{"b":[1.0,1e2,-0,9007199254740993],"a":1}') as JsonObject;
    await client.request(name, { ...PUT, path: '/', body }, context);
    expect(server.received[0]?.body).toBe('{"a":1,"b":[1.0,1e2,-0,9007199254740993]}');
  });

  it('whose body has no canonical JSON is not sent', async () => {
    const { server, client, name } = await network();
    for (const body of [{ a: Number.NaN }, { a: '\ud800' }]) {
      await expect(client.request(name, { ...PUT, path: '/', body }, context)).rejects.toMatchObject({
        code: 'ERR_PDU',
      });
    }
    expect(server.received).toEqual([]);
  });

  it('is not sent if the signer fails, or returns no signature', async () => {
    const signer = newSigner('us.test');
    const broken: readonly Signer['sign'][] = [
      () => Promise.reject(new Error('no key')),
      async () => new Uint8Array(63),
    ];
    for (const sign of broken) {
      const { server, client, name } = await network({ signer: { ...signer, sign } });
      await expect(get(client, name)).rejects.toThrow(/no key|64 bytes/);
      expect(server.received).toEqual([]);
    }
  });

  it('times out, with a signer that never resolves too', async () => {
    const silent = { ...newSigner('us.test'), sign: () => new Promise<never>(() => {}) };
    for (const signer of [newSigner('us.test'), silent]) {
      const { server, client, name } = await network({ signer });
      server.respond = () => undefined;
      const request = { method: 'GET', path: '/', maxBytes: 1, timeoutMs: 300 } as const;
      expect(await failureOf(client.request(name, request, context))).toBe('timeout');
      const controller = new AbortController();
      const result = failureOf(client.request(name, { ...request, timeoutMs: 60_000 }, controller));
      controller.abort();
      expect(await result).toBe('timeout');
    }
  });
});

describe('an answer', () => {
  it.each([200, 201, 400, 401, 404, 429, 500])('comes with its status and headers: %i', async (status) => {
    const { server, client, name } = await network();
    server.respond = (_received, response) => {
      response.writeHead(status, { 'Retry-After': '7' }).end('{"n":1.0}');
      return undefined;
    };
    const answer = await get(client, name);
    expect(answer).toMatchObject({ status, json: { n: 1 }, headers: { 'retry-after': '7' } });
    expect(`${answer.body}`).toBe('{"n":1.0}');
  });

  it('that is a redirect is not followed', async () => {
    const { server, client, name } = await network();
    server.respond = ({ target }, response) => {
      response.writeHead(307, { Location: `https://${name}${target}x` }).end();
      return undefined;
    };
    expect(await get(client, name)).toMatchObject({ status: 307, json: undefined });
    expect(server.received).toHaveLength(1);
  });

  it('that is too large is none', async () => {
    const { server, client, name } = await network();
    server.respond = (_received, response) => {
      response.end(' '.repeat(1_001));
      return undefined;
    };
    expect(await failureOf(get(client, name))).toBe('answer');
  });
});

describe('requests under way', () => {
  it('are at most four to one server, whatever their names lead to', async () => {
    const { server, client, name } = await network();
    const waiting: (() => void)[] = [];
    server.respond = (_received, response) => {
      waiting.push(() => response.end('{}'));
      return undefined;
    };
    const four = Array.from({ length: 4 }, () => get(client, name));
    expect(await failureOf(get(client, name))).toBe('busy');
    await vi.waitUntil(() => waiting.length === 4, 60_000);
    for (const answer of waiting) answer();
    await Promise.all(four);
    server.respond = () => ({});
    expect(await get(client, name)).toMatchObject({ status: 200 });
  });

  it('are at most as many as the options say, also those that look for their server', async () => {
    const dns = await dnsStub();
    let isAnswering = false;
    dns.answer = () => (isAnswering ? 'NXDOMAIN' : 'silence');
    const client = await clientWith({
      maxRequests: 2,
      maxRequestsPerServer: 1,
      dns: { servers: [dns.address] },
    });
    const first = failureOf(get(client, 'a.test:1'));
    expect(await failureOf(get(client, 'a.test:1'))).toBe('busy');
    const second = failureOf(get(client, 'b.test:1'));
    expect(await failureOf(get(client, 'c.test:1'))).toBe('busy');
    isAnswering = true;
    expect(await Promise.all([first, second])).toEqual(['dns', 'dns']);
  });

  it('to new servers all find them, however many there are', async () => {
    const server = await RecordingServer.start(['DNS:*.many.test']);
    const documents = await RecordingServer.start(['DNS:*.many.test']);
    const dns = await dnsStub();
    dns.answer = (_name, type) => (type === 'A' ? ['127.0.0.2'] : []);
    documents.respond = ({ headers }, response) => {
      if (headers.host?.startsWith('cdn')) return { 'm.server': `b.many.test:${server.port}` };
      response.writeHead(302, { location: `https://cdn.many.test:${documents.port}/` }).end();
      return undefined;
    };
    const client = await clientWith({
      dns: { servers: [dns.address] },
      wellKnownPort: documents.port,
      maxRequests: 16,
    });
    const names = Array.from({ length: 16 }, (_, index) => `a${index}.many.test`);
    const answers = await Promise.all(names.map((name) => get(client, name)));
    expect(answers.map(({ status }) => status)).toEqual(Array(16).fill(200));
  });
});

describe('a server that does not answer', () => {
  it('is not asked for a while after three faults, also if it cannot be found', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const { server, client: byName, name } = await network();
    server.respond = (_received, response) => {
      response.socket?.destroy();
      return undefined;
    };
    const dns = await dnsStub();
    dns.answer = () => 'SERVFAIL';
    const unfindable = await clientWith({ dns: { servers: [dns.address] } });
    for (const [client, server, failure] of [
      [byName, name, 'network'],
      [unfindable, 'a.test:1', 'dns'],
    ] as const) {
      expect(client.isPaused(server)).toBe(false);
      const failures = [];
      for (let index = 0; index < 4; index += 1) failures.push(await failureOf(get(client, server)));
      expect(failures).toEqual([failure, failure, failure, 'circuit']);
      expect(client.isPaused(server)).toBe(true);
      expect(client.isPaused('other.test')).toBe(false);
      vi.advanceTimersByTime(30_001);
      expect(client.isPaused(server)).toBe(false);
    }
    server.respond = () => ({});
    expect(await get(byName, name)).toMatchObject({ status: 200 });
  });

  it('does not stop requests to another one at the same address', async () => {
    const server = await RecordingServer.start(['DNS:b.test']);
    const dns = await dnsStub();
    dns.answer = (_name, type) => (type === 'A' ? ['127.0.0.2'] : []);
    const client = await clientWith({ dns: { servers: [dns.address] } });
    for (let index = 0; index < 3; index += 1) {
      expect(await failureOf(get(client, `a.test:${server.port}`))).toBe('tls');
    }
    expect(await failureOf(get(client, `a.test:${server.port}`))).toBe('circuit');
    expect(await get(client, `b.test:${server.port}`)).toMatchObject({ status: 200 });
  });
});
