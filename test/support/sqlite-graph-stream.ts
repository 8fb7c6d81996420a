// Invites users, four at a time: in turn one of this server, and one of another server, whose invite is built first.
// Prints the ID of each event once it is appended:
// sqlite-graph-stream.ts <file> <room ID> <prefix of the user IDs> <number of users>
import { writeSync } from 'node:fs';
import { DatabaseSync } from '@photostructure/sqlite';
import { SqliteGraphStorage } from '../../adapters/storage/sqlite-graph/index.ts';
import { SIGNER } from './graph-room.ts';
import { basisFor, inTime, inviteOf } from './storage-room.ts';

const [path = '', roomId = '', prefix = '', count = ''] = process.argv.slice(2);
const database = new DatabaseSync(path);
const storage = new SqliteGraphStorage(database, { signer: SIGNER });

let next = 0;

async function inviteUntilDone(): Promise<void> {
  while (next < Number(count)) {
    const number = next;
    next += 1;
    const userId = `@${prefix}${number}:${number % 2 === 0 ? 'example.org' : 'remote.example.com'}`;
    const event = inviteOf(roomId, userId);
    const basis = await basisFor(storage, roomId, userId);
    if (number % 2 === 0) {
      const result = await storage.appendEvent(event, basis, inTime());
      if (result.outcome !== 'appended') throw new Error(result.outcome);
      writeSync(1, `${result.eventId}\n`);
    } else {
      const built = await storage.build(event, basis, inTime());
      if (built.outcome !== 'built') throw new Error(built.outcome);
      const { outcome } = await storage.append(built.invite, built.invite.pdu, basis, inTime());
      if (outcome !== 'appended') throw new Error(outcome);
      writeSync(1, `${built.invite.eventId}\n`);
    }
  }
}

await Promise.all(Array.from({ length: 4 }, inviteUntilDone));
database.close();
