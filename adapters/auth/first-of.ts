import { hasMethods } from '../../src/internal/options.ts';
import type { AuthAdapter, AuthRequest, AuthResult, Requester } from '../../src/ports/auth.ts';
import type { CallContext } from '../../src/ports/context.ts';

/** An adapter for each requester's type of a list. */
export type AuthAdapters<Requesters extends readonly Requester[]> = {
  readonly [Index in keyof Requesters]: AuthAdapter<Requesters[Index]>;
};

/**
 * Logins by several kinds of tokens: asks one adapter after the other whose a token is.
 *
 * ```ts
 * createInviteRouter({ auth: firstOf(bridges, people), … });
 * ```
 *
 * - The first that says anything but `unknown` is the last that is asked: an adapter that calls a token `expired`,
 *   `locked`, `forbidden` or `unknownDevice` has recognised it.
 * - One that rejects cannot tell. The others are still asked, and one that recognises the token decides. If none
 *   does, it may be a token of the one that could not tell: then this rejects too (503), with that adapter's error, or
 *   with an `AggregateError` of several. It never says `unknown` (401), which would log a client out.
 * - Once the deadline is over, nobody further is asked.
 *
 * The waits add up: put first what answers at once.
 *
 * @param adapters at least one; policies see a requester of any of their types
 * @throws {TypeError} when there is none, or one is no `AuthAdapter`
 * @see [errors, firstOf](../../docs/errors.md#firstof)
 */
export function firstOf<const Requesters extends readonly [Requester, ...Requester[]]>(
  ...adapters: AuthAdapters<Requesters>
): AuthAdapter<Requesters[number]> {
  if (adapters.length === 0) throw new TypeError('firstOf takes at least one AuthAdapter');
  for (const [index, adapter] of adapters.entries()) {
    if (!hasMethods(adapter, 'authenticate')) {
      throw new TypeError(
        `firstOf: argument ${index + 1} must be an AuthAdapter, with the method authenticate`,
      );
    }
  }
  return new FirstOf<Requesters[number]>(adapters);
}

class FirstOf<R extends Requester> implements AuthAdapter<R> {
  readonly #adapters: readonly AuthAdapter<R>[];

  constructor(adapters: readonly AuthAdapter<R>[]) {
    this.#adapters = adapters;
  }

  async authenticate(request: AuthRequest, context: CallContext): Promise<AuthResult<R>> {
    const outages: unknown[] = [];
    for (const adapter of this.#adapters) {
      context.signal.throwIfAborted();
      try {
        const result = await adapter.authenticate(request, context);
        if (!isUnknown(result)) return result;
      } catch (error) {
        outages.push(error);
      }
    }
    if (outages.length === 0) return { failure: 'unknown' };
    throw outages.length === 1
      ? outages[0]
      : new AggregateError(outages, `${outages.length} AuthAdapters cannot tell whose the token is`);
  }
}

/** A host's adapter may resolve what is no result at all: that is for the router to judge. */
function isUnknown(result: AuthResult | null | undefined): boolean {
  return typeof result === 'object' && result !== null && 'failure' in result && result.failure === 'unknown';
}
