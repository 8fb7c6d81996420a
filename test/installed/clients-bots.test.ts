import { appServices } from 'express-matrix-invite/auth/app-services';
import { firstOf } from 'express-matrix-invite/auth/first-of';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BOB, CAROL, limits, MALLORY, memberOf, ROOM, seedRoom, tokens } from '../http/support.ts';
import { type Bot, bots, registration } from './support/bots.ts';
import { Client } from './support/client.ts';
import { oddRooms, oddUsers } from './support/identifiers.ts';
import { loadFailure, putEmptyModule } from './support/loading.ts';
import { nodeOf } from './support/node-versions.ts';
import { projectWith, put } from './support/project.ts';
import { serve } from './support/server.ts';

/** What Node says of the binary that the install script of their crypto downloads, where it could not. */
const NO_BINARY = /^Cannot find module '(@matrix-org\/matrix-sdk-crypto-nodejs-[^']+)'$/;

const node = await nodeOf(22);

for (const bot of bots) {
  const project = await projectWith(bot.name, [`${bot.name}@${bot.version}`]);
  const failure = await loadFailure(project, node, bot.name);

  if (failure === undefined) {
    invites(`${bot.name} ${bot.version}`, bot, project);
  } else {
    it(`${bot.name} ${bot.version} DOES NOT LOAD HERE: ${failure}`, async () => {
      console.log(
        `${bot.name} does not load here: ${failure}. Its errors are tried with an empty module there.`,
      );
      expect(failure).toMatch(NO_BINARY);
      await putEmptyModule(project, NO_BINARY.exec(failure)?.[1] ?? '');
      expect(await loadFailure(project, node, bot.name)).toBeUndefined();
    });
    invites(`${bot.name} ${bot.version}, an empty module in place of its missing crypto,`, bot, project);
  }
}

const auth = firstOf(appServices({ serverName: 'example.org', registrations: [registration] }), tokens);

function invites(name: string, bot: Bot, project: string): void {
  describe(name, () => {
    let client: Client;

    beforeAll(async () => {
      await put(project, 'client/answer-of.cjs');
      client = new Client(node, await put(project, bot.program));
    });

    afterAll(() => client.end());

    const members = { [bot.inviter]: 'join', [MALLORY]: 'ban' };

    it.each(oddRooms)('invites into $roomId of version $version', async ({ roomId, version }) => {
      const { baseUrl, store } = await serve({ auth });
      await seedRoom(store, { roomId, version, members });
      for (const userId of oddUsers) {
        expect(await client.do('invite', { baseUrl, ...bot.login, roomId, userId })).toEqual({ answer: {} });
        const event = await memberOf(store, userId, roomId);
        expect(event).toMatchObject({ sender: bot.inviter, content: { membership: 'invite' } });
      }
    });

    it.each([
      [400, 'M_INVALID_PARAM', { userId: 'bob' }],
      [401, 'M_UNKNOWN_TOKEN', bot.badLogin],
      [403, 'M_FORBIDDEN', { userId: MALLORY }],
      [403, 'M_INVITE_BLOCKED', { userId: CAROL }],
    ])('throws its MatrixError: %i %s', async (statusCode, errcode, call) => {
      const blocks = { default_action: 'block' };
      const users = { getAccountData: async (userId: string) => (userId === CAROL ? blocks : undefined) };
      const { baseUrl, store } = await serve({ auth, users });
      await seedRoom(store, { members });
      const usual = { baseUrl, ...bot.login, roomId: ROOM, userId: BOB };
      const body = expect.objectContaining({ errcode, error: expect.stringMatching(/./) });
      expect(await client.do('invite', { ...usual, ...call })).toEqual({
        error: { statusCode, errcode, body },
      });
    });

    it('throws its MatrixError: 429 M_LIMIT_EXCEEDED, with the time of the next try', async () => {
      const { baseUrl, store } = await serve({ auth, rateLimit: limits(1) });
      await seedRoom(store, { members });
      const call = { baseUrl, ...bot.login, roomId: ROOM };
      expect(await client.do('invite', { ...call, userId: BOB })).toEqual({ answer: {} });
      const told = await client.do('invite', { ...call, userId: CAROL });
      expect(told).toMatchObject({ error: { statusCode: 429, errcode: 'M_LIMIT_EXCEEDED' } });
      const { retryAfterMs } = (told as { error: { retryAfterMs: number } }).error;
      expect(retryAfterMs).toBeGreaterThan(0);
      expect(retryAfterMs).toBeLessThanOrEqual(60_000);
    });
  });
}
