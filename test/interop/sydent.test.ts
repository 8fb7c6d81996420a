import { createPublicKey, verify } from 'node:crypto';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { PrivateCa } from '../../examples/invite-by-email/private-ca.ts';
import type { JsonObject } from '../../src/rooms/event.ts';
import { agentOf, expectInvited, expectRefusal, invite, memberOf, ROOM } from '../http/support.ts';
import { Homeserver } from './homeserver.ts';
import { Sydent, type SydentConfig } from './sydent.ts';

const ADDRESS = 'strauss@mail.example';
// JSON is YAML.
const TERMS = JSON.stringify({
  master_version: '1',
  docs: { tos: { version: '1', langs: { en: { name: 'Terms', url: 'https://id.example/terms' } } } },
});
const OTHER_KEY = { crypto: { 'ed25519.signingkey': `ed25519 0 ${'A'.repeat(43)}` } };

let ca: PrivateCa;
beforeAll(async () => {
  ca = await PrivateCa.create();
});

/** Starts sydent and a homeserver with a room of Alice. Alice and Bob have registered at sydent. */
async function start(config?: SydentConfig) {
  const sydent = await Sydent.start(ca, config);
  const homeserver = await Homeserver.start(ca, sydent.name);
  onTestFinished(async () => {
    await Promise.all([sydent.close(), homeserver.close()]);
  });
  const { app, storage, alice, bob, onbinds } = homeserver;
  const event = (type: string, state_key: string, content: JsonObject) => ({
    ...{ type, state_key, sender: alice, origin_server_ts: 1, content },
  });
  await storage.createRoom({
    roomId: ROOM,
    state: [
      event('m.room.create', '', { room_version: '11' }),
      event('m.room.member', alice, { membership: 'join' }),
      event('m.room.name', '', { name: 'Friday' }),
    ],
  });
  /** Registers with an OpenID token of the homeserver. Returns an access token. */
  const register = async (localpart: 'alice' | 'bob') => {
    const openId = { access_token: `${localpart}-token`, matrix_server_name: alice.replace('@alice:', '') };
    const { token } = await sydent.ask('POST', 'account/register', openId);
    return String(token);
  };
  const tokens = { alice: await register('alice'), bob: await register('bob') };
  const byAddress = (changes: object = {}) => {
    const address = { id_server: sydent.name, medium: 'email', address: ADDRESS };
    return invite(app, { body: { ...address, id_access_token: tokens.alice, ...changes } });
  };
  /** Binds the address to Bob, who reads the mail that proves that it is his. */
  const bind = async (address = ADDRESS) => {
    const secret = { client_secret: 'secret' };
    const session = { ...secret, email: address, send_attempt: 1 };
    const { sid } = await sydent.ask('POST', 'validate/email/requestToken', session, tokens.bob);
    const proof = { ...secret, sid, token: lastMail('Token') };
    expect(await sydent.ask('POST', 'validate/email/submitToken', proof, tokens.bob)).toMatchObject({
      success: true,
    });
    const bound = await sydent.ask('POST', '3pid/bind', { ...secret, sid, mxid: bob }, tokens.bob);
    expect(bound).toMatchObject({ status: 200, address: address.toLowerCase(), mxid: bob });
  };
  const lastMail = (field: string) =>
    new RegExp(`^${field}: (.*?)\r?$`, 'm').exec(sydent.mail.mails.at(-1)?.source ?? '')?.[1] ?? '';
  const tokenEvents = async () =>
    ((await storage.roomState(ROOM)) ?? []).filter(({ type }) => type === 'm.room.third_party_invite');
  const membershipOfBob = async () => (await memberOf(storage, bob))?.content.membership;
  /** Resolves when the homeserver has responded to this many onbind requests. */
  const responded = (count: number) => expect.poll(() => onbinds.length).toBeGreaterThanOrEqual(count);
  return {
    ...{ sydent, homeserver, tokens, byAddress, bind, lastMail },
    tokenEvents,
    membershipOfBob,
    responded,
  };
}

/** Returns whether a key signed an object, by the bytes that Node's crypto and JSON write. Its keys are ASCII. */
function isSignedBy(publicKey: string, { signatures, ...rest }: JsonObject): boolean {
  const x = Buffer.from(publicKey, 'base64').toString('base64url');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  const bytes = Buffer.from(JSON.stringify(rest, Object.keys(rest).sort()));
  return Object.values(signatures as Record<string, Record<string, string>>)
    .flatMap((each) => Object.values(each))
    .some((signature) => verify(null, bytes, key, Buffer.from(signature, 'base64')));
}

describe('with sydent, an address that a user has', () => {
  it('becomes an invite of the user, without a mail', async () => {
    const { byAddress, bind, sydent, membershipOfBob, tokenEvents, homeserver, responded } = await start();
    await bind('Strauss@Mail.example');
    const mails = sydent.mail.mails.length;
    expectInvited(await byAddress({ address: 'STRAUß@mail.example' }));
    expect(await membershipOfBob()).toBe('invite');
    expect(sydent.mail.mails).toHaveLength(mails);
    expect(await tokenEvents()).toEqual([]);
    // It tells the homeserver about an address without invites, too, and would repeat a request that fails.
    await responded(1);
    expect(homeserver.onbinds).toMatchObject([{ method: 'POST', status: 200 }]);
    expect(homeserver.onbinds[0]?.body).not.toHaveProperty('invites');
  });
});

describe('with sydent, an address that nobody has', () => {
  it('gets one mail, however often it is invited, and one event', async () => {
    const { byAddress, sydent, tokenEvents, lastMail, homeserver } = await start();
    const responses = await Promise.all(Array.from({ length: 8 }, () => byAddress()));
    const statuses = responses.map(({ status }) => status);
    expect(statuses).toContain(200);
    // 503 while another request invites the address, 429 if four requests to sydent are under way.
    expect(statuses.filter((status) => ![200, 429, 503].includes(status))).toEqual([]);
    expectInvited(await byAddress({ address: 'STRAUß@mail.example' }));
    expect(sydent.mail.mails.map(({ to }) => to)).toEqual([[ADDRESS]]);
    expect(lastMail('Room')).toBe('Friday');
    const { public_key } = await sydent.ask('GET', 'pubkey/ed25519:0');
    const url = `https://${sydent.name}/_matrix/identity/api/v1/pubkey`;
    expect(public_key).toMatch(/\+.*\//);
    const long = { public_key, key_validity_url: `${url}/isvalid` };
    const ephemeral = {
      public_key: expect.stringMatching(/^[\w-]{43}$/),
      key_validity_url: `${url}/ephemeral/isvalid`,
    };
    expect(await tokenEvents()).toEqual([
      expect.objectContaining({
        state_key: lastMail('Token'),
        sender: homeserver.alice,
        content: { display_name: 'str...@mai...', ...long, public_keys: [long, ephemeral] },
      }),
    ]);
  });

  it('becomes an invite once it is bound', async () => {
    const { byAddress, bind, homeserver, sydent, lastMail, responded } = await start();
    expectInvited(await byAddress());
    const token = lastMail('Token');
    await bind();
    await responded(1);
    expect(homeserver.onbinds).toMatchObject([
      { method: 'POST', status: 200, body: { mxid: homeserver.bob } },
    ]);
    const member = await memberOf(homeserver.storage, homeserver.bob);
    expect(member).toMatchObject({
      sender: homeserver.alice,
      content: {
        membership: 'invite',
        third_party_invite: { display_name: 'str...@mai...', signed: { mxid: homeserver.bob, token } },
      },
    });
    const { signed } = (member?.content.third_party_invite ?? {}) as { signed: JsonObject };
    const { public_key } = await sydent.ask('GET', 'pubkey/ed25519:0');
    expect(isSignedBy(String(public_key), signed)).toBe(true);
    expect(isSignedBy(String(public_key), { ...signed, mxid: homeserver.alice })).toBe(false);
    expect(await isValid(sydent, public_key)).toBe(true);
    // The same key in the other alphabet.
    expect(await isValid(sydent, Buffer.from(String(public_key), 'base64').toString('base64url'))).toBe(
      false,
    );
  });

  it('becomes an invite although the homeserver is down when it is bound', async () => {
    const { byAddress, bind, homeserver, membershipOfBob, responded } = await start();
    expectInvited(await byAddress());
    homeserver.onbindStatus = 503;
    await bind();
    await responded(1);
    expect(await membershipOfBob()).toBeUndefined();
    homeserver.onbindStatus = undefined;
    await expect.poll(membershipOfBob).toBe('invite');
  });

  it('is not told to the homeserver again if sydent restarts before the homeserver is up', async () => {
    const { byAddress, bind, homeserver, sydent, membershipOfBob, responded } = await start();
    expectInvited(await byAddress());
    homeserver.onbindStatus = 503;
    await bind();
    await responded(1);
    await sydent.restart();
    homeserver.onbindStatus = undefined;
    homeserver.onbinds.length = 0;
    // Bob binds the address once more: there are no invites any more.
    await bind();
    await responded(1);
    expect(homeserver.onbinds[0]).toMatchObject({ status: 200 });
    expect(homeserver.onbinds[0]?.body).not.toHaveProperty('invites');
    expect(await membershipOfBob()).toBeUndefined();
    // By address, Bob is found.
    expectInvited(await byAddress());
    expect(await membershipOfBob()).toBe('invite');
  });

  it('invites nobody once the invite is revoked, and can be invited again', async () => {
    const { byAddress, bind, homeserver, lastMail, membershipOfBob, responded } = await start();
    expectInvited(await byAddress());
    const revoked = { requester: { userId: homeserver.alice }, roomId: ROOM, token: lastMail('Token') };
    expect(await homeserver.service.revokeAddressInvite(revoked)).toMatchObject({ outcome: 'revoked' });
    await bind();
    await responded(1);
    expect(homeserver.onbinds).toMatchObject([{ status: 200, body: { invites: [{ room_id: ROOM }] } }]);
    expect(await membershipOfBob()).toBeUndefined();
    expectInvited(await byAddress());
    expect(await membershipOfBob()).toBe('invite');
  });
});

describe('with sydent, a new signing key', () => {
  it('ends the invites that wait for a bind', async () => {
    const { byAddress, bind, homeserver, sydent, membershipOfBob, tokenEvents, responded } = await start();
    expectInvited(await byAddress());
    const [event] = await tokenEvents();
    await sydent.restart(OTHER_KEY);
    const { public_key } = await sydent.ask('GET', 'pubkey/ed25519:0');
    expect(public_key).not.toBe(event?.content.public_key);
    expect(await isValid(sydent, event?.content.public_key)).toBe(false);
    await bind();
    await responded(1);
    expect(homeserver.onbinds).toMatchObject([{ status: 200, body: { invites: [{ room_id: ROOM }] } }]);
    expect(await membershipOfBob()).toBeUndefined();
  });

  it('does not end those whose ephemeral key signs', async () => {
    const { byAddress, homeserver, sydent, tokens, membershipOfBob, tokenEvents, lastMail } = await start();
    expectInvited(await byAddress());
    const [event] = await tokenEvents();
    await sydent.restart(OTHER_KEY);
    const mail = { token: lastMail('Token'), private_key: lastMail('Key'), mxid: homeserver.bob };
    const { status, ...signed } = await sydent.ask('POST', 'sign-ed25519', mail, tokens.bob);
    expect(status).toBe(200);
    await onbind(homeserver, signed);
    expect(await membershipOfBob()).toBe('invite');
    const [, ephemeral] = (event?.content.public_keys ?? []) as { public_key: string }[];
    expect(await isValid(sydent, ephemeral?.public_key, 'ephemeral/')).toBe(true);
  });

  it('ends them if sydent had signed before', async () => {
    const { byAddress, bind, homeserver, sydent, membershipOfBob, responded } = await start();
    expectInvited(await byAddress());
    homeserver.onbindStatus = 503;
    await bind();
    await responded(1);
    const { invites } = (homeserver.onbinds[0]?.body ?? {}) as { invites: { signed: JsonObject }[] };
    await sydent.restart(OTHER_KEY);
    homeserver.onbindStatus = undefined;
    await onbind(homeserver, invites[0]?.signed ?? {});
    expect(await membershipOfBob()).toBeUndefined();
  });
});

/** Sends a signature to the homeserver, as the specification says: by PUT. */
async function onbind({ app, alice, bob }: Homeserver, signed: JsonObject): Promise<void> {
  const address = { medium: 'email', address: ADDRESS, mxid: bob };
  const body = { ...address, invites: [{ ...address, room_id: ROOM, sender: alice, signed }] };
  const { status } = await agentOf(app).put('/_matrix/federation/v1/3pid/onbind').send(body);
  expect(status).toBe(200);
}

async function isValid(sydent: Sydent, publicKey: unknown, kind = ''): Promise<unknown> {
  const query = new URLSearchParams({ public_key: String(publicKey) });
  return (await sydent.ask('GET', `pubkey/${kind}isvalid?${query}`)).valid;
}

describe('what sydent refuses', () => {
  it('is an access token of nobody, or of somebody else', async () => {
    const { byAddress, tokens, sydent } = await start();
    expectRefusal(await byAddress({ id_access_token: 'nobody' }), 403, 'M_UNAUTHORIZED');
    expectRefusal(await byAddress({ id_access_token: tokens.bob }), 403, 'M_FORBIDDEN');
    expect(sydent.mail.mails).toEqual([]);
  });

  it('is a user who has not accepted its terms', async () => {
    const { byAddress, sydent, tokens, tokenEvents } = await start();
    await sydent.restart({ general: { 'terms.path': await sydent.write('terms.yaml', TERMS) } });
    expectRefusal(await byAddress(), 403, 'M_TERMS_NOT_SIGNED');
    expect(await tokenEvents()).toEqual([]);
    const accepted = { user_accepts: ['https://id.example/terms'] };
    expect(await sydent.ask('POST', 'terms', accepted, tokens.alice)).toEqual({ status: 200 });
    expectInvited(await byAddress());
  });

  it('is another mail of a user who has sent many', async () => {
    const { byAddress, homeserver, sydent, tokens } = await start({
      email: { 'email.ratelimit_sender.burst': 1 },
    });
    expectInvited(await byAddress());
    const body = { medium: 'email', address: ADDRESS, room_id: ROOM, sender: homeserver.alice };
    expect(await sydent.ask('POST', 'store-invite', body, tokens.alice)).toEqual({
      status: 429,
      errcode: 'M_UNKNOWN',
      error: expect.any(String),
    });
    expectRefusal(await byAddress({ address: 'other@mail.example' }), 429, 'M_LIMIT_EXCEEDED', {
      retry_after_ms: 1_000,
    });
  });

  it('is a phone number', async () => {
    const { byAddress, sydent } = await start();
    const phone = { medium: 'msisdn', address: '+44 20 7946 0123' };
    expectRefusal(await byAddress(phone), 403, 'M_THREEPID_MEDIUM_NOT_SUPPORTED');
    expect(sydent.mail.mails).toEqual([]);
  });
});

describe('what fails with sydent', () => {
  it('is an invite whose mail server is down: nobody is mailed twice', async () => {
    const { byAddress, bind, homeserver, sydent, tokenEvents, membershipOfBob, responded } = await start({
      email: { 'email.smtpport': 9 },
    });
    expectRefusal(await byAddress(), 502, 'M_UNKNOWN');
    expectRefusal(await byAddress(), 503, 'M_UNKNOWN');
    expect(await tokenEvents()).toEqual([]);
    // sydent has stored the invite all the same, but the room knows nothing of it.
    await sydent.restart();
    await bind();
    await responded(1);
    expect(homeserver.onbinds).toMatchObject([{ status: 200, body: { invites: [{ room_id: ROOM }] } }]);
    expect(await membershipOfBob()).toBeUndefined();
  });

  it('is the validity of every key if its version 1 is off', async () => {
    const { byAddress, bind, homeserver, responded, membershipOfBob } = await start({
      general: { enable_v1_access: 'false' },
    });
    expectInvited(await byAddress());
    await bind();
    await responded(2);
    expect(homeserver.onbinds).toMatchObject([{ status: 502 }, { status: 502 }]);
    expect(await membershipOfBob()).toBeUndefined();
  });
});
