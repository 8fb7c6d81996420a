import { setTimeout as delay } from 'node:timers/promises';
import type { Answer, Call, Death, History, Logs, Notice, Pause } from './history.ts';
import type { SeededRandom } from './random.ts';
import { planRooms, type RoomPlan } from './room-plan.ts';
import { readLog, type Store } from './store.ts';
import type { WorkerListener, WorkerProcess } from './worker-process.ts';
import { type Operation, type Traffic, Workload } from './workload.ts';

/** How many calls are under way at once. */
const CALLERS = 32;
/** So that a stopped worker does not hold all callers. */
const MOST_CALLS_OF_A_WORKER = 12;
/** Longer silence of the driver's own event loop is its pause. */
const LONGEST_TURN_MS = 100;

/**
 * One round: rooms of its own, so many operations on them, and what came of it. Everything that was begun has ended
 * when it resolves, so that nothing of it needs to be kept.
 */
export class Round implements WorkerListener {
  readonly #store: Store;
  readonly #workers: readonly WorkerProcess[];
  readonly #plans: readonly RoomPlan[];
  readonly #workload: Workload;
  readonly #calls: Call[] = [];
  readonly #notices: Notice[] = [];
  readonly #pauses: Pause[] = [];
  readonly #deaths: Death[] = [];
  #started = 0;

  constructor(
    name: string,
    store: Store,
    workers: readonly WorkerProcess[],
    random: SeededRandom,
    traffic: Traffic,
  ) {
    this.#store = store;
    this.#workers = workers;
    const rooms = planRooms(name, random, traffic === 'contended' ? 6 : 30);
    this.#plans = [rooms.hot, rooms.large, ...rooms.small];
    this.#workload = new Workload(name, rooms, random, traffic);
  }

  note(notice: Notice): void {
    this.#notices.push(notice);
  }

  pause(pause: Pause): void {
    this.#pauses.push(pause);
  }

  died(death: Death): void {
    this.#deaths.push(death);
  }

  /**
   * @param harm does harm until its signal is aborted, and resolves when all is well again
   * @param signal ends the round early
   */
  async run(
    operations: number,
    harm: (end: AbortSignal) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<void> {
    for (const { room } of this.#plans) await this.#store.rooms.createRoom(room);
    const end = new AbortController();
    const watch = this.#watchOwnPauses();
    const callers = Array.from({ length: CALLERS }, () => this.#callUntil(operations, signal));
    await Promise.all([Promise.all(callers).then(() => end.abort()), harm(end.signal)]);
    await Promise.all(this.#workers.map(settled));
    await this.#store.settled();
    clearInterval(watch);
  }

  /** Everything that happened, for the checker. */
  async outcome(): Promise<{ history: History; logs: Logs }> {
    const rooms = [];
    for (const plan of this.#plans) rooms.push(await readLog(this.#store, plan));
    const roomIds = new Set(rooms.map(({ roomId }) => roomId));
    // A notice may be of a round before, whose process was stopped while it was to be sent.
    const notices = this.#notices.filter(({ roomId }) => roomIds.has(roomId));
    return {
      history: { calls: this.#calls, pauses: this.#pauses, deaths: this.#deaths },
      logs: { rooms, notices },
    };
  }

  async #callUntil(operations: number, signal: AbortSignal | undefined): Promise<void> {
    while (this.#started < operations && !signal?.aborted) {
      const worker = this.#freeWorker();
      if (worker === undefined) {
        await delay(2);
        continue;
      }
      this.#started += 1;
      await this.#call(this.#started, this.#workload.next(), worker);
    }
  }

  #freeWorker(): WorkerProcess | undefined {
    const free = this.#workers.filter(
      ({ client, underWay }) => client !== undefined && underWay < MOST_CALLS_OF_A_WORKER,
    );
    return free[Math.floor(Math.random() * free.length)];
  }

  async #call(id: number, operation: Operation, worker: WorkerProcess): Promise<void> {
    const { client } = worker;
    if (client === undefined) throw new Error('the worker is not there');
    worker.underWay += 1;
    const sentAt = performance.now();
    const response = await (operation.kind === 'invite'
      ? client.post(
          `/_matrix/client/v3/rooms/${encodeURIComponent(operation.roomId)}/invite`,
          { user_id: operation.key.state_key, reason: operation.content.reason },
          operation.sender,
        )
      : client.post('/host/put', {
          room_id: operation.roomId,
          ...operation.key,
          sender: operation.sender,
          origin_server_ts: Date.now(),
          content: operation.content,
        }));
    const endedAt = performance.now();
    worker.underWay -= 1;
    const answer = response && answerOf(response);
    this.#calls.push({ id, worker: worker.index, ...operation, sentAt, endedAt, answer });
  }

  #watchOwnPauses(): NodeJS.Timeout {
    let last = performance.now();
    return setInterval(() => {
      const now = performance.now();
      if (now - last > LONGEST_TURN_MS) this.#pauses.push({ worker: 'all', from: last, to: now });
      last = now;
    }, 10);
  }
}

/** Resolves when nothing is under way in a worker any more, and it has told all notices. */
async function settled({ client, index }: WorkerProcess): Promise<void> {
  // Where it is just being started again, it has nothing.
  if (client === undefined) return;
  const response = await client.post('/host/settle', {});
  if (response?.status !== 200) throw new Error(`worker ${index} does not come to rest`);
}

function answerOf({ status, body }: { status: number; body: Record<string, unknown> }): Answer {
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  return { status, errcode: text(body.errcode), text: text(body.error), eventId: text(body.eventId) };
}
