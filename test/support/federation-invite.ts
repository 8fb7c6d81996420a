// Invites users of another server into a room that federates, in an SQLite file, and prints the results:
// federation-invite.ts <JSON of FederationInvites> [<step>]
// It kills itself at the step, which is before or after a call of its graph, such as `before append`.
import { DatabaseSync } from '@photostructure/sqlite';
import { SqliteGraphStorage } from '../../adapters/storage/sqlite-graph/index.ts';
import { isMatrixError } from '../../src/index.ts';
import { signingKey } from '../../src/pdu/index.ts';
import type { TestNetwork } from './federation-inbox.ts';
import { federationService } from './federation-service.ts';
import { killAt } from './kill-at.ts';

/** What the process needs to know. */
export type FederationInvites = {
  readonly path: string;
  /** The seed of the key of `one.test`, in hexadecimal. */
  readonly seed: string;
  readonly network: TestNetwork['options'];
  readonly roomId: string;
  readonly users: readonly string[];
};

const [json = '', step = ''] = process.argv.slice(2);
const { path, seed, network, roomId, users }: FederationInvites = JSON.parse(json);
const signer = signingKey('ed25519:a_1', 'one.test', Buffer.from(seed, 'hex'));
const rooms = new SqliteGraphStorage(new DatabaseSync(path), { signer });
killAt(step, rooms, ['readState', 'build', 'append']);
const service = federationService(rooms, signer, network);

async function invite(userId: string): Promise<string> {
  try {
    return (await service.invite({ requester: { userId: '@alice:one.test' }, roomId, userId })).outcome;
  } catch (error) {
    return isMatrixError(error) ? `${error.status} ${error.message}` : String(error);
  }
}

for (const outcome of await Promise.all(users.map(invite))) console.log(outcome);
await service.close();
