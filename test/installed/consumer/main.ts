// A host app in TypeScript, compiled to an ES module or to CommonJS. It has its own requester type and policy.
import type { AddressInfo } from 'node:net';
import express from 'express';
import {
  createInviteRouter,
  type InvitePolicy,
  type InviteRouterOptions,
  isMatrixError,
  MatrixError,
  type Requester,
} from 'express-matrix-invite';
import { staticTokens } from 'express-matrix-invite/auth/static-tokens';
import { MemoryRateLimit } from 'express-matrix-invite/rate-limit/memory';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';

type Employee = Requester & { readonly department: string };

const onlySupport: InvitePolicy<Employee> = {
  name: 'only-support',
  decide: async ({ requester }) =>
    requester.department === 'support' ? undefined : { message: 'Ask the support' },
};

async function main(): Promise<void> {
  const storage = new MemoryStorage();
  const alice: Employee = { userId: '@alice:example.org', department: 'support' };
  const byAlice = { sender: alice.userId, origin_server_ts: Date.now() };
  const made: 'created' | 'exists' = await storage.createRoom({
    roomId: '!cats:example.org',
    state: [
      { ...byAlice, type: 'm.room.create', state_key: '', content: { room_version: '11' } },
      { ...byAlice, type: 'm.room.member', state_key: alice.userId, content: { membership: 'join' } },
    ],
  });
  if (made !== 'created') throw new MatrixError(500, 'M_UNKNOWN', made);

  const options: InviteRouterOptions<Employee> = {
    serverName: 'example.org',
    storage,
    rateLimit: new MemoryRateLimit(),
    auth: staticTokens({ 'alice-token': alice }),
    policies: [onlySupport],
  };
  const app = express();
  app.use('/_matrix/client/v3', createInviteRouter(options));
  const server = app.listen(0, '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo;
    console.log(JSON.stringify({ port, node: process.version }));
  });
}

main().catch((error: unknown) => {
  console.error(isMatrixError(error) ? error.errcode : error);
  process.exitCode = 1;
});
