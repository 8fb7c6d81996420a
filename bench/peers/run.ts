import { randomUUID } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import manifest from '../../package.json' with { type: 'json' };
import type { BenchOptions } from '../arguments.ts';
import { DEFAULT_CASE } from '../harness/case.ts';
import { cpuTime, postgresPids } from '../harness/cpu-time.ts';
import { describeMachine, quietness } from '../harness/machine.ts';
import { withServer } from '../harness/measure.ts';
import { spreadOf } from '../harness/statistics.ts';
import { makeStore } from '../harness/store.ts';
import { Testbed } from '../harness/testbed.ts';
import { wrk } from '../harness/wrk.ts';
import { millis, rate, table, whole } from '../report/markdown.ts';
import type { Outcome } from '../report/page.ts';
import { startDendrite } from './dendrite.ts';
import { type Homeserver, SERVER_NAME } from './homeserver.ts';
import { startSynapse } from './synapse.ts';
import { type Measured, OURS, targetTable } from './targets.ts';

const CACHE = fileURLToPath(new URL(`../../node_modules/.cache/${manifest.name}-peers`, import.meta.url));
const CONNECTIONS = [1, 32];
/** Invites to a small room are spread over this number of rooms. */
const SMALL_ROOMS = 10;
const SMALL_ROOM_MEMBERS = 10;

/** A server with rooms of one size, ready for invites. */
type Target = {
  readonly name: string;
  readonly port: number;
  readonly pids: readonly number[];
  readonly rooms: number | readonly string[];
  /** The access tokens of Alice, who is in the rooms and may invite, and of Mallory, who is not in them. */
  readonly tokens: { readonly alice: string; readonly mallory: string };
};

/**
 * Sends the same invites to this package, to Synapse and to Dendrite, each on PostgreSQL and with limits that are never
 * reached. Needs PyPI and Go.
 *
 * @param options.most the members of the large room, at most 10,000
 */
export async function peers({ rounds, seconds, most }: BenchOptions): Promise<Outcome> {
  const before = await quietness();
  await mkdir(CACHE, { recursive: true });
  const large = Math.min(most, 10_000);
  const ours = { ...DEFAULT_CASE, store: 'postgres', limits: 'redis' } as const;
  const testbed = await Testbed.start([ours]);
  const servers: Homeserver[] = [];
  try {
    const { postgres } = testbed;
    if (postgres === undefined) throw new Error('PostgreSQL was not started');
    servers.push(await startSynapse(CACHE, join(testbed.folder, 'synapse'), postgres));
    servers.push(await startDendrite(CACHE, join(testbed.folder, 'dendrite'), postgres));
    const measured = new Map<string, Measured>();
    const responses: string[][] = [];
    for (const [size, roomCount] of [
      [SMALL_ROOM_MEMBERS, SMALL_ROOMS],
      [large, 1],
    ] as const) {
      // Alice, and Bob, who is invited.
      const testCase = { ...ours, rooms: roomCount, members: size - 2 };
      const store = await makeStore(testbed, testCase);
      const theirs: Target[] = [];
      for (const server of servers) theirs.push(await prepare(server, size, roomCount));
      await withServer(testbed, { store, testCase }, async ({ port, pids }) => {
        const tokens = { alice: 'alice-token', mallory: 'mallory-token' };
        const targets: Target[] = [{ name: OURS, port, pids, rooms: roomCount, tokens }, ...theirs];
        for (let round = 1; round <= rounds; round += 1) {
          for (const target of round % 2 === 1 ? targets : targets.toReversed()) {
            for (const connections of CONNECTIONS) {
              const key = `${size} ${connections} ${target.name}`;
              const entry = measured.get(key) ?? {
                name: target.name,
                members: size,
                connections,
                samples: [],
                memory: 0,
              };
              measured.set(key, entry);
              const sample = await inviteMany(testbed, target, connections, seconds);
              entry.samples.push(sample);
              entry.memory = await memoryOf(testbed, target);
              console.log(`round ${round} of ${rounds}: ${key} ${sample.rate.toFixed(0)}/s`);
            }
          }
        }
        if (size === SMALL_ROOM_MEMBERS) {
          for (const target of targets) responses.push(await describeOthers(target, seconds));
        }
      });
      await store.remove();
    }
    const machine = await describeMachine(testbed, before);
    const method = `Rounds: ${rounds}. Seconds per row: ${seconds}.`;
    const head = ['', 'a second invite', 'per second', 'not in the room', 'per second'];
    const blocks = {
      peers: [
        `${machine}\n${method}`,
        targetTable([...measured.values()]),
        inviteTable([...measured.values()]),
        table(head, responses),
      ].join('\n\n'),
    };
    return { blocks, charts: {}, failures: [] };
  } finally {
    for (const server of servers) await server.close();
    await testbed.close();
  }
}

const tokensOf = new Map<Homeserver, Target['tokens']>();

/** Registers the users once, and creates rooms with Alice, Bob (invited) and other members. */
async function prepare(server: Homeserver, size: number, roomCount: number): Promise<Target> {
  const known = tokensOf.get(server);
  const tokens = known ?? {
    alice: await server.register('alice'),
    mallory: await server.register('mallory'),
  };
  if (known === undefined) await server.register('bob');
  tokensOf.set(server, tokens);
  await server.registerMembers(size - 2, known === undefined ? 0 : SMALL_ROOM_MEMBERS - 2);
  const rooms: string[] = [];
  for (let index = 0; index < roomCount; index += 1) {
    const roomId = await server.createRoom(tokens.alice, size - 2);
    const body = { user_id: `@bob:${SERVER_NAME}` };
    await server.request('POST', inviteUrl(roomId), { token: tokens.alice, body });
    rooms.push(roomId);
  }
  return { name: server.name, port: server.port, pids: server.pids, rooms, tokens };
}

const inviteUrl = (roomId: string) => `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/invite`;

/** The rate is 0 if no response comes in time, as from a server that is busy with a large room. */
async function inviteMany(
  testbed: Testbed,
  { port, rooms, pids, tokens }: Target,
  connections: number,
  seconds: number,
): Promise<Measured['samples'][number]> {
  const invite = (duration: number) =>
    wrk({
      port,
      rooms,
      connections,
      seconds: duration,
      token: tokens.alice,
      userPrefix: `${randomUUID().slice(0, 8)}-`,
      status: 200,
    });
  await invite(2);
  const before = await cpuTime(testbed, pids);
  const result = await invite(seconds);
  const after = await cpuTime(testbed, pids);
  if (result.wrong > 0) {
    throw new Error(`of ${result.requests} invites, ${result.wrong} got ${result.wrongStatus}`);
  }
  return {
    ...result,
    rate: (result.requests / result.micros) * 1_000_000,
    cpu: (after.node - before.node + after.stores - before.stores) / result.requests,
  };
}

/** Returns the memory of the server's and PostgreSQL's processes, in bytes. Shared pages count once. */
async function memoryOf(testbed: Testbed, { pids }: Target): Promise<number> {
  let kilobytes = 0;
  for (const pid of [...pids, ...(await postgresPids(testbed))]) {
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
    kilobytes += Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0);
  }
  return kilobytes * 1_024;
}

/**
 * Returns a server's responses to an invite of a user who already has one, and to an invite by a user who is not in the
 * room.
 */
async function describeOthers(target: Target, seconds: number): Promise<string[]> {
  const cells: string[] = [target.name];
  for (const token of [target.tokens.alice, target.tokens.mallory]) {
    const roomId = typeof target.rooms === 'number' ? '!room0:example.org' : (target.rooms[0] ?? '');
    const response = await fetch(`http://127.0.0.1:${target.port}${inviteUrl(roomId)}`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ user_id: `@bob:${SERVER_NAME}` }),
    });
    const { errcode } = (await response.json()) as { errcode?: string };
    const { port, rooms } = target;
    const { status } = response;
    const load = { port, rooms, token, seconds, connections: 32, userPrefix: '', status };
    const { requests, micros } = await wrk(load);
    cells.push(`${status}${errcode === undefined ? '' : ` \`${errcode}\``}`);
    cells.push(whole((requests / micros) * 1_000_000));
  }
  return cells;
}

function inviteTable(measured: readonly Measured[]): string {
  const lines = measured.map(({ name, members, connections, samples, memory }) => {
    const answered = samples.filter(({ requests }) => requests > 0);
    const median = (number: 'p50' | 'p99' | 'cpu') =>
      spreadOf(answered.map((sample) => sample[number])).median;
    const rates = samples.map((sample) => sample.rate);
    const cells =
      answered.length === 0
        ? ['', '', '']
        : [millis(median('p50')), millis(median('p99')), whole(median('cpu'))];
    return [
      name,
      whole(members),
      String(connections),
      rate(spreadOf(rates)),
      ...cells,
      whole(memory / 2 ** 20),
    ];
  });
  const head = [
    '',
    'members',
    'connections',
    'invites per second',
    'p50, ms',
    'p99, ms',
    'CPU per invite, µs',
    'memory, MiB',
  ];
  return table(head, lines);
}
