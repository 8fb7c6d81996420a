import type { PostgresClient } from './pool.ts';
import { postgresSchema } from './schema.ts';
import { inReadCommitted } from './transaction.ts';

/** Any number that others do not use; "matrix" in ASCII. */
const ADVISORY_LOCK = 0x6d6174726978;

/**
 * Brings the tables up to date. The lock is the transaction's, so that processes take turns, and so that a pooler in
 * transaction mode may stand between. Whoever waited sees what the one before has committed.
 */
export async function migrate(client: PostgresClient, tablePrefix: string): Promise<void> {
  await inReadCommitted(client, async () => {
    await client.query({ text: 'SELECT pg_advisory_xact_lock($1)', values: [ADVISORY_LOCK] });
    const installed = await installedVersion(client, `${tablePrefix}schema`);
    for (const script of postgresSchema(tablePrefix, installed)) await client.query({ text: script });
  });
}

async function installedVersion(client: PostgresClient, table: string): Promise<number> {
  const found = await client.query({ text: 'SELECT to_regclass($1) AS name', values: [table] });
  if (found.rows[0]?.name === null) return 0;
  const { rows } = await client.query({ text: `SELECT coalesce(max(version), 0) AS version FROM ${table}` });
  return Number(rows[0]?.version);
}
