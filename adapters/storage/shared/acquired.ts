import { isAborted, onAbort } from '../../../src/internal/call-context.ts';
import { handleRejection } from '../../../src/internal/unawaited.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import { abortedError } from './aborted.ts';

/**
 * Waits for a connection of a pool.
 *
 * @param context ends the wait
 * @param release gives a connection back that arrives too late
 * @throws {StorageUnavailableError} (rejects) if the deadline of the call passes first
 */
export function acquired<Client>(
  connecting: Promise<Client>,
  context: CallContext | undefined,
  release: (client: Client) => unknown,
): Promise<Client> {
  if (context === undefined) return connecting;
  return new Promise((resolve, reject) => {
    const stopListening = onAbort(context, () => reject(abortedError(context)));
    connecting.then(
      (client) => {
        stopListening();
        // Too late: the caller no longer waits for the connection.
        if (isAborted(context)) handleRejection(release(client));
        else resolve(client);
      },
      (error: unknown) => {
        stopListening();
        reject(error);
      },
    );
  });
}
