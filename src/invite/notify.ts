import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Requester } from '../ports/auth.ts';
import type { Logger } from '../ports/logger.ts';
import type { NewStateEvent } from '../rooms/event.ts';
import { unavailable } from './refusals.ts';

/** An appended invite, as passed to `onInvite`. */
export type InviteNotice<R extends Requester = Requester> = {
  readonly requester: R;
  readonly event: NewStateEvent;
  /** Absent if the host stores no event IDs and the store did not return one. */
  readonly eventId?: string;
};

type Notification<R extends Requester> = {
  readonly onInvite: ((invite: InviteNotice<R>) => unknown) | undefined;
  readonly background: Background;
};

/** Calls `onInvite` off the request path: in a later turn of the event loop, once the response is on its way. */
export function notifyOnInvite<R extends Requester>(
  { onInvite, background }: Notification<R>,
  log: Logger,
  invite: InviteNotice<R>,
): void {
  if (onInvite === undefined) return;
  const notified = (async () => {
    await nextTurn();
    await onInvite(invite);
  })();
  background.add(notified.catch((err: unknown) => log.error({ err }, 'onInvite failed')));
}

/** The work of a service that continues after responses. Closing the service waits for it. */
export class Background {
  #running = 0;
  #isClosed = false;
  readonly #whenIdle: (() => void)[] = [];
  readonly #remove = () => {
    this.#running -= 1;
    if (this.#running === 0) for (const resolve of this.#whenIdle) resolve();
  };

  /** Tracks a promise until it settles. Its failure must be handled elsewhere. */
  add(work: Promise<unknown>): void {
    this.#running += 1;
    work.then(this.#remove, this.#remove);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** @throws {MatrixError} 503 after {@link close} */
  throwIfClosed(): void {
    if (this.#isClosed) throw unavailable(new Error('The service is closed'));
  }

  /**
   * Accepts no new runs. Waits for the running work, and for any work that it adds, for at most this many milliseconds.
   *
   * @returns false if some of it is still running
   */
  async close(timeoutMs: number): Promise<boolean> {
    this.#isClosed = true;
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), timeoutMs);
    });
    try {
      return await Promise.race([this.#idle(), timeout]);
    } finally {
      clearTimeout(timer);
    }
  }

  #idle(): Promise<true> | true {
    if (this.#running === 0) return true;
    return new Promise((resolve) => this.#whenIdle.push(() => resolve(true)));
  }
}
