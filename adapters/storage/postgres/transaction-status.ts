import { InTransactionError } from './failures.ts';
import type { PostgresClient } from './pool.ts';

/** The part of pg's clients that tells the transaction status before 8.21. */
type ClientWithConnection = {
  readonly connection?: {
    on?(event: 'readyForQuery', listener: (message: { readonly status?: string }) => void): unknown;
  };
};

/** The transaction status of connections whose client does not tell it. */
const statuses = new WeakMap<PostgresClient, string>();
const followed = new WeakSet<PostgresClient>();

/**
 * Follows the transaction status of a connection. A client of pg before 8.21 does not tell it, but its connection emits
 * each ReadyForQuery message, which has the status.
 */
export function followTransactions(client: PostgresClient): void {
  if (client.getTransactionStatus !== undefined || followed.has(client)) return;
  followed.add(client);
  (client as ClientWithConnection).connection?.on?.('readyForQuery', ({ status }) => {
    if (status !== undefined) statuses.set(client, status);
  });
}

/** Returns the status after the last response of the server: `I` outside a transaction; undefined if it is unknown. */
export function transactionStatusOf(client: PostgresClient): string | undefined {
  followTransactions(client);
  return client.getTransactionStatus?.() ?? statuses.get(client);
}

/** @throws {InTransactionError} if the connection is known to be inside a transaction */
export function throwIfInTransaction(client: PostgresClient): void {
  const status = transactionStatusOf(client);
  if (status !== undefined && status !== 'I') throw new InTransactionError();
}
