import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import express from 'express';
import request from 'supertest';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createServerKeyRouter, type ServerKeyRouterOptions } from '../../../adapters/federation/index.ts';
import type { JsonObject } from '../../../src/rooms/event.ts';
import { newSigner } from '../../support/federation-inbox.ts';
import { isSignedBy } from '../../support/signed-json.ts';
import { ca, clientWith, context } from './support.ts';

const PATH = '/_matrix/key/v2/server';
const HOUR_MS = 3_600_000;

const silent = { debug() {}, info() {}, warn() {}, error() {} };

function appWith(options: ServerKeyRouterOptions) {
  return express().use(createServerKeyRouter({ logger: silent, ...options }));
}

/** Returns a signer that counts its signatures, and fails while `failure` is set. */
function countingSigner() {
  const signer = newSigner('us.test:8448', 'ed25519:a_1');
  const state = { signatures: 0, failure: undefined as Error | undefined };
  const sign: typeof signer.sign = (bytes, context) => {
    if (state.failure !== undefined) return Promise.reject(state.failure);
    state.signatures += 1;
    return signer.sign(bytes, context);
  };
  return { signer: { ...signer, sign }, state };
}

function fakeClock() {
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
}

describe('the keys of this server', () => {
  it('are published for 24 hours, signed by themselves, with the old ones', async () => {
    fakeClock();
    const { signer } = countingSigner();
    const old = { key: newSigner('a').publicKey, expired_ts: 1_700_000_000_000 };
    const response = await request(appWith({ signer, oldVerifyKeys: { 'ed25519:old': old } })).get(PATH);
    expect(response.status).toBe(200);
    expect(response.headers['content-type']).toBe('application/json');
    expect(response.headers['access-control-allow-origin']).toBeUndefined();
    const { signatures, ...keys } = response.body as JsonObject;
    expect(keys).toEqual({
      server_name: 'us.test:8448',
      valid_until_ts: Date.now() + 24 * HOUR_MS,
      verify_keys: { 'ed25519:a_1': { key: signer.publicKey } },
      old_verify_keys: { 'ed25519:old': old },
    });
    expect(Object.keys(signatures ?? {})).toEqual(['us.test:8448']);
    expect(isSignedBy(response.body, 'us.test:8448', 'ed25519:a_1', signer.publicKey)).toBe(true);
  });

  it('are accepted by whoever fetches them', async () => {
    const server = createServer(await (await ca()).issue('IP:127.0.0.2')).listen(0, '127.0.0.2');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const name = `127.0.0.2:${(server.address() as AddressInfo).port}`;
    const signer = newSigner(name);
    server.on('request', appWith({ signer }));
    const keys = await (await clientWith({})).keysOf(name, ['ed25519:1'], { for: 'request' }, context);
    expect([...keys]).toEqual([['ed25519:1', signer.publicKey]]);
    server.closeAllConnections();
  });

  it('are signed once an hour, however often they are asked for', async () => {
    fakeClock();
    const { signer, state } = countingSigner();
    const app = appWith({ signer });
    const get = async () => (await request(app).get(PATH)).body.valid_until_ts as number;
    const first = await Promise.all([get(), get(), get()]);
    expect(new Set(first)).toEqual(new Set([Date.now() + 24 * HOUR_MS]));
    vi.advanceTimersByTime(HOUR_MS - 1);
    expect(await get()).toBe(first[0]);
    expect(state.signatures).toBe(1);
    vi.advanceTimersByTime(1);
    expect(await get()).toBe(Date.now() + 24 * HOUR_MS);
    expect(state.signatures).toBe(2);
  });

  it('are sent as they were signed if they cannot be signed now, unless they expire within an hour', async () => {
    fakeClock();
    const { signer, state } = countingSigner();
    const app = appWith({ signer });
    expect((await request(app).get(PATH)).status).toBe(200);
    state.failure = new Error('no key');
    vi.advanceTimersByTime(23 * HOUR_MS - 1);
    expect((await request(app).get(PATH)).status).toBe(200);
    vi.advanceTimersByTime(1);
    const response = await request(app).get(PATH);
    expect([response.status, response.body.errcode, response.headers['retry-after']]).toEqual([
      503,
      'M_UNKNOWN',
      '5',
    ]);
    expect(JSON.stringify(response.body)).not.toContain('no key');
    state.failure = undefined;
    expect((await request(app).get(PATH)).status).toBe(200);
  });

  it('are a 503 if the signer never resolves, or signs with another key', async () => {
    const signer = newSigner('us.test');
    for (const sign of [() => new Promise<never>(() => {}), newSigner('us.test').sign]) {
      const response = await request(appWith({ signer: { ...signer, sign } })).get(PATH);
      expect([response.status, response.body.errcode]).toEqual([503, 'M_UNKNOWN']);
    }
  });
});

describe('the router', () => {
  const { signer } = countingSigner();

  it('passes other paths on, and refuses other methods', async () => {
    const app = appWith({ signer }).use((_request, response) => void response.status(418).end());
    for (const path of [`${PATH}/ed25519:a_1`, `${PATH}/`, '/_matrix/key/v2/SERVER', '/server']) {
      expect((await request(app).get(path)).status).toBe(418);
    }
    const response = await request(app).put(PATH).send({});
    expect([response.status, response.body.errcode]).toEqual([405, 'M_UNRECOGNIZED']);
    expect((await request(app).head(PATH)).status).toBe(200);
    expect((await request(app).get(`${PATH}?x=1`)).status).toBe(200);
  });

  it.each<[string, object]>([
    ['no signer', {}],
    ['a signer without a key', { signer: { ...signer, publicKey: undefined } }],
    ['a signer with a key that is too short', { signer: { ...signer, publicKey: 'AAAA' } }],
    ['a signer with another kind of key', { signer: { ...signer, keyId: 'rsa:1' } }],
    ['a signer of no server', { signer: { ...signer, serverName: 'a b' } }],
    ['a signer that cannot sign', { signer: { ...signer, sign: undefined } }],
    ['a list of old keys', { signer, oldVerifyKeys: [] }],
    ['an old key without a time', { signer, oldVerifyKeys: { 'ed25519:1': { key: signer.publicKey } } }],
    ['an old key that is none', { signer, oldVerifyKeys: { 'ed25519:1': { key: 'AAAA', expired_ts: 1 } } }],
    [
      'an old key without an ID',
      { signer, oldVerifyKeys: { old: { key: signer.publicKey, expired_ts: 1 } } },
    ],
    ['another option', { signer, signers: [] }],
  ])('is not created with %s', (_what, options) => {
    expect(() => createServerKeyRouter(options as ServerKeyRouterOptions)).toThrow(TypeError);
  });
});
