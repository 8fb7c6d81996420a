import { describe, expect, it } from 'vitest';
import { type Pdu, type Signer, signPdu, verifyPdu } from '../../../src/pdu/index.ts';
import type { JsonObject } from '../../../src/rooms/event.ts';
import { refusalOf } from '../../invite/support.ts';
import { type FederationInbox, type InboxAnswer, newSigner } from '../../support/federation-inbox.ts';
import { ALICE, CAROL, inboxNamed, type SetUp, setUp } from './matrix-support.ts';

const context = { signal: new AbortController().signal };
const POLICY_KEY = 'ed25519:policy_server';

/** Signs an event as the policy server of that name. */
async function signatureBy(signer: Signer, event: Pdu): Promise<JsonObject> {
  const { signatures } = await signPdu({ ...event, signatures: {} }, '12', signer, context);
  return { [signer.serverName]: signatures[signer.serverName] ?? {} };
}

/** A room with a policy server, one of whose users is joined. */
async function withPolicyServer(given: SetUp & { readonly isJoined?: boolean } = {}) {
  const policy = await inboxNamed('policy.test:0');
  const signer = newSigner(policy.name, POLICY_KEY);
  policy.sign = async (event) => ({ status: 200, body: await signatureBy(signer, event) });
  const world = await setUp({
    ...given,
    state: [
      { type: 'm.room.policy', content: { via: policy.name, public_keys: { ed25519: signer.publicKey } } },
    ],
  });
  const join = { room_id: world.roomId, type: 'm.room.member', sender: ALICE, origin_server_ts: Date.now() };
  if (given.isJoined !== false) {
    await world.rooms.putState({
      ...join,
      state_key: `@bot:${policy.name}`,
      content: { membership: 'join' },
    });
  }
  return { ...world, policy, signer };
}

function isSigned(pdu: Pdu | undefined, { serverName, publicKey }: Signer): boolean {
  if (pdu === undefined) return false;
  return verifyPdu(pdu, '12', serverName, new Map([[POLICY_KEY, publicKey]])) === 'valid';
}

describe('the policy server of a room', () => {
  it("signs an invite before the invitee's server gets it", async () => {
    const { inbox, policy, signer, invite, invites } = await withPolicyServer();
    expect(await invite()).toMatchObject({ outcome: 'invited' });
    expect(policy.toSign).toHaveLength(1);
    expect(isSigned(inbox.received[0]?.event, signer)).toBe(true);
    const [event] = await invites();
    expect(isSigned(event, signer)).toBe(true);
    expect(Object.keys(event?.signatures ?? {}).sort()).toEqual(['one.test', policy.name, inbox.name].sort());
  });

  it('signs the invite of a user of this server, too', async () => {
    const { inbox, policy, signer, invite, invites, trace } = await withPolicyServer();
    expect(await invite(CAROL)).toMatchObject({ outcome: 'invited' });
    expect(policy.toSign).toHaveLength(1);
    expect(isSigned((await invites(CAROL))[0], signer)).toBe(true);
    expect(inbox.targets).toEqual([]);
    expect(trace.remoteServer).toBeUndefined();
  });

  it("may be the invitee's server, whose two signatures are kept beside each other", async () => {
    const { policy, signer, invite, invites } = await withPolicyServer();
    await invite(`@dave:${policy.name}`);
    const [event] = await invites(`@dave:${policy.name}`);
    expect(Object.keys(event?.signatures[policy.name] ?? {}).sort()).toEqual(['ed25519:1', POLICY_KEY]);
    expect(isSigned(event, signer)).toBe(true);
  });

  it('is not asked if no user of it is joined, and users of this server are invited as before', async () => {
    const { policy, invite, invites } = await withPolicyServer({ isJoined: false });
    expect(await invite()).toMatchObject({ outcome: 'invited' });
    expect(await invite(CAROL)).toMatchObject({ outcome: 'invited' });
    expect(policy.targets).toEqual([]);
    expect(await invites(CAROL)).toHaveLength(1);
  });

  it('is not asked with policyServers: false', async () => {
    const { policy, invite } = await withPolicyServer({ options: { policyServers: false } });
    expect(await invite()).toMatchObject({ outcome: 'invited' });
    expect(policy.targets).toEqual([]);
  });

  it.each<[string, JsonObject]>([
    ['no via', { public_keys: { ed25519: 'A'.repeat(43) } }],
    ['a via that is no server name', { via: 'policy test', public_keys: { ed25519: 'A'.repeat(43) } }],
    ['this server', { via: 'one.test', public_keys: { ed25519: 'A'.repeat(43) } }],
    ['no key', { via: 'policy.test', public_keys: {} }],
    ['a key that is none', { via: 'policy.test', public_keys: { ed25519: 'key' } }],
    ['public_keys that are no object', { via: 'policy.test', public_keys: ['A'.repeat(43)] }],
  ])('that names %s is none', async (_title, content) => {
    const { inbox, invite, invites } = await setUp({ state: [{ type: 'm.room.policy', content }] });
    expect(await invite(CAROL)).toMatchObject({ outcome: 'invited' });
    expect(await invite()).toMatchObject({ outcome: 'invited' });
    expect([await invites(CAROL), await invites()].map(({ length }) => length)).toEqual([1, 1]);
    expect(inbox.received).toHaveLength(1);
  });

  it('is asked a second time if it does not sign, or wrongly', async () => {
    for (const signer of [undefined, newSigner('policy.test', POLICY_KEY)]) {
      const { policy, invite, invites, signer: good } = await withPolicyServer();
      policy.sign = async (event) => {
        const isSecond = policy.toSign.length === 2;
        const body = isSecond
          ? await signatureBy(good, event)
          : signer
            ? await signatureBy(signer, event)
            : {};
        return { status: 200, body };
      };
      expect(await invite()).toMatchObject({ outcome: 'invited' });
      expect(policy.toSign).toHaveLength(2);
      expect(await invites()).toHaveLength(1);
    }
  });

  type Refusal = (policy: FederationInbox) => InboxAnswer;
  const answers =
    (status: number, errcode: string): Refusal =>
    () => {
      return { status, body: { errcode, error: 'Spam\u0000', retry_after_ms: 5_000 } };
    };

  it.each<[title: string, refuse: Refusal, status: number, errcode: string, text?: RegExp]>([
    ['403 M_FORBIDDEN', answers(403, 'M_FORBIDDEN'), 403, 'M_FORBIDDEN', /^policy\.test:\d+: Spam$/],
    ['400 M_BAD_JSON', answers(400, 'M_BAD_JSON'), 400, 'M_BAD_JSON', /Spam/],
    ['403 M_INVITE_BLOCKED', answers(403, 'M_INVITE_BLOCKED'), 403, 'M_INVITE_BLOCKED', /Spam/],
    ['403 M_UNKNOWN_TOKEN', answers(403, 'M_UNKNOWN_TOKEN'), 502, 'M_UNKNOWN'],
    ['403 with another code', answers(403, 'SPAM'), 502, 'M_UNKNOWN'],
    ['403 with a code that is none', answers(403, 'M_X\n'), 502, 'M_UNKNOWN'],
    ['403 with a code without end', answers(403, `M_${'X'.repeat(5_000)}`), 502, 'M_UNKNOWN'],
    ['404', answers(404, 'M_NOT_FOUND'), 403, 'M_FORBIDDEN', /Spam/],
    ['429', answers(429, 'M_LIMIT_EXCEEDED'), 429, 'M_LIMIT_EXCEEDED'],
    ['401', answers(401, 'M_UNAUTHORIZED'), 502, 'M_UNKNOWN'],
    ['500', answers(500, 'M_UNKNOWN'), 502, 'M_UNKNOWN'],
    ['no signature', () => ({ status: 200, body: {} }), 502, 'M_UNKNOWN'],
    ['no JSON', () => ({ status: 200, body: '<p>' }), 502, 'M_UNKNOWN'],
    [
      'a signature under another name',
      () => ({ status: 200, body: { 'x.test': { [POLICY_KEY]: 'A' } } }),
      502,
      'M_UNKNOWN',
    ],
    ['an endless answer', () => 'endless', 502, 'M_UNKNOWN'],
    ['a broken connection', () => 'hang-up', 502, 'M_UNKNOWN'],
  ])('that answers %s stops the invite', async (_title, refuse, status, errcode, text = /^(?!.*Spam)/) => {
    const { policy, inbox, invite, invites, unfinished, rateLimit } = await withPolicyServer();
    policy.sign = () => refuse(policy);
    for (const userId of [undefined, CAROL]) {
      const error = await refusalOf(invite(userId));
      expect(error).toMatchObject({ status, errcode });
      expect(error.message).toMatch(text);
      expect(await invites(userId)).toEqual([]);
    }
    expect(inbox.targets).toEqual([]);
    expect(rateLimit.refunded).toEqual([]);
    expect(await unfinished()).toEqual([]);
  });

  it('is not asked again when the room has changed meanwhile, unless it is another one by then', async () => {
    const { policy, inbox, rooms, roomId, invite, invites } = await withPolicyServer();
    const next = newSigner(policy.name, POLICY_KEY);
    inbox.respond = async (_invite, accept) => {
      if (inbox.received.length === 1) {
        const change = { room_id: roomId, state_key: '', sender: ALICE, origin_server_ts: Date.now() };
        await rooms.putState({ ...change, type: 'm.room.server_acl', content: { allow: ['*'] } });
      }
      return accept();
    };
    await invite();
    expect([policy.toSign.length, inbox.received.length]).toEqual([1, 1]);

    policy.sign = async (event) => ({ status: 200, body: await signatureBy(next, event) });
    const change = { room_id: roomId, state_key: '', sender: ALICE, origin_server_ts: Date.now() };
    const content = { via: policy.name, public_keys: { ed25519: next.publicKey } };
    await rooms.putState({ ...change, type: 'm.room.policy', content });
    await invite(CAROL);
    expect(isSigned((await invites(CAROL))[0], next)).toBe(true);
  });
});
