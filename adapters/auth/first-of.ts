import { hasMethods } from '../../src/internal/options.ts';
import type { AuthAdapter, AuthRequest, AuthResult, Requester } from '../../src/ports/auth.ts';
import type { CallContext } from '../../src/ports/context.ts';

/** One adapter for each requester type of a list. */
export type AuthAdapters<Requesters extends readonly Requester[]> = {
  readonly [Index in keyof Requesters]: AuthAdapter<Requesters[Index]>;
};

/**
 * Authenticates several kinds of tokens: asks one adapter after another about a token.
 *
 * ```ts
 * createInviteRouter({ auth: firstOf(bridges, people), … });
 * ```
 *
 * - The first result other than `unknown` is final: an adapter that resolves `expired`, `locked`, `forbidden`
 *   or `unknownDevice` has recognized the token.
 * - If an adapter rejects, the remaining adapters are still asked, and one that recognizes the token decides.
 *   If none does, the token may belong to the adapter that failed. `firstOf` then rejects too (503), with
 *   that adapter's error, or with an `AggregateError` of several. It never resolves `unknown` (401), which
 *   would log a client out.
 * - After the deadline, it asks no more adapters.
 *
 * The waits add up: put fast adapters first.
 *
 * @param adapters at least one; policies see a requester of any of their types
 * @throws {TypeError} if there are no adapters, or an argument is not an `AuthAdapter`
 * @see [errors, firstOf](../../docs/errors.md#firstof)
 */
export function firstOf<const Requesters extends readonly [Requester, ...Requester[]]>(
  ...adapters: AuthAdapters<Requesters>
): AuthAdapter<Requesters[number]> {
  if (adapters.length === 0) throw new TypeError('firstOf: at least one AuthAdapter is required');
  for (const [index, adapter] of adapters.entries()) {
    if (!hasMethods(adapter, 'authenticate')) {
      throw new TypeError(
        `firstOf: argument ${index + 1} must be an AuthAdapter: an object with the method authenticate`,
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
    const errors: unknown[] = [];
    for (const adapter of this.#adapters) {
      context.signal.throwIfAborted();
      try {
        const result = await adapter.authenticate(request, context);
        if (!isUnknown(result)) return result;
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length === 0) return { failure: 'unknown' };
    if (errors.length === 1) throw errors[0];
    throw new AggregateError(
      errors,
      `${errors.length} AuthAdapters failed, and no other one knows the token`,
    );
  }
}

/** A host app's adapter may resolve something that is not a result. The router rejects it. */
function isUnknown(result: AuthResult | null | undefined): boolean {
  return typeof result === 'object' && result !== null && 'failure' in result && result.failure === 'unknown';
}
