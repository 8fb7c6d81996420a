import { randomBytes } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SqliteGraphStorage } from '../../../adapters/storage/sqlite-graph/index.ts';
import { noop } from '../../../src/internal/unawaited.ts';
import { eventIdOf, signingKey } from '../../../src/pdu/index.ts';
import { range } from '../../../src/testing/random.ts';
import { Child } from '../../support/child.ts';
import { FederationInbox, TestNetwork } from '../../support/federation-inbox.ts';
import type { FederationInvites } from '../../support/federation-invite.ts';
import { federationService } from '../../support/federation-service.ts';
import { newSqlitePath, openSqlite } from '../../support/sqlite-file.ts';
import { createRoom, invitesOf } from './matrix-support.ts';

/** How often the inviting process is killed. `npm run test:crash` sets more. */
const ROUNDS = Number(process.env.INVITE_CRASH_ROUNDS ?? 6);

/** A round starts a process, which takes seconds on a busy machine. */
const ROUND_TIMEOUT_MS = 120_000;

/** Every moment between two things that an invite does. */
const STEPS = [
  'before build',
  'after build',
  'on arrival',
  'once it is accepted',
  'before append',
  'after append',
] as const;

const GRAPH_CALLS = new Set<string>(['before build', 'after build', 'before append', 'after append']);

async function setUp() {
  const network = await TestNetwork.start();
  onTestFinished(() => network.close());
  const seed = randomBytes(32);
  const signer = signingKey('ed25519:a_1', 'one.test', seed);
  const inbox = await FederationInbox.start(network, 'two.test:0', signer);
  onTestFinished(() => inbox.close());
  const path = await newSqlitePath();
  const database = openSqlite(path);
  const rooms = new SqliteGraphStorage(database, { signer });
  await rooms.migrate();
  const roomId = await createRoom(rooms);
  const start = (users: readonly string[], step = '') => {
    const invites: FederationInvites = {
      path,
      seed: seed.toString('hex'),
      network: network.options,
      roomId,
      users,
    };
    return new Child('federation-invite.ts', JSON.stringify(invites), step);
  };
  /** Resumes as another process does some time later. */
  const resume = async () => {
    database.exec('UPDATE matrix_graph_built SET built_at = built_at - 180000');
    const service = federationService(rooms, signer, network.options);
    const result = await service.resume();
    await service.close();
    return result;
  };
  return { inbox, rooms, roomId, start, resume };
}

type World = Awaited<ReturnType<typeof setUp>>;

/** Kills the process of an invite at a step. */
async function killAt(step: (typeof STEPS)[number], userId: string, { inbox, start }: World): Promise<void> {
  if (GRAPH_CALLS.has(step)) {
    inbox.respond = (_invite, accept) => accept();
    return start([userId], step).end().catch(noop);
  }
  const child = start([userId]);
  await new Promise<void>((resolve) => {
    inbox.respond = async (_invite, accept) => {
      const answer = step === 'once it is accepted' ? await accept() : 'silence';
      await child.kill();
      resolve();
      return answer;
    };
  });
  inbox.respond = (_invite, accept) => accept();
}

describe('an inviting process that is killed', () => {
  it(
    `${ROUNDS} times leaves each invite once in the room and once in the inbox, after resume`,
    async () => {
      const world = await setUp();
      const { inbox, rooms, roomId, resume } = world;
      for (const round of range(ROUNDS)) {
        const step = STEPS[round % STEPS.length] ?? 'before build';
        const userId = `@dave${round}:${inbox.name}`;
        await killAt(step, userId, world);
        const { failed } = await resume();
        const stored = await invitesOf(rooms, roomId, userId);
        const received = inbox.received.filter(({ event }) => event.state_key === userId);
        const accepted = [...inbox.invites.values()].filter(({ event }) => event.state_key === userId);
        const count = step === 'before build' ? 0 : 1;
        expect({ step, failed, stored: stored.length, accepted: accepted.length }).toEqual({
          step,
          failed: 0,
          stored: count,
          accepted: count,
        });
        const ids = [...stored.map((pdu) => eventIdOf(pdu, '12')), ...received.map(({ eventId }) => eventId)];
        expect(new Set(ids).size).toBe(count);
      }
      expect(await resume()).toEqual({ completed: 0, abandoned: 0, failed: 0 });
    },
    ROUNDS * ROUND_TIMEOUT_MS,
  );

  it(
    'is completed by the next request as well, with the same event',
    async () => {
      const world = await setUp();
      const { inbox, rooms, roomId, start } = world;
      for (const step of ['after build', 'once it is accepted', 'after append'] as const) {
        const userId = `@dave-${step.replaceAll(' ', '-')}:${inbox.name}`;
        await killAt(step, userId, world);
        const child = start([userId]);
        await child.end();
        expect(child.lines).toEqual([step === 'after append' ? 'alreadyInvited' : 'invited']);
        const received = inbox.received.filter(({ event }) => event.state_key === userId);
        expect(new Set(received.map(({ eventId }) => eventId)).size).toBe(1);
        expect(await invitesOf(rooms, roomId, userId)).toHaveLength(1);
      }
    },
    6 * ROUND_TIMEOUT_MS,
  );

  it(
    'among others that invite the same users leaves one event of each',
    async () => {
      const world = await setUp();
      const { inbox, rooms, roomId, start, resume } = world;
      const users = range(8).map((index) => `@dave${index}:${inbox.name}`);
      const doomed = start(users);
      let arrived = 0;
      inbox.respond = async (_invite, accept) => {
        arrived += 1;
        if (arrived === 4) await doomed.kill();
        return accept();
      };
      const others = [start(users), start(users)];
      await Promise.all(others.map((child) => child.end()));
      await doomed.kill();
      expect((await resume()).failed).toBe(0);
      for (const userId of users) {
        const received = inbox.received.filter(({ event }) => event.state_key === userId);
        expect(new Set(received.map(({ eventId }) => eventId)).size).toBe(1);
        expect(await invitesOf(rooms, roomId, userId)).toHaveLength(1);
      }
    },
    3 * ROUND_TIMEOUT_MS,
  );
});
