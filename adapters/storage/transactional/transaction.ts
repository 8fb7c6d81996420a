import { isStorageUnavailable, StorageUnavailableError } from '../../../src/errors.ts';
import { isFault } from '../../../src/internal/fault.ts';
import { ignoreRejections, noop } from '../../../src/internal/unawaited.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import type { TransactionalStorageOptions } from './options.ts';

/** One call of the host app's `transact`: checks that it keeps its promises about `work`. */
export class Transaction<Tx> {
  readonly #options: TransactionalStorageOptions<Tx>;
  #isRunning = false;
  /** True once `transact` has settled. */
  #isOver = false;
  #hasInserted = false;
  /** The error of the last run of `work`. */
  #workError: unknown;

  constructor(options: TransactionalStorageOptions<Tx>) {
    this.#options = options;
  }

  /** True once `insert` has been called, in any run of `work`. */
  get hasInserted(): boolean {
    return this.#hasInserted;
  }

  /**
   * Calls `transact`.
   *
   * @throws (rejects) what `transact` rejects with, and a TypeError if it does not do with `work` what it must
   */
  async run<Result extends object>(
    roomId: string,
    work: (tx: Tx) => Promise<Result>,
    context: CallContext,
  ): Promise<Result> {
    let lastResult: Result | undefined;
    const runWork = async (tx: Tx): Promise<Result> => {
      if (this.#isRunning)
        throw new TypeError('transactionalStorage: transact must not run work twice at once');
      this.#isRunning = true;
      this.#workError = undefined;
      try {
        lastResult = await work(tx);
        return lastResult;
      } catch (error) {
        lastResult = undefined;
        this.#workError = error;
        throw error;
      } finally {
        this.#isRunning = false;
      }
    };
    let result: unknown;
    try {
      result = await this.#options.transact(roomId, (tx) => withHandler(runWork(tx)), context);
    } finally {
      this.#isOver = true;
    }
    if (lastResult !== undefined && result === lastResult) return lastResult;
    throw new TypeError('transactionalStorage: transact must run work and resolve to what work resolves to');
  }

  /** @throws {TypeError} if `transact` has settled without waiting for `work`: nobody would commit the insert */
  beforeInsert(): void {
    if (this.#isOver) throw new TypeError('transactionalStorage: transact must wait for work');
    this.#hasInserted = true;
  }

  /** @throws {StorageUnavailableError} if the host app's function fails, or returns anything but a boolean */
  isConflict(error: unknown): boolean {
    if (isFault(error)) return false;
    try {
      const result: unknown = this.#options.isConflict?.(error) ?? false;
      if (typeof result === 'boolean') return result;
      ignoreRejections(result);
      throw new TypeError(`transactionalStorage: isConflict must return a boolean, not ${typeof result}`);
    } catch (cause) {
      throw this.#failure(cause, this.#isNotStored(error));
    }
  }

  /** Returns the error that callers get when `transact` rejects with this error. */
  failure(error: unknown): StorageUnavailableError {
    if (isStorageUnavailable(error)) return error;
    // The host app may wrap the error of `work`. A mistake in its functions stays one.
    const cause = isFault(this.#workError) ? this.#workError : error;
    return this.#failure(cause, this.#isNotStored(error));
  }

  /** If `transact` passes on the error of `work`, it has rolled back, as it promises. */
  #isNotStored(error: unknown): boolean {
    return !this.#hasInserted || (error !== undefined && error === this.#workError);
  }

  #failure(cause: unknown, isNotStored: boolean): StorageUnavailableError {
    return new StorageUnavailableError("The host app's transaction failed", { cause, isNotStored });
  }
}

/** A `transact` that does not wait for `work` leaves its rejection unhandled, which would end the process. */
function withHandler<Work extends Promise<unknown>>(work: Work): Work {
  work.catch(noop);
  return work;
}
