import type { ServerResponse } from 'node:http';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { IdentityServer } from '../../../examples/invite-by-email/identity-server/index.ts';
import { adapter, context, inviteBy, rejectionOf, withIdentityServer } from './support.ts';

/** Lets the server write its answers by hand, as bytes on the connection. */
function writes(server: IdentityServer, write: (response: ServerResponse) => void): void {
  server.intercept = (_request, response) => {
    write(response);
    return 'handled';
  };
}

const raw =
  (...chunks: readonly (string | Uint8Array)[]) =>
  ({ socket }: ServerResponse) => {
    for (const chunk of chunks) socket?.write(chunk);
  };

const keyAt = (server: IdentityServer) => ({
  publicKey: 'abc',
  keyValidityUrl: `https://${server.name}/`,
});

const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

describe('an answer that is too large', () => {
  it('is cut off at 8 KiB for a key, and at 64 KiB for the rest', async () => {
    const { server, identity, invite } = await withIdentityServer();
    let body = '';
    writes(server, (response) => response.end(body));
    const answer = (size: number, fields: object) =>
      JSON.stringify({ ...fields, x: '' }).replace(
        '""',
        `"${'a'.repeat(size - JSON.stringify({ ...fields, x: '' }).length)}"`,
      );

    body = answer(8_192, { valid: true });
    expect(await identity.isKeyValid(keyAt(server), context)).toBe(true);
    body = answer(8_193, { valid: true });
    expect(await rejectionOf(identity.isKeyValid(keyAt(server), context))).toMatchObject({
      status: 502,
      failure: 'answer',
    });
    body = answer(65_536, { token: '!' });
    const shape = await rejectionOf(identity.storeInvite(invite, {}, context));
    expect(`${shape.error.cause}`).toContain('invalid token');
    body = answer(65_537, { token: '!' });
    const size = await rejectionOf(identity.storeInvite(invite, {}, context));
    expect(size).toMatchObject({ status: 502, failure: 'answer' });
    expect(`${size.error.cause}`).not.toContain('token');
  });

  it.each([
    ['by its Content-Length', 'HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n', ''],
    [
      'by its chunks',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
      `400\r\n${' '.repeat(1_024)}\r\n`,
    ],
    ['by its bytes until the end', 'HTTP/1.1 200 OK\r\n\r\n', ' '.repeat(1_024)],
  ])('and never ends, %s, is cut off', async (_what, head, chunk) => {
    const { server, identity } = await withIdentityServer();
    const closed = new Promise<void>((resolve) => {
      writes(server, ({ socket }) => {
        socket?.on('error', () => {});
        socket?.once('close', resolve);
        socket?.write(head);
        const more = () => {
          while (chunk !== '' && socket?.writable && socket.write(chunk));
          if (chunk !== '') socket?.once('drain', more);
        };
        more();
      });
    });
    expect(await rejectionOf(identity.isKeyValid(keyAt(server), context))).toMatchObject({
      status: 502,
      failure: 'answer',
    });
    await closed;
  });

  it('in its headers is cut off', async () => {
    const { server, identity } = await withIdentityServer();
    const field = `X-A: ${'a'.repeat(1_000)}\r\n`;
    // A connection whose answer was written by hand cannot be used again.
    writes(
      server,
      raw(
        'HTTP/1.1 200 OK\r\n',
        field.repeat(10),
        'Connection: close\r\nContent-Length: 14\r\n\r\n{"valid":true}',
      ),
    );
    expect(await identity.isKeyValid(keyAt(server), context)).toBe(true);
    writes(server, raw('HTTP/1.1 200 OK\r\n', field.repeat(20), 'Content-Length: 14\r\n\r\n{"valid":true}'));
    expect(await rejectionOf(identity.isKeyValid(keyAt(server), context))).toMatchObject({
      status: 502,
      failure: 'answer',
    });
  });
});

describe('an answer that does not come', () => {
  it.each<[string, readonly string[]]>([
    ['at all', []],
    ['after the status line', ['HTTP/1.1 200 OK\r\n']],
    ['after an interim response', ['HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 103 Early Hints\r\n\r\n']],
    ['after the headers', ['HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n']],
    ['in the body', ['HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n', '{"valid"']],
    ['in a chunk', ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', 'e\r\n{"valid"']],
  ])('is a 504, %s', async (_what, chunks) => {
    const { server, invite } = await withIdentityServer();
    const identity = await adapter({ timeoutMs: 200 });
    const closed = new Promise<void>((resolve) => {
      writes(server, (response) => {
        response.socket?.once('close', resolve);
        raw(...chunks)(response);
      });
    });
    expect(await rejectionOf(identity.storeInvite(invite, {}, context))).toMatchObject({
      status: 504,
      errcode: 'M_UNKNOWN',
      failure: 'timeout',
    });
    await closed;
  });

  it('is a 504 even if a byte comes now and then', async () => {
    const { server, invite } = await withIdentityServer();
    const identity = await adapter({ timeoutMs: 200 });
    writes(server, ({ socket }) => {
      socket?.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n');
      const timer = setInterval(() => socket?.write(' '), 20);
      socket?.on('error', () => {});
      socket?.once('close', () => clearInterval(timer));
    });
    expect(await rejectionOf(identity.storeInvite(invite, {}, context))).toMatchObject({ status: 504 });
  });

  it('is a 504 for a key after five seconds', async () => {
    const { server, identity } = await withIdentityServer();
    writes(server, () => {});
    const { error, ...rejection } = await rejectionOf(identity.isKeyValid(keyAt(server), context));
    expect(rejection).toMatchObject({ status: 504, failure: 'timeout' });
    expect((error.cause as { ms: number }).ms).toBeGreaterThanOrEqual(4_900);
  });
});

describe('an answer that is nonsense', () => {
  const ok = (body: string | Uint8Array, fields = '') => [
    `HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.from(body).length}\r\n${fields}\r\n`,
    body,
  ];

  it.each<[string, string, readonly (string | Uint8Array)[]]>([
    ['no HTTP', 'network', ['SSH-2.0-OpenSSH\r\n']],
    ['HTTP/2', 'network', [Buffer.from('000012040000000000', 'hex')]],
    [
      'a switch to another protocol',
      'network',
      ['HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'],
    ],
    [
      'two lengths',
      'network',
      ['HTTP/1.1 200 OK\r\nContent-Length: 14\r\nContent-Length: 15\r\n\r\n{"valid":true}'],
    ],
    [
      'a length and chunks',
      'network',
      ['HTTP/1.1 200 OK\r\nContent-Length: 14\r\nTransfer-Encoding: chunked\r\n\r\n{"valid":true}'],
    ],
    [
      'a chunk size that is none',
      'network',
      ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n'],
    ],
  ])('is a 502: %s', async (_what, failure, chunks) => {
    const { server, identity } = await withIdentityServer();
    writes(server, raw(...chunks));
    expect(await rejectionOf(identity.isKeyValid(keyAt(server), context))).toMatchObject({
      status: 502,
      failure,
    });
  });

  it('is a 502 if it ends early', async () => {
    const { server, identity } = await withIdentityServer();
    for (const head of ['Content-Length: 15', 'Transfer-Encoding: chunked']) {
      writes(server, ({ socket }) => socket?.end(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n{"valid":true}`));
      expect(await rejectionOf(identity.isKeyValid(keyAt(server), context))).toMatchObject({
        status: 502,
        failure: 'network',
      });
    }
  });

  it.each<[string, string | Uint8Array]>([
    ['nothing', ''],
    ['HTML', '<html></html>'],
    ['two values', '{"valid":true}{}'],
    [
      'bytes that are no UTF-8',
      Buffer.concat([Buffer.from('{"valid":true,"x":"'), Buffer.of(0xff), Buffer.from('"}')]),
    ],
    [
      'a lone surrogate in UTF-8',
      Buffer.concat([Buffer.from('{"valid":true,"x":"'), Buffer.of(0xed, 0xa0, 0x80), Buffer.from('"}')]),
    ],
    ['UTF-16', Buffer.from('{"valid":true}', 'utf16le')],
    ['arrays inside each other', `{"valid":true,"x":${nested(200)}}`],
    ['many arrays inside each other', `{"valid":true,"x":${nested(4_000)}}`],
  ])('is never a valid key: %s', async (_what, body) => {
    const { server, identity } = await withIdentityServer();
    writes(server, raw(...ok(body)));
    expect(await identity.isKeyValid(keyAt(server), context)).toBe(false);
  });

  it.each<[string, string, string]>([
    ['no Content-Type', '{"valid":true}', ''],
    ['another Content-Type', '{"valid":true}', 'Content-Type: text/html\r\n'],
    ['200 levels', `{"valid":true,"x":${nested(199)}}`, ''],
    ['a key of the language', '{"__proto__":{"valid":false},"valid":true}', ''],
  ])('is not assumed because of %s', async (_what, body, fields) => {
    const { server, identity } = await withIdentityServer();
    writes(server, raw(...ok(body, fields)));
    expect(await identity.isKeyValid(keyAt(server), context)).toBe(true);
  });

  it('does not make a key valid by its prototype', async () => {
    const { server, identity } = await withIdentityServer();
    writes(server, raw(...ok('{"__proto__":{"valid":true}}')));
    expect(await identity.isKeyValid(keyAt(server), context)).toBe(false);
  });
});

/** Starts requests that stay under way, and resolves when all of them have arrived. */
async function hold(server: IdentityServer, count: number, send: () => Promise<unknown>) {
  const held: ServerResponse[] = [];
  const pending: Promise<unknown>[] = [];
  await new Promise<void>((resolve) => {
    writes(server, (response) => {
      held.push(response);
      if (held.length === count) resolve();
    });
    for (let index = 0; index < count; index += 1) pending.push(send());
  });
  return async () => {
    writes(server, (response) => response.writeHead(401).end());
    for (const response of held) response.writeHead(401).end();
    const results = await Promise.allSettled(pending);
    expect(results).toEqual(
      Array(count).fill({
        status: 'rejected',
        reason: expect.objectContaining({ errcode: 'M_UNAUTHORIZED' }),
      }),
    );
  };
}

describe('requests under way', () => {
  it('are at most four to one server; more are a 429 until one ends', async () => {
    const { server, identity, invite } = await withIdentityServer({ timeoutMs: 30_000 });
    const other = await withIdentityServer();
    const release = await hold(server, 4, () => identity.lookUp(invite, context));
    expect(await rejectionOf(identity.lookUp(invite, context))).toMatchObject({
      status: 429,
      errcode: 'M_LIMIT_EXCEEDED',
      failure: 'busy',
      retryAfterMs: 2_000,
    });
    // Below 500, so that the address can be claimed again at once.
    expect(await rejectionOf(identity.storeInvite(invite, {}, context))).toMatchObject({ status: 429 });
    expect(await identity.lookUp(inviteBy(other.server), context)).toBeUndefined();
    expect(server.requests).toHaveLength(4);
    await release();
    server.intercept = () => undefined;
    expect(await identity.lookUp(invite, context)).toBeUndefined();
  });

  it('are at most 64 in all', async () => {
    const servers = await Promise.all(
      Array.from({ length: 17 }, () => withIdentityServer({ timeoutMs: 30_000 })),
    );
    const [last, ...others] = servers;
    if (last === undefined) throw new Error('There is no server');
    const releases = await Promise.all(
      others.map(({ server, invite }) => hold(server, 4, () => last.identity.lookUp(invite, context))),
    );
    expect(await rejectionOf(last.identity.lookUp(last.invite, context))).toMatchObject({
      status: 429,
      failure: 'busy',
    });
    await releases.pop()?.();
    expect(await last.identity.lookUp(last.invite, context)).toBeUndefined();
    for (const release of releases) await release();
  });
});

describe('checks of keys under way', () => {
  it('are at most four to one server, and hold up no other request', async () => {
    const { server, identity, invite } = await withIdentityServer({ timeoutMs: 30_000 });
    const release = await hold(server, 4, () => identity.isKeyValid(keyAt(server), context));
    expect(await rejectionOf(identity.isKeyValid(keyAt(server), context))).toMatchObject({ failure: 'busy' });
    server.intercept = () => undefined;
    expect(await identity.lookUp(invite, context)).toBeUndefined();
    await release();
  });
});

describe('a server that breaks three connections in a row', () => {
  async function broken() {
    const { server, identity, invite } = await withIdentityServer();
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const cut = (response: ServerResponse) => response.socket?.destroy();
    const failures = async (count: number) => {
      const all: unknown[] = [];
      for (let index = 0; index < count; index += 1) {
        all.push((await rejectionOf(identity.isKeyValid(keyAt(server), context))).failure);
      }
      return all;
    };
    return { server, identity, invite, cut, failures };
  }

  it('is not asked for 30 seconds, and then once', async () => {
    const { server, identity, cut, failures } = await broken();
    writes(server, cut);
    expect(await failures(5)).toEqual(['network', 'network', 'network', 'circuit', 'circuit']);
    expect(server.requests).toHaveLength(3);
    vi.advanceTimersByTime(29_999);
    expect(await failures(1)).toEqual(['circuit']);
    vi.advanceTimersByTime(1);
    // The probe is under way.
    const probe = failures(1);
    expect(await failures(1)).toEqual(['circuit']);
    expect(await probe).toEqual(['network']);
    expect(await failures(1)).toEqual(['circuit']);
    vi.advanceTimersByTime(30_000);
    writes(server, (response) => response.end('{"valid":true}'));
    expect(await identity.isKeyValid(keyAt(server), context)).toBe(true);
    expect(await identity.isKeyValid(keyAt(server), context)).toBe(true);
  });

  it('is asked all the time if it answers now and then, whatever it says', async () => {
    const { server, cut, failures } = await broken();
    for (let index = 0; index < 3; index += 1) {
      writes(server, cut);
      expect(await failures(2)).toEqual(['network', 'network']);
      writes(server, (response) => response.writeHead(500).end());
      expect(await failures(1)).toEqual(['answer']);
    }
    writes(server, (response) => response.writeHead(500).end());
    expect(await failures(8)).toEqual(Array(8).fill('answer'));
  });

  it('does not stop requests to others', async () => {
    const { server, identity, cut, failures } = await broken();
    const other = await withIdentityServer();
    writes(server, cut);
    await failures(3);
    expect(await identity.lookUp(other.invite, context)).toBeUndefined();
  });

  it('counts a request without an answer only if it had time for one', async () => {
    const { server, identity, invite } = await broken();
    const controllers: AbortController[] = [];
    writes(server, () => controllers.at(-1)?.abort());
    const abortAfter = async (ms: number) => {
      const controller = new AbortController();
      controllers.push(controller);
      writes(server, () => {
        vi.advanceTimersByTime(ms);
        controller.abort();
      });
      return (await rejectionOf(identity.storeInvite(invite, {}, { signal: controller.signal }))).failure;
    };
    for (let index = 0; index < 5; index += 1) expect(await abortAfter(0)).toBe('timeout');
    for (let index = 0; index < 3; index += 1) expect(await abortAfter(1_000)).toBe('timeout');
    expect(await abortAfter(0)).toBe('circuit');
  });
});
