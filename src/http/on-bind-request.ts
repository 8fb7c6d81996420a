import { MatrixError } from '../errors.ts';
import { bindInvites, type OnBindConfig } from '../invite/on-bind.ts';
import { validateOnBind } from '../openapi/on-bind.ts';
import { type BodyOptions, readBody } from './body.ts';
import { required } from './error-response.ts';
import type { Exchange } from './response.ts';

/** The requests that may start in a second. Nobody authenticates them, and each may ask other servers. */
const MAX_REQUESTS_PER_SECOND = 10;

export type OnBindRequestConfig = OnBindConfig & { readonly body: BodyOptions; readonly budget: Budget };

/**
 * Handles an `onbind` of an identity server. It has no authentication: trust lies in the signatures alone.
 *
 * @throws {MatrixError} (rejects) 400 or 413 for an invalid body, 429, or the failure
 */
export async function onBindByRequest(config: OnBindRequestConfig, exchange: Exchange): Promise<object> {
  config.background.throwIfClosed();
  config.budget.spend();
  const { mxid, invites, invalidInvites } = required(validateOnBind(await readBody(exchange, config.body)));
  if (invalidInvites > 0) exchange.log.info({ invalidInvites }, 'An onbind had invites that are not valid');
  const work = bindInvites(
    config,
    {
      userId: mxid,
      invites: invites.map(({ room_id: roomId, sender, signed }) => ({ roomId, sender, signed })),
    },
    exchange.log,
  );
  config.background.add(work);
  await work;
  return {};
}

/** Counts the requests of a second, of all senders together. */
export class Budget {
  #second = 0;
  #requests = 0;

  /** @throws {MatrixError} 429 once it is spent */
  spend(): void {
    const second = Math.floor(Date.now() / 1_000);
    if (second !== this.#second) this.#requests = 0;
    this.#second = second;
    this.#requests += 1;
    if (this.#requests <= MAX_REQUESTS_PER_SECOND) return;
    throw new MatrixError(429, 'M_LIMIT_EXCEEDED', 'Too many requests', { retryAfterMs: 1_000 });
  }
}
