import type { PostgresClient } from './pool.ts';
import { postgresSchema } from './schema.ts';

/** Any number that others do not use; "matrix" in ASCII. */
const ADVISORY_LOCK = 0x6d6174726978;

/**
 * Brings the tables up to date. The lock is the transaction's, so that processes take turns, and so that a pooler in
 * transaction mode may stand between.
 */
export async function migrate(client: PostgresClient, tablePrefix: string): Promise<void> {
  const query = async (text: string, values?: unknown[]) => client.query({ text, values });
  await query('BEGIN');
  try {
    // Whoever waits must see what the one before has committed.
    await query('SET TRANSACTION ISOLATION LEVEL READ COMMITTED');
    await query('SELECT pg_advisory_xact_lock($1)', [ADVISORY_LOCK]);
    await query(`CREATE TABLE IF NOT EXISTS ${tablePrefix}schema (version integer NOT NULL)`);
    const { rows } = await query(`SELECT coalesce(max(version), 0) AS version FROM ${tablePrefix}schema`);
    const installed = Number(rows[0]?.version);
    for (const [index, sql] of postgresSchema(tablePrefix).entries()) {
      const version = index + 1;
      if (version <= installed) continue;
      await query(sql);
      await query(`INSERT INTO ${tablePrefix}schema VALUES ($1)`, [version]);
    }
    await query('COMMIT');
  } catch (error) {
    // The first failure is the one to tell; the connection may be gone.
    await query('ROLLBACK').catch(() => {});
    throw error;
  }
}
