import type { InvitePolicy } from 'express-matrix-invite';
import { adminsOnly } from 'express-matrix-invite/policies/admins-only';
import { blockedRooms } from 'express-matrix-invite/policies/blocked-rooms';
import { contentRules } from 'express-matrix-invite/policies/content-rules';
import { except } from 'express-matrix-invite/policies/except';
import { httpAntispam } from 'express-matrix-invite/policies/http-antispam';
import { ignoredUsers } from 'express-matrix-invite/policies/ignored-users';
import { inviteFilter } from 'express-matrix-invite/policies/invite-filter';
import { pendingInviteQuota } from 'express-matrix-invite/policies/pending-invite-quota';
import { protectedUsers } from 'express-matrix-invite/policies/protected-users';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { describe, expect, it } from 'vitest';
import { ALICE, BOB, ROOM } from '../../http/support.ts';
import { OwnMailer } from '../../support/own-mailer.ts';
import { serviceThat } from './http-antispam-support.ts';
import { appWith, sendInvite } from './support.ts';

const BODY = {
  user_id: undefined,
  id_server: 'id.example.org',
  id_access_token: 'token',
  medium: 'email',
  address: 'bob@example.com',
};

async function sendByAddress(policy: InvitePolicy) {
  const identity = new OwnMailer();
  const pending = new MemoryStorage();
  const host = await appWith(policy, {
    thirdParty: { identity, pending, secret: 'a secret of at least thirty-two bytes' },
  });
  const { status } = await sendInvite(host, BODY);
  return { status, mails: identity.mails.length };
}

const users = { getAccountData: async () => expect.fail('nobody has the address') };
const allowed = { status: 200, mails: 1 };
const refused = { status: 403, mails: 0 };

const policies: [string, InvitePolicy, object][] = [
  ['adminsOnly, by an admin', adminsOnly({ isAdmin: ({ userId }) => userId === ALICE }), allowed],
  ['adminsOnly, by another user', adminsOnly({ isAdmin: () => false }), refused],
  ['blockedRooms, of this room', blockedRooms({ rooms: [ROOM] }), refused],
  ['blockedRooms, of another room', blockedRooms({ rooms: ['!other:example.org'] }), allowed],
  ['contentRules', contentRules({ required: true, maxLength: 1 }), allowed],
  ['ignoredUsers', ignoredUsers({ users }), allowed],
  ['inviteFilter', inviteFilter({ users }), allowed],
  ['pendingInviteQuota, reached', pendingInviteQuota({ max: 1, countPending: () => 1 }), refused],
  ['pendingInviteQuota, not reached', pendingInviteQuota({ max: 2, countPending: () => 1 }), allowed],
  ['protectedUsers', protectedUsers({ users: [BOB] }), allowed],
  ['except, exempt', except(blockedRooms({ rooms: [ROOM] }), ({ medium }) => medium === 'email'), allowed],
  ['except, not exempt', except(blockedRooms({ rooms: [ROOM] }), ({ userId }) => userId === BOB), refused],
];

describe('an invite by address', () => {
  it.each(policies)('with %s', async (_case, policy, expected) => {
    expect(await sendByAddress(policy)).toEqual(expected);
  });

  it.each([200, 403])('with httpAntispam, whose service responds with a %i', async (status) => {
    const service = await serviceThat((response) => response.writeHead(status).end('{}'));
    const policy = httpAntispam({ baseUrl: service.baseUrl, sendAddresses: true });
    expect(await sendByAddress(policy)).toEqual(status === 200 ? allowed : refused);
    expect(service.requests).toMatchObject([
      {
        path: expect.stringMatching(/\/user_may_send_3pid_invite$/),
        body: { inviter: ALICE, medium: 'email', address: 'bob@example.com', room_id: ROOM },
      },
    ]);
  });

  it('with httpAntispam, which sends no addresses by default, is a TypeError', async () => {
    const policy = httpAntispam({ baseUrl: 'https://antispam.example.org' });
    await expect(sendByAddress(policy)).rejects.toThrow('decideByAddress: httpAntispam');
    await expect(sendByAddress(except(policy, () => true))).rejects.toThrow('decideByAddress: httpAntispam');
  });
});
