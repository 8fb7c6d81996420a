import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { inspect } from 'node:util';
import {
  createInviteService,
  InviteNotSentError,
  MatrixError,
  StorageUnavailableError,
} from 'express-matrix-invite';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { range } from '../../src/testing/random.ts';
import { OwnMailer } from '../support/own-mailer.ts';
import {
  ALICE,
  BOB,
  CAROL,
  expectInvited,
  expectRefusal,
  invite,
  limits,
  memberOf,
  ROOM,
  recordingLogger,
  seedRoom,
  setUp,
} from './support.ts';

const ADDRESS = 'Bob@Example.com';
const BODY = {
  id_server: 'id.example.org',
  id_access_token: 'secret-token',
  medium: 'email',
  address: ADDRESS,
};
const secret = 'a secret of at least thirty-two bytes';

async function setUpAddresses(
  options: Parameters<typeof setUp>[0] = {},
  {
    timeoutMs,
    ...thirdParty
  }: { readonly timeoutMs?: number; readonly policiesApplyToAddresses?: boolean } = {},
) {
  const storage = new MemoryStorage();
  const mailer = new OwnMailer();
  mailer.timeoutMs = timeoutMs;
  const outcomes: unknown[] = [];
  const { app } = setUp({
    storage,
    thirdParty: { identity: mailer, pending: storage, secret, ...thirdParty },
    onOutcome: (outcome) => void outcomes.push(outcome),
    ...options,
  });
  await seedRoom(storage, { members: { [CAROL]: 'join' } });
  return { app, storage, mailer, outcomes };
}

function byAddress(app: Parameters<typeof invite>[0], changes: object = {}, token = 'alice-token') {
  return invite(app, { token, body: { ...BODY, ...changes } });
}

async function tokenEvents(storage: MemoryStorage) {
  const state = (await storage.roomState(ROOM)) ?? [];
  return state.filter(({ type }) => type === 'm.room.third_party_invite');
}

async function log(storage: MemoryStorage) {
  return (await storage.timeline(ROOM, { limit: 1_000_000 }))?.events ?? [];
}

describe('an invite by address', () => {
  it('waits in the room for the owner of an address that nobody has', async () => {
    const { app, storage, mailer, outcomes } = await setUpAddresses();
    expectInvited(await byAddress(app));
    const [mail] = mailer.mails;
    expect(mailer.mails).toEqual([{ to: 'bob@example.com', token: mail?.token, room: expect.anything() }]);
    expect(await tokenEvents(storage)).toEqual([
      expect.objectContaining({
        state_key: mail?.token,
        sender: ALICE,
        content: {
          display_name: 'b…@e…',
          public_key: mailer.publicKey,
          key_validity_url: 'https://example.org/isvalid',
          public_keys: [{ public_key: mailer.publicKey, key_validity_url: 'https://example.org/isvalid' }],
        },
      }),
    ]);
    expect(outcomes).toMatchObject([{ status: 200, outcome: 'storedForAddress', tries: 1 }]);
  });

  it('sends one mail and stores one event, however often it is repeated, and whoever repeats it', async () => {
    const { app, storage, mailer, outcomes } = await setUpAddresses();
    for (const address of [ADDRESS, 'bob@example.com', 'BOB@EXAMPLE.COM'])
      for (const token of ['alice-token', 'carol-token'])
        expectInvited(await byAddress(app, { address }, token));
    expect(mailer.mails).toHaveLength(1);
    expect(await tokenEvents(storage)).toHaveLength(1);
    expect(outcomes.slice(1)).toMatchObject(range(5).map(() => ({ outcome: 'alreadyInvited' })));
  });

  it('sends one mail and stores one event, however many requests race', async () => {
    const { app, storage, mailer } = await setUpAddresses();
    const responses = await Promise.all(
      range(40).map(async () => {
        for (;;) {
          const response = await byAddress(app);
          if (response.status !== 503) return response;
          expect(response.headers['retry-after']).toBe('2');
        }
      }),
    );
    for (const response of responses) expectInvited(response);
    expect(mailer.mails).toHaveLength(1);
    expect(await tokenEvents(storage)).toHaveLength(1);
  });

  it('invites the user who has the address, as by user ID', async () => {
    const { app, storage, mailer, outcomes } = await setUpAddresses({ rateLimit: limits(1) });
    mailer.owners.set('bob@example.com', BOB);
    expectInvited(await byAddress(app));
    expect((await memberOf(storage, BOB))?.content).toEqual({ membership: 'invite' });
    expect(mailer.mails).toEqual([]);
    expect(await tokenEvents(storage)).toEqual([]);
    expect(outcomes).toMatchObject([{ outcome: 'invited' }]);
  });

  it('tells the mail what the room and the inviter say about themselves', async () => {
    const { app, storage, mailer } = await setUpAddresses();
    const event = (type: string, state_key: string, content: object) =>
      storage.putState({
        room_id: ROOM,
        type,
        state_key,
        sender: ALICE,
        origin_server_ts: 1,
        content: { ...content },
      });
    await event('m.room.name', '', { name: 'Friday' });
    await event('m.room.canonical_alias', '', { alias: '#friday:example.org' });
    await event('m.room.avatar', '', { url: 'mxc://example.org/a' });
    await event('m.room.join_rules', '', { join_rule: 'invite' });
    await event('m.room.member', ALICE, { membership: 'join', displayname: 'Alice', avatar_url: 7 });
    await byAddress(app);
    expect(mailer.mails[0]?.room).toEqual({
      roomName: 'Friday',
      roomAlias: '#friday:example.org',
      roomAvatarUrl: 'mxc://example.org/a',
      roomJoinRules: 'invite',
      roomType: undefined,
      senderDisplayName: 'Alice',
      senderAvatarUrl: undefined,
    });
  });

  it('never shows the address to the room if the display name contains it', async () => {
    const { app, storage, mailer } = await setUpAddresses();
    const storeInvite = mailer.storeInvite.bind(mailer);
    mailer.storeInvite = async (...args) => {
      const stored = await storeInvite(...args);
      return stored === 'inUse' ? stored : { ...stored, displayName: 'Mail to BOB@example.com' };
    };
    await byAddress(app);
    expect(JSON.stringify(await log(storage))).not.toMatch(/bob@example\.com/i);
    expect((await tokenEvents(storage))[0]?.content.display_name).toBe('b…@e…');
  });

  it.each([
    ['email', 'Straße@example.com', 'Mail to STRASSE@Example.com', 's…@e…'],
    ['email', 'Strasse@example.com', 'Mail to Straße@example.com', 's…@e…'],
    ['msisdn', '+49 30 123456', 'Call +49 (30) 123-456', '4…'],
  ])('nor in another form of it: %s %s in %s', async (medium, address, displayName, shown) => {
    const { app, storage, mailer } = await setUpAddresses();
    const storeInvite = mailer.storeInvite.bind(mailer);
    mailer.storeInvite = async (...args) => {
      const stored = await storeInvite(...args);
      return stored === 'inUse' ? stored : { ...stored, displayName };
    };
    expectInvited(await byAddress(app, { medium, address }));
    expect((await tokenEvents(storage))[0]?.content.display_name).toBe(shown);
  });

  it('calls onAddressInvite once for each event', async () => {
    const onAddressInvite = vi.fn();
    const { app, mailer } = await setUpAddresses({ onAddressInvite });
    await byAddress(app);
    await byAddress(app);
    await expect.poll(() => onAddressInvite).toHaveBeenCalled();
    expect(onAddressInvite.mock.calls).toEqual([
      [
        {
          requester: { userId: ALICE },
          event: expect.objectContaining({ state_key: mailer.mails[0]?.token }),
          eventId: expect.any(String),
        },
      ],
    ]);
  });
});

describe('onAddressInvite', () => {
  /** Appends an event as a sender does, although the store cannot say so. */
  async function setUpUnknown(storedBy: string | undefined) {
    const onAddressInvite = vi.fn();
    const { app, storage } = await setUpAddresses({ onAddressInvite });
    const appendEvent = storage.appendEvent.bind(storage);
    vi.spyOn(storage, 'appendEvent').mockImplementationOnce(async (event, basis, context) => {
      await appendEvent({ ...event, sender: storedBy ?? event.sender }, basis, context);
      throw new StorageUnavailableError('The connection broke');
    });
    expectInvited(await byAddress(app));
    return { onAddressInvite, storage };
  }

  it('is called once after an append of which the store did not know whether it stored the event', async () => {
    const { onAddressInvite } = await setUpUnknown(undefined);
    await expect.poll(() => onAddressInvite).toHaveBeenCalledTimes(1);
  });

  it('is not called for the event of another inviter, whose request calls it', async () => {
    const { onAddressInvite, storage } = await setUpUnknown(CAROL);
    expect(await tokenEvents(storage)).toMatchObject([{ sender: CAROL }]);
    await setTimeout(20);
    expect(onAddressInvite).not.toHaveBeenCalled();
  });
});

describe('the body of an invite by address', () => {
  const bodies: [string, object, number, string][] = [
    ...Object.keys(BODY).map((field): [string, object, number, string] => [
      `no ${field}`,
      { [field]: undefined },
      400,
      'M_BAD_JSON',
    ]),
    ...Object.keys(BODY).map((field): [string, object, number, string] => [
      `a number as ${field}`,
      { [field]: 7 },
      400,
      'M_BAD_JSON',
    ]),
    ['an unknown medium', { medium: 'fax' }, 403, 'M_THREEPID_MEDIUM_NOT_SUPPORTED'],
    ['a medium of another case', { medium: 'Email' }, 403, 'M_THREEPID_MEDIUM_NOT_SUPPORTED'],
    ['no email address', { address: 'bob' }, 400, 'M_INVALID_PARAM'],
    ['two addresses', { address: 'bob@example.com,eve@example.com' }, 400, 'M_INVALID_PARAM'],
    ['no phone number', { medium: 'msisdn' }, 400, 'M_INVALID_PARAM'],
    ['no server name', { id_server: 'https://id.example.org' }, 400, 'M_INVALID_PARAM'],
  ];

  it.each(bodies)('with %s is refused, and nobody is asked', async (_case, changes, status, errcode) => {
    const { app, mailer } = await setUpAddresses();
    expectRefusal(await byAddress(app, changes), status, errcode);
    expect([mailer.lookups, mailer.mails]).toEqual([[], []]);
  });

  it('with a user_id invites that user', async () => {
    const { app, storage, mailer } = await setUpAddresses();
    expectInvited(await byAddress(app, { user_id: BOB }));
    expect(await memberOf(storage, BOB)).toBeDefined();
    expect(mailer.lookups).toEqual([]);
  });

  it('is refused without the option', async () => {
    const { app, store } = setUp();
    await seedRoom(store);
    expectRefusal(await byAddress(app), 403, 'M_THREEPID_DENIED');
  });
});

describe('before anybody is asked about an address', () => {
  it('the rules of the room decide', async () => {
    const { app, storage, mailer } = await setUpAddresses();
    expectRefusal(await byAddress(app, {}, 'mallory-token'), 403, 'M_FORBIDDEN');
    const users = { [ALICE]: 49 };
    await storage.putState({
      room_id: ROOM,
      type: 'm.room.power_levels',
      state_key: '',
      sender: ALICE,
      origin_server_ts: 1,
      content: { invite: 50, state_default: 0, events: { 'm.room.third_party_invite': 0 }, users },
    });
    expectRefusal(await byAddress(app), 403, 'M_FORBIDDEN');
    expect(mailer.lookups).toEqual([]);
  });

  it('the limits count, for the address too, and are not refunded', async () => {
    const { app, mailer } = await setUpAddresses({ rateLimit: limits(3) });
    mailer.lookUp = async () => {
      mailer.lookups.push(undefined as never);
      throw new MatrixError(403, 'M_FORBIDDEN', 'No');
    };
    for (const _ of range(3)) expectRefusal(await byAddress(app), 403, 'M_FORBIDDEN');
    for (const token of ['alice-token', 'carol-token'])
      expect((await byAddress(app, {}, token)).status).toBe(429);
    expect(mailer.lookups).toHaveLength(3);
  });

  it('the host may object', async () => {
    const { app, mailer } = await setUpAddresses();
    mailer.objectionTo = () => new MatrixError(403, 'M_SERVER_NOT_TRUSTED', 'Not this server') as never;
    expectRefusal(await byAddress(app), 403, 'M_SERVER_NOT_TRUSTED');
    expect(mailer.lookups).toEqual([]);
  });
});

describe('a policy', () => {
  const decide = () => undefined;

  it('judges the address before anybody gets a mail', async () => {
    const seen: unknown[] = [];
    const { app, storage, mailer } = await setUpAddresses({
      policies: [
        {
          name: 'companies',
          decide,
          decideByAddress: async ({ state: _state, ...request }) => {
            seen.push(request);
            return { message: 'Not this company' };
          },
        },
      ],
    });
    expectRefusal(await byAddress(app), 403, 'M_FORBIDDEN');
    expect(seen).toEqual([
      { requester: { userId: ALICE }, roomId: ROOM, medium: 'email', address: 'bob@example.com' },
    ]);
    expect(mailer.mails).toEqual([]);
    expect(await tokenEvents(storage)).toEqual([]);
  });

  it('may drop the invite', async () => {
    const { app, mailer, outcomes } = await setUpAddresses({
      policies: [{ name: 'quiet', decide, decideByAddress: () => 'drop' }],
    });
    expectInvited(await byAddress(app));
    expect(mailer.mails).toEqual([]);
    expect(outcomes).toMatchObject([{ outcome: 'dropped', policy: 'quiet' }]);
  });

  it('that fails refuses', async () => {
    const { logger, lines } = recordingLogger();
    const { app, mailer } = await setUpAddresses({
      logger,
      policies: [{ name: 'broken', decide, decideByAddress: () => true as never }],
    });
    expectRefusal(await byAddress(app), 403, 'M_FORBIDDEN');
    expect(mailer.mails).toEqual([]);
    expect(inspect(lines)).toContain('TypeError: decideByAddress must return undefined');
  });

  it('that cannot judge addresses is a TypeError, unless it may be bypassed', async () => {
    const policies = [{ name: 'only users', decide }];
    await expect(setUpAddresses({ policies })).rejects.toThrow('only users');
    await expect(setUpAddresses({ policies }, { policiesApplyToAddresses: false })).resolves.toBeDefined();
    const withNull = [{ name: 'only users', decide, decideByAddress: null as never }];
    await expect(setUpAddresses({ policies: withNull })).rejects.toThrow('only users');
  });
});

function keys(keyValidityUrl: string) {
  return range(10).map(() => ({ publicKey: randomBytes(32).toString('base64url'), keyValidityUrl }));
}

describe('an identity server that fails', () => {
  const failures: [string, unknown, number, string][] = [
    ['refuses', new MatrixError(403, 'M_TERMS_NOT_SIGNED', 'Terms'), 403, 'M_TERMS_NOT_SIGNED'],
    ['is down', new Error('down'), 502, 'M_UNKNOWN'],
    ['has a mistake', new TypeError('undefined is not a function'), 500, 'M_UNKNOWN'],
  ];

  it.each(failures)('when it %s in a lookup: nobody gets a mail', async (_case, error, status, errcode) => {
    const { app, mailer, outcomes } = await setUpAddresses();
    mailer.lookUp = () => Promise.reject(error);
    expectRefusal(await byAddress(app), status, errcode);
    expect(mailer.mails).toEqual([]);
    expect(outcomes).toMatchObject([status === 403 ? {} : { failedCall: 'lookUp' }]);
  });

  it.each(['bob', 7, {}, Promise.resolve(BOB)])('when it finds the user ID %j', async (userId) => {
    const { logger, lines } = recordingLogger();
    const { app, mailer } = await setUpAddresses({ logger });
    mailer.lookUp = async () => (userId instanceof Promise ? ({ userId } as never) : (userId as never));
    expectRefusal(await byAddress(app), 500, 'M_UNKNOWN');
    expect(mailer.mails).toEqual([]);
    expect(inspect(lines)).toContain('TypeError: lookUp must resolve to a full Matrix user ID or undefined');
  });

  it('when it is late', async () => {
    const { app, mailer } = await setUpAddresses({}, { timeoutMs: 50 });
    mailer.lookUp = () => new Promise(() => {});
    expectRefusal(await byAddress(app), 504, 'M_UNKNOWN');
  });

  it('when it refuses to store: the next request may try at once', async () => {
    const { app, mailer, storage } = await setUpAddresses();
    const storeInvite = mailer.storeInvite.bind(mailer);
    mailer.storeInvite = () => Promise.reject(new MatrixError(403, 'M_FORBIDDEN', 'No'));
    expectRefusal(await byAddress(app), 403, 'M_FORBIDDEN');
    mailer.storeInvite = storeInvite;
    expectInvited(await byAddress(app));
    expect(await tokenEvents(storage)).toHaveLength(1);
  });

  it('when it certainly sent nothing: the next request may try at once', async () => {
    const { app, mailer, outcomes } = await setUpAddresses();
    const storeInvite = mailer.storeInvite.bind(mailer);
    mailer.storeInvite = () =>
      Promise.reject(new InviteNotSentError('The mail server cannot be reached', { cause: new Error() }));
    expectRefusal(await byAddress(app), 502, 'M_UNKNOWN');
    expect(outcomes).toMatchObject([{ failedCall: 'storeInvite' }]);
    mailer.storeInvite = () => Promise.reject(Object.assign(new Error(), { code: 'ERR_INVITE_NOT_SENT' }));
    expectRefusal(await byAddress(app), 502, 'M_UNKNOWN');
    mailer.storeInvite = storeInvite;
    expectInvited(await byAddress(app));
    expect(mailer.mails).toHaveLength(1);
  });

  it('when it certainly sent nothing, by a mistake in code: a 500, and the next request may try at once', async () => {
    const { app, mailer } = await setUpAddresses();
    const storeInvite = mailer.storeInvite.bind(mailer);
    mailer.storeInvite = () =>
      Promise.reject(
        new InviteNotSentError('The template is broken', { cause: new TypeError('no template') }),
      );
    expectRefusal(await byAddress(app), 500, 'M_UNKNOWN');
    mailer.storeInvite = storeInvite;
    expectInvited(await byAddress(app));
  });

  it('when nobody knows whether it sent a mail: others hear how long the claim lasts, once nobody works on it', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const { app, mailer } = await setUpAddresses({ deadlineMs: 5_000 });
    const { storeInvite } = mailer;
    mailer.storeInvite = () => Promise.reject(new Error('down'));
    expectRefusal(await byAddress(app), 502, 'M_UNKNOWN');
    mailer.storeInvite = storeInvite;
    const waits: unknown[] = [];
    for (const seconds of [0, 15, 1]) {
      vi.advanceTimersByTime(seconds * 1_000);
      const { status, headers, body } = await byAddress(app);
      waits.push([status, headers['retry-after'], body.retry_after_ms]);
    }
    expect(waits).toEqual([
      [503, '2', 2_000],
      [503, '2', 2_000],
      [503, '44', 44_000],
    ]);
    vi.advanceTimersByTime(44_001);
    expectInvited(await byAddress(app));
  });

  it.each([
    ['is down', new Error('down'), 502],
    ['says so', new MatrixError(502, 'M_UNKNOWN', 'down'), 502],
  ])('when it %s after it may have sent a mail: nobody sends another', async (_case, error, status) => {
    const { app, mailer } = await setUpAddresses();
    mailer.storeInvite = async () => {
      mailer.mails.push({ to: 'bob@example.com', token: 'lost', room: {} });
      throw error;
    };
    expectRefusal(await byAddress(app), status, 'M_UNKNOWN');
    expectRefusal(await byAddress(app), 503, 'M_UNKNOWN');
    expect(mailer.mails).toHaveLength(1);
  });

  it('when it answers late: the invite is completed all the same', async () => {
    const { app, mailer, storage } = await setUpAddresses({}, { timeoutMs: 1_000 });
    const storeInvite = mailer.storeInvite.bind(mailer);
    let answer = () => {};
    const gate = new Promise<void>((resolve) => {
      answer = resolve;
    });
    mailer.storeInvite = async (...args) => {
      await gate;
      return storeInvite(...args);
    };
    expectRefusal(await byAddress(app), 504, 'M_UNKNOWN');
    answer();
    await expect.poll(() => tokenEvents(storage)).toHaveLength(1);
    expectInvited(await byAddress(app));
    expect(mailer.mails).toHaveLength(1);
  });

  it.each([
    ['no token', { token: '' }],
    ['a token with a slash', { token: 'a/b' }],
    ['a long display name', { displayName: 'x'.repeat(256) }],
    ['no keys', { publicKeys: [] }],
    ['eleven keys', { publicKeys: [...keys('https://a.org'), ...keys('https://a.org')].slice(9) }],
    ['a key of small order', { publicKeys: [{ publicKey: 'A'.repeat(43) }] }],
    ['a padded key', { publicKeys: [{ publicKey: randomBytes(32).toString('base64') }] }],
    ['a short key', { publicKeys: [{ publicKey: 'AAAA' }] }],
    ['a URL of http', { publicKeys: keys('http://a.org') }],
    ['a URL of an event that is too large', { publicKeys: keys('https://a.org/'.padEnd(6_000, 'x')) }],
    ['a URL that is not ASCII', { publicKeys: keys('https://a.org/\u3042') }],
    ['a URL with a line break', { publicKeys: keys('https://a.org/\n') }],
    ['nothing', undefined],
  ])('when it stores an invite with %s', async (_case, changes) => {
    const { app, mailer, storage } = await setUpAddresses();
    const storeInvite = mailer.storeInvite.bind(mailer);
    mailer.storeInvite = async (...args) => {
      const stored = await storeInvite(...args);
      return (changes && Object.assign(stored, changes)) as typeof stored;
    };
    expectRefusal(await byAddress(app), 500, 'M_UNKNOWN');
    expect(await tokenEvents(storage)).toEqual([]);
  });

  it('when it stores an invite with a promise: its rejection does not end the process', async () => {
    const { app, mailer } = await setUpAddresses();
    mailer.storeInvite = async () => ({ token: Promise.reject(new Error('down')) }) as never;
    expectRefusal(await byAddress(app), 500, 'M_UNKNOWN');
  });

  it('before it could be asked to store: the next request may try at once', async () => {
    const { app, mailer, storage } = await setUpAddresses({}, { timeoutMs: 300 });
    const release = vi.spyOn(storage, 'releaseAddress');
    const claimAddress = storage.claimAddress.bind(storage);
    vi.spyOn(storage, 'claimAddress').mockImplementationOnce(async (...args) => {
      const claim = await claimAddress(...args);
      await setTimeout(400);
      return claim;
    });
    expectRefusal(await byAddress(app), 504, 'M_UNKNOWN');
    expect(mailer.mails).toEqual([]);
    expect(release).toHaveBeenCalledTimes(1);
  });

  it('when the address got an owner meanwhile: that user is invited', async () => {
    const { app, mailer, storage } = await setUpAddresses();
    mailer.storeInvite = async () => {
      mailer.owners.set('bob@example.com', BOB);
      return 'inUse';
    };
    expectInvited(await byAddress(app));
    expect(await memberOf(storage, BOB)).toBeDefined();
    mailer.owners.clear();
    mailer.storeInvite = async () => 'inUse';
    expectRefusal(await byAddress(app), 400, 'M_THREEPID_IN_USE');
    expectRefusal(await byAddress(app), 400, 'M_THREEPID_IN_USE');
  });
});

describe('a service', () => {
  async function setUpService() {
    const storage = new MemoryStorage();
    const mailer = new OwnMailer();
    const service = createInviteService({
      serverName: 'example.org',
      storage,
      rateLimit: false,
      thirdParty: { identity: mailer, pending: storage, secret },
    });
    await seedRoom(storage, { members: {} });
    const { promise: gate, resolve: open } = gateOf();
    const { promise: reached, resolve: reach } = gateOf();
    const passGate = async () => {
      reach();
      await gate;
    };
    const inviteAddress = (signal?: AbortSignal) =>
      service.inviteByAddress({
        requester: { userId: ALICE },
        roomId: ROOM,
        idServer: 'id.example.org',
        idAccessToken: 'token',
        medium: 'email',
        address: ADDRESS,
        signal,
      });
    return { storage, mailer, service, open, reached, passGate, inviteAddress };
  }

  function gateOf() {
    let resolve = () => {};
    const promise = new Promise<void>((resolveIt) => {
      resolve = resolveIt;
    });
    return { promise, resolve };
  }

  it('completes an invite whose caller gave up while the mail was sent', async () => {
    const { storage, mailer, open, reached, passGate, inviteAddress } = await setUpService();
    const storeInvite = mailer.storeInvite.bind(mailer);
    mailer.storeInvite = async (...args) => {
      const stored = await storeInvite(...args);
      await passGate();
      return stored;
    };
    const controller = new AbortController();
    const invited = inviteAddress(controller.signal).catch((error: unknown) => error);
    await reached;
    controller.abort();
    expect(await invited).toMatchObject({ status: 504 });
    open();
    await expect.poll(() => tokenEvents(storage)).toHaveLength(1);
    expect(await inviteAddress()).toMatchObject({ outcome: 'alreadyInvited' });
    expect(mailer.mails).toHaveLength(1);
  });

  it('that is closed completes what it has begun, for a user who has the address too', async () => {
    const { storage, mailer, service, open, reached, passGate, inviteAddress } = await setUpService();
    mailer.lookUp = async () => {
      await passGate();
      return BOB;
    };
    const invited = inviteAddress();
    await reached;
    const closed = service.close();
    open();
    expect(await invited).toMatchObject({ outcome: 'invited' });
    await closed;
    expect(await memberOf(storage, BOB)).toBeDefined();
    await expect(inviteAddress()).rejects.toMatchObject({ status: 503 });
  });
});

describe('a store that fails', () => {
  it.each(['readState', 'claimAddress', 'settleAddress', 'appendEvent'] as const)(
    'is a 503 in %s, however it fails, and a 500 for a mistake',
    async (method) => {
      for (const [failure, status] of [
        [() => Promise.reject(new StorageUnavailableError('down')), 503],
        [() => new Promise(() => {}), 503],
        [() => Promise.reject(new TypeError('undefined is not a function')), 500],
      ] as const) {
        const { app, storage, outcomes } = await setUpAddresses({ deadlineMs: 1_000 });
        vi.spyOn(storage, method).mockImplementation(failure as never);
        expectRefusal(await byAddress(app), status, 'M_UNKNOWN');
        expect(outcomes).toMatchObject([{ failedCall: method }]);
      }
    },
  );

  it('between the mail and the event: the next request appends what is stored', async () => {
    const { app, mailer, storage } = await setUpAddresses({ deadlineMs: 1_000 });
    const append = vi.spyOn(storage, 'appendEvent');
    append.mockRejectedValue(new StorageUnavailableError('down'));
    expectRefusal(await byAddress(app), 503, 'M_UNKNOWN');
    append.mockRestore();
    expect(await tokenEvents(storage)).toEqual([]);
    expectInvited(await byAddress(app));
    expect(mailer.mails).toHaveLength(1);
    expect((await tokenEvents(storage)).map(({ state_key }) => state_key)).toEqual([mailer.mails[0]?.token]);
  });

  it('while it claims the address, and claims it late: the next request need not wait for the end of the claim', async () => {
    const { app, mailer, storage } = await setUpAddresses({ deadlineMs: 1_000 });
    const claimAddress = storage.claimAddress.bind(storage);
    let answer = () => {};
    const gate = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const release = vi.spyOn(storage, 'releaseAddress');
    vi.spyOn(storage, 'claimAddress').mockImplementationOnce(async (...args) => {
      const claim = await claimAddress(...args);
      await gate;
      return claim;
    });
    expectRefusal(await byAddress(app), 503, 'M_UNKNOWN');
    answer();
    await expect.poll(() => release).toHaveBeenCalledTimes(1);
    await expect.poll(async () => (await byAddress(app)).body).toEqual({});
    expect(mailer.mails).toHaveLength(1);
  });

  it('while the claim is settled: it is tried again', async () => {
    const { app, mailer, storage } = await setUpAddresses();
    vi.spyOn(storage, 'settleAddress').mockRejectedValueOnce(new StorageUnavailableError('down'));
    expectInvited(await byAddress(app));
    expectInvited(await byAddress(app));
    expect(mailer.mails).toHaveLength(1);
  });
});

describe('a room that refuses after the mail was sent', () => {
  it('refuses, and stores nothing', async () => {
    const { app, mailer, storage } = await setUpAddresses();
    const storeInvite = mailer.storeInvite.bind(mailer);
    mailer.storeInvite = async (...args) => {
      await storage.putState({
        room_id: ROOM,
        type: 'm.room.member',
        state_key: ALICE,
        sender: ALICE,
        origin_server_ts: 1,
        content: { membership: 'leave' },
      });
      return storeInvite(...args);
    };
    expectRefusal(await byAddress(app), 403, 'M_FORBIDDEN');
    expect(await tokenEvents(storage)).toEqual([]);
    // Whoever may invite later uses the mail that was sent.
    expectInvited(await byAddress(app, {}, 'carol-token'));
    expect(mailer.mails).toHaveLength(1);
  });
});

describe('an address and a token for the identity server', () => {
  it('are in no log line, no outcome, no limit and no event', async () => {
    const { logger, lines } = recordingLogger();
    const everything: unknown[] = [];
    const rateLimit = limits(100);
    const consume = vi.spyOn(rateLimit, 'consume');
    const all = { ...logger, debug: logger.warn, info: logger.warn };
    const { app, mailer, storage, outcomes } = await setUpAddresses({ logger: all, rateLimit });
    await byAddress(app);
    mailer.lookUp = () => Promise.reject(new Error('down'));
    await byAddress(app);
    everything.push(lines, outcomes, consume.mock.calls, await log(storage));
    expect(lines.length).toBeGreaterThan(0);
    const text = JSON.stringify(everything, (_key, value) => (value instanceof Error ? value.stack : value));
    expect(text).not.toMatch(/bob@|@example\.com|secret-token/i);
  });

  it.each(['lookUp', 'storeInvite'] as const)('nor in the error of %s', async (method) => {
    const { logger, lines } = recordingLogger();
    const { app, mailer, outcomes } = await setUpAddresses({ logger });
    const quoting = () => new Error(`550 <bob@EXAMPLE.com>: rejected, for ${BODY.id_access_token}`);
    for (const error of [quoting(), new MatrixError(502, 'M_UNKNOWN', 'down', { cause: quoting() })]) {
      vi.spyOn(mailer, method).mockRejectedValue(error);
      expectRefusal(
        await byAddress(app),
        method === 'lookUp' || outcomes.length === 1 ? 502 : 503,
        'M_UNKNOWN',
      );
    }
    const text = inspect([lines, outcomes], { depth: 20 });
    expect(text).toContain('550 <…>: rejected');
    expect(text).not.toMatch(/bob@|@example\.com|secret-token/i);
  });
});
