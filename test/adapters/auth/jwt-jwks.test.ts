import { EventEmitter, once } from 'node:events';
import type { RequestListener } from 'node:http';
import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { AuthAdapter } from '../../../src/ports/auth.ts';
import { deadlineContext } from '../../../src/testing/index.ts';
import {
  ask,
  EXPIRED,
  IS_ALICE,
  jwkOf,
  quiet,
  remoteJwt,
  signerOf,
  startJwks,
  tokenOf,
  UNKNOWN,
} from './jwt-support.ts';

const old = signerOf('ES256', 'old');
const fresh = signerOf('EdDSA', 'fresh');
const nobodys = signerOf('ES256', 'other');
const withOld = await tokenOf(old);
const withFresh = await tokenOf(fresh);
const withNobodys = await tokenOf(nobodys);
const keyless = await tokenOf({ ...fresh, kid: undefined });

const FETCH_FAILED = 'The JWKS cannot be fetched';
const error500: RequestListener = (_request, response) => response.writeHead(500).end('down');
const hang: RequestListener = () => {};

/** Stops only the adapter's own clock: timers and dates keep running. */
function holdClock() {
  vi.useFakeTimers({ toFake: ['performance'] });
}
const pass = (milliseconds: number) => vi.advanceTimersByTime(milliseconds);
afterEach(() => {
  vi.useRealTimers();
});

const many = (auth: AuthAdapter, token: string) =>
  Promise.all(Array.from({ length: 30 }, () => ask(auth, token)));

describe('keys', () => {
  it('are fetched once for all first tokens', async () => {
    const server = await startJwks(old);
    const auth = remoteJwt(server);
    expect(server.requests()).toBe(0);
    expect(await many(auth, withOld)).toEqual(Array(30).fill(IS_ALICE));
    expect(await ask(auth, withOld)).toEqual(IS_ALICE);
    expect(server.requests()).toBe(1);
  });

  it('are fetched again when they are old, and forgotten once the issuer removes them', async () => {
    holdClock();
    const server = await startJwks(old);
    const auth = remoteJwt(server, { cacheMaxAgeMs: 60_000 });
    expect(await ask(auth, withOld)).toEqual(IS_ALICE);
    server.serve(fresh);
    pass(59_999);
    expect(await ask(auth, withOld)).toEqual(IS_ALICE);
    pass(1);
    expect(await ask(auth, withOld)).toEqual(UNKNOWN);
    expect(await ask(auth, withFresh)).toEqual(IS_ALICE);
    expect(server.requests()).toBe(2);
  });

  it('that are new are fetched for a token that names one, after the cooldown', async () => {
    holdClock();
    const server = await startJwks(old);
    const auth = remoteJwt(server, { cooldownMs: 5_000 });
    expect(await ask(auth, withOld)).toEqual(IS_ALICE);
    server.serve(old, fresh);
    pass(4_999);
    expect(await ask(auth, withFresh)).toEqual(UNKNOWN);
    expect(server.requests()).toBe(1);
    pass(1);
    expect(await many(auth, withFresh)).toEqual(Array(30).fill(IS_ALICE));
    expect(await ask(auth, withOld)).toEqual(IS_ALICE);
    expect(server.requests()).toBe(2);
  });

  it('that are new are fetched for a token without a key ID', async () => {
    holdClock();
    const former = signerOf('EdDSA', 'former');
    const server = await startJwks(former);
    const auth = remoteJwt(server, { cooldownMs: 5_000 });
    expect(await ask(auth, await tokenOf(former))).toEqual(IS_ALICE);
    server.serve(former, fresh);
    pass(5_000);
    expect(await ask(auth, keyless)).toEqual(IS_ALICE);
    const bad = await tokenOf({ ...signerOf('EdDSA'), kid: undefined });
    expect(await ask(auth, bad)).toEqual(UNKNOWN);
    expect(server.requests()).toBe(2);
  });

  it('that do not exist trigger at most one fetch per cooldown', async () => {
    holdClock();
    const server = await startJwks(old);
    const auth = remoteJwt(server, { cooldownMs: 5_000 });
    await ask(auth, withOld);
    for (let round = 1; round <= 3; round += 1) {
      pass(5_000);
      expect(await many(auth, withNobodys)).toEqual(Array(30).fill(UNKNOWN));
      expect(await ask(auth, withNobodys)).toEqual(UNKNOWN);
      expect(server.requests()).toBe(1 + round);
    }
  });

  it('identify an expired token', async () => {
    const auth = remoteJwt(await startJwks(old));
    expect(await ask(auth, await tokenOf(old, { exp: 1 }))).toEqual(EXPIRED);
  });
});

describe('an endpoint', () => {
  const notFound: RequestListener = (_request, response) => response.writeHead(404).end();
  const padded = (bytes: number) => JSON.stringify({ keys: [jwkOf(old)], padding: 'x'.repeat(bytes) });
  const failures: readonly (readonly [string, RequestListener])[] = [
    ['returns a 500', error500],
    ['returns a 404', notFound],
    ['returns a 204', (_request, response) => response.writeHead(204).end()],
    ['closes the connection', (request) => request.socket.destroy()],
    [
      'breaks off its response',
      (request, response) => response.write('{"keys":', () => request.socket.destroy()),
    ],
    ['returns invalid JSON', (_request, response) => response.end('<html>')],
    ['returns JSON that is not a JWKS', (_request, response) => response.end('[]')],
    ['returns null', (_request, response) => response.end('null')],
    ['returns keys that are not keys', (_request, response) => response.end('{"keys":["x"]}')],
    ['returns no keys', (_request, response) => response.end('{"keys":[]}')],
    ['returns too much', (_request, response) => response.end(padded(300_000))],
    [
      'returns too much once decompressed',
      (_request, response) => response.setHeader('content-encoding', 'gzip').end(gzipSync(padded(300_000))),
    ],
  ];

  it.each(failures)(
    'that %s is down: no token is unknown, and known keys stay in use',
    async (_what, listener) => {
      holdClock();
      const server = await startJwks(old);
      const auth = remoteJwt(server, { cacheMaxAgeMs: 60_000 });
      server.respondWith(listener);
      await expect(ask(auth, withOld)).rejects.toThrow(FETCH_FAILED);
      pass(1_000);
      server.serve(old);
      expect(await ask(auth, withOld)).toEqual(IS_ALICE);
      server.respondWith(listener);
      pass(60_000);
      expect(await ask(auth, withOld)).toEqual(IS_ALICE);
      await expect(ask(auth, withFresh)).rejects.toThrow(FETCH_FAILED);
      pass(1_000);
      server.serve(fresh);
      expect(await ask(auth, withFresh)).toEqual(IS_ALICE);
      expect(await ask(auth, withOld)).toEqual(UNKNOWN);
    },
  );

  it('that sends an endless response is disconnected', async () => {
    const server = await startJwks();
    let closed: Promise<unknown> | undefined;
    server.respondWith((_request, response) => {
      closed = once(response, 'close');
      const send = () => {
        while (response.write('x'.repeat(65_536)));
      };
      response.on('drain', send);
      send();
    });
    await expect(ask(remoteJwt(server), withOld)).rejects.toThrow(FETCH_FAILED);
    expect(closed).toBeDefined();
    await closed;
  });

  it.each([301, 302, 307, 308])('that redirects (%i) is not followed', async (status) => {
    const [server, elsewhere] = [await startJwks(), await startJwks(old)];
    server.respondWith((_request, response) =>
      response.writeHead(status, { location: elsewhere.jwksUri }).end(),
    );
    await expect(ask(remoteJwt(server), withOld)).rejects.toThrow(FETCH_FAILED);
    expect(elsewhere.requests()).toBe(0);
  });

  const slow: readonly (readonly [string, RequestListener])[] = [
    ['never responds', hang],
    ['never ends its response', (_request, response) => response.writeHead(200).write('{"keys":')],
  ];
  it.each(slow)('that %s fails after timeoutMs', async (_what, listener) => {
    const server = await startJwks(old);
    server.respondWith(listener);
    const auth = remoteJwt(server, { timeoutMs: 50 });
    await expect(ask(auth, withOld)).rejects.toThrow(FETCH_FAILED);
  });

  it('that is down is retried once per second', async () => {
    holdClock();
    const server = await startJwks();
    server.respondWith(error500);
    const auth = remoteJwt(server, { cacheMaxAgeMs: 60_000 });
    const statuses = async (token: string) => {
      const results = [...(await Promise.allSettled([ask(auth, token), ask(auth, token)]))];
      results.push(...(await Promise.allSettled([ask(auth, token)])));
      return [...new Set(results.map(({ status }) => status))];
    };
    for (let round = 1; round <= 3; round += 1) {
      expect(await statuses(withOld)).toEqual(['rejected']);
      expect(server.requests()).toBe(round);
      pass(1_000);
    }
    server.serve(old);
    expect(await statuses(withOld)).toEqual(['fulfilled']);
    server.respondWith(error500);
    pass(60_000);
    expect(await statuses(withFresh)).toEqual(['rejected']);
    expect(await statuses(withOld)).toEqual(['fulfilled']);
    expect(server.requests()).toBe(5);
  });

  it('that is known to be down delays no token with a known key', async () => {
    holdClock();
    const server = await startJwks(old);
    const auth = remoteJwt(server, { cacheMaxAgeMs: 60_000 });
    await ask(auth, withOld);
    server.respondWith(error500);
    pass(60_000);
    await ask(auth, withOld);
    server.respondWith(hang);
    pass(1_000);
    const asked = server.nextRequest();
    expect(await ask(auth, withOld)).toEqual(IS_ALICE);
    await asked;
    expect(server.requests()).toBe(3);
  });

  it('that stays down makes keys unusable after maxStaleMs', async () => {
    holdClock();
    const server = await startJwks(old);
    const auth = remoteJwt(server, { cacheMaxAgeMs: 60_000, maxStaleMs: 30_000 });
    await ask(auth, withOld);
    await server.stop();
    pass(89_999);
    expect(await ask(auth, withOld)).toEqual(IS_ALICE);
    pass(1);
    await expect(ask(auth, withOld)).rejects.toThrow(FETCH_FAILED);
  });

  it('that goes down and recovers is logged twice, without a token', async () => {
    holdClock();
    const warn = vi.fn();
    const server = await startJwks();
    server.respondWith(error500);
    const auth = remoteJwt(server, { logger: { ...quiet, warn } });
    for (let round = 0; round < 3; round += 1) {
      await expect(ask(auth, withOld)).rejects.toThrow(FETCH_FAILED);
      pass(1_000);
    }
    server.serve(old);
    expect(await ask(auth, withOld)).toEqual(IS_ALICE);
    expect(warn.mock.calls).toEqual([
      [{ err: new Error('The response has status 500') }, expect.stringContaining('cannot be fetched')],
      [{}, 'The JWKS can be fetched again'],
    ]);
  });
});

describe('a key that cannot be used', () => {
  it('says nothing about the token: the adapter rejects, as in an outage', async () => {
    const server = await startJwks(old);
    for (const extra of [{ d: 'AAAA' }, { x: 'AAAA' }]) {
      server.respondWith((_request, response) => response.end(JSON.stringify({ keys: [jwkOf(old, extra)] })));
      const error = await ask(remoteJwt(server), withOld).catch((reason: unknown) => reason);
      expect(String(error)).toBe('Error: A key in the JWKS cannot be used');
    }
  });

  it('next to others does not matter', async () => {
    const server = await startJwks();
    const keys = [jwkOf(old, { x: 'AAAA' }), jwkOf(old)];
    server.respondWith((_request, response) => response.end(JSON.stringify({ keys })));
    expect(await ask(remoteJwt(server), withOld)).toEqual(IS_ALICE);
  });
});

describe('the deadline of one caller', () => {
  it('does not end the fetch that others wait for', async () => {
    const server = await startJwks(old);
    const held = new EventEmitter();
    server.respondWith((_request, response) => {
      held.once('release', () => response.end(JSON.stringify({ keys: [jwkOf(old)] })));
    });
    const auth = remoteJwt(server);
    const [impatient, patient] = [new AbortController(), deadlineContext()];
    const asked = server.nextRequest();
    const first = ask(auth, withOld, impatient);
    const second = ask(auth, withOld, patient);
    await asked;
    impatient.abort(new Error('over'));
    await expect(first).rejects.toThrow('over');
    held.emit('release');
    expect(await second).toEqual(IS_ALICE);
    expect(server.requests()).toBe(1);
  });

  it('that passes while a token is verified prevents a fetch', async () => {
    holdClock();
    const server = await startJwks(old);
    const auth = remoteJwt(server, { cooldownMs: 5_000 });
    await ask(auth, withOld);
    server.respondWith(error500);
    pass(5_000);
    const deadline = new AbortController();
    const waiting = ask(auth, withFresh, deadline);
    deadline.abort(new Error('over'));
    await expect(waiting).rejects.toThrow('over');
    expect(server.requests()).toBe(1);
  });

  it('ends its wait even if it has a stale key', async () => {
    holdClock();
    const server = await startJwks(old);
    const auth = remoteJwt(server, { cacheMaxAgeMs: 60_000 });
    await ask(auth, withOld);
    server.respondWith(hang);
    pass(60_000);
    const asked = server.nextRequest();
    const deadline = new AbortController();
    const waiting = ask(auth, withOld, deadline);
    await asked;
    deadline.abort(new Error('over'));
    await expect(waiting).rejects.toThrow('over');
  });
});

it('no error contains the token', async () => {
  const server = await startJwks();
  server.respondWith(error500);
  const error = await ask(remoteJwt(server), withOld).catch((reason: unknown) => reason);
  const shown = inspect(error, { depth: Infinity, showHidden: true });
  for (const part of [...withOld.split('.'), 'alice', 'login.example.org']) expect(shown).not.toContain(part);
});
