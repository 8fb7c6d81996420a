import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { FederationNetworkOptions } from '../../../adapters/federation/client/options.ts';
import { MemoryServerKeyStore } from '../../../adapters/federation/keys/memory-store.ts';
import { signJson } from '../../../src/pdu/sign.ts';
import type { ServerKeys } from '../../../src/ports/server-keys.ts';
import type { Signer } from '../../../src/ports/signer.ts';
import type { JsonObject } from '../../../src/rooms/event.ts';
import { newSigner } from '../../support/federation-inbox.ts';
import { clientWith, context, failureOf, RecordingServer } from './support.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

const REQUEST = { for: 'request' } as const;
const eventAt = (originServerTs: number, isValidityEnforced = true) =>
  ({ for: 'event', originServerTs, isValidityEnforced }) as const;

/** Starts a server that publishes a key, and a client. */
async function network(options: FederationNetworkOptions = {}) {
  // Of the whole network: the clock does not go on by itself.
  vi.useFakeTimers({ toFake: ['performance', 'Date'] });
  onTestFinished(() => void vi.useRealTimers());
  const server = await RecordingServer.start(['IP:127.0.0.2']);
  const name = `127.0.0.2:${server.port}`;
  const signer = newSigner(name);
  const client = await clientWith(options);
  /** Publishes the key, for a day. */
  const publish = async (changes: JsonObject = {}, signers: readonly Signer[] = [signer]) => {
    const document = await signed(documentOf(signer, changes), signers);
    server.respond = () => document;
  };
  await publish();
  const keysOf = async (keyIds = ['ed25519:1'], use: Parameters<typeof client.keysOf>[2] = REQUEST) =>
    Object.fromEntries(await client.keysOf(name, keyIds, use, { signal: new AbortController().signal }));
  return { server, name, signer, client, publish, keysOf };
}

function documentOf({ serverName, keyId, publicKey }: Signer, changes: JsonObject = {}): JsonObject {
  return {
    server_name: serverName,
    valid_until_ts: Date.now() + DAY_MS,
    verify_keys: { [keyId]: { key: publicKey } },
    old_verify_keys: {},
    ...changes,
  };
}

async function signed(document: JsonObject, signers: readonly Signer[]): Promise<JsonObject> {
  let result = document;
  for (const signer of signers) result = await signJson(result, signer, context);
  return result;
}

describe('the keys of a server', () => {
  it('are fetched from it, without a signature, and remembered', async () => {
    const { server, signer, keysOf } = await network();
    expect(await keysOf()).toEqual({ 'ed25519:1': signer.publicKey });
    expect(await keysOf()).toEqual({ 'ed25519:1': signer.publicKey });
    expect(server.received).toMatchObject([{ method: 'GET', target: '/_matrix/key/v2/server' }]);
    expect(server.received[0]?.headers.authorization).toBeUndefined();
  });

  it('of this server are those of its signer, and never fetched', async () => {
    const signer = newSigner('127.0.0.2:1');
    const client = await clientWith({ signer });
    const keys = await client.keysOf('127.0.0.2:1', ['ed25519:1', 'ed25519:2'], REQUEST, context);
    expect([...keys]).toEqual([['ed25519:1', signer.publicKey]]);
  });

  it('are not fetched if none is wanted, or only IDs that no Ed25519 key has', async () => {
    const { server, keysOf } = await network();
    expect(await keysOf([])).toEqual({});
    expect(
      await keysOf(['ed25519:', 'ed25519:a b', 'rsa:1', '__proto__', `ed25519:${'a'.repeat(500)}`]),
    ).toEqual({});
    expect(server.received).toEqual([]);
  });

  it('are fetched once, however many ask at the same time', async () => {
    const { server, keysOf } = await network();
    await Promise.all(Array.from({ length: 20 }, () => keysOf()));
    expect(server.received).toHaveLength(1);
  });

  it('may be several, of which one has signed', async () => {
    const { signer, publish, keysOf } = await network();
    const other = newSigner('a', 'ed25519:other');
    const verify_keys = { 'ed25519:1': { key: signer.publicKey }, 'ed25519:other': { key: other.publicKey } };
    await publish({ verify_keys });
    expect(await keysOf(['ed25519:other', 'ed25519:1', 'ed25519:none'])).toEqual({
      'ed25519:1': signer.publicKey,
      'ed25519:other': other.publicKey,
    });
  });

  it('leave out those of other algorithms, and those that are none', async () => {
    const { signer, publish, keysOf } = await network();
    const verify_keys = {
      'ed25519:1': { key: signer.publicKey },
      'rsa:1': { key: signer.publicKey },
      'ed25519:short': { key: signer.publicKey.slice(2) },
      'ed25519:null': null,
      'ed25519:a-b': { key: signer.publicKey },
    };
    await publish({ verify_keys });
    expect(await keysOf(Object.keys(verify_keys))).toEqual({ 'ed25519:1': signer.publicKey });
  });
});

describe('a document of keys is refused', () => {
  it.each<[string, (signer: Signer) => JsonObject | Promise<JsonObject>]>([
    ['of another server', (signer) => signed(documentOf(signer, { server_name: 'other.test' }), [signer])],
    [
      'of a server whose name differs in case',
      (signer) =>
        signed(documentOf(signer, { server_name: signer.serverName.toUpperCase().concat('X') }), [signer]),
    ],
    ['that nobody has signed', (signer) => documentOf(signer)],
    ['that another server has signed', (signer) => signed(documentOf(signer), [newSigner('other.test')])],
    [
      'that only a key has signed that it does not list',
      (signer) => signed(documentOf(signer), [newSigner(signer.serverName, 'ed25519:2')]),
    ],
    [
      'that another key of the same ID has signed',
      (signer) => signed(documentOf(signer), [newSigner(signer.serverName)]),
    ],
    [
      'that was changed after it was signed',
      async (signer) => ({ ...(await signed(documentOf(signer), [signer])), valid_until_ts: Date.now() + 1 }),
    ],
    [
      'with one good signature and one bad one',
      async (signer) => {
        const other = newSigner(signer.serverName, 'ed25519:2');
        const verify_keys = {
          'ed25519:1': { key: signer.publicKey },
          'ed25519:2': { key: signer.publicKey },
        };
        return signed(documentOf(signer, { verify_keys }), [signer, other]);
      },
    ],
    ['without a time', (signer) => signed(documentOf(signer, { valid_until_ts: null }), [signer])],
    [
      'with a time as a string',
      (signer) => signed(documentOf(signer, { valid_until_ts: `${Date.now() + DAY_MS}` }), [signer]),
    ],
    [
      'with more than 20 keys',
      (signer) => {
        const key = { key: signer.publicKey };
        const others = Array.from({ length: 20 }, (_, index) => [`ed25519:x${index}`, key]);
        const verify_keys = { 'ed25519:1': key, ...(Object.fromEntries(others) as JsonObject) };
        return signed(documentOf(signer, { verify_keys }), [signer]);
      },
    ],
    ['without keys', (signer) => signed(documentOf(signer, { verify_keys: {} }), [signer])],
    ['whose signatures are a list', (signer) => ({ ...documentOf(signer), signatures: [] })],
    [
      'that is a list',
      async (signer) => [await signed(documentOf(signer), [signer])] as unknown as JsonObject,
    ],
  ])('%s', async (_what, documentBy) => {
    const { server, signer, keysOf } = await network();
    const document = await documentBy(signer);
    server.respond = () => document;
    expect(await failureOf(keysOf())).toBe('answer');
    expect(await failureOf(keysOf(undefined, eventAt(0, false)))).toBe('circuit');
  });

  it.each([[201], [301], [404], [500]])('with status %i', async (status) => {
    const { server, signer, keysOf } = await network();
    const document = await signed(documentOf(signer), [signer]);
    server.respond = (_received, response) => {
      response.writeHead(status).end(JSON.stringify(document));
      return undefined;
    };
    expect(await failureOf(keysOf())).toBe('answer');
  });

  it('of more than 64 KiB', async () => {
    const { publish, keysOf } = await network();
    await publish({ x: 'x'.repeat(65_536) });
    expect(await failureOf(keysOf())).toBe('answer');
  });
});

describe('the time of a key', () => {
  it('for a request ends when its server says, and at once after seven days', async () => {
    for (const [validMs, usedAfterMs] of [
      [DAY_MS, DAY_MS],
      [30 * DAY_MS, 7 * DAY_MS],
    ] as const) {
      const { server, signer, publish, keysOf } = await network();
      await publish({ valid_until_ts: Date.now() + validMs });
      await keysOf();
      server.respond = (_received, response) => {
        response.writeHead(500).end();
        return undefined;
      };
      vi.advanceTimersByTime(usedAfterMs - 1_000);
      expect(await keysOf()).toEqual({ 'ed25519:1': signer.publicKey });
      vi.advanceTimersByTime(2_000 + 60 * MINUTE_MS);
      expect(await failureOf(keysOf())).toMatch(/answer|circuit/);
    }
  });

  it('for an event is that of the event, from room version 5 on', async () => {
    const { signer, publish, keysOf } = await network();
    const now = Date.now();
    await publish({ valid_until_ts: now + DAY_MS });
    const key = { 'ed25519:1': signer.publicKey };
    expect(await keysOf(undefined, eventAt(now + DAY_MS))).toEqual(key);
    expect(await keysOf(undefined, eventAt(now + DAY_MS + 1))).toEqual({});
    expect(await keysOf(undefined, eventAt(now + DAY_MS + 1, false))).toEqual(key);
    expect(await keysOf(undefined, eventAt(0))).toEqual(key);
  });

  it('may have ended when it comes: it then verifies earlier events only', async () => {
    const { signer, publish, keysOf } = await network();
    const now = Date.now();
    await publish({ valid_until_ts: now - 1 });
    expect(await keysOf()).toEqual({});
    expect(await keysOf(undefined, eventAt(now - 1))).toEqual({ 'ed25519:1': signer.publicKey });
  });

  it('that is old is until it expired, for events alone', async () => {
    const { publish, keysOf } = await network();
    const now = Date.now();
    const old = newSigner('a', 'ed25519:old');
    await publish({
      old_verify_keys: {
        'ed25519:old': { key: old.publicKey, expired_ts: now - 10 },
        'ed25519:forever': { key: old.publicKey },
      },
    });
    const wanted = ['ed25519:old', 'ed25519:forever'];
    expect(await keysOf(wanted)).toEqual({});
    expect(await keysOf(wanted, eventAt(now - 9))).toEqual({});
    expect(await keysOf(wanted, eventAt(now - 10))).toEqual({ 'ed25519:old': old.publicKey });
    expect(await keysOf(wanted, eventAt(now, false))).toEqual({ 'ed25519:old': old.publicKey });
  });

  it('that is old is kept of the latest fifty', async () => {
    const { publish, keysOf } = await network();
    const now = Date.now();
    const { publicKey: key } = newSigner('a');
    const old = Array.from({ length: 60 }, (_, age) => [`ed25519:${age}`, { key, expired_ts: now - age }]);
    await publish({ old_verify_keys: Object.fromEntries(old) as JsonObject });
    const wanted = old.map(([keyId]) => `${keyId}`);
    expect(Object.keys(await keysOf(wanted, eventAt(0)))).toEqual(wanted.slice(0, 50));
  });
});

describe('keys are fetched again', () => {
  it('at half of their time, without anybody waiting', async () => {
    const { server, keysOf } = await network();
    await keysOf();
    vi.advanceTimersByTime(DAY_MS / 2 - 1_000);
    await keysOf();
    expect(server.received).toHaveLength(1);
    server.respond = () => undefined;
    vi.advanceTimersByTime(2_000);
    await keysOf();
    await vi.waitUntil(() => server.received.length === 2, 60_000);
  });

  it('for an unknown key ID, but at most once a minute, whatever the IDs', async () => {
    const { server, signer, publish, keysOf } = await network();
    const madeUp = async (count: number) => {
      for (let index = 0; index < count; index += 1) await keysOf([`ed25519:${index}x`, 'ed25519:1']);
    };
    await madeUp(20);
    expect(server.received).toHaveLength(1);
    vi.advanceTimersByTime(MINUTE_MS - 1_000);
    await madeUp(20);
    expect(server.received).toHaveLength(1);
    const renewed = newSigner('a', 'ed25519:new');
    const verify_keys = { 'ed25519:1': { key: signer.publicKey }, 'ed25519:new': { key: renewed.publicKey } };
    await publish({ verify_keys });
    expect(await keysOf(['ed25519:new'])).toEqual({});
    vi.advanceTimersByTime(2_000);
    expect(await keysOf(['ed25519:new'])).toEqual({ 'ed25519:new': renewed.publicKey });
    await madeUp(20);
    expect(server.received).toHaveLength(2);
  });

  it('after a failure in a minute, then in two, four, … up to an hour', async () => {
    const { server, publish, keysOf } = await network();
    server.respond = (_received, response) => {
      response.writeHead(500).end();
      return undefined;
    };
    const waits = [1, 2, 4, 8, 16, 32, 60, 60];
    for (const [index, minutes] of waits.entries()) {
      expect(await failureOf(keysOf())).toBe('answer');
      expect(server.received).toHaveLength(index + 1);
      vi.advanceTimersByTime(minutes * MINUTE_MS - 1_000);
      expect(await failureOf(keysOf())).toBe('circuit');
      vi.advanceTimersByTime(2_000);
    }
    await publish();
    await keysOf();
    // A success ends the row.
    await keysOf(['ed25519:2']);
    vi.advanceTimersByTime(MINUTE_MS + 1_000);
    await keysOf(['ed25519:2']);
    expect(server.received).toHaveLength(waits.length + 2);
  });

  it('and the last good ones still verify events of their time, if they cannot be', async () => {
    const { server, signer, keysOf } = await network();
    const now = Date.now();
    await keysOf();
    server.respond = (_received, response) => {
      response.socket?.destroy();
      return undefined;
    };
    vi.advanceTimersByTime(3 * DAY_MS);
    expect(await failureOf(keysOf())).toBe('network');
    expect(await keysOf(undefined, eventAt(now + DAY_MS))).toEqual({ 'ed25519:1': signer.publicKey });
    expect(await keysOf(['ed25519:1', 'ed25519:2'], eventAt(now))).toEqual({ 'ed25519:1': signer.publicKey });
  });

  it('and those that are no longer published still verify events of their time', async () => {
    const { server, signer, name, keysOf } = await network();
    const now = Date.now();
    await keysOf();
    const renewed = newSigner(name, 'ed25519:new');
    vi.advanceTimersByTime(2 * MINUTE_MS);
    const document = await signed(documentOf(renewed), [renewed]);
    server.respond = () => document;
    expect(await keysOf(['ed25519:new'])).toEqual({ 'ed25519:new': renewed.publicKey });
    expect(await keysOf(['ed25519:1'])).toEqual({});
    expect(await keysOf(['ed25519:1'], eventAt(now + DAY_MS))).toEqual({ 'ed25519:1': signer.publicKey });
    expect(await keysOf(['ed25519:1'], eventAt(now + DAY_MS + 1))).toEqual({});
  });
});

describe('a notary', () => {
  /** Starts a server without keys, and a notary that knows them. */
  async function withNotary() {
    const notaryServer = await RecordingServer.start(['IP:127.0.0.2']);
    const notary = newSigner(`127.0.0.2:${notaryServer.port}`, 'ed25519:notary');
    const notaries = [{ serverName: notary.serverName, keys: { [notary.keyId]: notary.publicKey } }];
    const parts = await network({ notaries });
    parts.server.respond = (_received, response) => {
      response.writeHead(502).end();
      return undefined;
    };
    const answerWith = (...documents: readonly JsonObject[]) => {
      notaryServer.respond = () => ({ server_keys: [...documents] });
    };
    return { ...parts, notary, notaryServer, answerWith };
  }

  it('is asked after the server itself has failed', async () => {
    const { signer, name, notary, notaryServer, answerWith, server, keysOf } = await withNotary();
    answerWith(await signed(documentOf(signer), [signer, notary]));
    expect(await keysOf()).toEqual({ 'ed25519:1': signer.publicKey });
    expect(server.received).toHaveLength(1);
    expect(notaryServer.received).toMatchObject([{ method: 'POST', target: '/_matrix/key/v2/query' }]);
    expect(JSON.parse(notaryServer.received[0]?.body ?? '')).toEqual({
      server_keys: { [name]: { 'ed25519:1': { minimum_valid_until_ts: Date.now() } } },
    });
  });

  it('is not asked if the server itself answers', async () => {
    const { publish, notaryServer, keysOf } = await withNotary();
    await publish();
    await keysOf();
    expect(notaryServer.received).toEqual([]);
  });

  it('is believed with the signatures of both, and of several documents the one that is valid for the longest', async () => {
    const { signer, name, notary, answerWith, keysOf } = await withNotary();
    const other = newSigner(name, 'ed25519:2');
    const forged = newSigner(name, 'ed25519:3');
    const later = { valid_until_ts: Date.now() + 2 * DAY_MS };
    answerWith(
      await signed(documentOf(signer), [signer, notary]),
      await signed(documentOf(other, later), [other, notary]),
      await signed(documentOf(forged, { valid_until_ts: Date.now() + 3 * DAY_MS }), [notary]),
      await signed(documentOf(forged, { valid_until_ts: Date.now() + 3 * DAY_MS }), [forged]),
      await signed(documentOf(newSigner('other.test'), later), [newSigner('other.test'), notary]),
    );
    expect(await keysOf(['ed25519:1', 'ed25519:2', 'ed25519:3'])).toEqual({ 'ed25519:2': other.publicKey });
  });

  it.each<[string, (signer: Signer, notary: Signer) => Promise<JsonObject>]>([
    [
      'no signature of its own',
      async (signer) => ({ server_keys: [await signed(documentOf(signer), [signer])] }),
    ],
    [
      'a signature by another key',
      async (signer, notary) => ({
        server_keys: [
          await signed(documentOf(signer), [signer, newSigner(notary.serverName, 'ed25519:notary')]),
        ],
      }),
    ],
    [
      'no signature of the server',
      async (signer, notary) => ({ server_keys: [await signed(documentOf(signer), [notary])] }),
    ],
    ['no document', async () => ({ server_keys: [] })],
    ['something else', async () => ({ server_keys: [null, 1, []], x: 1 })],
    ['nothing', async () => ({})],
  ])('is not believed with %s', async (_what, answerBy) => {
    const { signer, notary, notaryServer, keysOf } = await withNotary();
    const answer = await answerBy(signer, notary);
    notaryServer.respond = () => answer;
    expect(await failureOf(keysOf())).toBe('answer');
    expect(notaryServer.received).toHaveLength(1);
  });
});

describe('a key store', () => {
  it('in memory forgets the servers that were used least', async () => {
    const store = new MemoryServerKeyStore(2);
    const keys: ServerKeys = { verifyKeys: {}, oldVerifyKeys: {}, validUntilTs: 1, fetchedTs: 0 };
    await store.write('a.test', keys);
    await store.write('b.test', keys);
    await store.read('a.test');
    await store.write('c.test', keys);
    expect(await Promise.all(['a.test', 'b.test', 'c.test'].map((name) => store.read(name)))).toEqual([
      keys,
      undefined,
      keys,
    ]);
  });

  it('of the host app is read and written, and its failures are errors', async () => {
    const written = new Map<string, ServerKeys>();
    let failure: Error | undefined;
    const keyStore = {
      read: async (serverName: string) => {
        if (failure !== undefined) throw failure;
        return written.get(serverName);
      },
      write: async (serverName: string, keys: ServerKeys) => {
        if (failure !== undefined) throw failure;
        written.set(serverName, keys);
      },
    };
    const { server, name, signer, keysOf } = await network({ keyStore });
    const now = Date.now();
    await keysOf();
    expect(written).toEqual(
      new Map([
        [
          name,
          {
            verifyKeys: { 'ed25519:1': signer.publicKey },
            oldVerifyKeys: {},
            validUntilTs: now + DAY_MS,
            fetchedTs: now,
          },
        ],
      ]),
    );
    failure = new Error('The store is down');
    await expect(keysOf()).rejects.toThrow('The store is down');
    expect(server.received).toHaveLength(1);
  });
});
