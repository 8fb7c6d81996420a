import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { PrivateCa } from '../../examples/invite-by-email/private-ca.ts';
import { eventIdOf, type Pdu, verifyPdu } from '../../src/pdu/index.ts';
import { ROOM_VERSIONS } from '../../src/rooms/room-version.ts';
import { expectInvited, expectRefusal, invite } from '../http/support.ts';
import { FederatingHomeserver } from './federating-homeserver.ts';
import { Synapse, type SynapseUser } from './synapse.ts';

let ca: PrivateCa;
let synapse: Synapse;
/** A homeserver whose keys Synapse knows after the first invite. */
let homeserver: FederatingHomeserver;

beforeAll(async () => {
  ca = await PrivateCa.create();
  [synapse, homeserver] = await Promise.all([Synapse.start(ca), FederatingHomeserver.start(ca)]);
});

afterAll(async () => {
  await Promise.all([synapse?.close(), homeserver?.close()]);
});

let users = 0;

/** Registers a user at Synapse. */
function newUser(): Promise<SynapseUser> {
  users += 1;
  return synapse.register(`user${users}`);
}

const send = ({ app }: FederatingHomeserver, roomId: string, userId: string) =>
  invite(app, { roomId, body: { user_id: userId } });

/** Expects that the homeserver and Synapse have the same invite, which both have signed, and that the user sees it. */
async function expectArrived(
  from: FederatingHomeserver,
  roomId: string,
  user: SynapseUser,
  roomVersion = '11',
): Promise<void> {
  const ours = (await from.invitesIn(roomId)).filter(({ state_key }) => state_key === user.userId);
  const theirs = synapse.storedPdus(roomId, roomVersion).filter(({ state_key }) => state_key === user.userId);
  const idOf = (pdu: Pdu) => eventIdOf(pdu, roomVersion);
  expect(ours).toHaveLength(1);
  expect(theirs.map(idOf)).toEqual(ours.map(idOf));
  const { serverName, keyId, publicKey } = from.signer;
  const keys = [
    [serverName, new Map([[keyId, publicKey]])],
    [synapse.name, await synapse.keys()],
  ] as const;
  const checks = [...ours, ...theirs].flatMap((pdu) =>
    keys.map(([server, published]) => verifyPdu(pdu, roomVersion, server, published)),
  );
  expect(checks).toEqual(['valid', 'valid', 'valid', 'valid']);
  const shown = (await synapse.invitesOf(user))[roomId];
  expect(shown).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ type: 'm.room.name', content: { name: 'Friday' } }),
      expect.objectContaining({ type: 'm.room.create', sender: from.alice }),
      expect.objectContaining({
        type: 'm.room.member',
        state_key: user.userId,
        content: expect.objectContaining({ membership: 'invite' }),
      }),
    ]),
  );
}

describe('a user of Synapse', () => {
  it.each([...ROOM_VERSIONS.keys()])('is invited to a room of version %s', async (roomVersion) => {
    const user = await newUser();
    const roomId = await homeserver.createRoom(roomVersion);
    expectInvited(await send(homeserver, roomId, user.userId));
    await expectArrived(homeserver, roomId, user, roomVersion);
    // A pending invite.
    expectInvited(await send(homeserver, roomId, user.userId));
    await expectArrived(homeserver, roomId, user, roomVersion);
  });

  it('who does not want invites gets none', async () => {
    const user = await newUser();
    await synapse.setAccountData(user, 'm.invite_permission_config', { default_action: 'block' });
    const roomId = await homeserver.createRoom();
    const response = await send(homeserver, roomId, user.userId);
    expectRefusal(response, 403, 'M_INVITE_BLOCKED');
    expect(response.body.error).toBe(`${synapse.name}: You are not permitted to invite this user.`);
    expect(await homeserver.invitesIn(roomId)).toEqual([]);
    expect(await synapse.invitesOf(user)).toEqual({});
  });

  it('who does not exist is invited', async () => {
    const roomId = await homeserver.createRoom();
    expectInvited(await send(homeserver, roomId, `@nobody:${synapse.name}`));
    expect(await homeserver.invitesIn(roomId)).toHaveLength(1);
  });

  it('who is invited to many rooms is invited to no more', async () => {
    const user = await newUser();
    const rooms = await Promise.all(Array.from({ length: 6 }, () => homeserver.createRoom()));
    const [last = '', ...first] = rooms;
    for (const roomId of first) expectInvited(await send(homeserver, roomId, user.userId));
    const response = await send(homeserver, last, user.userId);
    expectRefusal(response, 429, 'M_LIMIT_EXCEEDED', { retry_after_ms: expect.any(Number) });
    // Synapse allows an invite every 333 seconds.
    expect(response.body.retry_after_ms).toBeGreaterThan(300_000);
    expect(await homeserver.invitesIn(last)).toEqual([]);
    expect(Object.keys(await synapse.invitesOf(user)).sort()).toEqual(first.sort());
  });
});

describe('a user who declines', () => {
  it('has no invite any more, but the room does not know it without the endpoints for it', async () => {
    const user = await newUser();
    const roomId = await homeserver.createRoom();
    expectInvited(await send(homeserver, roomId, user.userId));
    await synapse.decline(user, roomId);
    expect(await synapse.invitesOf(user)).toEqual({});
    expect(homeserver.unserved).toContain('/_matrix/federation/v1/make_leave');
    // The invite is pending, so it is not sent again.
    expectInvited(await send(homeserver, roomId, user.userId));
    expect(await synapse.invitesOf(user)).toEqual({});
  });
});

describe('a server whose keys Synapse cannot get', () => {
  it('can invite nobody, until it serves them', async () => {
    const user = await newUser();
    const newcomer = await FederatingHomeserver.start(ca);
    onTestFinished(() => newcomer.close());
    const roomId = await newcomer.createRoom();
    newcomer.servesKeys = false;
    expectRefusal(await send(newcomer, roomId, user.userId), 502, 'M_UNKNOWN');
    expect(await newcomer.invitesIn(roomId)).toEqual([]);
    newcomer.servesKeys = true;
    expectInvited(await send(newcomer, roomId, user.userId));
    await expectArrived(newcomer, roomId, user);
  });
});

describe('while Synapse restarts', () => {
  it('a user cannot be invited, and can afterwards', async () => {
    const user = await newUser();
    const roomId = await homeserver.createRoom();
    await synapse.kill();
    synapse.proxy.cut();
    const response = await send(homeserver, roomId, user.userId);
    expectRefusal(response, 502, 'M_UNKNOWN');
    expect(await homeserver.invitesIn(roomId)).toEqual([]);
    await synapse.restart();
    expectInvited(await send(homeserver, roomId, user.userId));
    await expectArrived(homeserver, roomId, user);
  });

  it('an invite that it has accepted is completed', async () => {
    const user = await newUser();
    // Synapse does not know its keys: it asks for them once it has the request.
    const newcomer = await FederatingHomeserver.start(ca);
    onTestFinished(() => newcomer.close());
    onTestFinished(() => {
      synapse.proxy.onResponse = () => 'pass';
    });
    const roomId = await newcomer.createRoom();
    newcomer.onKeyRequest = () => {
      synapse.proxy.onResponse = () => 'swallow';
    };
    const response = send(newcomer, roomId, user.userId);
    await expect.poll(() => synapse.invitesOf(user)).toHaveProperty([roomId]);
    expect(await newcomer.invitesIn(roomId)).toEqual([]);
    await synapse.kill();
    synapse.proxy.cut();
    expectRefusal(await response, 502, 'M_UNKNOWN');
    synapse.proxy.onResponse = () => 'pass';
    await synapse.restart();
    expectInvited(await send(newcomer, roomId, user.userId));
    await expectArrived(newcomer, roomId, user);
  });
});

describe('a Synapse that takes no invites', () => {
  it('is told from one that does not support the version of the room', async () => {
    const versions = ['12'];
    const modules = [{ module: 'forget.Forget', config: { versions } }];
    await synapse.restart({ modules, block_non_admin_invites: true });
    const user = await newUser();
    const [newer, older] = await Promise.all([homeserver.createRoom('12'), homeserver.createRoom('11')]);
    expectRefusal(await send(homeserver, newer, user.userId), 400, 'M_UNSUPPORTED_ROOM_VERSION');
    // Synapse's errcode is M_UNKNOWN.
    expectRefusal(await send(homeserver, older, user.userId), 403, 'M_FORBIDDEN');
    for (const roomId of [newer, older]) expect(await homeserver.invitesIn(roomId)).toEqual([]);
  });
});
