// Invites an address into a room of an SQLite file, and prints the result:
// address-invite.ts <file> <room ID> <file of the mails> <count> [<step>]
// It sends <count> requests at once. Each mail is a line of the file of the mails. It kills itself at the step, which is
// before or after a call, such as `before storeInvite`.
import { appendFileSync } from 'node:fs';
import { DatabaseSync } from '@photostructure/sqlite';
import { SqliteStorage } from '../../adapters/storage/sqlite/index.ts';
import { createInviteService, isMatrixError } from '../../src/index.ts';
import { killAt } from './kill-at.ts';
import { OwnMailer } from './own-mailer.ts';
import { ALICE } from './storage-room.ts';

const [path = '', roomId = '', mails = '', count = '1', step = ''] = process.argv.slice(2);
const storage = new SqliteStorage(new DatabaseSync(path));
const identity = new OwnMailer();
const storeInvite = identity.storeInvite.bind(identity);
identity.storeInvite = async (...parameters) => {
  const stored = await storeInvite(...parameters);
  appendFileSync(mails, `${identity.mails.at(-1)?.token}\n`);
  return stored;
};
killAt(step, storage, ['readState', 'claimAddress', 'settleAddress', 'appendEvent']);
killAt(step, identity, ['storeInvite']);

const service = createInviteService({
  serverName: 'example.org',
  storage,
  rateLimit: false,
  thirdParty: { identity, pending: storage, secret: 'a secret of at least thirty-two bytes' },
});

async function invite(): Promise<string> {
  try {
    const { outcome } = await service.inviteByAddress({
      requester: { userId: ALICE },
      roomId,
      idServer: 'id.example.org',
      idAccessToken: 'token',
      medium: 'email',
      address: 'bob@example.com',
    });
    return outcome;
  } catch (error) {
    return isMatrixError(error) ? String(error.status) : String(error);
  }
}

for (const result of await Promise.all(Array.from({ length: Number(count) }, invite))) console.log(result);
