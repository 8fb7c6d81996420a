import type { PostgresClient } from './pool.ts';

/** Runs `work` in a transaction of its own, whatever the connection's default isolation is. */
export async function inReadCommitted<Result>(
  client: PostgresClient,
  work: () => Promise<Result>,
): Promise<Result> {
  await client.query({ text: 'BEGIN ISOLATION LEVEL READ COMMITTED' });
  try {
    const result = await work();
    await client.query({ text: 'COMMIT' });
    return result;
  } catch (error) {
    // The first failure is the one to tell; the connection may be gone.
    await client.query({ text: 'ROLLBACK' }).catch(() => {});
    throw error;
  }
}
