import { InTransactionError } from './failures.ts';

/**
 * The parts of a client that report the transaction status: the method since pg 8.21, the connection in earlier
 * versions.
 */
type Client = {
  getTransactionStatus?(): string | null | undefined;
  readonly connection?: {
    on?(event: 'readyForQuery', listener: (message: { readonly status?: string }) => void): unknown;
  };
};

/** The transaction status of connections whose client does not report it. */
const statuses = new WeakMap<object, string>();
const followed = new WeakSet<object>();

/**
 * Follows the transaction status of a connection. A client of pg before 8.21 does not report it, but its connection
 * emits each ReadyForQuery message, which has the status.
 */
export function followTransactions(client: Client): void {
  if (client.getTransactionStatus !== undefined || followed.has(client)) return;
  followed.add(client);
  client.connection?.on?.('readyForQuery', ({ status }) => {
    if (status !== undefined) statuses.set(client, status);
  });
}

/** Returns the status after the last response of the server: `I` outside a transaction; undefined if it is unknown. */
export function transactionStatusOf(client: Client): string | undefined {
  followTransactions(client);
  return client.getTransactionStatus?.() ?? statuses.get(client);
}

/** @throws {InTransactionError} if the connection is known to be inside a transaction */
export function throwIfInTransaction(client: Client): void {
  const status = transactionStatusOf(client);
  if (status !== undefined && status !== 'I') throw new InTransactionError();
}
