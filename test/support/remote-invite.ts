// Invites users of another server into a room of an SQLite file, and prints the results:
// remote-invite.ts <file> <room ID> <URL of the other server> <user IDs, with commas> [<step>]
// Without user IDs, it resumes. It kills itself at the step, which is before or after a call, such as `before ask`.
import { DatabaseSync } from '@photostructure/sqlite';
import { createInviteService, isMatrixError } from '../../src/index.ts';
import { killAt } from './kill-at.ts';
import { SqliteRemoteInvites } from './sqlite-remote-invites.ts';
import { ALICE } from './storage-room.ts';

const [path = '', roomId = '', inbox = '', users = '', step = ''] = process.argv.slice(2);
const federation = new SqliteRemoteInvites(new DatabaseSync(path), new DatabaseSync(path), inbox);
const { storage } = federation;
killAt(step, storage, ['readState']);
killAt(step, federation, ['build', 'ask', 'append', 'forget']);

const service = createInviteService({
  serverName: 'example.org',
  storage,
  rateLimit: false,
  federation,
  // Processes that share the file wait for one another, and a busy machine may need many times as long as an idle one.
  deadlineMs: 60_000,
});

async function invite(userId: string): Promise<string> {
  try {
    return (await service.invite({ requester: { userId: ALICE }, roomId, userId })).outcome;
  } catch (error) {
    return isMatrixError(error) ? String(error.status) : String(error);
  }
}

if (users === '') console.log(JSON.stringify(await service.resume()));
else for (const outcome of await Promise.all(users.split(',').map(invite))) console.log(outcome);
await service.close();
