import { setTimeout as delay } from 'node:timers/promises';
import type { Call, CallResponse, Death, History, Logs, Notice, Pause } from './history.ts';
import { watchOwnPauses } from './own-pauses.ts';
import type { SeededRandom } from './random.ts';
import { planRooms, type RoomPlan } from './room-plan.ts';
import { readLog, type Store } from './store.ts';
import type { WorkerListener, WorkerProcess } from './worker-process.ts';
import { type Operation, type Traffic, Workload } from './workload.ts';

/** The number of concurrent calls. */
const CALLERS = 32;
/** Keeps a paused worker from blocking all callers. */
const MAX_CALLS_PER_WORKER = 12;

/**
 * One round: its own rooms, the operations on them, and their outcome. Everything it starts has ended when `run`
 * resolves, so nothing of it has to be kept.
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
   * @param injectFaults injects faults until its signal is aborted, and resolves when everything works again
   * @param signal ends the round early
   */
  async run(
    operations: number,
    injectFaults: (end: AbortSignal) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<void> {
    for (const { room } of this.#plans) await this.#store.rooms.createRoom(room);
    const end = new AbortController();
    const watch = watchOwnPauses((from, to) => this.#pauses.push({ worker: 'all', from, to }));
    const callers = Array.from({ length: CALLERS }, () => this.#callUntil(operations, signal));
    await Promise.all([Promise.all(callers).then(() => end.abort()), injectFaults(end.signal)]);
    await Promise.all(this.#workers.map(settled));
    await this.#store.settled();
    clearInterval(watch);
  }

  /** Returns everything that happened, for the checker. */
  async outcome(): Promise<{ history: History; logs: Logs }> {
    const rooms = [];
    for (const plan of this.#plans) rooms.push(await readLog(this.#store, plan));
    const roomIds = new Set(rooms.map(({ roomId }) => roomId));
    // A notice can belong to an earlier round, if its process was paused before sending it.
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
      ({ client, pendingCalls }) => client !== undefined && pendingCalls < MAX_CALLS_PER_WORKER,
    );
    return free[Math.floor(Math.random() * free.length)];
  }

  async #call(id: number, operation: Operation, worker: WorkerProcess): Promise<void> {
    const { client } = worker;
    if (client === undefined) throw new Error('the worker is not running');
    worker.pendingCalls += 1;
    const sentAt = performance.now();
    const received = await (operation.kind === 'invite'
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
    worker.pendingCalls -= 1;
    const response = received && toCallResponse(received);
    this.#calls.push({ id, worker: worker.index, ...operation, sentAt, endedAt, response });
  }
}

/** Resolves once a worker is idle and has sent all notices. */
async function settled({ client, index }: WorkerProcess): Promise<void> {
  // A worker that is just being restarted is idle.
  if (client === undefined) return;
  const response = await client.post('/host/settle', {});
  if (response?.status !== 200) throw new Error(`worker ${index} did not become idle`);
}

function toCallResponse({ status, body }: { status: number; body: Record<string, unknown> }): CallResponse {
  const stringOf = (value: unknown) => (typeof value === 'string' ? value : undefined);
  return {
    status,
    errcode: stringOf(body.errcode),
    message: stringOf(body.error),
    eventId: stringOf(body.eventId),
  };
}
