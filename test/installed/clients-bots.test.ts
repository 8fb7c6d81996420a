import { appServices } from 'express-matrix-invite/auth/app-services';
import { firstOf } from 'express-matrix-invite/auth/first-of';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BOB, CAROL, limits, MALLORY, memberOf, ROOM, seedRoom, tokens } from '../http/support.ts';
import { type Bot, bots, registration } from './support/bots.ts';
import { Client } from './support/client.ts';
import { oddRooms, oddUsers } from './support/identifiers.ts';
import { addEmptyModule, loadFailure } from './support/loading.ts';
import { nodePathOf } from './support/node-versions.ts';
import { copyInto, projectWith } from './support/project.ts';
import { serve } from './support/server.ts';

/** Node's error message if the install script of their crypto could not download its binary. */
const NO_BINARY = /^Cannot find module '(@matrix-org\/matrix-sdk-crypto-nodejs-[^']+)'$/;

const node = await nodePathOf(22);

for (const bot of bots) {
  const project = await projectWith(bot.name, [`${bot.name}@${bot.version}`]);
  const failure = await loadFailure(project, node, bot.name);

  if (failure === undefined) {
    describeInvites(`${bot.name} ${bot.version}`, bot, project);
  } else {
    it(`${bot.name} ${bot.version} DOES NOT LOAD HERE: ${failure}`, async () => {
      console.log(`${bot.name} does not load here: ${failure}. An empty module replaces the missing one.`);
      expect(failure).toMatch(NO_BINARY);
      await addEmptyModule(project, NO_BINARY.exec(failure)?.[1] ?? '');
      expect(await loadFailure(project, node, bot.name)).toBeUndefined();
    });
    describeInvites(
      `${bot.name} ${bot.version} (with an empty module in place of its missing crypto)`,
      bot,
      project,
    );
  }
}

const auth = firstOf(appServices({ serverName: 'example.org', registrations: [registration] }), tokens);

function describeInvites(name: string, bot: Bot, project: string): void {
  describe(name, () => {
    let client: Client;

    beforeAll(async () => {
      await copyInto(project, 'client/result-of.cjs');
      client = new Client(node, await copyInto(project, bot.program));
    });

    afterAll(() => client.end());

    const members = { [bot.inviter]: 'join', [MALLORY]: 'ban' };

    it.each(oddRooms)('invites into $roomId of version $version', async ({ roomId, version }) => {
      const { baseUrl, store } = await serve({ auth });
      await seedRoom(store, { roomId, version, members });
      for (const userId of oddUsers) {
        expect(await client.run('invite', { baseUrl, ...bot.login, roomId, userId })).toEqual({ result: {} });
        const event = await memberOf(store, userId, roomId);
        expect(event).toMatchObject({ sender: bot.inviter, content: { membership: 'invite' } });
      }
    });

    it.each([
      [400, 'M_INVALID_PARAM', { userId: 'bob' }],
      [401, 'M_UNKNOWN_TOKEN', bot.badLogin],
      [403, 'M_FORBIDDEN', { userId: MALLORY }],
      [403, 'M_INVITE_BLOCKED', { userId: CAROL }],
    ])('throws a MatrixError: %i %s', async (statusCode, errcode, call) => {
      const blocks = { default_action: 'block' };
      const users = { getAccountData: async (userId: string) => (userId === CAROL ? blocks : undefined) };
      const { baseUrl, store } = await serve({ auth, users });
      await seedRoom(store, { members });
      const defaults = { baseUrl, ...bot.login, roomId: ROOM, userId: BOB };
      const body = expect.objectContaining({ errcode, error: expect.stringMatching(/./) });
      expect(await client.run('invite', { ...defaults, ...call })).toEqual({
        error: { statusCode, errcode, body },
      });
    });

    it('throws a MatrixError with the retry delay: 429 M_LIMIT_EXCEEDED', async () => {
      const { baseUrl, store } = await serve({ auth, rateLimit: limits(1) });
      await seedRoom(store, { members });
      const call = { baseUrl, ...bot.login, roomId: ROOM };
      expect(await client.run('invite', { ...call, userId: BOB })).toEqual({ result: {} });
      const result = await client.run('invite', { ...call, userId: CAROL });
      expect(result).toMatchObject({ error: { statusCode: 429, errcode: 'M_LIMIT_EXCEEDED' } });
      const { retryAfterMs } = (result as { error: { retryAfterMs: number } }).error;
      expect(retryAfterMs).toBeGreaterThan(0);
      expect(retryAfterMs).toBeLessThanOrEqual(60_000);
    });
  });
}
