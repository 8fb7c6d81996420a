import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { IdentityResponse } from '../../../examples/invite-by-email/identity-server/index.ts';
import type { JsonValue } from '../../../src/rooms/event.ts';
import {
  ADDRESS,
  ALICE,
  adapter,
  BOB,
  context,
  inviteBy,
  rejectionOf,
  withIdentityServer,
} from './support.ts';

/** A Matrix error of an identity server, with a text that nobody must see. */
const refuses =
  (status: number, errcode?: string, fields = {}) =>
  (): IdentityResponse => [status, { ...(errcode && { errcode }), error: 'SECRET TEXT', ...fields }];

describe('objectionTo', () => {
  const invite = {
    idServer: 'id.example.org',
    idAccessToken: 'token',
    medium: 'email',
    address: ADDRESS,
    roomId: '!room:example.org',
    sender: ALICE,
  };

  it('has no objection to a listed server, whatever its case, and to every medium by default', async () => {
    const identity = await adapter({ servers: ['ID.example.org', '[::1]:8090'] });
    for (const idServer of ['id.example.org', 'id.EXAMPLE.org', 'id.example.org:443', '[0:0::1]:8090']) {
      expect(identity.objectionTo({ ...invite, idServer })).toBeUndefined();
    }
    expect(identity.objectionTo({ ...invite, medium: 'msisdn', address: '447700900000' })).toBeUndefined();
  });

  it.each([
    ['id_server', { idServer: '' }, 400, 'M_INVALID_PARAM'],
    ['id_server', { idServer: 'https://id.example.org' }, 400, 'M_INVALID_PARAM'],
    ['id_server', { idServer: 'id.example.org/path' }, 400, 'M_INVALID_PARAM'],
    ['id_server', { idServer: 'user@id.example.org' }, 400, 'M_INVALID_PARAM'],
    ['id_server', { idServer: 'id.example.org:99999' }, 400, 'M_INVALID_PARAM'],
    ['id_server', { idServer: 'id.example.org:0' }, 400, 'M_INVALID_PARAM'],
    ['id_server', { idServer: '[fe80::1%25eth0]' }, 400, 'M_INVALID_PARAM'],
    // Others read these as 127.0.0.1.
    ['id_server', { idServer: '127.1' }, 400, 'M_INVALID_PARAM'],
    ['id_server', { idServer: '0x7f.0.0.1' }, 400, 'M_INVALID_PARAM'],
    ['id_server', { idServer: '0177.0.0.1' }, 400, 'M_INVALID_PARAM'],
    ['id_server', { idServer: '2130706433' }, 400, 'M_INVALID_PARAM'],
    ['id_server', { idServer: '127.0.0.1.' }, 400, 'M_INVALID_PARAM'],
    ['server', { idServer: 'id.example.org:8090' }, 403, 'M_SERVER_NOT_TRUSTED'],
    ['server', { idServer: 'evil.example' }, 403, 'M_SERVER_NOT_TRUSTED'],
    ['id_access_token', { idAccessToken: 'two\r\nHost: lines' }, 400, 'M_INVALID_PARAM'],
    ['id_access_token', { idAccessToken: '' }, 400, 'M_INVALID_PARAM'],
    ['id_access_token', { idAccessToken: 'é' }, 400, 'M_INVALID_PARAM'],
    ['kind of address', { medium: 'fax' }, 403, 'M_THREEPID_MEDIUM_NOT_SUPPORTED'],
    ['kind of address', { medium: 'msisdn' }, 403, 'M_THREEPID_MEDIUM_NOT_SUPPORTED'],
  ])('names the %s: %j', async (name, changes, status, errcode) => {
    const identity = await adapter({ servers: ['id.example.org'], media: ['email'] });
    const objection = identity.objectionTo({ ...invite, ...changes });
    expect(objection).toMatchObject({ status, errcode, message: expect.stringContaining(name) });
  });
});

describe('lookUp', () => {
  it.each([
    ['email', 'alice@example.com', '4kenr7N9drpCJ4AfalmlGQVsOn3o2RHjkADUpXJWZUc'],
    ['email', 'bob@example.com', 'LJwSazmv46n0hlMlsb_iYxI0_HXEqy_yj6Jm636cdT8'],
    ['msisdn', '18005552067', 'nlo35_T5fzSGZzJApqu8lgIudJvmOQtDaHtr-I4rU7I'],
  ])('sends the hash that the specification publishes: %s %s', async (medium, address, hash) => {
    const { server, identity, invite } = await withIdentityServer();
    server.store.bindings.set(`${address} ${medium}`, BOB);
    expect(await identity.lookUp({ ...invite, medium, address }, context)).toBe(BOB);
    expect(server.requests.map(({ method, path, body }) => [method, path, body])).toEqual([
      ['GET', 'hash_details', {}],
      ['POST', 'lookup', { algorithm: 'sha256', pepper: 'matrixrocks', addresses: [hash] }],
    ]);
    expect(JSON.stringify(server.requests)).not.toContain(address);
  });

  it('sends the token in the header only, and resolves undefined for an address that nobody has', async () => {
    const { server, identity, invite } = await withIdentityServer();
    expect(await identity.lookUp(invite, context)).toBeUndefined();
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(
      Array(2).fill(`Bearer ${invite.idAccessToken}`),
    );
    expect(server.requests.map(({ query }) => `${query}`)).toEqual(['', '']);
    expect(server.requests.map(({ headers }) => [headers.host, headers['accept-encoding']])).toEqual(
      Array(2).fill([server.name, 'identity']),
    );
  });

  it('asks for the pepper again if it has been rotated in between', async () => {
    const { server, identity, invite } = await withIdentityServer();
    server.store.bindings.set(`${ADDRESS} email`, BOB);
    server.intercept = ({ path }) => {
      if (path === 'lookup' && server.requests.length === 2) server.store.pepper = 'new';
      return undefined;
    };
    expect(await identity.lookUp(invite, context)).toBe(BOB);
    expect(server.requests.map(({ path }) => path)).toEqual([
      'hash_details',
      'lookup',
      'hash_details',
      'lookup',
    ]);
  });

  it('gives up when the pepper is invalid twice', async () => {
    const { server, identity, invite } = await withIdentityServer();
    server.intercept = ({ path }) => (path === 'lookup' ? refuses(400, 'M_INVALID_PEPPER')() : undefined);
    expect(await rejectionOf(identity.lookUp(invite, context))).toMatchObject({ status: 502 });
    expect(server.requests).toHaveLength(4);
  });

  it('sends addresses in plain text only if the option allows it, and only if there is no hash', async () => {
    const { server, identity, invite } = await withIdentityServer();
    const plain = await adapter({ plainLookup: true });
    server.store.bindings.set(`${ADDRESS} email`, BOB);
    server.store.algorithms = new Set(['none']);
    expect(await rejectionOf(identity.lookUp(invite, context))).toMatchObject({
      status: 502,
      failure: 'answer',
    });
    expect(server.requests.map(({ path }) => path)).toEqual(['hash_details']);
    expect(await plain.lookUp(invite, context)).toBe(BOB);
    expect(server.requests.at(-1)?.body).toEqual({
      algorithm: 'none',
      pepper: 'matrixrocks',
      addresses: [`${ADDRESS} email`],
    });
    server.store.algorithms = new Set(['none', 'sha256']);
    expect(await plain.lookUp(invite, context)).toBe(BOB);
    expect(server.requests.at(-1)?.body).toMatchObject({ algorithm: 'sha256' });
  });

  it.each([
    ['hash_details without a pepper', 'hash_details', { algorithms: ['sha256'] }],
    ['hash_details without algorithms', 'hash_details', { lookup_pepper: 'x' }],
    ['an unknown algorithm', 'hash_details', { lookup_pepper: 'x', algorithms: ['md5'] }],
    ['a list', 'lookup', []],
    ['null', 'lookup', null],
    ['no mappings', 'lookup', {}],
    ['a list of mappings', 'lookup', { mappings: [] }],
  ])('rejects nonsense instead of taking it for an unknown address: %s', async (_what, path, body) => {
    const { server, identity, invite } = await withIdentityServer();
    server.intercept = (request) => (request.path === path ? [200, body] : undefined);
    expect(await rejectionOf(identity.lookUp(invite, context))).toMatchObject({
      status: 502,
      errcode: 'M_UNKNOWN',
      failure: 'answer',
    });
  });

  it.each(['bob', '@bob', '', 'bob@mail.example', 7, null, ['@bob:example.org']])(
    'rejects a user ID that is none: %j',
    async (mxid) => {
      const { server, identity, invite } = await withIdentityServer();
      server.intercept = ({ path, body }) =>
        path === 'lookup'
          ? [200, { mappings: { [(body.addresses as string[])[0] ?? '']: mxid } }]
          : undefined;
      expect(await rejectionOf(identity.lookUp(invite, context))).toMatchObject({ status: 502 });
    },
  );

  it.each([
    [401, 'M_UNAUTHORIZED', 403, 'M_UNAUTHORIZED'],
    [401, undefined, 403, 'M_UNAUTHORIZED'],
    [403, 'M_TERMS_NOT_SIGNED', 403, 'M_TERMS_NOT_SIGNED'],
    [403, 'M_OTHER', 403, 'M_FORBIDDEN'],
    [400, 'M_INVALID_EMAIL', 400, 'M_INVALID_PARAM'],
    [400, 'M_INVALID_ADDRESS', 400, 'M_INVALID_PARAM'],
    [400, 'M_INVALID_PARAM', 502, 'M_UNKNOWN'],
    [400, 'M_UNRECOGNIZED', 502, 'M_UNKNOWN'],
    [404, 'M_UNRECOGNIZED', 502, 'M_UNKNOWN'],
    [301, undefined, 502, 'M_UNKNOWN'],
    [204, undefined, 502, 'M_UNKNOWN'],
    [500, 'M_UNKNOWN', 502, 'M_UNKNOWN'],
    [503, undefined, 502, 'M_UNKNOWN'],
  ])('turns a %i %s into a %i %s, with a text of ours', async (status, theirs, ours, errcode) => {
    for (const path of ['hash_details', 'lookup']) {
      const { server, identity, invite } = await withIdentityServer();
      server.intercept = (request, response) => {
        if (request.path !== path) return undefined;
        if (status !== 204) return refuses(status, theirs)();
        response.writeHead(204).end();
        return 'handled';
      };
      const rejection = await rejectionOf(identity.lookUp(invite, context));
      expect(rejection).toMatchObject({ status: ours, errcode });
      expect(rejection.error.message).not.toContain('SECRET');
      expect(rejection.error).toHaveProperty('fields', {});
    }
  });

  it.each([
    [{}, {}, 1_000],
    [{ 'Retry-After': '30' }, {}, 30_000],
    [{ 'Retry-After': '0' }, {}, 1_000],
    [{ 'Retry-After': '999999' }, {}, 3_600_000],
    [{ 'Retry-After': 'Mon, 01 Jan 2035 00:00:00 GMT' }, { retry_after_ms: 7_000 }, 7_000],
    [{}, { retry_after_ms: 5_000 }, 5_000],
    [{}, { retry_after_ms: '5000' }, 1_000],
  ])('passes on the wait of a 429 within limits: %j %j', async (headers, fields, retryAfterMs) => {
    const { server, identity, invite } = await withIdentityServer();
    server.intercept = (_request, response) => {
      response.writeHead(429, headers).end(JSON.stringify({ errcode: 'M_LIMIT_EXCEEDED', ...fields }));
      return 'handled';
    };
    expect(await rejectionOf(identity.lookUp(invite, context))).toMatchObject({
      status: 429,
      errcode: 'M_LIMIT_EXCEEDED',
      retryAfterMs,
    });
  });

  it('reports terms that the user has not accepted, and works once they are', async () => {
    const { server, identity, invite } = await withIdentityServer();
    const url = 'https://id.example.org/terms';
    server.store.policies = { tos: { version: '1', en: { name: 'Terms', url } } };
    expect(await rejectionOf(identity.lookUp(invite, context))).toMatchObject({
      status: 403,
      errcode: 'M_TERMS_NOT_SIGNED',
    });
    server.store.accept(ALICE, [url]);
    expect(await identity.lookUp(invite, context)).toBeUndefined();
  });

  it('is late after all of its requests together have taken timeoutMs', async () => {
    const { server, identity, invite } = await withIdentityServer({ timeoutMs: 300 });
    server.intercept = ({ path }) => (path === 'lookup' ? 'handled' : undefined);
    expect(await rejectionOf(identity.lookUp(invite, context))).toMatchObject({
      status: 504,
      errcode: 'M_UNKNOWN',
      failure: 'timeout',
    });
  });

  it('ends at the deadline of the call', async () => {
    const { server, identity, invite } = await withIdentityServer();
    const controller = new AbortController();
    server.intercept = () => {
      controller.abort();
      return 'handled';
    };
    expect(await rejectionOf(identity.lookUp(invite, { signal: controller.signal }))).toMatchObject({
      status: 504,
    });
    expect(await rejectionOf(identity.lookUp(invite, { signal: controller.signal }))).toMatchObject({
      status: 504,
    });
    expect(server.requests).toHaveLength(1);
  });
});

describe('storeInvite', () => {
  const room = {
    roomAlias: '#room:example.org',
    roomAvatarUrl: 'mxc://example.org/room',
    roomJoinRules: 'invite',
    roomName: 'A room',
    roomType: 'm.space',
    senderDisplayName: 'Alice',
    senderAvatarUrl: 'mxc://example.org/alice',
  };

  it('stores an invite, with one email, and returns what the event needs', async () => {
    const { server, identity, invite } = await withIdentityServer();
    const stored = await identity.storeInvite(invite, room, context);
    expect(server.requests.map(({ method, path, body }) => [method, path, body])).toEqual([
      [
        'POST',
        'store-invite',
        {
          medium: 'email',
          address: ADDRESS,
          room_id: '!room:example.org',
          sender: ALICE,
          room_alias: '#room:example.org',
          room_avatar_url: 'mxc://example.org/room',
          room_join_rules: 'invite',
          room_name: 'A room',
          room_type: 'm.space',
          sender_display_name: 'Alice',
          sender_avatar_url: 'mxc://example.org/alice',
        },
      ],
    ]);
    const keys = `https://${server.name}/_matrix/identity/v2/pubkey`;
    expect(stored).toEqual({
      token: server.store.invites[0]?.token,
      displayName: 'b...@m...',
      publicKeys: [
        { publicKey: server.store.key.publicKey, keyValidityUrl: `${keys}/isvalid` },
        {
          publicKey: [...server.store.ephemeralKeys.keys()][0],
          keyValidityUrl: `${keys}/ephemeral/isvalid`,
        },
      ],
    });
    expect(server.mail.mails.map(({ to }) => to)).toEqual([[ADDRESS]]);
  });

  it('leaves out what the room does not say', async () => {
    const { server, identity, invite } = await withIdentityServer();
    await identity.storeInvite(invite, {}, context);
    expect(Object.keys(server.requests[0]?.body ?? {})).toEqual(['medium', 'address', 'room_id', 'sender']);
  });

  it('resolves inUse for an address that has been bound', async () => {
    const { server, identity, invite } = await withIdentityServer();
    server.store.bindings.set(`${ADDRESS} email`, BOB);
    expect(await identity.storeInvite(invite, room, context)).toBe('inUse');
    expect(server.mail.mails).toEqual([]);
  });

  it('tells nobody a phone number that cannot be stored', async () => {
    const { server, identity, invite } = await withIdentityServer();
    const phone = { ...invite, medium: 'msisdn', address: '447700900000' };
    expect(await rejectionOf(identity.storeInvite(phone, room, context))).toMatchObject({
      status: 403,
      errcode: 'M_THREEPID_MEDIUM_NOT_SUPPORTED',
    });
    expect(server.requests).toEqual([]);
  });

  it.each([
    [400, 'M_UNRECOGNIZED', 403, 'M_THREEPID_MEDIUM_NOT_SUPPORTED'],
    [400, 'M_INVALID_EMAIL', 400, 'M_INVALID_PARAM'],
    [403, 'M_THREEPID_IN_USE', 403, 'M_FORBIDDEN'],
    [400, 'M_UNKNOWN', 502, 'M_UNKNOWN'],
    [401, 'M_UNAUTHORIZED', 403, 'M_UNAUTHORIZED'],
    [500, 'M_UNRECOGNIZED', 502, 'M_UNKNOWN'],
  ])('turns a %i %s into a %i %s', async (status, theirs, ours, errcode) => {
    const { server, identity, invite } = await withIdentityServer();
    server.intercept = refuses(status, theirs);
    expect(await rejectionOf(identity.storeInvite(invite, room, context))).toMatchObject({
      status: ours,
      errcode,
    });
  });

  const KEY = 'VXuGitF39UH5iRfvbIknlvlAVKgD1BsLDMvBf0pmp7c';
  const url = 'https://id.example.org/isvalid';
  const valid = {
    token: 'abc',
    display_name: 'b...',
    public_keys: [{ public_key: KEY, key_validity_url: url }],
  };

  it.each([
    ['the longest token', { token: `${'a'.repeat(251)}.=_-` }],
    [
      'a key in the URL-safe alphabet',
      { public_keys: [{ public_key: `_-${KEY.slice(2)}`, key_validity_url: url }] },
    ],
    [
      'a key in the standard alphabet',
      { public_keys: [{ public_key: `/+${KEY.slice(2)}`, key_validity_url: url }] },
    ],
    ['ten keys', { public_keys: Array(10).fill({ public_key: KEY, key_validity_url: url }) }],
    [
      'a URL with a port and a query',
      { public_keys: [{ public_key: KEY, key_validity_url: 'https://a.example:1/?b=%20c' }] },
    ],
  ])('accepts %s, letter by letter', async (_what, changes) => {
    const { server, identity, invite } = await withIdentityServer();
    const answer = { ...valid, ...changes };
    server.intercept = () => [200, answer];
    expect(await identity.storeInvite(invite, room, context)).toEqual({
      token: answer.token,
      displayName: answer.display_name,
      publicKeys: answer.public_keys.map((each) => ({
        publicKey: each.public_key,
        keyValidityUrl: each.key_validity_url,
      })),
    });
  });

  it.each([
    ['no object', null],
    ['no token', { ...valid, token: undefined }],
    ['an empty token', { ...valid, token: '' }],
    ['a token that is too long', { ...valid, token: 'a'.repeat(256) }],
    ['a token with other characters', { ...valid, token: 'a b' }],
    ['a token with a line break at its end', { ...valid, token: 'abc\n' }],
    ['a name that is no string', { ...valid, display_name: 1 }],
    ['a name that is too long', { ...valid, display_name: 'a'.repeat(256) }],
    ['no keys', { ...valid, public_keys: [] }],
    ['keys that are no list', { ...valid, public_keys: valid.public_keys[0] }],
    ['eleven keys', { ...valid, public_keys: Array(11).fill(valid.public_keys[0]) }],
    ['a key that is no object', { ...valid, public_keys: [...valid.public_keys, null] }],
    ['a padded key', { ...valid, public_keys: [{ public_key: `${KEY}=`, key_validity_url: url }] }],
    [
      'a key of 31 bytes',
      { ...valid, public_keys: [{ public_key: KEY.slice(0, 42), key_validity_url: url }] },
    ],
    [
      'a key in two alphabets',
      { ...valid, public_keys: [{ public_key: `_+${KEY.slice(2)}`, key_validity_url: url }] },
    ],
    [
      'a key with stray bits',
      { ...valid, public_keys: [{ public_key: `${KEY.slice(0, 42)}d`, key_validity_url: url }] },
    ],
    ['a key without a URL', { ...valid, public_keys: [{ public_key: KEY }] }],
    [
      'a URL without TLS',
      { ...valid, public_keys: [{ public_key: KEY, key_validity_url: 'http://a.example' }] },
    ],
    [
      'a URL with a user',
      { ...valid, public_keys: [{ public_key: KEY, key_validity_url: 'https://u@a.example' }] },
    ],
    [
      'a URL in capitals',
      { ...valid, public_keys: [{ public_key: KEY, key_validity_url: 'HTTPS://a.example' }] },
    ],
    [
      'a URL that is not ASCII',
      { ...valid, public_keys: [{ public_key: KEY, key_validity_url: 'https://a.example/\u3042' }] },
    ],
    ['a URL that is none', { ...valid, public_keys: [{ public_key: KEY, key_validity_url: 'isvalid' }] }],
  ])('rejects an answer with %s', async (_what, answer) => {
    const { server, identity, invite } = await withIdentityServer();
    server.intercept = () => [200, JSON.parse(JSON.stringify(answer))];
    expect(await rejectionOf(identity.storeInvite(invite, room, context))).toMatchObject({
      status: 502,
      failure: 'answer',
    });
  });

  it.each([ADDRESS, `Invited: ${ADDRESS.toUpperCase()}`])(
    'replaces a name that contains the address: %s',
    async (display_name) => {
      const { server, identity, invite } = await withIdentityServer();
      server.intercept = () => [200, { ...valid, display_name }];
      expect(await identity.storeInvite(invite, room, context)).toMatchObject({ displayName: 'b…@m…' });
    },
  );
});

describe('isKeyValid', () => {
  it('resolves true for a key without a URL, and asks nobody', async () => {
    const { server, identity } = await withIdentityServer();
    expect(await identity.isKeyValid({ publicKey: 'abc' }, context)).toBe(true);
    expect(server.requests).toEqual([]);
  });

  it('asks the URLs of the keys that the server has published, also when clients may not use the server', async () => {
    const { server, identity, invite } = await withIdentityServer();
    const stored = await identity.storeInvite(invite, {}, context);
    const keys = stored === 'inUse' ? [] : stored.publicKeys;
    const strict = await adapter({ servers: ['id.example.org'] });
    for (const key of keys) expect(await strict.isKeyValid(key, context)).toBe(true);
    server.store.ephemeralKeys.clear();
    expect(await Promise.all(keys.map((key) => identity.isKeyValid(key, context)))).toEqual([true, false]);
    expect(server.requests.slice(1).map(({ headers }) => headers.authorization)).toEqual(
      Array(4).fill(undefined),
    );
  });

  it.each([
    ['', '?public_key=a%2Bb%2Fc'],
    ['?', '?public_key=a%2Bb%2Fc'],
    ['?x=%20y&z', '?x=%20y&z&public_key=a%2Bb%2Fc'],
    ['#fragment', '?public_key=a%2Bb%2Fc'],
  ])('appends the key as it is written, after %j', async (query, expected) => {
    const { server, identity } = await withIdentityServer();
    let target: string | undefined;
    server.intercept = (_request, { req }) => {
      target = req.url;
      return [200, { valid: true }];
    };
    const keyValidityUrl = `https://${server.name}/any/path${query}`;
    expect(await identity.isKeyValid({ publicKey: 'a+b/c', keyValidityUrl }, context)).toBe(true);
    expect(target).toBe(`/any/path${expected}`);
  });

  it.each<JsonValue>([{}, { valid: false }, { valid: 'true' }, { valid: 1 }, [true], null, true])(
    'resolves false for any answer but true: %j',
    async (answer) => {
      const { server, identity } = await withIdentityServer();
      server.intercept = () => [200, answer];
      const key = { publicKey: 'abc', keyValidityUrl: `https://${server.name}/` };
      expect(await identity.isKeyValid(key, context)).toBe(false);
    },
  );

  it.each([
    'http://NAME/',
    'https://user@NAME/',
    'https://:password@NAME/',
    'file:///etc/passwd',
    'isvalid',
    '',
  ])('resolves false, and asks nobody, for the URL %s', async (text) => {
    const { server, identity } = await withIdentityServer();
    const keyValidityUrl = text.replace('NAME', server.name);
    expect(await identity.isKeyValid({ publicKey: 'abc', keyValidityUrl }, context)).toBe(false);
    expect(server.requests).toEqual([]);
  });

  it('rejects if the URL does not say, and follows no redirect', async () => {
    const { server, identity } = await withIdentityServer();
    const key = { publicKey: 'abc', keyValidityUrl: `https://${server.name}/` };
    for (const status of [301, 302, 307, 308, 404, 500]) {
      server.intercept = (_request, response) => {
        response.writeHead(status, { Location: `https://${server.name}/elsewhere` }).end('{"valid":true}');
        return 'handled';
      };
      expect(await rejectionOf(identity.isKeyValid(key, context))).toMatchObject({ status: 502 });
    }
    expect(server.requests).toHaveLength(6);
  });
});

describe('identityServers', () => {
  it('keeps addresses and tokens out of every error', async () => {
    const { server, identity, invite } = await withIdentityServer();
    server.intercept = () => [500, { echo: [invite.address, invite.idAccessToken] }];
    for (const promise of [identity.lookUp(invite, context), identity.storeInvite(invite, {}, context)]) {
      const { error } = await rejectionOf(promise);
      const shown = inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error);
      expect(shown).not.toContain(ADDRESS);
      expect(shown).not.toContain(invite.idAccessToken);
      expect(shown).toContain(server.name);
    }
  });

  it('asks the server that the invite names', async () => {
    const [one, two] = [await withIdentityServer(), await withIdentityServer()];
    const identity = await adapter({ servers: [one.server.name, two.server.name] });
    await identity.lookUp(inviteBy(two.server), context);
    expect([one.server.requests.length, two.server.requests.length]).toEqual([0, 2]);
  });
});
